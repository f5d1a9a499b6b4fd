"""Arrays as `.npy` bytes, and the flat formats made of them: `.npy` and `.npz` files.

Read and written here rather than by `numpy.load` because that evaluates the header as a Python literal, takes
shapes on trust, and knows pickled arrays. Only arrays of fixed-size elements exist here: booleans, numbers,
and NumPy's fixed-width strings, bytes and dates.

Layout after NEP 1, "A Simple File Format for NumPy Arrays".
"""

import math
import os
import re
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

import numpy as np

from framework.serialization.container import ZipReader, ZipWriter, read_exactly
from framework.serialization.errors import CheckpointError
from framework.serialization.hooks import Array, Decode, Encode, describe_type, is_plain_array

MAGIC = b"\x93NUMPY"
_MAX_HEADER = 1 << 16

_DTYPE = re.compile(r"[<>|=]?([biufcSU]\d{1,9}|[mM]8(\[\d{0,9}[A-Za-z]{1,2}\])?)")
# The three items in any order and in the spelling of every writer that was seen; nothing is evaluated.
_HEADER_ITEM = re.compile(
    r"""\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(['"][^'"]*['"]|True|False|\([\d\sL,]*\))\s*"""
)


class ByteStream(Protocol):
    """Where an array's bytes come from."""

    remaining: int

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""

    def fill(self, view: memoryview) -> None:
        """Fill a writable view of bytes with the next bytes."""


def is_storable(dtype: np.dtype[Any]) -> bool:
    """Whether arrays of this dtype are plain bytes of a known meaning."""
    return dtype.itemsize > 0 and _DTYPE.fullmatch(dtype.str) is not None


def parse_dtype(text: str) -> np.dtype[Any]:
    """The dtype that a string such as "<f4" names.

    Raises:
        ValueError, TypeError: if it names none that is storable here.
    """
    if _DTYPE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no dtype of fixed-size elements")
    dtype = np.dtype(text)
    if dtype.itemsize == 0:
        raise ValueError(f"{text!r} has no elements to speak of")
    return dtype


def byte_view(array: Array) -> memoryview:
    """The bytes of a C-contiguous array, shared with it."""
    return array.reshape(-1).view(np.uint8).data


def npy_pieces(array: Array) -> tuple[bytes, memoryview]:
    """The header and the bytes of an array; the array is copied only if its memory is not in one piece.

    An array in Fortran order is written in that order.
    """
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    contents = f"{{'descr': {array.dtype.str!r}, 'fortran_order': {fortran}, 'shape': {array.shape!r}, }}"
    # The array's first byte comes at a multiple of 64, as NumPy itself writes it.
    length = -(len(MAGIC) + 4 + len(contents) + 1) % 64 + len(contents) + 1
    header = MAGIC + b"\x01\x00" + length.to_bytes(2, "little") + contents.encode().ljust(length - 1) + b"\n"
    return header, byte_view(np.ascontiguousarray(array.T if fortran else array))


def read_npy(stream: ByteStream, what: str) -> Array:
    """Read one array, in native byte order, from a stream that holds nothing else.

    Args:
        stream: the bytes.
        what: the array's name in errors.

    Raises:
        CheckpointError: where the header makes no sense, doesn't fit the number of bytes, or names Python
            objects.
    """
    prefix = stream.take(8)
    if prefix[:6] != MAGIC or prefix[6] not in (1, 2, 3):
        raise CheckpointError(f"{what} is no array in NumPy's .npy format")
    length = int.from_bytes(stream.take(2 if prefix[6] == 1 else 4), "little")
    if length > _MAX_HEADER:
        raise CheckpointError(f"{what} has a header of {length} bytes, which no array needs")
    dtype, fortran, shape = _parse_header(stream.take(length), what)
    array = read_elements(stream, dtype, shape[::-1] if fortran else shape, what)
    return array.T if fortran else array


def read_elements(stream: ByteStream, dtype: np.dtype[Any], shape: tuple[int, ...], what: str) -> Array:
    """Read the rest of a stream as an array of the given dtype and shape, returned in native byte order.

    Raises:
        CheckpointError: if the rest of the stream has another size.
    """
    expected = math.prod(shape) * dtype.itemsize
    if expected != stream.remaining:
        claim = f"the shape {shape} of {dtype}, which is {expected} bytes"
        raise CheckpointError(f"{what} claims {claim}, but holds {stream.remaining}")
    try:
        array = np.empty(shape, dtype)
    except (ValueError, OverflowError):
        raise CheckpointError(f"{what} claims the shape {shape}, which no array can have") from None
    stream.fill(byte_view(array))
    return array if dtype.isnative else array.byteswap(inplace=True).view(dtype.newbyteorder("="))


def _parse_header(raw: bytes, what: str) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    text = raw.decode("latin1").strip()
    items: dict[str, str] = {}
    position = 1
    for _ in range(3):
        match = _HEADER_ITEM.match(text, position)
        if match is None:
            break
        items[match[2]] = match[3]
        position = match.end()
        if text[position : position + 1] == ",":
            position += 1
    if len(items) != 3 or text[:1] != "{" or text[position:].strip() != "}":
        raise CheckpointError(f"{what} has a header that can't be read (arrays of records aren't supported)")
    descr, shape_text = items["descr"][1:-1], items["shape"]
    if "O" in descr:
        raise CheckpointError(f"{what} holds pickled Python objects; they are never loaded")
    if items["fortran_order"] not in ("True", "False") or shape_text[0] != "(":
        raise CheckpointError(f"{what} has a header that can't be read")
    try:
        dtype = parse_dtype(descr)
    except (TypeError, ValueError):
        raise CheckpointError(f"{what} has the dtype {descr!r}, which can't be loaded") from None
    sizes = re.findall(r"\d+", shape_text)
    if len(sizes) > 64 or any(len(size) > 18 for size in sizes):
        raise CheckpointError(f"{what} claims the shape {shape_text[:80]}, which no array can have")
    return dtype, items["fortran_order"] == "True", tuple(int(size) for size in sizes)


class _FileStream:
    """A whole file as a stream."""

    def __init__(self, file: BinaryIO) -> None:
        self.remaining = file.seek(0, os.SEEK_END)
        self._file = file
        file.seek(0)

    def take(self, count: int) -> bytes:
        result = bytearray(count)
        self.fill(memoryview(result))
        return bytes(result)

    def fill(self, view: memoryview) -> None:
        read_exactly(self._file, view)
        self.remaining -= len(view)


def read_npy_file(file: BinaryIO, decode: Decode | None) -> Any:
    """Load an `.npy` file: one array."""
    array = read_npy(_FileStream(file), "the array")
    return array if decode is None else decode("array", array, {})


def read_npz(archive: ZipReader, decode: Decode | None) -> dict[str, Any]:
    """Load an `.npz` file: a dict of arrays, in the file's order."""
    archive.check_digest()
    result: dict[str, Any] = {}
    for name in archive.entries:
        stream = archive.open(name)
        array = read_npy(stream, f"entry {name!r}")
        stream.finish()
        result[name.removesuffix(".npy")] = array if decode is None else decode("array", array, {})
    return result


def flat_arrays(obj: object, encode: Encode | None, suffix: str) -> dict[str, Array]:
    """The arrays of a dict of str to array or to what `encode` turns into an array, in order.

    Args:
        obj: what is to be saved.
        encode: the hook of `save`; the kinds and attributes that it gives have no place in a flat file.
        suffix: the format's, for errors.

    Raises:
        TypeError: if the object is anything else.
    """
    advice = f"a {suffix} file holds a flat dict of str to array; save nested containers under another suffix"
    if not isinstance(obj, dict):
        raise TypeError(f"object of type {describe_type(obj)} can't be saved as {suffix}: {advice}")
    arrays: dict[str, Array] = {}
    for key, value in obj.items():
        if type(key) is not str or "\0" in key:
            raise TypeError(f"the key {key!r} can't be saved as {suffix}: {advice}")
        encoded = encode(value) if encode is not None and not is_plain_array(value) else None
        array = value if encoded is None else encoded[1]
        if array is None or not is_plain_array(array):
            raise TypeError(f"[{key!r}]: a {describe_type(value)} can't be saved as {suffix}: {advice}")
        if not is_storable(array.dtype):
            raise TypeError(f"[{key!r}]: an array of dtype {array.dtype} can't be saved as {suffix}")
        arrays[key] = array
    return arrays


def prepare_npz(obj: object, encode: Encode | None) -> Callable[[BinaryIO], None]:
    """Check that a flat dict of arrays can be saved and return what writes it."""
    arrays = flat_arrays(obj, encode, ".npz")

    def write(file: BinaryIO) -> None:
        archive = ZipWriter(file)
        for key, array in arrays.items():
            archive.add(f"{key}.npy", *npy_pieces(array))
        archive.close()

    return write
