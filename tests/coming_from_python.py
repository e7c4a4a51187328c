"""The Python of `docs/coming_from_python.md`: run with fewer steps, its claims about Stable-Baselines3 compared with what is installed.

    pip install stable-baselines3 gymnasium safetensors
    python tests/coming_from_python.py

The policy file that the page makes is read by `tests/policy_in_pytorch.py` and must act as the model it was made of.
"""

import inspect
import os
import re
import tempfile
from pathlib import Path

import gymnasium
import numpy as np
import stable_baselines3
import torch
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from policy_in_pytorch import policy
from stable_baselines3 import DDPG, SAC, TD3
from stable_baselines3.common.env_checker import check_env

PAGE = Path(__file__).parent.parent / "docs" / "coming_from_python.md"
STEPS = "400"


def run(page):
    """Runs every block of Python in one namespace, as one file."""
    names = {}
    for i, block in enumerate(re.findall(r"```python\n(.*?)```", page, re.DOTALL)):
        exec(compile(block.replace("20_000", STEPS), f"block {i}", "exec"), names)
    return names


def stated(page):
    """The settings of Stable-Baselines3 in the table of defaults that are numbers: `(name, algorithms, value)`."""
    for row in re.findall(r"^\| `.*\|$", page.split("## Names and defaults")[1].split("\n## ")[0], re.MULTILINE):
        name, _, _, value, *_ = (cell.strip() for cell in row.strip("|").split(" | "))
        algorithms = [algorithm for algorithm in (SAC, TD3, DDPG) if algorithm.__name__ in name]
        keys = re.findall(r"`(\w+)`", name)
        values = value.split(", ") if len(keys) > 1 else [value]
        yield from ((key, algorithms, value) for key, value in zip(keys, values))


def compare_defaults(page):
    """Compares them with the signatures; returns how many there were."""
    compared = 0
    for key, algorithms, value in stated(page):
        for algorithm in algorithms or (SAC, TD3, DDPG):
            parameter = inspect.signature(algorithm).parameters.get(key)
            if parameter is not None and isinstance(parameter.default, (int, float)):
                assert float(value.replace(",", "")) == parameter.default, (algorithm, key, value, parameter.default)
                compared += 1
    return compared


def compare_actions(path, model):
    """Compares the greedy actions of a policy file with those of the model that it was made of."""
    network, center, half_range = policy(path)
    observations = torch.from_numpy(np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32))
    with torch.no_grad():
        actions = center + half_range * network(observations)
    expected = model.predict(observations.numpy(), deterministic=True)[0]
    return np.abs(actions.numpy() - expected).max()


def main():
    torch.set_num_threads(1)
    page = PAGE.read_text()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        names = run(page)
        gymnasium_check_env(names["Line"]())
        check_env(names["Line"]())
        error = compare_actions("sac_pendulum.safetensors", names["model"])
        os.chdir(PAGE.parent)
    assert error <= 1e-5, error
    compared = compare_defaults(page)
    assert compared >= 25, compared
    versions = f"Stable-Baselines3 {stable_baselines3.__version__}, Gymnasium {gymnasium.__version__}, PyTorch {torch.__version__}"
    print(f"{compared} defaults, largest difference of an action {error:.1e}, {versions}")


if __name__ == "__main__":
    main()
