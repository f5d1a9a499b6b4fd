"""Optimizers and learning rate schedules, with PyTorch's names, defaults and ``state_dict``."""

from typing import Any

from framework.optim import lr_scheduler, swa_utils
from framework.optim.adadelta import Adadelta
from framework.optim.adagrad import Adagrad
from framework.optim.adam import Adam, AdamW
from framework.optim.adamax import Adamax
from framework.optim.lbfgs import LBFGS
from framework.optim.muon import Muon
from framework.optim.nadam import NAdam
from framework.optim.optimizer import Optimizer
from framework.optim.radam import RAdam
from framework.optim.rmsprop import RMSprop
from framework.optim.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "lr_scheduler",
    "swa_utils",
]

_NEAREST = {
    "SparseAdam": "Adam",
    "Adafactor": "Adam",
    "ASGD": "SGD, averaged by swa_utils.AveragedModel",
    "Rprop": "RMSprop",
}


def __getattr__(name: str) -> Any:
    if name in _NEAREST:
        raise AttributeError(f"framework.optim has no {name}; the nearest is {_NEAREST[name]}")
    raise AttributeError(f"module 'framework.optim' has no attribute {name!r}")
