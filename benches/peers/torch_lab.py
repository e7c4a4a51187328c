"""The lab's two agents in eager PyTorch, their updates step by step as the notebook takes them.

The work of an update is the notebook's, and nothing of it is saved by cleverness: the loss of the actor also fills the
gradients of the critic, which the next update clears, and the targets are averaged one tensor at a time.
"""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal

OBSERVATION, ACTION, WIDTH, BATCH = 3, 1, 256, 128
DISCOUNT, TAU, TEMPERATURE = 0.99, 0.005, 0.1
MAX_TORQUE = 2.0


def adam(parameters, learning_rate, kind):
    # "default" leaves every switch to PyTorch, which on a CPU means one loop over the tensors.
    return torch.optim.Adam(parameters, lr=learning_rate, **({"fused": True} if kind == "fused" else {}))


def follow(target, source):
    for target_weight, weight in zip(target.parameters(), source.parameters()):
        target_weight.data.copy_(TAU * weight.data + (1.0 - TAU) * target_weight.data)


def xavier(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


class DeterministicActor(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(OBSERVATION, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.action = nn.Linear(WIDTH, ACTION)

    def forward(self, observation):
        hidden = torch.relu(self.second(torch.relu(self.first(observation))))
        return MAX_TORQUE * torch.tanh(self.action(hidden))


class TwoStreamCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.observation = nn.ModuleList([nn.Linear(OBSERVATION, 16), nn.Linear(16, 32)])
        self.action = nn.Linear(ACTION, 32)
        self.first, self.second, self.value = nn.Linear(64, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)

    def forward(self, observation, action):
        seen = torch.relu(self.observation[1](torch.relu(self.observation[0](observation))))
        both = torch.cat([seen, torch.relu(self.action(action))], 1)
        return self.value(torch.relu(self.second(torch.relu(self.first(both)))))


class TwinCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.ModuleList(nn.Linear(OBSERVATION + ACTION, WIDTH) for _ in range(2))
        self.second = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.value = nn.ModuleList(nn.Linear(WIDTH, 1) for _ in range(2))
        self.apply(xavier)

    def forward(self, observation, action):
        both = torch.cat([observation, action], 1)
        return [
            value(torch.relu(second(torch.relu(first(both)))))
            for first, second, value in zip(self.first, self.second, self.value)
        ]


class GaussianActor(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(OBSERVATION, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mean, self.log_std = nn.Linear(WIDTH, ACTION), nn.Linear(WIDTH, ACTION)
        self.scale = torch.tensor([MAX_TORQUE])
        self.apply(xavier)

    def sample(self, observation):
        hidden = torch.relu(self.second(torch.relu(self.first(observation))))
        mean, log_std = self.mean(hidden), torch.clamp(self.log_std(hidden), -20.0, 2.0)
        normal = Normal(mean, log_std.exp())
        unbounded = normal.rsample()
        squashed = torch.tanh(unbounded)
        log_prob = normal.log_prob(unbounded) - torch.log(self.scale * (1 - squashed.pow(2)) + 1e-6)
        return squashed * self.scale, log_prob.sum(1, keepdim=True)


class Ddpg:
    def __init__(self, optimizer):
        self.actor, self.target_actor = DeterministicActor(), DeterministicActor()
        self.critic, self.target_critic = TwoStreamCritic(), TwoStreamCritic()
        self.target_actor.load_state_dict(self.actor.state_dict())
        self.target_critic.load_state_dict(self.critic.state_dict())
        self.actor_optimizer = adam(self.actor.parameters(), 1e-3, optimizer)
        self.critic_optimizer = adam(self.critic.parameters(), 2e-3, optimizer)
        self.noise = np.zeros(ACTION)

    def act(self, observation):
        with torch.no_grad():
            action = self.actor(torch.from_numpy(observation).float().unsqueeze(0)).numpy()[0]
        # Ornstein-Uhlenbeck: reversion 0.15, volatility 0.2, a step of 0.01.
        self.noise = self.noise - 0.15 * self.noise * 0.01 + 0.2 * math.sqrt(0.01) * np.random.normal(size=ACTION)
        return np.clip(action + self.noise, -MAX_TORQUE, MAX_TORQUE)

    def update(self, observations, actions, rewards, next_observations, terminated):
        with torch.no_grad():
            next_values = self.target_critic(next_observations, self.target_actor(next_observations))
            targets = rewards + DISCOUNT * next_values * (1 - terminated)
        critic_loss = F.mse_loss(self.critic(observations, actions), targets)
        self.critic_optimizer.zero_grad()
        critic_loss.backward()
        self.critic_optimizer.step()

        actor_loss = -self.critic(observations, self.actor(observations)).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

        follow(self.target_critic, self.critic)
        follow(self.target_actor, self.actor)
        return critic_loss.item()


class Sac:
    def __init__(self, optimizer):
        self.actor, self.critics, self.target_critics = GaussianActor(), TwinCritic(), TwinCritic()
        self.target_critics.load_state_dict(self.critics.state_dict())
        self.actor_optimizer = adam(self.actor.parameters(), 1e-3, optimizer)
        self.critic_optimizer = adam(self.critics.parameters(), 1e-3, optimizer)

    def act(self, observation):
        # As the notebook: with a tape, and detached after.
        action, _ = self.actor.sample(torch.from_numpy(observation).float().unsqueeze(0))
        return action.detach().numpy()[0]

    def update(self, observations, actions, rewards, next_observations, terminated):
        with torch.no_grad():
            next_actions, next_log_prob = self.actor.sample(next_observations)
            next_values = torch.min(*self.target_critics(next_observations, next_actions)) - TEMPERATURE * next_log_prob
            targets = rewards + DISCOUNT * (1 - terminated) * next_values
        losses = [F.mse_loss(values, targets) for values in self.critics(observations, actions)]
        self.critic_optimizer.zero_grad()
        sum(losses).backward()
        self.critic_optimizer.step()

        sampled, log_prob = self.actor.sample(observations)
        actor_loss = (TEMPERATURE * log_prob - torch.min(*self.critics(observations, sampled))).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

        follow(self.target_critics, self.critics)
        return losses[0].item(), losses[1].item(), actor_loss.item()


AGENTS = {"ddpg": Ddpg, "sac": Sac}


def arguments(parser):
    parser.add_argument("algorithm", choices=AGENTS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--adam", choices=["default", "fused"], default="default")
    return parser


def prepare(args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    np.random.seed(0)
    return AGENTS[args.algorithm](args.adam)


def report(name, seconds, count):
    print(f"RESULT {name} {seconds * 1e3 / count:.5f}", flush=True)
