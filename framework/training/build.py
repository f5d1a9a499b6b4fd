"""From a checked config to the objects that it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import framework
from framework import nn, optim
from framework.datasets import DataError, ImageData, load_idx_pair, load_images
from framework.tensor import Tensor
from framework.training.config import Config, Data, name_and_arguments
from framework.training.errors import TrainingError
from framework.utils.data import DataLoader, TensorDataset

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {"sgd": optim.SGD, "adam": optim.Adam}
LOSSES: dict[str, Callable[..., nn.Module]] = {"cross_entropy": nn.CrossEntropyLoss}

Models = Mapping[str, Callable[..., nn.Module]]


def build_data(data: Data, report: Callable[[str], object], progress: bool) -> ImageData:
    """Read, download or draw the images that the config asks for.

    Args:
        data: The config's section.
        report: Told what is going on, a line at a time.
        progress: Whether a download may show a bar.

    Raises:
        TrainingError: If the data can't be had or is damaged.
    """
    try:
        if data.source == "idx":
            assert data.idx is not None  # the config has checked it
            pair = data.idx
            return load_idx_pair(pair.images, pair.labels, pair.train_count, pair.test_count)
        return load_images(
            data.source, data.folder, cache=data.cache, download=data.download, progress=progress, report=report
        )
    except DataError as error:
        raise TrainingError(str(error)) from error


def build_loaders(images: ImageData, data: Data) -> tuple[DataLoader, DataLoader]:
    """A shuffling loader of the training images and an ordered one of the test images, as ``(N, 1, H, W)`` floats.

    Both are normalized by the mean and standard deviation of the training images. The test loader draws from a generator of
    its own, so that evaluating doesn't change the training run.
    """
    scale = images.train_images.astype(np.float32) / 255
    mean, deviation = float(scale.mean()), float(scale.std()) or 1.0

    def prepare(pixels: Any, labels: Any) -> TensorDataset:
        normalized = (pixels.astype(np.float32) / 255 - mean) / deviation
        return TensorDataset(
            framework.from_numpy(normalized[:, None].astype(np.float32)), framework.from_numpy(labels.astype(np.int64))
        )

    train = DataLoader(prepare(images.train_images, images.train_labels), batch_size=data.batch_size, shuffle=True)
    test = DataLoader(
        prepare(images.test_images, images.test_labels),
        batch_size=data.eval_batch_size,
        generator=framework.Generator().manual_seed(0),
    )
    return train, test


def build_model(config: Config, models: Models, images: ImageData) -> nn.Module:
    """The model of the config, checked against the data with one forward pass.

    Raises:
        TrainingError: If it can't take these images, or gives fewer scores than there are classes.
    """
    name, arguments = name_and_arguments(config.model)
    try:
        model = models[name](**arguments)
        scores = _try_forward(model, images)
    except (RuntimeError, ValueError, TypeError) as error:
        size = "×".join(str(n) for n in images.train_images.shape[1:])
        raise TrainingError(
            f"model {name} can't be built for {size} images with {arguments or 'its defaults'}: {error}"
        ) from error
    classes = int(max(images.train_labels.max(), images.test_labels.max())) + 1
    if scores.ndim != 2 or scores.shape[1] < classes:
        raise TrainingError(
            f"model {name} gives scores of shape {tuple(scores.shape)}, but the data has {classes} classes: "
            f"set model.classes={classes}"
        )
    return model


def _try_forward(model: nn.Module, images: ImageData) -> Tensor:
    height, width = images.train_images.shape[1:]
    training = model.training
    model.eval()
    try:
        with framework.inference_mode():
            return model(framework.zeros(1, 1, height, width))
    finally:
        model.train(training)


def build_loss(config: Config) -> nn.Module:
    """The loss of the config."""
    name, arguments = name_and_arguments(config.loss)
    return LOSSES[name](**arguments)


def build_optimizer(config: Config, model: nn.Module) -> optim.Optimizer:
    """The optimizer of the config over the model's parameters."""
    name, arguments = name_and_arguments(config.optimizer)
    return OPTIMIZERS[name](model.parameters(), **arguments)
