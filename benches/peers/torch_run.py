"""Times whole steps of the lab's loop in eager PyTorch: act, step, store, sample, update. Its plots and running means are left out.

torch_run.py ddpg|sac [--threads N] [--adam default|fused] [--warmup N] [--steps N]
"""

import argparse
import random
import time
from collections import deque, namedtuple

import gymnasium
import numpy as np
import torch

from torch_lab import BATCH, arguments, prepare, report

REPLAY_CAPACITY = 50_000
Transition = namedtuple("Transition", "observation action reward next_observation terminated")


def sample(replay):
    chosen = random.sample(replay, k=BATCH)
    tensor = lambda rows: torch.from_numpy(rows).float()
    return (
        tensor(np.stack([t.observation for t in chosen])),
        tensor(np.vstack([t.action for t in chosen])),
        tensor(np.vstack([t.reward for t in chosen])),
        tensor(np.stack([t.next_observation for t in chosen])),
        tensor(np.vstack([t.terminated for t in chosen]).astype(np.uint8)),
    )


parser = arguments(argparse.ArgumentParser(description=__doc__))
parser.add_argument("--warmup", type=int, default=1000)
parser.add_argument("--steps", type=int, default=10_000)
args = parser.parse_args()
agent = prepare(args)
random.seed(0)
env = gymnasium.make("Pendulum-v1")
env.action_space.seed(0)
replay = deque(maxlen=REPLAY_CAPACITY)
observation, _ = env.reset(seed=0)
# SAC acts at random at first, DDPG never does.
random_steps = args.warmup if args.algorithm == "sac" else 0

updates = 0
for step in range(args.warmup + args.steps):
    if step == args.warmup:
        start, before = time.perf_counter(), updates
    action = env.action_space.sample() if step < random_steps else agent.act(observation)
    next_observation, reward, terminated, truncated, _ = env.step(action)
    replay.append(Transition(observation, action, reward, next_observation, terminated))
    if len(replay) > BATCH:
        agent.update(*sample(replay))
        updates += 1
    observation = env.reset()[0] if terminated or truncated else next_observation
seconds = time.perf_counter() - start

assert updates - before == args.steps, "one update a step"
report(f"torch-{args.algorithm}-run-{args.threads}-{args.adam}", seconds, args.steps)
