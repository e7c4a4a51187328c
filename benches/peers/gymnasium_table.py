"""Prints the runs of `gymnasium_curves` as a table, and writes every evaluation to a CSV file.

gymnasium_table.py FOLDER [CSV]
"""

import csv
import re
import statistics
import sys
from pathlib import Path

folder = Path(sys.argv[1])
runs = {}
for path in sorted(folder.glob("*-v*-*.txt")):
    library, environment, seed = re.fullmatch(r"([^-]+)-(.+)-(\d+)", path.stem).groups()
    log = Path(f"{path}.log").read_text()
    curve = {int(step): float(value) for step, value in re.findall(r"^step (\d+): (\S+)$", log, re.M)}
    user, system = map(float, re.search(r"^cpu (\S+) (\S+)$", path.read_text(), re.M).groups())
    runs.setdefault((environment, library), {})[int(seed)] = (curve, user + system)

steps = sorted({step for of_seeds in runs.values() for curve, _ in of_seeds.values() for step in curve})
if not steps:
    sys.exit(f"{folder}: no run has an evaluation; the first is after 5,000 steps")
shown = [step for step in steps if step % (steps[-1] // 5) == 0]
print("| environment | library | runs | " + " | ".join(f"{step:,}" for step in shown) + " | CPU-seconds of a run |")
print("|---" * (4 + len(shown)) + "|")
for (environment, library), of_seeds in sorted(runs.items()):
    cells = []
    for step in shown:
        values = [curve[step] for curve, _ in of_seeds.values() if step in curve]
        cells.append(f"{statistics.mean(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})" if values else "")
    seconds = statistics.mean(seconds for _, seconds in of_seeds.values())
    print(f"| {environment} | {library} | {len(of_seeds)} | " + " | ".join(cells) + f" | {seconds:.0f} |")

if len(sys.argv) > 2:
    with open(sys.argv[2], "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["library", "environment", "seed", "environment_steps", "mean_return"])
        for (environment, library), of_seeds in sorted(runs.items()):
            for seed, (curve, _) in sorted(of_seeds.items()):
                writer.writerows([library, environment, seed, step, value] for step, value in curve.items())
