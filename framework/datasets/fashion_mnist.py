"""Fashion-MNIST (Xiao, Rasul & Vollgraf, 2017): pictures of clothes in four files of MNIST's names and format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framework.datasets.download import DownloadError, cannot_be_had, remedy
from framework.datasets.files import DataError
from framework.datasets.idx import read_idx
from framework.datasets.images import ImageData, Report, check_pair, silent
from framework.datasets.mnist import MnistFile, download_files, find_file

MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)

FILES = (
    MnistFile(
        "train-images-idx3-ubyte",
        gz_sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        gz_size=26_421_880,
    ),
    MnistFile(
        "train-labels-idx1-ubyte",
        gz_sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        gz_size=29_515,
    ),
    MnistFile(
        "t10k-images-idx3-ubyte",
        gz_sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        gz_size=4_422_102,
    ),
    MnistFile(
        "t10k-labels-idx1-ubyte",
        gz_sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        gz_size=5_148,
    ),
)

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def load_fashion_mnist(folder: str | Path = "data/fashion_mnist") -> ImageData:
    """The training and test images ``(N, H, W)`` from the four files in a folder, ``.gz`` or not.

    Nothing is downloaded, and files of the same form with other images are taken too: see :func:`download_fashion_mnist`.

    Raises:
        DataError: If files are missing or damaged, or don't belong together.
    """
    paths = [find_file(folder, file) for file in FILES]
    found = [path for path in paths if path is not None]
    if len(found) < len(FILES):
        names = [file.name + ".gz" for file, path in zip(FILES, paths, strict=True) if path is None]
        raise DataError(f"{folder}: Fashion-MNIST is not complete there: {remedy(names, folder, MIRRORS[0])}")
    train_images, train_labels, test_images, test_labels = map(read_idx, found)
    check_pair(found[0], train_images, found[1], train_labels)
    check_pair(found[2], test_images, found[3], test_labels)
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{found[0]} holds images of {train_images.shape[1:]} pixels, {found[2]} of {test_images.shape[1:]}: "
            "name files that belong together"
        )
    return ImageData(train_images, train_labels, test_images, test_labels, name="Fashion-MNIST")


def download_fashion_mnist(
    folder: str | Path = "data/fashion_mnist",
    *,
    mirrors: Sequence[str] = MIRRORS,
    timeout: float = 10.0,
    progress: bool = False,
    report: Report = silent,
) -> None:
    """Downloads those of the four files that the folder lacks, and verifies them; see :func:`download_mnist`.

    Raises:
        DownloadError: At the first file that no mirror delivers; it names all that are to be put there. Those before it are kept.
        DataError: If the folder can't be written.
    """
    missing = [file for file in FILES if find_file(folder, file) is None]
    try:
        download_files(missing, folder, mirrors, timeout=timeout, progress=progress, report=report)
    except DownloadError as error:
        names = [file.name + ".gz" for file in FILES if find_file(folder, file) is None]
        raise cannot_be_had("Fashion-MNIST", error, names, folder, MIRRORS[0]) from error
