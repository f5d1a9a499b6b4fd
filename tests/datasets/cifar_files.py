"""Small files in CIFAR-10's two formats, as its authors' tools write them."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from framework.datasets.cifar import BINARY, PYTHON, Form

Array = np.ndarray[Any, Any]


def made_batches(count: int = 12) -> list[tuple[Array, Array]]:
    """Six batches of pixels ``(count, 3072)`` and labels, the last for testing."""
    random = np.random.RandomState(2)
    return [
        (random.randint(0, 256, (count, 3072)).astype(np.uint8), random.randint(0, 10, count).astype(np.uint8))
        for _ in range(6)
    ]


def binary_batch(pixels: Array, labels: Array) -> bytes:
    return np.concatenate([labels[:, None], pixels], axis=1).tobytes()


def python2_batch(pixels: Array, labels: Array) -> bytes:
    """What Python 2's cPickle wrote, opcode for opcode: its strings are bytes, its arrays those of an old NumPy."""

    def text(value: bytes) -> bytes:
        return b"U" + struct.pack("<B", len(value)) + value

    content = pixels.tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
        b"(K\x01" + b"J" + struct.pack("<i", len(pixels)) + b"M\x00\x0c\x86"
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + struct.pack("<i", len(content)) + content + b"tb"
    )
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels.tolist()) + b"e"
    return (
        b"\x80\x02}("
        + text(b"batch_label")
        + text(b"made batch")
        + text(b"labels")
        + numbers
        + text(b"data")
        + array
        + b"u."
    )


def python3_batch(pixels: Array, labels: Array, protocol: int = 2) -> bytes:
    return pickle.dumps({b"labels": labels.tolist(), b"data": pixels, b"batch_label": b"made"}, protocol=protocol)


def batch_files(form: Form, write: Any = None) -> dict[str, bytes]:
    """The six files by name."""
    write = write or (binary_batch if form is BINARY else python2_batch)
    return {name: write(*batch) for name, batch in zip(form.names, made_batches(), strict=True)}


def write_archive(folder: Path, form: Form, files: dict[str, bytes] | None = None) -> Path:
    """The archive with these files in its folder, beside one that is of no use here."""
    path = folder / form.archive
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {"readme.html": b"<html>", **(files or batch_files(form))}.items():
            member = tarfile.TarInfo(f"{form.folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


__all__ = [
    "BINARY",
    "PYTHON",
    "batch_files",
    "binary_batch",
    "made_batches",
    "python2_batch",
    "python3_batch",
    "write_archive",
]
