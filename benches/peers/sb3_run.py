"""Times whole steps of Stable-Baselines3's SAC on Pendulum-v1.

sb3_run.py [--width W] [--batch B] [--threads N] [--warmup N] [--steps N]
"""

import argparse
import time

import gymnasium
import torch
from stable_baselines3 import SAC

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--width", type=int, default=256)
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--warmup", type=int, default=1000)
parser.add_argument("--steps", type=int, default=10_000)
args = parser.parse_args()
torch.set_num_threads(args.threads)

model = SAC(
    "MlpPolicy",
    gymnasium.make("Pendulum-v1"),
    learning_rate=1e-3,
    buffer_size=50_000,
    learning_starts=args.batch,
    batch_size=args.batch,
    tau=0.005,
    gamma=0.99,
    train_freq=1,
    gradient_steps=1,
    ent_coef=0.1,
    policy_kwargs={"net_arch": [args.width, args.width], "activation_fn": torch.nn.ReLU},
    device="cpu",
    seed=0,
)
# log_interval=None: nothing is logged.
model.learn(args.warmup, log_interval=None)
before, start = model._n_updates, time.perf_counter()
model.learn(args.steps, log_interval=None, reset_num_timesteps=False)
seconds = time.perf_counter() - start

assert model._n_updates - before == args.steps, "one update a step"
print(f"RESULT sb3-sac-run-{args.width}-{args.threads} {seconds * 1e3 / args.steps:.5f}", flush=True)
