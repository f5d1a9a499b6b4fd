"""PyTorch's checkpoints, read without running anything that they ask for.

`torch.save` writes a ZIP archive: `NAME/data.pkl`, a pickle of the containers; `NAME/data/0`, `1`, ..., the
bytes of the tensors' storages; `NAME/byteorder`. The pickle goes through `PickleMachine`, which here knows
the functions that rebuild tensors and parameters, and nothing else; what the file asks for beyond is refused
by name.

Tensors that share a storage share memory after loading too, with the strides that they had, as in PyTorch.
NumPy has no bfloat16: such tensors become float32, which holds each of their values exactly.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.serialization.container import ZipReader, check_expansion
from framework.serialization.errors import CheckpointError
from framework.serialization.hooks import Array, Decode
from framework.serialization.npy import read_elements
from framework.serialization.pickle_machine import Marker, PickleMachine
from framework.serialization.tree import MAX_DEPTH

PICKLE = "/data.pkl"

_DTYPES = {
    "Double": "f8", "Float": "f4", "Half": "f2", "BFloat16": "bfloat16",
    "Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "b1",
    "ComplexDouble": "c16", "ComplexFloat": "c8",
}  # fmt: skip
_UNSIGNED = {"uint16": "u2", "uint32": "u4", "uint64": "u8"}  # of untyped storages, since PyTorch 2.3
_BFLOAT16 = "bfloat16"


class _ElementType(Marker):
    """What a storage's bytes are: a dtype's name, or None for bytes whose tensors say it."""

    def __init__(self, dtype: str | None) -> None:
        self.dtype = dtype


class _Storage(Marker):
    """The bytes that tensors are views of."""

    def __init__(self, content: Array, dtype: str | None, big_endian: bool) -> None:
        self.dtype = dtype
        self._content = content
        self._big_endian = big_endian
        self._elements: dict[str, Array] = {}

    def elements(self, dtype: str) -> Array:
        """The bytes as a vector of elements in native byte order, the same one for every tensor."""
        if dtype not in self._elements:
            raw = self._content.view(_stored_dtype(dtype))
            if self._big_endian != (sys.byteorder == "big"):
                raw = raw.byteswap()
            if dtype == _BFLOAT16:
                # A bfloat16 is the upper half of a float32.
                raw = np.left_shift(raw, 16, dtype=np.uint32).view(np.float32)
            self._elements[dtype] = raw
        return self._elements[dtype]


class _Tensor(Marker):
    """A tensor on its way to the caller's `decode`."""

    def __init__(self, kind: str, array: Array, attributes: dict[str, Any]) -> None:
        self.kind = kind
        self.array = array
        self.attributes = attributes


def find_prefix(archive: ZipReader) -> str | None:
    """The folder inside the archive that holds everything, or None if the archive isn't PyTorch's.

    Raises:
        CheckpointError: for a TorchScript program, which has the same look.
    """
    pickles = [name for name in archive.entries if name.endswith(PICKLE) and name.count("/") == 1]
    if len(pickles) != 1:
        return None
    prefix = pickles[0].removesuffix(PICKLE)
    if f"{prefix}/constants.pkl" in archive.entries:
        raise CheckpointError("it is a TorchScript program; save the module's state_dict instead")
    return prefix


def read(archive: ZipReader, prefix: str, decode: Decode | None) -> Any:
    """Load a PyTorch checkpoint; without `decode`, tensors and parameters come back as arrays.

    Raises:
        CheckpointError: where the file is damaged or asks for anything but tensors in plain containers.
    """
    return _TorchReader(archive, prefix).read(decode)


class _TorchReader:
    def __init__(self, archive: ZipReader, prefix: str) -> None:
        self._archive = archive
        self._prefix = prefix
        # PyTorch can be told to leave the checksums out.
        self._check_crc = archive.has_crcs
        self._storages: dict[str, _Storage] = {}
        self._expanded = 0
        order = b"little"
        if f"{prefix}/byteorder" in archive.entries:
            order = archive.read(f"{prefix}/byteorder", check_crc=self._check_crc)
        if order not in (b"little", b"big"):
            raise CheckpointError(f"it is damaged: the byte order {order[:20]!r} doesn't exist")
        self._big_endian = order == b"big"

    def read(self, decode: Decode | None) -> Any:
        functions: dict[str, Callable[..., Any]] = {
            "torch._utils._rebuild_tensor_v2": self._rebuild_tensor,
            "torch._utils._rebuild_tensor_v3": self._rebuild_typed_tensor,
            "torch._utils._rebuild_parameter": self._rebuild_parameter,
            "torch.Size": self._size,
        }
        constants = {f"torch.{name}Storage": _ElementType(dtype) for name, dtype in _DTYPES.items()}
        constants["torch.storage.UntypedStorage"] = _ElementType(None)
        constants |= {f"torch.{name}": _ElementType(dtype) for name, dtype in _UNSIGNED.items()}
        data = self._archive.read(self._prefix + PICKLE, check_crc=self._check_crc)
        tree = PickleMachine(data, functions, constants, self._load_storage).run()
        return _Converter(decode).convert(tree, 0)[0]

    def _load_storage(self, reference: Any) -> _Storage:
        """The storage that a persistent id names: ("storage", its class, its key, its device, its length)."""
        kind, element_type, key, _, count = reference
        dtype = _element_type(element_type)
        if kind != "storage" or type(key) is not str:
            raise ValueError("it refers to what is no storage")
        size = _natural(count) * (1 if dtype is None else _stored_dtype(dtype).itemsize)
        if key not in self._storages:
            name = f"{self._prefix}/data/{key}"
            stream = self._archive.open(name, check_crc=self._check_crc)
            content = read_elements(stream, np.dtype(np.uint8), (size,), f"storage {name!r}")
            stream.finish()
            self._storages[key] = _Storage(content, dtype, self._big_endian)
        storage = self._storages[key]
        if storage.dtype != dtype:
            raise ValueError(f"storage {key} is of two types")
        return storage

    def _rebuild_tensor(
        self,
        storage: Any,
        offset: Any,
        shape: Any,
        strides: Any,
        requires_grad: Any,
        hooks: Any,
        metadata: Any = None,
        *,
        element_type: Any = None,
    ) -> _Tensor:
        if type(storage) is not _Storage or type(requires_grad) is not bool:
            raise ValueError("a tensor has no storage")
        if hooks or metadata:
            raise CheckpointError("a tensor has hooks, or is lazily conjugated or negated; it isn't loaded")
        dtype = storage.dtype if element_type is None else _element_type(element_type)
        if dtype is None:
            raise ValueError("a tensor has no type")
        attributes: dict[str, Any] = {"requires_grad": requires_grad}
        if dtype == _BFLOAT16:
            attributes["dtype"] = _BFLOAT16
        return _Tensor("tensor", self._view(storage.elements(dtype), offset, shape, strides), attributes)

    def _rebuild_typed_tensor(self, *arguments: Any) -> _Tensor:
        *start, element_type = arguments[:7]
        return self._rebuild_tensor(*start, *arguments[7:], element_type=element_type)

    def _view(self, elements: Array, offset: Any, shape: Any, strides: Any) -> Array:
        sizes, steps = [_natural(size) for size in shape], [_natural(step) for step in strides]
        if len(sizes) != len(steps) or len(sizes) > 64:
            raise ValueError("a tensor's shape and strides don't fit each other")
        if 0 in sizes:
            return np.empty(sizes, elements.dtype)
        span = 1 + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
        if _natural(offset) + span > elements.size:
            raise CheckpointError(f"a tensor of shape {tuple(sizes)} reaches beyond its storage")
        item = elements.itemsize
        array: Array = np.ndarray(sizes, elements.dtype, elements, offset * item, [step * item for step in steps])
        if array.size > span:
            # An expanded tensor: one element in many places, which nobody could write to.
            self._expanded += array.nbytes
            check_expansion(self._expanded, self._archive.size)
            array = array.copy()
        return array

    @staticmethod
    def _rebuild_parameter(tensor: Any, requires_grad: Any, hooks: Any) -> _Tensor:
        if type(tensor) is not _Tensor or hooks or type(requires_grad) is not bool:
            raise ValueError("a parameter has no tensor")
        return _Tensor("parameter", tensor.array, {**tensor.attributes, "requires_grad": requires_grad})

    @staticmethod
    def _size(sizes: Any) -> tuple[int, ...]:
        return tuple(_natural(size) for size in sizes)


def _stored_dtype(name: str) -> np.dtype[Any]:
    return np.dtype("u2" if name == _BFLOAT16 else name)


def _element_type(value: Any) -> str | None:
    if type(value) is not _ElementType:
        raise ValueError("a tensor's type is none")
    return value.dtype


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a tensor's geometry is not made of natural numbers")
    return value


class _Converter:
    """Makes the machine's result the caller's: tensors decoded, each once, and containers known to end."""

    def __init__(self, decode: Decode | None) -> None:
        self._decode = decode
        self._done: dict[int, tuple[Any, int]] = {}

    def convert(self, value: Any, depth: int) -> tuple[Any, int]:
        """The converted value and the number of levels of containers that it has."""
        if isinstance(value, str | bytes | int | float | complex | None):
            return value, 0
        if id(value) not in self._done:
            if depth > MAX_DEPTH:
                raise _too_deep()
            self._done[id(value)] = self._convert_new(value, depth)
        result, height = self._done[id(value)]
        if depth + height > MAX_DEPTH:
            raise _too_deep()
        return result, height

    def _convert_new(self, value: Any, depth: int) -> tuple[Any, int]:
        if isinstance(value, _Tensor):
            if self._decode is None:
                return value.array, 0
            return self._decode(value.kind, value.array, value.attributes), 0
        if isinstance(value, Marker):
            raise CheckpointError("its pickle holds a function or storage as if it were a value")
        if isinstance(value, set | frozenset):
            return value, 1
        items = value.values() if isinstance(value, dict) else value
        converted = [self.convert(item, depth + 1) for item in items]
        height = 1 + max((height for _, height in converted), default=0)
        if not isinstance(value, dict):
            return type(value)(item for item, _ in converted), height
        result = type(value)()
        for key, (item, _) in zip(value, converted, strict=True):
            result[key] = item
        if isinstance(value, OrderedDict) and vars(value):
            vars(result)["_metadata"] = self.convert(vars(value)["_metadata"], depth + 1)[0]
        return result, height


def _too_deep() -> CheckpointError:
    return CheckpointError(f"its containers are nested deeper than {MAX_DEPTH} levels, or inside themselves")
