"""Prints the table of a file of raw results. Needs Python alone."""

import statistics
import sys

rows = {}
for line in open(sys.argv[1]):
    if not line.startswith("#"):
        name, what, side, command, milliseconds = line.rstrip("\n").split("|")
        row = rows.setdefault(name, {"what": what, "ours": [], "peers": {}})
        times = row["ours"] if side == "ours" else row["peers"].setdefault(command, [])
        times.append(float(milliseconds))


def cell(times):
    return f"{statistics.median(times):.3f} ({min(times):.3f})"


print("\nMilliseconds, median (minimum) of the rounds.\n")
print("| what | ours ms | peer ms | times as fast | the peer's command |\n|---|---|---|---|---|")
for row in rows.values():
    if row["peers"]:
        command, times = min(row["peers"].items(), key=lambda peer: statistics.median(peer[1]))
        ratio = statistics.median(times) / statistics.median(row["ours"])
        print(f"| {row['what']} | {cell(row['ours'])} | {cell(times)} | {ratio:.2f} | `{command}` |")
