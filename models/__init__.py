"""The models that a config can name, one architecture a file.

To add one: write the module, and give it its line here.
"""

from collections.abc import Callable

from framework import nn
from models.lenet import LeNet
from models.mlp import MLP

MODELS: dict[str, Callable[..., nn.Module]] = {
    "lenet": LeNet,
    "mlp": MLP,
}

__all__ = ["MLP", "MODELS", "LeNet"]
