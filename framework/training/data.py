"""The data sets that a config can name: what each source gives a run.

To add one: a class with its settings in ``config/data.py``, and a function here that makes :class:`Parts` of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import framework
from framework.datasets import (
    DataError,
    ImageData,
    TextData,
    Windows,
    cifar,
    fashion_mnist,
    load_built_in_text,
    load_idx_pair,
    load_images,
    load_shakespeare,
    load_sums,
    load_text,
    make_curve,
    make_mixture,
    make_spirals,
    sums,
)
from framework.training.config import data as sources
from framework.training.errors import TrainingError
from framework.training.tasks import Batch
from framework.utils.data import Dataset, TensorDataset

Array = np.ndarray[Any, Any]
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Parts:
    """A data set as a run uses it.

    Attributes:
        name: The data set that these samples really are.
        train, test: Data sets of tuples of tensors: ``(inputs, targets)``, or what the task takes.
        fingerprint: A hash of the samples, see :func:`fingerprint`.
        sizes: Arguments that a model's constructor may leave to the data, by name, such as ``classes``; all of
            ``config.FROM_DATA``.
        facts: Plain values that predictions need later, and pictures to show: ``mean`` and ``deviation`` of the pixels,
            ``classes`` (their names), ``characters``, ``context``.
        notes: A warning for the user, in lines of text; empty if all is as asked.
    """

    name: str
    train: Dataset[Any]
    test: Dataset[Any]
    fingerprint: str
    sizes: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""

    def description(self) -> str:
        """The name with the numbers of samples."""
        return f"{self.name} ({len(self.train):,} training and {len(self.test):,} test samples)"  # type: ignore[arg-type]


def load_parts(data: Any, tell: Tell, progress: bool) -> Parts:
    """Read, download or make the data that the config asks for.

    Args:
        data: The config's section.
        tell: Told what is going on, a line at a time.
        progress: Whether a download may show a bar.

    Raises:
        TrainingError: If the data can't be had or is damaged.
    """
    try:
        return SOURCES[type(data)](data, tell, progress)
    except DataError as error:
        raise TrainingError(str(error)) from error


def fingerprint(*arrays: Array) -> str:
    """A short hash of arrays, their shapes and types."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]


# ---- Sources -------------------------------------------------------------------------------------------------------------


def image_parts(images: ImageData, normalize: bool, classes: tuple[str, ...] = ()) -> Parts:
    """Parts of labelled images ``(N, H, W)`` or ``(N, C, H, W)`` of bytes, as floats ``(N, C, H, W)``.

    They go from 0 to 1, or are normalized by each channel's mean and standard deviation over the training images.
    """
    train, test = (_channels_first(each) for each in (images.train_images, images.test_images))
    axes = (0, 2, 3)
    mean = train.mean(axes, dtype=np.float64) / 255 if normalize else np.zeros(train.shape[1])
    deviation = train.std(axes, dtype=np.float64) / 255 if normalize else np.ones(train.shape[1])
    deviation = np.where(deviation == 0, 1.0, deviation)
    # One multiplication and one addition over the bytes.
    scale = (1 / (255 * deviation)).astype(np.float32).reshape(-1, 1, 1)
    shift = (-mean / deviation).astype(np.float32).reshape(-1, 1, 1)

    def prepare(pixels: Array, labels: Array) -> TensorDataset:
        values = pixels * scale + shift
        return TensorDataset(framework.from_numpy(values), framework.from_numpy(labels.astype(np.int64)))

    count = int(max(images.train_labels.max(), images.test_labels.max())) + 1
    height, width = train.shape[2:]
    return Parts(
        images.name,
        prepare(train, images.train_labels),
        prepare(test, images.test_labels),
        fingerprint(images.train_images, images.train_labels, images.test_images, images.test_labels),
        {
            "channels": int(train.shape[1]),
            "classes": max(count, len(classes)),
            "inputs": int(np.prod(train.shape[1:])),
            **({"image_size": int(height)} if height == width else {}),
        },
        {
            "mean": mean.tolist(),
            "deviation": deviation.tolist(),
            "classes": list(classes),
            "shape": list(train.shape[1:]),
        },
        images.notes,
    )


def _channels_first(images: Array) -> Array:
    return images[:, None] if images.ndim == 3 else images


def _auto(data: sources.Auto, tell: Tell, progress: bool) -> Parts:
    images = load_images("auto", data.folder, cache=data.cache, download=data.download, progress=progress, report=tell)
    return image_parts(images, data.normalize)


def _mnist(data: sources.Mnist, tell: Tell, progress: bool) -> Parts:
    return image_parts(
        load_images("mnist", data.folder, download=data.download, progress=progress, report=tell), data.normalize
    )


def _digits(data: sources.Digits, tell: Tell, progress: bool) -> Parts:
    return image_parts(load_images("digits", cache=data.cache, report=tell), data.normalize)


def _idx(data: sources.Idx, tell: Tell, progress: bool) -> Parts:
    return image_parts(load_idx_pair(data.images, data.labels, data.train_count, data.test_count), data.normalize)


def _fashion_mnist(data: sources.FashionMnist, tell: Tell, progress: bool) -> Parts:
    if data.download:
        fashion_mnist.download_fashion_mnist(data.folder, progress=progress, report=tell)
    return image_parts(fashion_mnist.load_fashion_mnist(data.folder), data.normalize, fashion_mnist.CLASSES)


def _cifar10(data: sources.Cifar10, tell: Tell, progress: bool) -> Parts:
    if data.download:
        cifar.download_cifar10(data.folder, progress=progress, report=tell)
    return image_parts(cifar.load_cifar10(data.folder), data.normalize, cifar.CLASSES)


def text_parts(text: TextData, context: int) -> Parts:
    """Parts of a text: samples of ``context`` tokens with those that follow each.

    They begin at any place of the training text, and stand one after another in the test text.
    """
    return Parts(
        text.name,
        Windows(text.train, context),
        Windows(text.test, context, stride=context),
        fingerprint(text.train, text.test),
        {"vocabulary": len(text.characters), "context": context},
        {"characters": list(text.characters), "context": context},
        text.notes,
    )


def _text(data: sources.TextFile, tell: Tell, progress: bool) -> Parts:
    return text_parts(load_text(data.file, data.test_share), data.context)


def _shakespeare(data: sources.Shakespeare, tell: Tell, progress: bool) -> Parts:
    text = load_shakespeare(
        data.folder,
        data.test_share,
        download=data.download,
        fallback=data.fallback,
        progress=progress,
        report=tell,
    )
    return text_parts(text, data.context)


def _built_in_text(data: sources.BuiltInText, tell: Tell, progress: bool) -> Parts:
    return text_parts(load_built_in_text(data.test_share), data.context)


def array_parts(
    name: str,
    train: tuple[Array, ...],
    test: tuple[Array, ...],
    sizes: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Parts:
    """Parts of arrays as they are: inputs, and targets where there are some."""
    return Parts(
        name,
        TensorDataset(*map(framework.from_numpy, train)),
        TensorDataset(*map(framework.from_numpy, test)),
        fingerprint(*train, *test),
        sizes or {},
        facts or {},
    )


def _addition(data: sources.Addition, tell: Tell, progress: bool) -> Parts:
    pairs = load_sums(data.digits, data.test_share)
    context = pairs.train_inputs.shape[1]
    return array_parts(
        pairs.name,
        (pairs.train_inputs, pairs.train_targets),
        (pairs.test_inputs, pairs.test_targets),
        {"vocabulary": len(sums.CHARACTERS), "context": context},
        {"characters": list(sums.CHARACTERS), "context": context},
    )


def _parts_of(data: sources.Made, samples: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Made samples divided into those to train on and those to test on."""
    return tuple(each[: data.train_count] for each in samples), tuple(each[data.train_count :] for each in samples)


def _spirals(data: sources.Spirals, tell: Tell, progress: bool) -> Parts:
    points = make_spirals(data.train_count + data.test_count, data.arms, data.turns, data.noise, data.seed)
    return array_parts(f"{data.arms} spirals", *_parts_of(data, points), {"inputs": 2, "classes": data.arms})


def _curve(data: sources.Curve, tell: Tell, progress: bool) -> Parts:
    points = make_curve(data.train_count + data.test_count, data.seed)
    return array_parts("a noisy curve", *_parts_of(data, points), {"inputs": 1, "outputs": 1})


def _mixture(data: sources.Mixture, tell: Tell, progress: bool) -> Parts:
    points = make_mixture(data.train_count + data.test_count, data.parts, data.radius, data.deviation, data.seed)
    return array_parts(f"a mixture of {data.parts}", *_parts_of(data, (points,)), {"inputs": 2})


SOURCES: dict[type, Callable[[Any, Tell, bool], Parts]] = {
    sources.Auto: _auto,
    sources.Mnist: _mnist,
    sources.Digits: _digits,
    sources.Idx: _idx,
    sources.FashionMnist: _fashion_mnist,
    sources.Cifar10: _cifar10,
    sources.TextFile: _text,
    sources.Shakespeare: _shakespeare,
    sources.BuiltInText: _built_in_text,
    sources.Addition: _addition,
    sources.Spirals: _spirals,
    sources.Curve: _curve,
    sources.Mixture: _mixture,
}


# ---- Augmentation --------------------------------------------------------------------------------------------------------


class ImageAugment:
    """Moves and mirrors training images at random; what moves in is zero.

    Args:
        shift: The most pixels, up, down, left and right.
        flip: Probability of exchanging left and right.
    """

    def __init__(self, shift: int = 0, flip: float = 0.0) -> None:
        self.shift = shift
        self.flip = flip

    def __call__(self, batch: Batch) -> Batch:
        """A batch whose first tensor, images ``(N, C, H, W)``, is changed."""
        images = batch[0].numpy()
        count, _, height, width = images.shape
        if self.shift:
            room = self.shift
            padded = np.pad(images, ((0, 0), (0, 0), (room, room), (room, room)))
            moves = framework.randint(0, 2 * room + 1, (2, count)).numpy()
            rows = moves[0][:, None] + np.arange(height)
            columns = moves[1][:, None] + np.arange(width)
            samples = np.arange(count)[:, None, None]
            images = padded[samples, :, rows[:, :, None], columns[:, None, :]].transpose(0, 3, 1, 2)
        if self.flip:
            mirrored = framework.rand(count).numpy() < self.flip
            images = np.where(mirrored[:, None, None, None], images[..., ::-1], images)
        return [framework.from_numpy(np.ascontiguousarray(images)), *batch[1:]]
