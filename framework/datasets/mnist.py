"""MNIST: the four original files, found in a folder, verified by SHA-256, or downloaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from framework.datasets.download import fetch
from framework.datasets.files import DataError
from framework.datasets.idx import header, read_idx
from framework.datasets.images import ImageData, Report, silent

Array = np.ndarray[Any, Any]

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
    "http://yann.lecun.com/exdb/mnist/",
)


class MnistFile(NamedTuple):
    """One of the four files: as it is published (``.gz``), and its content unpacked, where that is known."""

    name: str
    gz_sha256: str
    gz_size: int
    sha256: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which it is found: compressed or not, and with a dot as some copies have it."""
        dotted = self.name.replace("-idx", ".idx")
        return (self.name + ".gz", self.name, dotted + ".gz", dotted)


FILES = (
    MnistFile(
        "train-images-idx3-ubyte",
        gz_sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        gz_size=9_912_422,
        sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    MnistFile(
        "train-labels-idx1-ubyte",
        gz_sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        gz_size=28_881,
        sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    MnistFile(
        "t10k-images-idx3-ubyte",
        gz_sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        gz_size=1_648_877,
        sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    MnistFile(
        "t10k-labels-idx1-ubyte",
        gz_sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        gz_size=4_542,
        sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def find_file(folder: str | Path, file: MnistFile) -> Path | None:
    """Where the file lies in the folder, under any of its names, or None."""
    return next((path for name in file.names if os.path.isfile(path := Path(folder) / name)), None)


def read_original(path: str | Path, file: MnistFile) -> Array:
    """Reads one of the four files and makes sure that it is the original, as published, repacked or unpacked.

    Raises:
        DataError: if it is unreadable (see :func:`read_idx`), or its content is another.
    """
    array = read_idx(path)
    if hashlib.sha256(Path(path).read_bytes()).hexdigest() == file.gz_sha256:
        return array
    found = hashlib.sha256(header(array))
    found.update(np.ascontiguousarray(array).data)
    if found.hexdigest() == file.sha256:
        return array
    raise DataError(
        f"{path}: not MNIST's {file.name}: its content has the SHA-256 {found.hexdigest()}, expected "
        f"{file.sha256}; replace it by the original, or name it as data of your own"
    )


def missing_files(folder: str | Path) -> list[MnistFile]:
    """Those of the four files that the folder does not hold."""
    return [file for file in FILES if find_file(folder, file) is None]


def load_mnist(folder: str | Path = "data/mnist") -> ImageData:
    """The 60,000 training and 10,000 test images ``(N, 28, 28)`` from the four original files in a folder.

    Nothing is downloaded: see :func:`download_mnist`.

    Raises:
        DataError: if files are missing, damaged, or not the originals.
    """
    paths = [find_file(folder, file) for file in FILES]
    found = [path for path in paths if path is not None]
    if len(found) < len(FILES):
        raise DataError(f"{folder}: {missing_words(missing_files(folder))}; put the original files there")
    arrays = [read_original(path, file) for path, file in zip(found, FILES, strict=True)]
    return ImageData(arrays[0], arrays[1], arrays[2], arrays[3], name="MNIST")


def download_mnist(
    folder: str | Path = "data/mnist",
    *,
    mirrors: Sequence[str] = MIRRORS,
    timeout: float = 10.0,
    progress: bool = False,
    report: Report = silent,
) -> None:
    """Downloads those of the four files that the folder lacks, from the first mirror that delivers each.

    See :func:`fetch` for ``timeout``, ``progress`` and ``report``.

    Raises:
        DownloadError: at the first file that no mirror delivers; the files before it are kept.
        DataError: if the folder cannot be written.
    """
    download_files(missing_files(folder), folder, mirrors, timeout=timeout, progress=progress, report=report)


def download_files(
    files: Sequence[MnistFile],
    folder: str | Path,
    mirrors: Sequence[str],
    *,
    timeout: float,
    progress: bool,
    report: Report,
) -> None:
    """Downloads files into a folder, each from the first mirror that delivers it; see :func:`download_mnist`."""
    bases = [base if base.endswith("/") else base + "/" for base in mirrors]
    for file in files:
        name = file.name + ".gz"
        used = fetch([base + name for base in bases], Path(folder) / name, file.gz_sha256, file.gz_size,
                     timeout=timeout, progress=progress, report=report)  # fmt: skip
        # Start the next file with the mirror that works, not with the time-outs of those that do not.
        base = used[: -len(name)]
        bases.remove(base)
        bases.insert(0, base)


def missing_words(files: Sequence[MnistFile]) -> str:
    """Says which files are missing."""
    if len(files) == len(FILES):
        return "none of MNIST's four files is there"
    names = ", ".join(file.name + ".gz" for file in files)
    return f"{names} {'is' if len(files) == 1 else 'are'} missing"
