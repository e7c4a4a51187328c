"""SAC of Stable-Baselines3, or CrossQ or TQC of SBX, on one of Gymnasium's environments, evaluated as the example `gymnasium` does.

gymnasium_sb3.py ID [--algorithm sac|crossq|tqc] [--steps N] [--learning-starts N] [--seed N] [--evaluation N] [--episodes N] [--out FILE]

The settings are the library's defaults, but CrossQ has critics with two layers of 256 instead of 1,024.
"""

import argparse
import csv

import gymnasium
from stable_baselines3.common.callbacks import BaseCallback

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("id")
parser.add_argument("--algorithm", choices=["sac", "crossq", "tqc"], default="sac")
parser.add_argument("--steps", type=int, default=50_000)
parser.add_argument("--learning-starts", type=int, default=5_000)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--evaluation", type=int, default=5_000)
parser.add_argument("--episodes", type=int, default=10)
parser.add_argument("--out")
args = parser.parse_args()

if args.algorithm == "sac":
    import torch
    from stable_baselines3 import SAC

    torch.set_num_threads(1)
    algorithm, settings = SAC, {"device": "cpu"}
else:
    from sbx import TQC, CrossQ

    widths = {"policy_kwargs": {"net_arch": {"pi": [256, 256], "qf": [256, 256]}}}
    algorithm, settings = {"crossq": (CrossQ, widths), "tqc": (TQC, {})}[args.algorithm]


class Evaluation(BaseCallback):
    """Plays one episode from each of the seeds 0, 1 and so on, without exploration."""

    def __init__(self):
        super().__init__()
        self.env, self.rows = gymnasium.make(args.id), []

    def _on_step(self):
        if self.num_timesteps % args.evaluation == 0:
            returns = [self.episode(seed) for seed in range(args.episodes)]
            self.rows.append((self.num_timesteps, sum(returns) / len(returns)))
            print(f"step {self.rows[-1][0]}: {self.rows[-1][1]:.1f}", flush=True)
        return True

    def episode(self, seed):
        (observation, _), total, last = self.env.reset(seed=seed), 0.0, False
        while not last:
            action, _ = self.model.predict(observation, deterministic=True)
            observation, reward, terminated, truncated, _ = self.env.step(action)
            total, last = total + float(reward), terminated or truncated
        return total


env = gymnasium.make(args.id)
model = algorithm("MlpPolicy", env, learning_starts=args.learning_starts, seed=args.seed, **settings)
evaluation = Evaluation()
model.learn(args.steps, callback=evaluation, log_interval=None)
if args.out:
    with open(args.out, "w", newline="") as file:
        csv.writer(file).writerows([("environment_steps", "mean_return"), *evaluation.rows])
print(f"final {evaluation.rows[-1][1]:.1f}" if evaluation.rows else "final nan")
