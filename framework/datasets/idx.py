"""The IDX format: arrays in big-endian bytes behind a short header, plain or compressed with gzip.

Layout (Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits"): two zero bytes,
one byte for the element type, one for the number of dimensions, the dimensions as 32-bit integers, then the
elements.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from framework.datasets.files import DataError, atomic_write, reason

Array = np.ndarray[Any, Any]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
_CODES = {name: code for code, name in _TYPES.items()}
_MOST_DIMENSIONS = 32
_BLOCK = 1 << 20
_HIGHEST_RATIO = 1032  # deflate cannot compress better than this
_AGAIN = "download or copy it again"


def read_idx(path: str | Path) -> Array:
    """Reads an IDX file; whether it is compressed is seen from its content, not from its name.

    The header is checked against what the file really holds, and memory is taken only as data arrive: a
    header that claims more than there is costs nothing.

    Returns:
        A writable array in the machine's byte order, of dtype uint8, int8, int16, int32, float32 or float64.

    Raises:
        DataError: if the file is missing or unreadable, is no IDX file, is cut short or damaged, holds more
            than its header says, or holds nothing.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not compressed:
                return _read(file, path, math.inf)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read(unpacked, path, os.fstat(file.fileno()).st_size * _HIGHEST_RATIO)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file{_nearby(path)}") from error
    except EOFError as error:
        raise DataError(f"{path}: cut short: its compressed data end too early; {_AGAIN}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: damaged: its data cannot be unpacked ({error}); {_AGAIN}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {reason(error)}") from error
    except MemoryError as error:
        raise DataError(f"{path}: too large for this machine's memory") from error


def write_idx(path: str | Path, array: Array) -> None:
    """Writes an array as an IDX file, compressed if the name ends in ``.gz``; it appears whole or not at all.

    The bytes depend on the array alone.

    Raises:
        DataError: if IDX has no such element type, if the array is empty or 0-dimensional, or if the file
            cannot be written.
    """
    path = Path(path)
    if array.dtype.str[1:] not in _CODES:
        known = "uint8, int8, int16, int32, float32 and float64"
        raise DataError(f"{path}: IDX files hold {known}, but the array is {array.dtype}; convert it first")
    if array.size == 0 or not 1 <= array.ndim <= _MOST_DIMENSIONS:
        raise DataError(
            f"{path}: IDX files hold at least one element in 1 to {_MOST_DIMENSIONS} dimensions, "
            f"but the array's shape is {array.shape}"
        )
    with atomic_write(path) as file:
        elements = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder(">")).data
        if path.suffix == ".gz":
            # Without name and time in gzip's header, equal arrays give equal files.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                packed.write(header(array))
                packed.write(elements)
        else:
            file.write(header(array))
            file.write(elements)


def header(array: Array) -> bytes:
    """The bytes before the elements in an IDX file of this array."""
    return struct.pack(f">HBB{array.ndim}I", 0, _CODES[array.dtype.str[1:]], array.ndim, *array.shape)


def _read(file: BinaryIO | gzip.GzipFile, path: Path, most: float) -> Array:
    """Reads header and elements from an unpacked stream that cannot hold more than ``most`` bytes."""
    start = file.read(4)
    if len(start) < 4:
        raise DataError(f"{path}: not an IDX file: it holds {len(start)} bytes; {_AGAIN}")
    code, dimensions = start[2], start[3]
    if start[:2] != b"\0\0" or code not in _TYPES or not 1 <= dimensions <= _MOST_DIMENSIONS:
        page = "; it looks like a web page that was saved in the file's place" if start[:1] == b"<" else ""
        raise DataError(
            f"{path}: not an IDX file: it begins with the bytes {start.hex(' ')}, where two zero bytes, an "
            f"element type and a number of dimensions were expected{page}; {_AGAIN}"
        )
    lengths = file.read(4 * dimensions)
    if len(lengths) < 4 * dimensions:
        raise DataError(f"{path}: cut short: it ends within its header; {_AGAIN}")
    shape = struct.unpack(f">{dimensions}I", lengths)
    kind = np.dtype(">" + _TYPES[code])
    claimed = math.prod(shape) * kind.itemsize
    if claimed == 0:
        raise DataError(f"{path}: holds nothing: its header says {_times(shape)} elements")
    says = f"its header says {_times(shape)} elements of {kind.itemsize} byte{'s' * (kind.itemsize > 1)}"
    if 4 + 4 * dimensions + claimed > most:
        raise DataError(f"{path}: cut short: {says}, more than a file of its size can hold; {_AGAIN}")
    data = bytearray()
    while len(data) < claimed:
        block = file.read(min(_BLOCK, claimed - len(data)))
        if not block:
            have = f"{len(data):,} of {claimed:,} bytes"
            raise DataError(f"{path}: cut short: {says}, but it ends after {have}; {_AGAIN}")
        data += block
    # At the end of a gzip stream this read also checks the checksum.
    if file.read(1):
        raise DataError(f"{path}: holds more than it should: {says}, and more bytes follow; {_AGAIN}")
    return np.frombuffer(data, kind).reshape(shape).astype(kind.newbyteorder("="), copy=False)


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{length:,}" for length in shape)


def _nearby(path: Path) -> str:
    """Names the same file with or without ``.gz``, if it is there."""
    other = path.with_suffix("") if path.suffix == ".gz" else path.with_name(path.name + ".gz")
    return f"; did you mean {other.name}?" if os.path.isfile(other) else ""
