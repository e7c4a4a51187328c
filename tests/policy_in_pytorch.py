"""A policy file, read and run by PyTorch: the greedy actions must be those of the crate to within 1e-6 half-ranges.

In units of the action itself a half-range of 2 doubles every error; PyTorch's single precision is then as far from its own
double precision, which is printed beside.

    pip install torch safetensors numpy
    cargo run --release --example sac_pendulum -- --episodes 20 --policy runs/sac.safetensors
    cargo run --release --example deploy_policy -- runs/sac.safetensors --record runs/sac_actions.safetensors
    python tests/policy_in_pytorch.py runs/sac.safetensors runs/sac_actions.safetensors
"""

import json
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file

TOLERANCE = 1e-6


def layer(tensors, name):
    """A `torch.nn.Linear` with the weights of the file as they are."""
    weight = tensors[f"{name}.weight"]
    linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
    linear.load_state_dict({"weight": weight, "bias": tensors[f"{name}.bias"]})
    return linear


def policy(path):
    """The greedy policy of a file as a function of observations `[n, O]`, before it is scaled, and its bounds."""
    with safe_open(path, "pt") as file:
        description = json.loads(file.metadata()["actor-critic"])
    assert description["format"] == 1, description
    tensors = load_file(path)
    activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "elu": torch.nn.ELU, "silu": torch.nn.SiLU}[description["activation"]]
    names = [f"layers.{i}" for i in range(sum(name.startswith("layers.") for name in tensors) // 2)]
    if description["kind"] == "gaussian":
        names.append("mean")
    layers = []
    for name in names:
        layers += [layer(tensors, name), activation()]
    network = torch.nn.Sequential(*layers[:-1], torch.nn.Tanh())
    low, high = (torch.tensor(description["action"][bound]) for bound in ("low", "high"))
    return network, (low + high) / 2, (high - low) / 2


def main(policy_path, recording_path):
    recording = load_file(recording_path)
    network, center, half_range = policy(policy_path)
    observations = recording["observations"]
    with torch.no_grad():
        actions = center + half_range * network(observations)
        exact = center.double() + half_range.double() * network.double()(observations.double())

    def difference(a, b):
        return ((a - b).abs() / half_range).max().item()

    error = difference(actions, recording["actions"])
    print(f"{len(actions)} actions between {actions.min():.3f} and {actions.max():.3f}, largest difference {error:.1e}")
    print(f"from double precision: ours {difference(recording['actions'], exact):.1e}, PyTorch's {difference(actions, exact):.1e}")
    if not error <= TOLERANCE:
        sys.exit(f"the difference must be at most {TOLERANCE}")


if __name__ == "__main__":
    main(*sys.argv[1:])
