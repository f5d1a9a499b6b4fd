"""From a list of samples to a batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from framework.dtypes import float64
from framework.ops.creation import as_tensor, tensor
from framework.ops.joining import stack
from framework.tensor import Tensor

_FOUND = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"

#: From a kind of sample, or several, to what makes a batch of it: ``function(batch, collate_fn_map=…)``.
CollateMap = dict[type | tuple[type, ...], Callable[..., Any]]


def collate(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    """Make a batch of samples: by the map's function for their kind (its own before a base's), or container by container.

    Mappings and sequences keep their type where a copy can be changed or the type takes what it holds; a tuple becomes a list.

    Raises:
        RuntimeError: If sequences in the batch differ in length, or tensors in shape.
        TypeError: If the samples can't be batched.
    """
    first = batch[0]
    functions = collate_fn_map or {}
    own = functions.get(type(first)) or next((f for kind, f in functions.items() if isinstance(first, kind)), None)
    if own is not None:
        return own(batch, collate_fn_map=collate_fn_map)

    def together(samples: Sequence[Any]) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _like(first, {key: together([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*map(together, zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _like(first, list(map(together, zip(*batch, strict=True))))
    raise TypeError(_FOUND.format(type(first)))


def _stacked(batch: Sequence[Tensor], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return stack(list(batch), 0)


def _arrays(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    if batch[0].dtype.kind in "SUO":
        raise TypeError(_FOUND.format(batch[0].dtype))
    return collate([as_tensor(each) for each in batch], collate_fn_map=collate_fn_map)


def _scalars(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return as_tensor(np.asarray(batch))


def _floats(batch: Sequence[float], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return tensor(list(batch), dtype=float64)


def _integers(batch: Sequence[int], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    return tensor(list(batch))


def _unchanged(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Sequence[Any]:
    return batch


#: What :func:`default_collate` goes by; a program may add kinds of samples of its own.
default_collate_fn_map: CollateMap = {
    Tensor: _stacked,
    np.ndarray: _arrays,
    (np.bool_, np.number, np.object_): _scalars,
    float: _floats,
    int: _integers,
    str: _unchanged,
    bytes: _unchanged,
}
_ORIGINAL = dict(default_collate_fn_map)


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples: tensors and arrays along a new first dimension, numbers into a tensor, containers element by element.

    Raises:
        RuntimeError: If sequences in the batch differ in length, or tensors in shape.
        TypeError: If the samples can't be batched.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collates_as_ever() -> bool:
    """Whether nobody has changed ``default_collate_fn_map``."""
    return default_collate_fn_map == _ORIGINAL


def default_convert(data: Any) -> Any:
    """Arrays as tensors, also within containers, which keep their type as in :func:`collate`; anything else as it is."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else as_tensor(np.asarray(data))
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like(data, [default_convert(each) for each in data])
    return data


def _like(container: Any, content: Any) -> Any:
    """A container like this one with other content; the content itself where its type does not take it, and for a tuple."""
    if isinstance(container, tuple) or type(container) is type(content):
        return content
    try:
        if isinstance(container, MutableMapping):
            like = copy.copy(container)
            like.update(content)
            return like
        if isinstance(container, MutableSequence):
            items = copy.copy(container)
            for i, each in enumerate(content):
                items[i] = each
            return items
        return type(container)(content)
    except TypeError:
        return content
