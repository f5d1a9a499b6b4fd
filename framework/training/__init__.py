"""Training: what ``train.py`` is made of, and the same parts for Python, see ``examples/train_from_python.py``.

    trainer = Trainer(model, optimizer, train_loader, test_loader, Classification(nn.CrossEntropyLoss()), epochs=5)
    trainer.fit()

The names below come when they are asked for, so that one part can be imported without the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework.training.callbacks import Callback, EarlyStopping, Ema, GradientWatch, TimeBudget
    from framework.training.errors import NonFiniteLoss, TrainingError
    from framework.training.lr_finder import find_learning_rate
    from framework.training.schedule import Schedule
    from framework.training.tasks import (
        Autoencoder,
        Classification,
        LanguageModel,
        Objective,
        Regression,
        Result,
        Task,
        WassersteinGAN,
        sample_text,
        stream_text,
    )
    from framework.training.trainer import Trainer

_PLACES = {
    "callbacks": ("Callback", "EarlyStopping", "Ema", "GradientWatch", "TimeBudget"),
    "errors": ("NonFiniteLoss", "TrainingError"),
    "lr_finder": ("find_learning_rate",),
    "schedule": ("Schedule",),
    "tasks": (
        "Autoencoder",
        "Classification",
        "LanguageModel",
        "Objective",
        "Regression",
        "Result",
        "Task",
        "WassersteinGAN",
        "sample_text",
        "stream_text",
    ),
    "trainer": ("Trainer",),
}

__all__ = [
    "Autoencoder",
    "Callback",
    "Classification",
    "EarlyStopping",
    "Ema",
    "GradientWatch",
    "LanguageModel",
    "NonFiniteLoss",
    "Objective",
    "Regression",
    "Result",
    "Schedule",
    "Task",
    "TimeBudget",
    "Trainer",
    "TrainingError",
    "WassersteinGAN",
    "find_learning_rate",
    "sample_text",
    "stream_text",
]


def __getattr__(name: str) -> Any:
    for place, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"framework.training.{place}"), name)
    raise AttributeError(f"module 'framework.training' has no attribute {name!r}")
