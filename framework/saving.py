"""``framework.save`` and ``framework.load``: the files of ``framework.serialization`` with tensors in them."""

from __future__ import annotations

from typing import Any

from framework import serialization
from framework.autograd.graph import Variable, array_of, wrap
from framework.device import device
from framework.dtypes import ALL, from_numpy_dtype
from framework.dtypes import dtype as DType
from framework.nn.parameter import Parameter
from framework.random import Generator
from framework.tensor import Tensor


def save(obj: object, f: Any) -> None:
    """Save tensors, state dicts and nested plain containers of them, without pickle and atomically.

    Args:
        obj: Tensors, parameters, arrays and plain values in dicts, lists, tuples and sets. Modules and optimizers are saved by
            their ``state_dict()``.
        f: A path, or a file opened for writing bytes. The suffixes ``.npz`` and ``.safetensors`` choose those formats, which
            hold a flat dict of tensors.

    Tensors that are the same memory in the same shape stay tied; a view of part of another's memory is saved as a copy.

    Raises:
        TypeError: For an object that can't be saved; the message gives the way to it.
        OSError: If the file can't be written; what was there stays.
    """
    state = getattr(obj, "state_dict", None)
    if callable(state):
        name = type(obj).__name__
        raise TypeError(
            f"save: a {name} object can't be saved as a whole, as loading it would run code; save its .state_dict()"
        )
    serialization.save(obj, f, encode=_encode)


def load(f: Any, map_location: Any = None, *, weights_only: bool | None = None, mmap: bool | None = None) -> Any:
    """Load a file of :func:`save`, a PyTorch checkpoint of tensors in plain containers, ``.safetensors``, ``.npz`` or ``.npy``.

    Loading never runs code: what would need that is refused. Tensors of bfloat16 come back as float32, which holds each of
    their values exactly.

    Args:
        f: A path, or a file opened for reading bytes.
        map_location: Only the CPU: None, ``"cpu"``, its device, or a dictionary to these from the names of other devices. All
            tensors come to the CPU without it, too.
        weights_only: Only None or True: loading anything else could run code.
        mmap: Only None or False.

    Raises:
        CheckpointError: If the file is damaged, foreign, or asks for more than plain containers of tensors of a dtype that
            there is.
        TypeError, RuntimeError, ValueError: For arguments that ask for something else than that.
    """
    if weights_only not in (None, True):
        raise ValueError(
            "load: weights_only=False would let the file run code and is not supported; save a state_dict instead"
        )
    if mmap:
        raise ValueError("load: mmap=True is not supported; leave it out")
    if callable(map_location):
        raise TypeError("load: a function for map_location is not supported, as all tensors come to the CPU; use 'cpu'")
    targets = map_location.values() if isinstance(map_location, dict) else [map_location]
    for target in targets:
        if target is not None:
            device(target)
    return serialization.load(f, decode=_decode)


def _encode(leaf: object) -> tuple[str, Any, dict[str, Any]] | None:
    if isinstance(leaf, Variable):
        kind = "parameter" if isinstance(leaf, Parameter) else "tensor"
        return kind, leaf._array, {"requires_grad": leaf._requires_grad and leaf._edge is None}
    if isinstance(leaf, DType):
        return "dtype", None, {"name": leaf.name}
    if isinstance(leaf, Generator):
        return "generator", array_of(leaf.get_state()), {}
    return None


def _decode(kind: str, array: Any, attributes: dict[str, Any]) -> Any:
    if kind in ("parameter", "tensor", "array"):
        try:
            from_numpy_dtype(array.dtype)
        except TypeError as error:
            raise serialization.CheckpointError(f"it holds a tensor of another dtype: {error}") from None
        tensor: Tensor = wrap(array)
        if kind == "parameter":
            return Parameter(tensor, requires_grad=bool(attributes.get("requires_grad", True)))
        tensor.requires_grad = bool(attributes.get("requires_grad", False))
        return tensor
    if kind == "dtype":
        found = [each for each in ALL if each.name == attributes.get("name")]
        if found:
            return found[0]
    if kind == "generator":
        generator = Generator()
        generator.set_state(array)
        return generator
    raise serialization.CheckpointError(f"the file holds an object of the unknown kind {kind!r}")
