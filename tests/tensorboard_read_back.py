"""The log for TensorBoard, read by TensorBoard's own readers: every point must be the one in the JSON lines of the same run.

    pip install tensorboard
    cargo run --example animate -- --episodes 8 --out runs
    python tests/tensorboard_read_back.py runs/animate_seed0 runs/animate_seed0.jsonl

The log is read as it is, and once more beside itself, as if the run had been resumed by another program: no point may be there
twice. Curves are of single precision, so a value may differ by the rounding to it and no more.
"""

import json
import shutil
import struct
import sys
import tempfile
from pathlib import Path

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.util import tensor_util


def single(value):
    """The number that single precision has for a value."""
    return struct.unpack("f", struct.pack("f", value))[0]


def expected(path):
    """Points `(step, value)` by tag, and texts by tag, as the JSON lines have them."""
    points, texts = {}, {}

    def add(tag, step, value):
        points.setdefault(tag, []).append((step, single(value)))

    for line in map(json.loads, path.read_text().splitlines()):
        if line["kind"] == "run":
            for name, settings in {"schedule": line["schedule"], **line["settings"]}.items():
                texts[f"settings/{name}"] = settings
        elif line["kind"] == "episode":
            step = line["environment_steps"]
            for tag, field in (("return", "return"), ("average_return", "average_return"), ("length", "steps")):
                add(f"rollout/{tag}", step, line[field])
            for name, value in (line["metrics"] or {}).items():
                add(f"train/{name}", step, value)
        elif line["kind"] == "evaluation":
            for name, value in (("mean", line["mean_return"]), ("min", min(line["returns"])), ("max", max(line["returns"]))):
                add(f"evaluation/{name}_return", line["environment_steps"], value)
    return points, texts


def scalars(folder):
    """Every curve, by the reader of old."""
    reader = event_accumulator.EventAccumulator(str(folder), size_guidance={event_accumulator.SCALARS: 0})
    reader.Reload()
    return {tag: [(event.step, event.value) for event in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def tensors(folder):
    """Every curve and every text, by the reader that the server uses, which turns scalars into tensors."""
    reader = plugin_event_accumulator.EventAccumulator(str(folder), size_guidance={plugin_event_accumulator.TENSORS: 0})
    reader.Reload()
    curves, texts = {}, {}
    for tag in reader.Tags()["tensors"]:
        plugin = reader.SummaryMetadata(tag).plugin_data.plugin_name
        values = [(event.step, tensor_util.make_ndarray(event.tensor_proto)) for event in reader.Tensors(tag)]
        if plugin == "scalars":
            curves[tag] = [(step, value.item()) for step, value in values]
        else:
            assert plugin == "text", (tag, plugin)
            assert len(values) == 1, (tag, values)
            texts[tag] = values[0][1].item().decode()
    return curves, texts


def check(folder, points, texts):
    old, (new, read_texts) = scalars(folder), tensors(folder)
    assert old == new, "the two readers differ"
    steps = {tag: curve for tag, curve in new.items() if tag.startswith("step/")}
    rest = {tag: curve for tag, curve in new.items() if tag not in steps}
    assert rest.keys() == points.keys(), rest.keys() ^ points.keys()
    for tag, curve in points.items():
        assert rest[tag] == curve, (tag, rest[tag], curve)
    for tag, curve in steps.items():
        taken = [step for step, _ in curve]
        assert taken == sorted(set(taken)) and all(step % 100 == 0 for step in taken), (tag, taken)
    assert {tag.removeprefix("step/") for tag in steps} == {tag.removeprefix("train/") for tag in points if tag.startswith("train/")}
    assert read_texts.keys() == texts.keys(), read_texts.keys() ^ texts.keys()
    for tag, settings in texts.items():
        fence, *lines, end = read_texts[tag].splitlines()
        assert (fence, end) == ("```json", "```") and json.loads("\n".join(lines)) == settings, tag
    return sum(map(len, points.values())), sum(map(len, steps.values()))


def main(folder, lines):
    points, texts = expected(Path(lines))
    assert points and texts
    count, steps = check(Path(folder), points, texts)
    print(f"{len(points)} curves with {count} points, {steps} points of single steps, {len(texts)} texts: as written")
    with tempfile.TemporaryDirectory() as twice:
        for file in Path(folder).iterdir():
            shutil.copy(file, twice)
            parts = file.name.split(".")
            parts[3] = f"{int(parts[3]) + 1:010}"
            shutil.copy(file, Path(twice) / ".".join(parts))
        check(Path(twice), points, texts)
    print("beside an older log of the same run: as written")


if __name__ == "__main__":
    main(*sys.argv[1:])
