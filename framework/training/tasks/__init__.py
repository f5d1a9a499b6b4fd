"""The kinds of training, one a file: what is made small, and how it is judged."""

from framework.training.tasks.autoencoder import Autoencoder
from framework.training.tasks.base import Batch, Objective, Result, Task
from framework.training.tasks.classification import Classification
from framework.training.tasks.gan import WassersteinGAN
from framework.training.tasks.language_model import LanguageModel, known_part, sample_text, stream_text
from framework.training.tasks.regression import Regression

__all__ = [
    "Autoencoder",
    "Batch",
    "Classification",
    "LanguageModel",
    "Objective",
    "Regression",
    "Result",
    "Task",
    "WassersteinGAN",
    "known_part",
    "sample_text",
    "stream_text",
]
