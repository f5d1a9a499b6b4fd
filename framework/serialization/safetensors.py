"""The `.safetensors` format, by way of the `safetensors` package (extra `interop`)."""

import importlib
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from framework.serialization.errors import CheckpointError
from framework.serialization.hooks import Array, Decode, Encode
from framework.serialization.npy import flat_arrays

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "BOOL": "|b1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
}  # fmt: skip
_STORABLE = {np.dtype(text) for code, text in _DTYPES.items() if code != "BF16"}


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(
            "a .safetensors file needs the package safetensors: python -m pip install safetensors"
        ) from None


def prepare(obj: object, encode: Encode | None) -> Callable[[BinaryIO], None]:
    """Check that a flat dict of arrays can be saved and return what writes it.

    Raises:
        TypeError: if the object is anything else, or has a dtype that the format lacks.
        ImportError: without the package.
    """
    package = _package("safetensors.numpy")
    arrays = flat_arrays(obj, encode, ".safetensors")
    for key, array in arrays.items():
        if array.dtype.newbyteorder("<") not in _STORABLE:
            raise TypeError(f"[{key!r}]: the safetensors format has no dtype {array.dtype}")

    def write(file: BinaryIO) -> None:
        # Layouts and names are PyTorch's, which is what readers take this to say.
        dense = {key: np.asarray(array, order="C") for key, array in arrays.items()}
        file.write(package.save(dense, metadata={"format": "pt"}))

    return write


def read(file: BinaryIO, decode: Decode | None) -> dict[str, Any]:
    """Load a `.safetensors` file: a dict of arrays, in the order of the file.

    Args:
        file: opened for reading, at its beginning.
        decode: the hook of `load`.

    Raises:
        CheckpointError: where the file is damaged or has a dtype that NumPy lacks.
        ImportError: without the package.
    """
    package = _package("safetensors")
    try:
        tensors = package.deserialize(file.read())
    except package.SafetensorError as error:
        raise CheckpointError(f"it is damaged: {str(error)[:120]}") from None
    result: dict[str, Any] = {}
    tensors.reverse()
    while tensors:
        # Let go of each tensor's bytes once they are copied, so that they are never all in memory twice.
        name, tensor = tensors.pop()
        array, attributes = _to_array(name, **tensor)
        result[name] = array if decode is None else decode("tensor", array, attributes)
    return result


def _to_array(name: str, dtype: str, shape: list[int], data: bytes) -> tuple[Array, dict[str, Any]]:
    if dtype not in _DTYPES:
        raise CheckpointError(f"tensor {name!r} is of type {dtype}, which NumPy lacks")
    raw = np.frombuffer(data, _DTYPES[dtype]).reshape(shape)
    if dtype == "BF16":
        # A bfloat16 is the upper half of a float32.
        return np.left_shift(raw, 16, dtype=np.uint32).view(np.float32), {"dtype": "bfloat16"}
    return raw.astype(raw.dtype.newbyteorder("=")), {}
