"""The two hooks by which objects other than arrays and plain values are saved, and the names that they share.

`encode` takes an object that is no plain container, plain value or array, and returns what it is made of, or
None if it doesn't know the object:

    (kind, array, attributes)

Subclasses of tuple are offered to it too, and become plain tuples if it returns None.
`kind` says what it is, `array` is its data (or None), `attributes` is a dict of plain values. `decode` gets
the same three back and returns the object. Files of other libraries give the kinds

- "tensor": a tensor of a PyTorch or safetensors file;
- "parameter": a `torch.nn.Parameter`;
- "array": an array of an `.npy` or `.npz` file

with the attributes `requires_grad` (PyTorch's files) and `dtype` ("bfloat16" for what NumPy has no dtype for:
the array is float32 then, which holds every bfloat16 exactly).
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Encode: TypeAlias = Callable[[object], tuple[str, Array | None, dict[str, Any]] | None]
Decode: TypeAlias = Callable[[str, Array | None, dict[str, Any]], Any]


def is_plain_array(value: object) -> bool:
    """Whether a value is an array that its bytes describe in full; a masked array would lose its mask."""
    return type(value) is np.ndarray or type(value) is np.memmap


def describe_type(value: object) -> str:
    """The full name of a value's type, for errors."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
