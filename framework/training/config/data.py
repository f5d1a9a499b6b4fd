"""The section ``data``: one class for each source. What it names is read in ``framework/training/data.py``."""

from __future__ import annotations

from typing import TypeAlias

from framework.training.config.fields import Count, CountOrZero, Fraction, Section, Text


class Source(Section, tag_field="source", frozen=True, kw_only=True):
    """What all sources have."""

    batch_size: Count = 64
    """Samples in a training batch."""
    eval_batch_size: Count = 500
    """Samples in an evaluation batch; only speed and memory depend on it."""
    workers: CountOrZero = 0
    """Processes that prepare batches; 0: none beside the training itself."""


class Augment(Section, frozen=True):
    """Random changes of training images."""

    shift: CountOrZero = 0
    """Pixels by which an image may be moved up, down, left and right; what moves in is zero."""
    flip: Fraction = 0.0
    """Probability of exchanging left and right; wrong for digits."""


class ImageSource(Source, frozen=True, kw_only=True):
    """What sources of images have."""

    normalize: bool = True
    """Whether to subtract the training images' mean and divide by their standard deviation; otherwise pixels are 0 to 1."""
    augment: Augment | None = None
    """Random changes of the training images."""


class Auto(ImageSource, tag="auto", frozen=True, kw_only=True):
    """MNIST where it can be had, else the built-in digits."""

    folder: Text = "data/mnist"
    """Folder of MNIST's four files (.gz or not), where a download is put too."""
    download: bool = True
    """Whether MNIST may be downloaded where the folder does not have it."""
    cache: Text = "data/digits"
    """Folder where the built-in digits are kept once they are drawn."""


class Mnist(ImageSource, tag="mnist", frozen=True, kw_only=True):
    """MNIST, or an error."""

    folder: Text = "data/mnist"
    """Folder of MNIST's four files (.gz or not), where a download is put too."""
    download: bool = True
    """Whether MNIST may be downloaded where the folder does not have it."""


class Digits(ImageSource, tag="digits", frozen=True, kw_only=True):
    """Digits that the project draws itself."""

    cache: Text = "data/digits"
    """Folder where the built-in digits are kept once they are drawn."""


class Idx(ImageSource, tag="idx", frozen=True, kw_only=True):
    """A pair of IDX files, .gz or not, whose samples are split by counts: the first train, the next test."""

    images: Text
    """File of the images, (N, rows, columns) bytes."""
    labels: Text
    """File of the labels, (N,) bytes."""
    train_count: Count
    """Samples to train on, from the start of the files."""
    test_count: Count
    """Samples to test on, those that follow."""


Data: TypeAlias = Auto | Mnist | Digits | Idx
