"""Exported ONNX models, checked by `onnx` and run by onnxruntime: the actions must be those of the crate.

The folder has NAME.onnx, NAME.observations and NAME.actions for each policy, the last two raw in single precision, row by row.

    pip install onnx onnxruntime numpy
    ACTOR_CRITIC_ONNX=$PWD/runs/onnx cargo test --lib policy::export::onnx
    python tests/policy_in_onnx.py runs/onnx

An action may be 1e-6 half-ranges away. With layer normalisation of 400 observations it may be 2e-6, since the crate's own single
precision is then 1.3e-6 from double precision.
"""

import json
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime

TOLERANCES = {"many_layer_norm": 2e-6}
TOLERANCE = 1e-6


def check(path):
    """Compares all actions of one model; returns whether they are near enough."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    low, high = (numpy.array(json.loads(metadata["actor-critic.action"])[bound]) for bound in ("low", "high"))
    # The folder holds what the metadata says.
    axes = len(json.loads(metadata["actor-critic.observation"])["low"])
    observations = numpy.fromfile(path.with_suffix(".observations"), "<f4").reshape(-1, axes)
    expected = numpy.fromfile(path.with_suffix(".actions"), "<f4").reshape(len(observations), -1)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    # All rows at once, and some alone: the batch is free.
    for rows in [slice(0, None), slice(0, 1), slice(7, 10)]:
        [actions] = session.run(["actions"], {"observations": observations[rows]})
        assert actions.shape == expected[rows].shape and actions.dtype == numpy.float32, actions.shape
        # The bounds are those of single precision.
        assert (actions >= low.astype("f4")).all() and (actions <= high.astype("f4")).all()
        difference = numpy.abs(actions.astype("f8") - expected[rows]) / ((high - low) / 2)
        largest = max(largest, difference.max())
    tolerance = TOLERANCES.get(path.stem, TOLERANCE)
    opset = model.opset_import[0].version
    print(f"{path.stem}: opset {opset}, {expected.size} actions, largest difference {largest:.1e} half-ranges")
    return largest <= tolerance


def main(folder):
    paths = sorted(Path(folder).glob("*.onnx"))
    if not paths:
        sys.exit(f"{folder} must have models, got none")
    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
    far = [path.stem for path in paths if not check(path)]
    if far:
        sys.exit(f"these differ too much: {', '.join(far)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
