"""Products of matrices and vectors: matmul, the strict forms of it, and linear."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from framework.autograd.graph import Variable
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.kernels.products import LEAST, product
from framework.kernels.summation import column_sums
from framework.ops.broadcasting import _expand
from framework.ops.checks import require_tensors
from framework.ops.shape import _transpose, as_shape

__all__ = ["bmm", "dot", "matmul", "mm", "mv"]


# ---- matmul ------------------------------------------------------------------------------------------------


def mT(matrix: Any) -> Any:
    """A view with the last two dimensions exchanged."""
    ndim = len(matrix.shape)
    return _transpose(matrix, ndim - 2, ndim - 1)


def rows(input: Any) -> Any:
    """The matrix of all rows: the leading dimensions as one."""
    shape = input.shape
    return input if len(shape) == 2 else as_shape(input, (math.prod(shape[:-1]), shape[-1]))


def _column(vector: Any) -> Any:
    return as_shape(vector, (*vector.shape, 1))


def _left_gradient(grad: Any, other: Any, shape: tuple[int, ...]) -> Any:
    """The gradient for ``input``, of ``shape``, from that of ``input @ other``."""
    if len(other.shape) == 1:
        return _column(grad) * other
    if len(shape) == 1:
        return as_shape(matmul(other, _column(grad)), other.shape[:-1])
    return matmul(grad, mT(other))


def _right_gradient(grad: Any, input: Any, shape: tuple[int, ...]) -> Any:
    """The gradient for ``other``, of ``shape``, from that of ``input @ other``."""
    ndim = len(input.shape)
    if len(shape) == 1:
        return grad * input if ndim == 1 else matmul(as_shape(grad, (math.prod(grad.shape),)), rows(input))
    if ndim == 1:
        return _column(input) * as_shape(grad, (*grad.shape[:-1], 1, grad.shape[-1]))
    if ndim > 2 and len(shape) == 2:
        return matmul(mT(rows(input)), rows(grad))
    return matmul(mT(input), grad)


def _product(name: str, input: Any, other: Any) -> Any:
    """``input @ other`` in the dtype that both have, in as few and as large products as there can be."""
    try:
        kind = input.dtype
        if input.ndim == other.ndim == 2 and kind is other.dtype and kind.itemsize >= 4:
            return _of_matrices(input, other)
        if kind is not other.dtype and kind != other.dtype:
            raise RuntimeError(
                f"{name}(): expected both tensors to have the same dtype, but got {from_numpy_dtype(kind)} "
                "and "
                f"{from_numpy_dtype(other.dtype)}; convert one with .to()"
            )
        if kind.itemsize < 4:
            return _narrow_product(name, input, other)
        left, right = input.ndim, other.ndim
        if left <= 2 and 0 < right <= 2 and left:
            return _of_matrices(input, other) if left == right == 2 else input.dot(other)
        if 0 < right <= 2 < left and input.flags.c_contiguous:
            shape = input.shape
            matrix = input.reshape(math.prod(shape[:-1]), shape[-1])
            result = _of_matrices(matrix, other) if right == 2 else matrix.dot(other)
            return result.reshape(shape[:-1] + other.shape[1:])
        if left == right == 3 and len(input) == len(other):
            return product(_for_blas(input), _for_blas(other))
        return np.matmul(_for_blas(input), _for_blas(other))
    except ValueError:
        raise _shape_error(name, input, other) from None
    except AttributeError:
        require_tensors(name, input=input, other=other)
        raise


_TINY = 64  # elements


def _of_matrices(input: Any, other: Any) -> Any:
    """The product of two matrices.

    BLAS libraries add up few columns of float32 in different orders, which a softmax of scores in the thousands makes visible:
    where both are tiny, the sums are taken in float64 and rounded once.
    """
    if other.size > _TINY or input.size > _TINY:
        return product(input, other) if input.size >= LEAST else input.dot(other)
    if input.dtype.char != "f" or len(input) == 1 or len(other) <= 2 or not 1 < other.shape[1] <= 8:
        return input.dot(other)
    return input.astype(np.float64).dot(other.astype(np.float64)).astype(np.float32)


def _narrow_product(name: str, input: Any, other: Any) -> Any:
    """Products of float16 by way of float32; small integers as they are."""
    if input.dtype.kind == "f":
        return _product(name, input.astype(np.float32), other.astype(np.float32)).astype(np.float16)
    if input.dtype.kind == "b":
        raise NotImplementedError(f"{name}(): not implemented for bool tensors; convert with .to() first")
    try:
        return np.matmul(input, other)
    except ValueError:
        raise _shape_error(name, input, other) from None


def _for_blas(array: Any) -> Any:
    """The array, copied if BLAS can't take it as it lies (where NumPy's own loop is slow)."""
    if array.ndim < 2 or (array.itemsize in array.strides[-2:] and 0 not in array.strides[-2:]):
        return array
    return np.ascontiguousarray(array)


def _shape_error(name: str, input: Any, other: Any) -> RuntimeError:
    a, b = list(input.shape), list(other.shape)
    if not a or not b:
        return RuntimeError(f"{name}(): both arguments need to be at least 1D, but they are {len(a)}D and {len(b)}D")
    if len(a) > 1 and len(b) == 2:
        rows, of = math.prod(a[:-1]), "" if len(a) == 2 else f"; the first is of shape {a}"
        return RuntimeError(f"{name}(): mat1 and mat2 shapes cannot be multiplied ({rows}x{a[-1]} and {b[0]}x{b[1]}){of}")
    if a[-1] != b[-2 if len(b) > 1 else 0]:
        return RuntimeError(
            f"{name}(): size mismatch, got {a} and {b}: the last size of the first ({a[-1]}) must equal "
            f"the {'last but one' if len(b) > 1 else 'only'} size of the second "
            f"({b[-2 if len(b) > 1 else 0]})"
        )
    return RuntimeError(f"{name}(): the batch sizes {a[:-2]} and {b[:-2]} can't be broadcast to each other")


@primitive(
    name="Mm",
    input=lambda grad, other, input_shape: _left_gradient(grad, other, input_shape),
    other=lambda grad, input, other_shape: _right_gradient(grad, input, other_shape),
)
def matmul(input: Any, other: Any) -> Any:
    """The matrix product, ``input @ other``.

    Args:
        input: ``(..., n, k)``, or ``(k,)``: a row that vanishes from the result.
        other: ``(..., k, m)``, or ``(k,)``: a column that vanishes from the result. Leading dimensions
            broadcast.

    Raises:
        RuntimeError: If shapes don't fit or dtypes differ.
    """
    return _product("matmul", input, other)


def _check_ndim(name: str, **arguments: Any) -> None:
    for position, (argument, (array, ndim)) in enumerate(arguments.items(), 1):
        if array.ndim != ndim:
            what = {1: "a 1D vector", 2: "a 2D matrix", 3: "a batch of matrices, 3D"}[ndim]
            raise RuntimeError(
                f"{name}(): argument {argument!r} (position {position}) must be {what}, but it is "
                f"{array.ndim}D, of shape "
                f"{list(array.shape)}; matmul takes any number of dimensions"
            )


@primitive(
    input=lambda grad, mat2: matmul(grad, mT(mat2)),
    mat2=lambda grad, input: matmul(mT(input), grad),
)
def mm(input: Any, mat2: Any) -> Any:
    """The product of two matrices ``(n, k)`` and ``(k, m)``."""
    _check_ndim("mm", input=(input, 2), mat2=(mat2, 2))
    return _product("mm", input, mat2)


@primitive(
    input=lambda grad, mat2: matmul(grad, mT(mat2)),
    mat2=lambda grad, input: matmul(mT(input), grad),
)
def bmm(input: Any, mat2: Any) -> Any:
    """The products of two batches of matrices, ``(b, n, k)`` and ``(b, k, m)``, without broadcasting."""
    _check_ndim("bmm", input=(input, 3), mat2=(mat2, 3))
    if len(input) != len(mat2):
        raise RuntimeError(
            f"bmm(): Expected size for first two dimensions of batch2 tensor to be: [{len(input)}, "
            f"{input.shape[2]}] but got: "
            f"[{len(mat2)}, {mat2.shape[1]}]."
        )
    return _product("bmm", input, mat2)


@primitive(
    input=lambda grad, vec, input_shape: _left_gradient(grad, vec, input_shape),
    vec=lambda grad, input, vec_shape: _right_gradient(grad, input, vec_shape),
)
def mv(input: Any, vec: Any) -> Any:
    """The product of a matrix ``(n, k)`` and a vector ``(k,)``."""
    _check_ndim("mv", input=(input, 2), vec=(vec, 1))
    return _product("mv", input, vec)


@primitive(input=lambda grad, tensor: grad * tensor, tensor=lambda grad, input: grad * input)
def dot(input: Any, tensor: Any) -> Any:
    """The inner product of two vectors ``(k,)``."""
    _check_ndim("dot", input=(input, 1), tensor=(tensor, 1))
    return _product("dot", input, tensor)


def times(self: Any, other: Any) -> Any:
    """``self @ other``: see :func:`matmul`."""
    return matmul(self, other) if isinstance(other, (Variable, np.ndarray)) else NotImplemented


def reversed_times(self: Any, other: Any) -> Any:
    """``other @ self``: see :func:`matmul`."""
    return matmul(other, self) if isinstance(other, (Variable, np.ndarray)) else NotImplemented


# ---- linear ------------------------------------------------------------------------------------------------


def _fit(input: Any, weight: Any, bias: Any) -> bool:
    """Whether product and sum may be one step: matrices of one dtype that BLAS knows, without a copy."""
    kind = input.dtype
    return (
        kind.char in "fd" and kind == weight.dtype and kind == bias.dtype and bias.shape == weight.shape[:1]
        and input.shape[-1] == weight.shape[-1] and input.flags.c_contiguous and bias.size > 0
    )  # fmt: skip


def _weight_gradient(grad: Any, input: Any) -> Any:
    """The gradient for the weight: one product of matrices, which an ordinary backward takes at once."""
    if type(grad) is type(input) is np.ndarray and grad.ndim == 2:
        return _product("linear", grad.T, input)
    return matmul(mT(rows(grad)), rows(input))


@primitive(
    name="Addmm",
    input=lambda grad, weight: matmul(grad, weight),
    weight=_weight_gradient,
    bias=lambda grad, bias_shape: _row_sum(grad) if len(bias_shape) == 1 else grad,
)
def _linear(input: Any, weight: Any, bias: Any) -> Any:
    if bias is not None and input.size >= LEAST and _fit(input, weight, bias):
        result = product(input.reshape(-1, input.shape[-1]), weight.T, bias)
        return result.reshape(*input.shape[:-1], len(weight))
    result = _product("linear", input, weight.T)
    if bias is not None:
        if bias.dtype != result.dtype:
            raise RuntimeError(
                f"linear(): expected bias to have the input's dtype, but got {from_numpy_dtype(bias.dtype)} "
                "and "
                f"{from_numpy_dtype(result.dtype)}; convert one with .to()"
            )
        try:
            sums = result[0] if len(result) == bias.ndim == 1 else result  # of one row: no broadcasting, which is slower
            sums += bias
        except ValueError:
            raise RuntimeError(
                f"linear(): the bias, of shape {list(bias.shape)}, can't be added to the product, of shape "
                f"{list(result.shape)}"
            ) from None
    return result


@primitive(name="Sum", input=lambda grad, input_shape: _expand(grad, input_shape))
def _row_sum(input: Any) -> Any:
    """The sum over all dimensions but the last."""
    if input.ndim != 2:
        input = input.reshape(math.prod(input.shape[:-1]), input.shape[-1])
    return column_sums(input)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """``input @ weight.T + bias``.

    Args:
        input: ``(..., in_features)``.
        weight: ``(out_features, in_features)``, or ``(in_features,)`` for an output without a last dimension.
        bias: ``(out_features,)``, or None.

    Raises:
        RuntimeError: If shapes don't fit or dtypes differ.
    """
    try:
        ndim = (weight._array if isinstance(weight, Variable) else weight).ndim
        if ndim == 2 and (input._array if isinstance(input, Variable) else input).ndim > 1:
            return _linear(input, weight, bias)
    except AttributeError:
        require_tensors("linear", input=input, weight=weight)
        raise
    if ndim not in (1, 2):
        raise RuntimeError(f"linear(): the weight must be 1D or 2D, but it is {ndim}D")
    if ndim == 2 and input.ndim == 1 and input.shape[0] != weight.shape[1]:
        size, (out_features, in_features) = input.shape[0], weight.shape
        raise RuntimeError(
            f"linear(): mat1 and mat2 shapes cannot be multiplied (1x{size} and {in_features}x{out_features})"
        )
    result = matmul(input, mT(weight) if ndim == 2 else weight)
    if bias is not None:
        require_tensors("linear", input=input, weight=weight, bias=bias)
    return result if bias is None else result + bias
