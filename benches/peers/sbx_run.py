"""Times whole steps of SBX's SAC or DDPG, which compile an update with JAX, on Pendulum-v1.

sbx_run.py ddpg|sac [--width W] [--batch B] [--warmup N] [--steps N]

The warm-up holds the compilation, and is not timed. JAX may use every core.
"""

import argparse
import os
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import gymnasium
import jax
import numpy as np
import torch
from sbx import DDPG, SAC
from stable_baselines3.common.noise import NormalActionNoise

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("algorithm", choices=["ddpg", "sac"])
parser.add_argument("--width", type=int, default=256)
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--warmup", type=int, default=1000)
parser.add_argument("--steps", type=int, default=10_000)
args = parser.parse_args()
# PyTorch only carries the sampled batch here, and its threads would stand in the way of JAX's.
torch.set_num_threads(1)

common = dict(
    buffer_size=50_000,
    learning_starts=args.batch,
    batch_size=args.batch,
    tau=0.005,
    gamma=0.99,
    train_freq=1,
    gradient_steps=1,
    policy_kwargs={"net_arch": [args.width, args.width]},
    seed=0,
)
env = gymnasium.make("Pendulum-v1")
if args.algorithm == "sac":
    model = SAC("MlpPolicy", env, learning_rate=1e-3, qf_learning_rate=1e-3, ent_coef=0.1, **common)
else:
    # In units of its actions, which lie in [-1, 1].
    noise = NormalActionNoise(np.zeros(1), np.full(1, 0.1))
    model = DDPG("MlpPolicy", env, learning_rate=1e-3, qf_learning_rate=2e-3, action_noise=noise, **common)

model.learn(args.warmup, log_interval=None)
before, start = model._n_updates, time.perf_counter()
model.learn(args.steps, log_interval=None, reset_num_timesteps=False)
# JAX returns before it is done.
jax.block_until_ready((model.policy.actor_state.params, model.policy.qf_state.params))
seconds = time.perf_counter() - start

assert model._n_updates - before == args.steps, "one update a step"
print(f"RESULT sbx-{args.algorithm}-run-{args.width} {seconds * 1e3 / args.steps:.5f}", flush=True)
