"""Text as tokens, a number for each character, and the windows of it that language models train on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from framework.datasets.built_in_text import NAME, write_text
from framework.datasets.download import DownloadError, fetch, remedy
from framework.datasets.files import DataError, reason
from framework.datasets.images import Report, silent
from framework.ops.creation import from_numpy
from framework.tensor import Tensor
from framework.utils.data import Dataset

Array = np.ndarray[Any, Any]

SHAKESPEARE = "input.txt"
SHAKESPEARE_MIRRORS = ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",)
SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SHAKESPEARE_SIZE = 1_115_394


class TextData(NamedTuple):
    """A text's characters as tokens int64 ``(N,)``, for training and for testing.

    ``characters`` are all that occur, in the order of their numbers. ``name`` is the text that this really is; ``notes`` is a
    warning for the user, in lines of text, and empty if all went as asked.
    """

    train: Array
    test: Array
    characters: str
    name: str
    notes: str = ""


def split_text(text: str, test_share: float, name: str, notes: str = "") -> TextData:
    """The text's beginning for training, its end for testing.

    Raises:
        DataError: If the share is not between 0 and 1, or one part would be empty.
    """
    if not 0 < test_share < 1:
        raise DataError(f"{name}: the share of the text to test on must be between 0 and 1, but got {test_share}")
    points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    known, tokens = np.unique(points, return_inverse=True)
    end = round(len(points) * (1 - test_share))
    if not 0 < end < len(points):
        raise DataError(f"{name}: {len(points):,} characters can't be split with {test_share} of them to test on")
    tokens = tokens.astype(np.int64)
    return TextData(tokens[:end], tokens[end:], "".join(map(chr, known)), name, notes)


def load_text(path: str | Path, test_share: float = 0.1) -> TextData:
    """A UTF-8 text file; its end is for testing.

    Raises:
        DataError: If it can't be read, is not UTF-8, or is too short.
    """
    return split_text(_read(Path(path)), test_share, Path(path).name)


def load_built_in_text(test_share: float = 0.1, seed: int = 0) -> TextData:
    """Text that the project makes itself: simple English sentences."""
    return split_text(write_text(seed=seed), test_share, NAME)


def load_shakespeare(
    folder: str | Path = "data/shakespeare",
    test_share: float = 0.1,
    *,
    download: bool = True,
    fallback: bool = True,
    mirrors: Sequence[str] = SHAKESPEARE_MIRRORS,
    timeout: float = 10.0,
    progress: bool = False,
    report: Report = silent,
) -> TextData:
    """Tiny Shakespeare (A. Karpathy, 2015): a million characters of his plays, from ``input.txt`` in the folder.

    Args:
        folder: Where the file lies, or is put.
        test_share: The share of the text, its end, that is for testing.
        download: Whether the network may be used where the file is not there.
        fallback: Whether the built-in text, with a warning in ``notes``, stands in where the file can't be had.
        mirrors: Addresses to which the file's name is appended.
        timeout, progress, report: See :func:`fetch`.

    Raises:
        DataError: If the file is another text, or can't be had and there is no fallback.
    """
    path = Path(folder) / SHAKESPEARE
    tried = []
    if not path.is_file():
        tried = [f"{path}: no such file"]
        if download:
            try:
                urls = [base + SHAKESPEARE for base in mirrors]
                fetch(urls, path, SHAKESPEARE_SHA256, SHAKESPEARE_SIZE,
                      timeout=timeout, progress=progress, report=report)  # fmt: skip
                tried = []
            except DownloadError as error:
                tried += error.failures
            except DataError as error:  # the folder can't be written
                tried.append(str(error))
        else:
            tried.append("downloading is switched off")
    if not tried:
        text = _read(path)
        found = hashlib.sha256(text.encode()).hexdigest()
        if found != SHAKESPEARE_SHA256:
            raise DataError(
                f"{path}: not tiny Shakespeare: its SHA-256 is {found}, expected {SHAKESPEARE_SHA256}; "
                "replace it by the original, or name it as a text of your own"
            )
        return split_text(text, test_share, "tiny Shakespeare")
    what_to_do = remedy([SHAKESPEARE], folder, SHAKESPEARE_MIRRORS[0])
    if not fallback:
        raise DataError(f"tiny Shakespeare can't be had: {'; '.join(tried)}; {what_to_do}")
    notes = [
        "Tiny Shakespeare can't be had: the built-in text is used instead. Results on it are no results on Shakespeare.",
        *(f"  - {what}" for what in tried),
        f"  To use Shakespeare, {what_to_do}.",
        "  To use the built-in text at once, without asking for Shakespeare, take the source 'built_in_text'.",
    ]
    return load_built_in_text(test_share)._replace(notes="\n".join(notes))


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """Pieces of a text: sample ``i`` is ``context`` tokens from position ``i * stride`` on, and the tokens that follow each.

    Args:
        tokens: Integers ``(N,)``.
        context: Tokens in a sample.
        stride: Tokens from one sample's start to the next; 1 gives every place of the text.

    Raises:
        DataError: If there are too few tokens for one sample.
    """

    def __init__(self, tokens: Array, context: int, stride: int = 1) -> None:
        if context < 1 or stride < 1:
            raise DataError(f"context and stride must be at least 1, but got {context} and {stride}")
        if len(tokens) <= context:
            raise DataError(
                f"{len(tokens):,} tokens are too few for a context of {context:,}: lower it, or take more text"
            )
        self.tokens = tokens
        self.context = context
        self.stride = stride

    def __len__(self) -> int:
        return (len(self.tokens) - 1 - self.context) // self.stride + 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        start = index % len(self) * self.stride
        end = start + self.context
        return from_numpy(self.tokens[start:end]), from_numpy(self.tokens[start + 1 : end + 1])


def _read(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text: byte {error.start:,} is {error.object[error.start]:#04x}; convert it first"
        ) from error
    if not text:
        raise DataError(f"{path}: holds nothing")
    return text
