"""Learning rate schedules: ``step()`` after the optimizer's, once an epoch or once a batch."""

from typing import TYPE_CHECKING

from framework.names import unsupported
from framework.optim.lr_scheduler.base import LRScheduler
from framework.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from framework.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from framework.optim.lr_scheduler.cycles import CyclicLR
from framework.optim.lr_scheduler.decays import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from framework.optim.lr_scheduler.functions import LambdaLR, MultiplicativeLR
from framework.optim.lr_scheduler.one_cycle import OneCycleLR
from framework.optim.lr_scheduler.plateau import ReduceLROnPlateau

_LRScheduler = LRScheduler

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

if not TYPE_CHECKING:  # a type checker is to know what there is
    __getattr__ = unsupported("optim.lr_scheduler", __all__)
