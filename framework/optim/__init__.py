"""Optimizers and learning rate schedules, with PyTorch's names, defaults and ``state_dict``."""

from typing import TYPE_CHECKING

from framework.names import unsupported
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

_INSTEAD = {
    "SparseAdam": "gradients are dense; the nearest is Adam",
    "Adafactor": "the nearest is Adam",
    "ASGD": "the nearest is SGD, averaged by swa_utils.AveragedModel",
    "Rprop": "the nearest is RMSprop",
}

if not TYPE_CHECKING:  # a type checker is to know what there is
    __getattr__ = unsupported("optim", __all__, _INSTEAD)
