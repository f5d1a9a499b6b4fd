"""Optimizers, with PyTorch's names, defaults and ``state_dict``."""

from framework.optim.adam import Adam, AdamW
from framework.optim.optimizer import Optimizer
from framework.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
