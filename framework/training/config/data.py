"""The section ``data``: one class for each source. What it names is read in ``framework/training/data.py``."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from framework.training.config.fields import Count, CountOrZero, Fraction, NotNegative, Processes, Section, Text

Share: TypeAlias = Annotated[float, Meta(gt=0, lt=1)]


class Source(Section, tag_field="source", frozen=True, kw_only=True):
    """What all sources have."""

    batch_size: Count = 64
    """Samples in a training batch."""
    eval_batch_size: Count = 500
    """Samples in an evaluation batch; only speed and memory depend on it."""
    workers: Processes = 0
    """Processes that prepare batches; 0: none beside the training itself."""

    # What its samples have beside their inputs, and how many classes where that is known beforehand.
    targets: ClassVar[str] = ""

    @property
    def known_classes(self) -> int | None:
        """The number of classes; None where there are none, or only the files tell."""
        return None


class Augment(Section, frozen=True):
    """Random changes of training images."""

    shift: CountOrZero = 0
    """Pixels by which an image may be moved up, down, left and right; what moves in is zero."""
    flip: Fraction = 0.0
    """Probability of exchanging left and right; wrong for digits."""


class ImageSource(Source, frozen=True, kw_only=True):
    """What sources of images have."""

    targets = "class indices"

    normalize: bool = True
    """Whether to subtract the training images' mean and divide by their standard deviation; otherwise pixels are 0 to 1."""
    augment: Augment | None = None
    """Random changes of the training images."""

    @property
    def known_classes(self) -> int | None:
        """Those of the published sets and of the digits."""
        return 10


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

    @property
    def known_classes(self) -> int | None:
        """The files tell."""
        return None


class FashionMnist(ImageSource, tag="fashion_mnist", frozen=True, kw_only=True):
    """Fashion-MNIST: pictures of clothes in MNIST's format."""

    folder: Text = "data/fashion_mnist"
    """Folder of its four files (.gz or not), where a download is put too."""
    download: bool = True
    """Whether they may be downloaded where the folder does not have them."""


class Cifar10(ImageSource, tag="cifar10", frozen=True, kw_only=True):
    """CIFAR-10: small colour photographs, from its binary or its python archive."""

    folder: Text = "data/cifar10"
    """Folder of one of the two archives or of what was in it, where a download is put too."""
    download: bool = True
    """Whether the binary archive (170 MB) may be downloaded where the folder has none."""


class TextSource(Source, frozen=True, kw_only=True):
    """What sources of text have: a token for each character."""

    targets = "tokens"

    context: Count = 64
    """Characters in a sample."""
    test_share: Share = 0.1
    """Share of the text, its end, to test on."""


class TextFile(TextSource, tag="text", frozen=True, kw_only=True):
    """A UTF-8 text file."""

    file: Text
    """The file."""


class Shakespeare(TextSource, tag="shakespeare", frozen=True, kw_only=True):
    """Tiny Shakespeare, a million characters of his plays."""

    folder: Text = "data/shakespeare"
    """Folder of its file input.txt, where a download is put too."""
    download: bool = True
    """Whether it may be downloaded where the folder does not have it."""
    fallback: bool = True
    """Whether the built-in text, with a warning, stands in where it can't be had."""


class BuiltInText(TextSource, tag="built_in_text", frozen=True, kw_only=True):
    """English sentences that the project makes itself."""


class Addition(Source, tag="addition", frozen=True, kw_only=True):
    """Sums as text, such as 27+58=85; the answer is to be foretold."""

    targets = "tokens"

    digits: Annotated[int, Meta(ge=1, le=3)] = 2
    """Digits of each of the two numbers."""
    test_share: Share = 0.1
    """Share of the sums that is held out to test on; with a+b also b+a."""


class Made(Source, frozen=True, kw_only=True):
    """What sources of made points have."""

    train_count: Count = 1000
    """Samples to train on."""
    test_count: Count = 1000
    """Samples to test on."""
    seed: CountOrZero = 0
    """Seed of the samples, apart from that of the run."""


class Spirals(Made, tag="spirals", frozen=True, kw_only=True):
    """Points in the plane, on arms that wind around each other."""

    targets = "class indices"

    arms: Annotated[int, Meta(ge=2)] = 3
    """How many arms; each is a class."""
    turns: NotNegative = 1.0
    """How often an arm goes around."""
    noise: NotNegative = 0.02
    """Standard deviation of what is added to each coordinate, where an arm ends at radius 1."""

    @property
    def known_classes(self) -> int | None:
        """One for each arm."""
        return self.arms


class Curve(Made, tag="curve", frozen=True, kw_only=True):
    """A curve of one variable, with noise that grows from left to right."""

    targets = "numbers"


class Mixture(Made, tag="mixture", frozen=True, kw_only=True):
    """Points in the plane, of normal distributions whose centres stand on a circle."""

    parts: Count = 8
    """How many distributions."""
    radius: NotNegative = 1.0
    """Radius of the circle."""
    deviation: NotNegative = 0.05
    """Standard deviation of each distribution."""


Data: TypeAlias = (
    Auto
    | Mnist
    | Digits
    | Idx
    | FashionMnist
    | Cifar10
    | TextFile
    | Shakespeare
    | BuiltInText
    | Addition
    | Spirals
    | Curve
    | Mixture
)
