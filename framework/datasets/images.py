"""Labelled images in a training and a test part, and reading them from any pair of IDX files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from framework.datasets.files import DataError
from framework.datasets.idx import read_idx

Array = np.ndarray[Any, Any]
Report = Callable[[str], object]


def silent(message: str) -> None:
    """Reports nothing."""


class ImageData(NamedTuple):
    """Images uint8 ``(N, H, W)`` and labels uint8 ``(N,)``, for training and for testing.

    ``name`` is the data set that these really are. ``notes`` is a warning for the user, in lines of text:
    what was tried and failed, and what to do; it is empty if all went as asked.
    """

    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array
    name: str
    notes: str = ""


def load_idx_pair(images_path: str | Path, labels_path: str | Path, train_count: int, test_count: int) -> ImageData:
    """Reads images and their labels from two IDX files, and splits them by counts, in the files' order.

    The first ``train_count`` are for training, the next ``test_count`` for testing; the rest is left out.

    Raises:
        DataError: if a file is unreadable (see :func:`read_idx`), if they are not uint8 images ``(N, H,
            W)`` and uint8 labels ``(N,)`` of equal number, or if the counts are not positive or ask for
            more than there is.
    """
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim == 1 and labels.ndim == 3:
        raise DataError(f"{images_path} holds labels and {labels_path} holds images: exchange the two paths")
    check_pair(images_path, images, labels_path, labels)
    for part, count in (("training", train_count), ("test", test_count)):
        if count < 1:
            raise DataError(f"{images_path}: the number of {part} images must be at least 1, but got {count}")
    end = train_count + test_count
    if end > len(images):
        raise DataError(
            f"{images_path}: {train_count:,} training and {test_count:,} test images were asked for, "
            f"but it holds {len(images):,}; lower the counts"
        )
    return ImageData(
        images[:train_count], labels[:train_count], images[train_count:end], labels[train_count:end],
        name=f"{Path(images_path).name} ({train_count:,} + {test_count:,})",
    )  # fmt: skip


def check_pair(images_path: str | Path, images: Array, labels_path: str | Path, labels: Array) -> None:
    """Raises DataError unless these are uint8 images ``(N, H, W)`` and uint8 labels ``(N,)`` of equal number."""
    _expect(images_path, images, "images (N, H, W)", 3)
    _expect(labels_path, labels, "labels (N,)", 1)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images):,} images, but {labels_path} holds {len(labels):,} labels: "
            "name two files that belong together"
        )


def _expect(path: str | Path, array: Array, what: str, dimensions: int) -> None:
    if array.ndim != dimensions or array.dtype != np.uint8:
        raise DataError(f"{path}: expected uint8 {what}, but it holds {array.dtype} of shape {array.shape}")
