"""Nested containers as JSON, and back, with every value exactly as it was.

JSON's own null, booleans, strings and lists stand for themselves, as do integers below 2**53 and finite
numbers. Everything else is an object with one item, whose key says what it is:

    {"dict": {...}}             a dict whose keys are all str
    {"items": [[k, v], ...]}    any other dict; "counter" for a collections.Counter
    {"tuple": [...]}, {"set": [...]}, {"frozenset": [...]}
    {"int": "0x..."}            an integer of any size
    {"float": "7ff8..."}        an infinity or a NaN, by its eight bytes
    {"complex": [re, im]}, {"bytes": "hexadecimal"}
    {"scalar": ["<f4", "hexadecimal"]}  a NumPy scalar; "str" and "bytes" for its two text types
    {"array": 3}, {"leaf": 2}   an array of the file, an object that `encode` knew, by number

A dict's order is kept; an OrderedDict becomes a dict, a subclass of tuple without named fields a tuple.
"""

import math
import re
import struct
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from framework.serialization.errors import CheckpointError
from framework.serialization.hooks import Array, Encode, describe_type, is_plain_array
from framework.serialization.npy import is_storable, parse_dtype

Json: TypeAlias = Any

# Deeper than any checkpoint; the limit also ends the walk through a container that contains itself.
MAX_DEPTH = 100
KEY_TYPES = (type(None), bool, int, float, str, bytes)
_EXACT_INT = 1 << 53
_HEX_INT = re.compile(r"-?0x[0-9a-f]+")
_MAX_NAME = 150


class TreeWriter:
    """Turn nested containers into JSON, collecting the arrays and leaves that they hold.

    An array or leaf that occurs twice is collected once, and so is the same memory seen through two arrays of
    equal shape and strides: what was tied stays tied.

    Args:
        encode: the hook of `save`.
    """

    def __init__(self, encode: Encode | None = None) -> None:
        self.arrays: list[Array] = []
        self.names: list[str] = []
        self.leaves: list[Json] = []
        self._encode = encode
        self._array_numbers: dict[object, int] = {}
        self._leaf_numbers: dict[int, int] = {}
        # Leaves are kept, so that no other object can come to have the id of one.
        self._leaf_objects: list[object] = []
        self._names_taken: set[str] = set()

    def write(self, value: Any, path: tuple[object, ...] = ()) -> Json:
        """The JSON of a value.

        Args:
            value: what is to be saved.
            path: the keys and indices that lead to it.

        Raises:
            TypeError: for an object that can't be saved, naming the way to it.
            ValueError: for containers nested too deep.
        """
        if len(path) > MAX_DEPTH:
            where = f"{_format_path(path)[:80]}..."
            raise ValueError(f"{where}: nested deeper than {MAX_DEPTH} levels, or inside itself")
        kind = type(value)
        if kind is dict:
            if all(type(key) is str for key in value):
                return {"dict": {key: self.write(item, (*path, key)) for key, item in value.items()}}
            return {"items": self._write_pairs(value, path)}
        if kind is list:
            return self._write_items(value, path)
        if kind is tuple:
            return {"tuple": self._write_items(value, path)}
        if is_plain_array(value):
            return {"array": self._add_array(value, path)}
        scalar = _write_scalar(value)
        if scalar is not None or value is None:
            return scalar
        if kind is set or kind is frozenset:
            # Sorted, so that one set gives one file.
            _check_keys(value, path)
            return {kind.__name__: [self.write(item, path) for item in sorted(value, key=repr)]}
        if kind is OrderedDict:
            return self.write(dict(value), path)
        if kind is Counter:
            return {"counter": self._write_pairs(value, path)}
        leaf = self._write_leaf(value, path)
        if leaf is not None:
            return leaf
        if isinstance(value, tuple) and not hasattr(kind, "_fields"):
            return {"tuple": self._write_items(value, path)}
        raise TypeError(
            f"{_format_path(path)}: object of type {describe_type(value)} can't be saved; "
            "turn it into arrays, numbers, strings and plain containers first"
        )

    def _write_items(self, values: Any, path: tuple[object, ...]) -> list[Json]:
        return [self.write(item, (*path, index)) for index, item in enumerate(values)]

    def _write_pairs(self, value: dict[Any, Any], path: tuple[object, ...]) -> list[Json]:
        _check_keys(value, path)
        return [[self.write(key, path), self.write(item, (*path, key))] for key, item in value.items()]

    def _write_leaf(self, value: object, path: tuple[object, ...]) -> Json:
        number = self._leaf_numbers.get(id(value))
        if number is None:
            encoded = None if self._encode is None else self._encode(value)
            if encoded is None:
                return None
            kind, array, attributes = encoded
            plain = TreeWriter()
            node = {
                "kind": kind,
                "array": None if array is None else self._add_array(array, path),
                "attributes": plain.write(attributes, path),
            }
            if plain.arrays:
                raise TypeError(f"{_format_path(path)}: the attributes of a {kind} hold an array")
            number = self._leaf_numbers[id(value)] = len(self.leaves)
            self.leaves.append(node)
            self._leaf_objects.append(value)
        return {"leaf": number}

    def _add_array(self, array: Array, path: tuple[object, ...]) -> int:
        if not is_plain_array(array):
            raise TypeError(f"{_format_path(path)}: a {describe_type(array)} can't be saved as an array")
        if not is_storable(array.dtype):
            raise TypeError(f"{_format_path(path)}: an array of dtype {array.dtype} can't be saved")
        # Empty arrays have no memory to share.
        where = array.__array_interface__["data"][0] if array.size else id(array)
        key = (where, array.shape, array.strides, array.dtype.str)
        number = self._array_numbers.get(key)
        if number is None:
            number = self._array_numbers[key] = len(self.arrays)
            self.arrays.append(array)
            self.names.append(self._make_name(path))
        return number

    def _make_name(self, path: tuple[object, ...]) -> str:
        """A name for an array's entry in the archive: its path, in characters that any file system takes."""
        parts = [re.sub(r"[^A-Za-z0-9._-]", "_", str(part)) for part in path] or ["array"]
        stem = "/".join(part if part.strip(".") else "_" for part in parts)[-_MAX_NAME:].lstrip("/")
        name, copies = stem, 1
        while name.lower() in self._names_taken:
            copies += 1
            name = f"{stem}~{copies}"
        self._names_taken.add(name.lower())
        return f"{name}.npy"


def _write_scalar(value: Any) -> Json:
    """The JSON of a plain value or NumPy scalar; None for anything else."""
    kind = type(value)
    if kind is bool or kind is str:
        return value
    if kind is int:
        return value if -_EXACT_INT < value < _EXACT_INT else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}
    if kind is complex:
        return {"complex": [_write_scalar(value.real), _write_scalar(value.imag)]}
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind is np.str_:
        return {"scalar": ["str", value[:]]}
    if kind is np.bytes_:
        return {"scalar": ["bytes", value.hex()]}
    if isinstance(value, np.generic) and is_storable(value.dtype):
        little = value.dtype.newbyteorder("<")
        return {"scalar": [little.str, np.asarray(value, little).tobytes().hex()]}
    return None


def _check_keys(keys: Iterable[object], path: tuple[object, ...]) -> None:
    for key in keys:
        if type(key) not in KEY_TYPES:
            raise TypeError(
                f"{_format_path(path)}: a key or set element of type {describe_type(key)} can't be saved; "
                "use str, bytes, int, float, bool or None"
            )


def _format_path(path: tuple[object, ...]) -> str:
    text = "".join(f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]" for key in path)
    return text.removeprefix(".") or "the object to save"


class TreeReader:
    """Turn JSON back into nested containers.

    Args:
        arrays: the file's arrays, by number.
        leaves: its leaves, by number.

    Attributes:
        used_arrays, used_leaves: the numbers that the JSON read so far refers to.
    """

    def __init__(self, arrays: list[Array], leaves: list[Any]) -> None:
        self.used_arrays: set[int] = set()
        self.used_leaves: set[int] = set()
        self._arrays = arrays
        self._leaves = leaves

    def read(self, node: Json, depth: int = 0) -> Any:
        """The value that a piece of JSON describes.

        Raises:
            CheckpointError: if it describes none.
        """
        if depth > MAX_DEPTH:
            raise CheckpointError(f"its containers are nested deeper than {MAX_DEPTH} levels")
        if node is None or isinstance(node, str | bool | int | float):
            return node
        if isinstance(node, list):
            return [self.read(item, depth + 1) for item in node]
        if not isinstance(node, dict) or len(node) != 1:
            raise _nonsense(node)
        ((tag, value),) = node.items()
        try:
            return self._read_tagged(tag, value, depth)
        except (TypeError, ValueError, OverflowError, IndexError, struct.error):
            raise _nonsense(node) from None

    def _read_tagged(self, tag: str, value: Any, depth: int) -> Any:
        if tag == "array":
            return self._refer(self._arrays, self.used_arrays, value)
        if tag == "leaf":
            return self._refer(self._leaves, self.used_leaves, value)
        if tag == "dict" and isinstance(value, dict):
            return {key: self.read(item, depth + 1) for key, item in value.items()}
        if tag == "bytes":
            return bytes.fromhex(value)
        if tag == "float":
            return float(struct.unpack(">d", bytes.fromhex(value))[0])
        if tag == "int" and _HEX_INT.fullmatch(value):
            return int(value, 16)
        if tag == "scalar":
            return _read_numpy_scalar(*value)
        if not isinstance(value, list):
            raise _nonsense(value)
        if tag in ("items", "counter"):
            pairs = [(self._read_key(key, depth), self.read(item, depth + 1)) for key, item in value]
            result = dict(pairs) if tag == "items" else Counter(dict(pairs))
            if len(result) != len(pairs):
                raise _nonsense(value)
            return result
        if tag == "tuple":
            return tuple(self.read(item, depth + 1) for item in value)
        if tag in ("set", "frozenset"):
            items = [self._read_key(item, depth) for item in value]
            return set(items) if tag == "set" else frozenset(items)
        if tag == "complex":
            real, imaginary = (self.read(item, depth + 1) for item in value)
            return complex(real, imaginary)
        raise _nonsense(value)

    def _read_key(self, node: Json, depth: int) -> Any:
        key = self.read(node, depth + 1)
        if type(key) not in KEY_TYPES:
            raise _nonsense(node)
        return key

    @staticmethod
    def _refer(objects: list[Any], used: set[int], number: Any) -> Any:
        if type(number) is not int or number < 0:
            raise IndexError(number)
        used.add(number)
        return objects[number]


def _read_numpy_scalar(dtype: str, value: str) -> Any:
    if dtype == "str":
        return np.str_(value)
    if dtype == "bytes":
        return np.bytes_(bytes.fromhex(value))
    (scalar,) = np.frombuffer(bytes.fromhex(value), parse_dtype(dtype))
    return scalar


def _nonsense(node: Json) -> CheckpointError:
    if isinstance(node, dict):
        node = next(iter(node), node)
    what = f"a {type(node).__name__}" if isinstance(node, dict | list) else repr(node)[:80]
    return CheckpointError(f"its tree.json is damaged: {what} makes no sense where it is")
