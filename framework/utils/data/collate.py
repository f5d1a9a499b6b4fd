"""From a list of samples to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.dtypes import float64
from framework.ops.creation import as_tensor, tensor
from framework.ops.joining import stack
from framework.tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples: tensors and arrays along a new first dimension, numbers into a tensor, containers element by element.

    Raises:
        RuntimeError: If sequences in the batch differ in length, or tensors in shape.
        TypeError: If the samples can't be batched.
    """
    first = batch[0]
    kind = type(first)
    if isinstance(first, Tensor):
        return stack(list(batch), 0)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUO":
            raise TypeError(
                f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {first.dtype}"
            )
        return stack([as_tensor(each) for each in batch], 0)
    if isinstance(first, np.generic):
        return as_tensor(np.asarray(batch))
    if isinstance(first, float):
        return tensor(list(batch), dtype=float64)
    if isinstance(first, int):
        return tensor(list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        collated = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return collated if kind is dict else _rebuilt(kind, collated)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(default_collate(column) for column in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        return columns if isinstance(first, (tuple, list)) else _rebuilt(kind, columns)
    raise TypeError(f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}")


def default_convert(data: Any) -> Any:
    """Arrays as tensors, also within containers; anything else as it is."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return as_tensor(np.asarray(data)) if np.asarray(data).dtype.kind not in "SUO" else data
    if isinstance(data, Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple):
        converted = [default_convert(each) for each in data]
        return type(data)(*converted) if hasattr(data, "_fields") else converted
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return [default_convert(each) for each in data]
    return data


def _rebuilt(kind: type[Any], content: Any) -> Any:
    """A container of the samples' own type where its constructor takes the content, as PyTorch tries to."""
    try:
        return kind(content)
    except TypeError:
        return content
