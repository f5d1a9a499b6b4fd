"""CIFAR-10 (Krizhevsky, 2009): small colour photographs, from its binary or its python archive, packed or unpacked.

The binary files hold records of one byte for the class and 3 × 32 × 32 bytes for red, green and blue. The python files are
pickles of arrays, which are read without running them: see ``framework/serialization/pickle_machine.py``.
"""

from __future__ import annotations

import gzip
import math
import tarfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from framework.datasets.download import DownloadError, cannot_be_had, fetch, remedy
from framework.datasets.files import DataError, reason
from framework.datasets.images import ImageData, Report, silent
from framework.serialization.errors import CheckpointError
from framework.serialization.pickle_machine import Marker, PickleMachine, Stateful

Array = np.ndarray[Any, Any]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)

_PIXELS = math.prod(SHAPE)
_LARGEST = 1 << 26  # bytes of a batch file; the real ones have half of that
_AGAIN = "download or copy it again"


class Form(NamedTuple):
    """One of the two forms in which CIFAR-10 is published."""

    archive: str
    sha256: str
    size: int
    folder: str
    suffix: str

    @property
    def names(self) -> list[str]:
        """The training batches, then the test batch."""
        return [f"data_batch_{number}{self.suffix}" for number in range(1, 6)] + [f"test_batch{self.suffix}"]


BINARY = Form(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    170_052_171,
    "cifar-10-batches-bin",
    ".bin",
)
PYTHON = Form(
    "cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    170_498_071,
    "cifar-10-batches-py",
    "",
)


def load_cifar10(folder: str | Path = "data/cifar10") -> ImageData:
    """The training and test images uint8 ``(N, 3, 32, 32)`` from what the folder holds.

    That is one of the archives, the folder that was in it, or the six batch files themselves. Nothing is unpacked onto the
    disk, and nothing is downloaded: see :func:`download_cifar10`.

    Raises:
        DataError: If none of these is there, or a file is missing, damaged or of another form.
    """
    folder = Path(folder)
    for form in (BINARY, PYTHON):
        files = _find(folder, form)
        if files is not None:
            read = _read_binary if form is BINARY else _read_python
            batches = [read(*each) for each in files]
            train_images, train_labels = (np.concatenate(each) for each in zip(*batches[:-1], strict=True))
            return ImageData(train_images, train_labels, *batches[-1], name="CIFAR-10")
    raise DataError(
        f"{folder}: neither {BINARY.archive} nor {PYTHON.archive} is there, nor the six files that are in them: "
        f"{remedy([BINARY.archive], folder, MIRRORS[0])}"
    )


def download_cifar10(
    folder: str | Path = "data/cifar10",
    *,
    mirrors: Sequence[str] = MIRRORS,
    timeout: float = 10.0,
    progress: bool = False,
    report: Report = silent,
) -> None:
    """Downloads the binary archive, and verifies it, unless the folder has one of the forms already; see :func:`fetch`.

    Raises:
        DownloadError: If no mirror delivers it; says what to put where.
        DataError: If the folder can't be written.
    """
    folder = Path(folder)
    if any(_place(folder, form) is not None for form in (BINARY, PYTHON)):
        return
    urls = [base + BINARY.archive for base in mirrors]
    try:
        fetch(urls, folder / BINARY.archive, BINARY.sha256, BINARY.size,
              timeout=timeout, progress=progress, report=report)  # fmt: skip
    except DownloadError as error:
        raise cannot_be_had("CIFAR-10", error, [BINARY.archive], folder, MIRRORS[0]) from error


# ---- Files ---------------------------------------------------------------------------------------------------------------


def _place(folder: Path, form: Form) -> Path | None:
    """Where the folder has this form: the path of the archive, or of the folder with the batch files."""
    if (folder / form.archive).is_file():
        return folder / form.archive
    return next((each for each in (folder / form.folder, folder) if (each / form.names[-1]).is_file()), None)


def _find(folder: Path, form: Form) -> list[tuple[str, bytes]] | None:
    """The six batch files in their order, each with words for where it is; None if the folder has nothing of this form."""
    place = _place(folder, form)
    if place is None:
        return None
    try:
        if place.is_file():
            found = _unpack(place, form)
            return [(f"{place}: {name}", found[name]) for name in form.names]
        return [(str(place / name), (place / name).read_bytes()) for name in form.names]
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: no such file; all of {', '.join(form.names)} are needed") from error
    except OSError as error:
        raise DataError(f"{place}: cannot be read: {reason(error)}") from error


def _unpack(archive: Path, form: Form) -> dict[str, bytes]:
    """The batch files of an archive, by name, read into memory: no path in the archive is ever written to."""
    found: dict[str, bytes] = {}
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream) as packed:
            for member in packed:
                name = member.name.rpartition("/")[2]
                if name not in form.names:
                    continue
                if not member.isreg() or name in found:
                    raise DataError(f"{archive}: {name} is not a single ordinary file in it; {_AGAIN}")
                if member.size > _LARGEST:
                    raise DataError(f"{archive}: {name} has {member.size:,} bytes, too many for a batch; {_AGAIN}")
                content = packed.extractfile(member)
                found[name] = b"" if content is None else content.read()
            while stream.read(1 << 20):  # at its end gzip compares the checksum
                pass
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{archive}: damaged: it cannot be unpacked ({error}); {_AGAIN}") from error
    missing = [name for name in form.names if name not in found]
    if missing:
        raise DataError(f"{archive}: {', '.join(missing)} is missing in it; {_AGAIN}")
    return found


def _read_binary(where: str, content: bytes) -> tuple[Array, Array]:
    size = 1 + _PIXELS
    if not content or len(content) % size:
        raise DataError(
            f"{where}: {len(content):,} bytes are not a whole number of records of {size:,} bytes; {_AGAIN}"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    return _checked(where, records[:, 1:], records[:, 0])


def _read_python(where: str, content: bytes) -> tuple[Array, Array]:
    try:
        batch = PickleMachine(content, _FUNCTIONS, _CONSTANTS, _no_storage).run()
    except CheckpointError as error:
        raise DataError(f"{where}: not a batch of CIFAR-10: {error}") from error
    if not isinstance(batch, dict):
        raise DataError(f"{where}: not a batch of CIFAR-10: it holds a {type(batch).__name__}")
    data, labels = (batch.get(key, batch.get(key.encode())) for key in ("data", "labels"))
    if not isinstance(data, _PickledArray) or data.value is None or data.value.shape[1:] != (_PIXELS,):
        raise DataError(f"{where}: not a batch of CIFAR-10: its data are no array (N, {_PIXELS}) of bytes")
    if not isinstance(labels, list) or not all(type(each) is int and 0 <= each < 256 for each in labels):
        raise DataError(f"{where}: not a batch of CIFAR-10: its labels are no list of small numbers")
    return _checked(where, data.value, np.array(labels, np.uint8))


def _checked(where: str, pixels: Array, labels: Array) -> tuple[Array, Array]:
    if len(pixels) != len(labels) or not len(labels):
        raise DataError(f"{where}: it holds {len(pixels):,} images and {len(labels):,} labels; {_AGAIN}")
    if labels.max() >= len(CLASSES):
        raise DataError(
            f"{where}: it has the class {labels.max()}, but CIFAR-10's go from 0 to {len(CLASSES) - 1}; {_AGAIN}"
        )
    return pixels.reshape(-1, *SHAPE), labels


# ---- What the pickles may hold -------------------------------------------------------------------------------------------


class _PickledType(Stateful):
    """NumPy's type of bytes, the only one that is there."""

    def set_state(self, state: Any) -> None:
        """It has one state, which says nothing."""


class _PickledArray(Stateful):
    """An array of bytes; ``value`` is None until the pickle gives it."""

    def __init__(self) -> None:
        self.value: Array | None = None

    def set_state(self, state: Any) -> None:
        """Take ``(version, shape, dtype, column order, bytes)``, as NumPy writes it."""
        _, shape, kind, by_columns, content = state
        content = content.encode("latin-1") if isinstance(content, str) else content
        if not isinstance(kind, _PickledType) or not isinstance(content, bytes):
            raise ValueError("an array of bytes is wanted")
        if len(shape) != 2 or not all(type(each) is int for each in shape):
            raise ValueError("an array of two dimensions is wanted")
        self.value = np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_columns else "C")


def _new_array(kind: Any, shape: Any, code: Any) -> _PickledArray:
    return _PickledArray()


def _new_type(code: Any, *flags: Any) -> _PickledType:
    if code not in ("u1", b"u1"):
        raise ValueError(f"an array of bytes (u1) is wanted, not one of {code!r}")
    return _PickledType()


def _no_storage(reference: Any) -> Marker:
    raise CheckpointError("its pickle refers to data outside of it; refused")


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "numpy.core.multiarray._reconstruct": _new_array,
    "numpy._core.multiarray._reconstruct": _new_array,
    "numpy.dtype": _new_type,
}
_CONSTANTS = {"numpy.ndarray": Marker()}
