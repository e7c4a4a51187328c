"""Times the lab's updates in eager PyTorch, on batches that lie ready.

torch_updates.py ddpg|sac [--threads N] [--adam default|fused] [--updates N]
"""

import argparse
import itertools
import time

import torch

from torch_lab import ACTION, BATCH, MAX_TORQUE, OBSERVATION, arguments, prepare, report

# As many as the Rust side has.
BATCHES, WARMUP = 16, 100


def batch():
    uniform = lambda low, high, width: torch.empty(BATCH, width).uniform_(low, high)
    return (
        uniform(-1, 1, OBSERVATION),
        uniform(-MAX_TORQUE, MAX_TORQUE, ACTION),
        uniform(-16, 0, 1),
        uniform(-1, 1, OBSERVATION),
        torch.zeros(BATCH, 1),
    )


parser = arguments(argparse.ArgumentParser(description=__doc__))
parser.add_argument("--updates", type=int, default=1000)
args = parser.parse_args()
agent = prepare(args)
batches = itertools.cycle([batch() for _ in range(BATCHES)])

for _ in range(WARMUP):
    agent.update(*next(batches))
start = time.perf_counter()
for _ in range(args.updates):
    agent.update(*next(batches))
report(f"torch-{args.algorithm}-update-{args.threads}-{args.adam}", time.perf_counter() - start, args.updates)
