import numpy as np
import pytest


@pytest.fixture
def state():
    """A state such as a training run saves: weights, optimizer moments, counters, a generator's state."""
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((4, 3)).astype(np.float32)
    return {
        "model": {"embedding.weight": weight, "head.weight": weight, "head.bias": np.zeros(4, np.float32)},
        "optimizer": {
            "state": {0: {"step": 7, "exp_avg": rng.standard_normal((4, 3))}},
            "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0], "fused": None}],
        },
        "epoch": 3,
        "best": float("inf"),
        "generator": rng.integers(0, 256, 100).astype(np.uint8),
        "mask": np.array([True, False]),
    }
