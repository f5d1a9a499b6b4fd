"""Shape: the same elements in other dimensions, or the dimensions in another order; views wherever strides
allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from operator import index
from typing import TYPE_CHECKING, Any

from framework.autograd.graph import Variable, bump_version, wrap
from framework.autograd.inplace import check_writable
from framework.autograd.primitive import primitive
from framework.dtypes import dtype as DType
from framework.dtypes import to_numpy_dtype
from framework.ops.dims import shape_of, varargs, wrap_dim, wrap_dims

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "adjoint",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "flatten",
    "moveaxis",
    "movedim",
    "permute",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
]


# ---- Another shape -----------------------------------------------------------------------------------------


@primitive(view="always", input=lambda grad, input_shape: as_shape(grad, input_shape))
def _view(input: Any, shape: Any) -> Any:
    return input.reshape(shape)


@primitive(input=lambda grad, input_shape: as_shape(grad, input_shape))
def _unsafe_view(input: Any, shape: Any) -> Any:
    return input.reshape(shape)


def as_shape(input: Any, shape: tuple[int, ...]) -> Any:
    """A reshape to sizes that are known to fit: a view where strides allow it."""
    if not isinstance(input, Variable):
        return input.reshape(shape)
    array = input._array
    if array.flags.c_contiguous or _view_exists(array.shape, array.strides, shape):
        return _view(input, shape)
    return _unsafe_view(input, shape)


def _view_exists(old: tuple[int, ...], strides: tuple[int, ...], new: tuple[int, ...]) -> bool:
    """Whether memory with these strides can be seen in the shape ``new``.

    The old dimensions fall into chunks that are contiguous in themselves, and each chunk has to become whole
    dimensions.
    """
    if 0 in old:
        return True
    chunks: list[int] = []
    inner = None  # the stride that the next outer dimension must have to lie in the same chunk
    for size, stride in zip(reversed(old), reversed(strides), strict=True):
        if size == 1:
            continue
        if stride == inner:
            chunks[-1] *= size
        else:
            chunks.append(size)
        inner = size * stride
    sizes = [size for size in reversed(new) if size != 1]
    for chunk in chunks:
        filled = 1
        while filled < chunk and sizes:
            filled *= sizes.pop(0)
        if filled != chunk:
            return False
    return True


def element_count(input: Any) -> int:
    """The number of elements of a Tensor or an array."""
    size: int = input._array.size if isinstance(input, Variable) else input.size
    return size


def infer_shape(shape: Sequence[Any], size: int) -> tuple[int, ...]:
    """The sizes with -1 replaced by what makes ``size`` elements.

    Raises:
        RuntimeError: If nothing does, or the size is not determined.
    """
    sizes = tuple(shape)
    if not all(type(each) is int for each in sizes):
        sizes = tuple([index(each) for each in sizes])
    if min(sizes, default=0) >= 0 and prod(sizes) == size:
        return sizes
    known = 1
    unknown = -1
    for dim, each in enumerate(sizes):
        if each == -1:
            if unknown >= 0:
                raise RuntimeError(f"only one dimension can be inferred, but shape {list(sizes)} has -1 more than once")
            unknown = dim
        elif each < 0:
            raise RuntimeError(f"invalid shape dimension {each} at index {dim} of shape {list(sizes)}")
        else:
            known *= each
    if unknown < 0:
        if known != size:
            raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {size}")
        return sizes
    if known == 0 and size == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(sizes)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    if known == 0 or size % known:
        raise RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {size}")
    return (*sizes[:unknown], size // known, *sizes[unknown + 1 :])


def reshape(input: Tensor, shape: Sequence[int]) -> Tensor:
    """The same elements, in the same order, in another shape: a view where strides allow it, else a copy.

    Args:
        input: Any tensor.
        shape: The new sizes; one may be -1, for what is left.

    Raises:
        RuntimeError: If the number of elements differs.
    """
    result: Tensor = as_shape(
        input, infer_shape(shape if isinstance(shape, (tuple, list)) else (shape,), element_count(input))
    )
    return result


def reshape_method(self: Tensor, *args: Any, shape: Sequence[int] = ()) -> Tensor:
    """The same elements in another shape: ``x.reshape(2, -1)`` or ``x.reshape((2, -1))``; see
    ``framework.reshape``.
    """
    result: Tensor = as_shape(self, infer_shape(varargs(args) if args else shape, self._array.size))
    return result


def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """:func:`reshape` to the shape of ``other``."""
    return reshape(self, other.shape)


def view(self: Tensor, *shape: Any, size: Any = (), dtype: DType | None = None) -> Tensor:
    """The same memory in another shape, or, given a dtype, its bytes as numbers of that type.

    Raises:
        RuntimeError: If the sizes or the strides don't allow it.
    """
    if dtype is not None or (len(shape) == 1 and isinstance(shape[0], DType)):
        return _view_dtype(self, dtype or shape[0])
    sizes = infer_shape(varargs(shape or (size,)), self._array.size)
    array = self._array
    if not array.flags.c_contiguous and not _view_exists(array.shape, array.strides, sizes):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            f"contiguous subspaces): shape {list(array.shape)}, strides "
            f"{[each // array.itemsize for each in array.strides]}, asked for {list(sizes)}. Use .reshape(...) "
            "instead."
        )
    return _view(self, sizes)


def view_as(self: Tensor, other: Tensor) -> Tensor:
    """:func:`view` in the shape of ``other``."""
    return view(self, other.shape)


@primitive(view="always")
def _view_bytes(input: Any, numpy_dtype: Any) -> Any:
    return input.view(numpy_dtype)


def _view_dtype(input: Tensor, to: DType) -> Tensor:
    if input._requires_grad:
        raise RuntimeError(f"view({to!r}): bytes read as another type have no gradient; detach() the tensor first")
    try:
        return _view_bytes(input, to_numpy_dtype(to))
    except ValueError as error:
        raise RuntimeError(f"view({to!r}) of a {list(input._array.shape)} tensor of {input.dtype!r}: {error}") from None


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from ``start_dim`` to ``end_dim`` as one; a view where strides allow it.

    Raises:
        RuntimeError: If ``start_dim`` comes after ``end_dim``.
    """
    shape = shape_of(input)
    start, end = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError(f"flatten() has invalid args: start_dim ({start_dim}) cannot come after end_dim ({end_dim})")
    if start == end and shape:
        return input
    result: Tensor = as_shape(input, (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))
    return result


def ravel(input: Tensor) -> Tensor:
    """All elements as one dimension; a view where strides allow it."""
    result: Tensor = as_shape(input, (element_count(input),))
    return result


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension ``dim`` as several of the given sizes, of which one may be -1.

    Raises:
        RuntimeError: If the sizes don't multiply up to that of ``dim``.
    """
    shape = shape_of(input)
    dim = wrap_dim(dim, len(shape))
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        parts = infer_shape(sizes, shape[dim])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the "
            "input tensor"
        ) from None
    result: Tensor = as_shape(input, (*shape[:dim], *parts, *shape[dim + 1 :]))
    return result


@primitive(name="SqueezeBackward0", view="always", input=lambda grad, input_shape: as_shape(grad, input_shape))
def _squeeze_all(input: Any) -> Any:
    return input.squeeze()


@primitive(name="SqueezeBackward1", view="always", input=lambda grad, input_shape: as_shape(grad, input_shape))
def _squeeze(input: Any, dims: Any) -> Any:
    return input.squeeze(dims)


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """A view without the dimensions of size 1, or without those of them that ``dim`` names."""
    if dim is None:
        return _squeeze_all(input)
    shape = shape_of(input)
    dims = wrap_dims(dim, len(shape))
    return _squeeze(input, tuple([each for each in dims if shape and shape[each] == 1]))


@primitive(view="always", input=lambda grad, dim: _squeeze(grad, (dim,)))
def _unsqueeze(input: Any, dim: int) -> Any:
    return input[(slice(None),) * dim + (None,)]


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A view with a dimension of size 1 inserted at ``dim``."""
    return _unsqueeze(input, wrap_dim(dim, input.ndim + 1))


def atleast_1d(*tensors: Any) -> Any:
    """Views with a dimension added to tensors that have none; a tuple for several tensors."""
    return _each(tensors, lambda each: each if each.shape else reshape(each, (1,)))


def atleast_2d(*tensors: Any) -> Any:
    """Views with dimensions added in front, up to two; a tuple for several tensors."""
    return _each(tensors, lambda each: atleast_1d(each) if each.ndim > 1 else unsqueeze(atleast_1d(each), 0))


def atleast_3d(*tensors: Any) -> Any:
    """Views with dimensions added, up to three: ``(n,)`` becomes ``(1, n, 1)``; a tuple for several
    tensors.
    """
    return _each(tensors, lambda each: atleast_2d(each) if each.ndim > 2 else unsqueeze(atleast_2d(each), -1))


def _each(tensors: tuple[Any, ...], function: Any) -> Any:
    if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)):
        return function(tensors[0])
    return tuple([function(each) for each in varargs(tensors)])


# ---- Another order of dimensions ---------------------------------------------------------------------------


@primitive(view="always", input=lambda grad, dims: _permute(grad, _inverse(dims)))
def _permute(input: Any, dims: Any) -> Any:
    return input.transpose(dims)


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes ``dims``."""
    return tuple(sorted(range(len(dims)), key=dims.__getitem__))


def permute(input: Tensor, dims: Sequence[int]) -> Tensor:
    """A view with the dimensions in the order ``dims``.

    Raises:
        RuntimeError: If ``dims`` has not one entry for each dimension, each once.
    """
    ndim = input.ndim
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}"
        )
    wrapped = tuple([wrap_dim(dim, ndim) for dim in dims])
    if len(set(wrapped)) != ndim:
        raise RuntimeError(f"permute(): duplicate dims are not allowed: {list(dims)}")
    return _permute(input, wrapped)


def permute_method(self: Tensor, *args: Any, dims: Sequence[int] = ()) -> Tensor:
    """A view with the dimensions in another order: ``x.permute(0, 2, 1)`` or ``x.permute((0, 2, 1))``."""
    return permute(self, varargs(args) if args else dims)


@primitive(view="always", input=lambda grad, dim0, dim1: _transpose(grad, dim0, dim1))
def _transpose(input: Any, dim0: int, dim1: int) -> Any:
    return input.swapaxes(dim0, dim1)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged."""
    ndim = input.ndim
    dim0, dim1 = wrap_dim(dim0, ndim), wrap_dim(dim1, ndim)
    return _transpose(input, dim0, dim1) if ndim else alias(input)


swapaxes = swapdims = transpose


@primitive(view="always", input=lambda grad: _t(grad))
def _t(input: Any) -> Any:
    return input.transpose()


def t(input: Tensor) -> Tensor:
    """A view of a matrix with its dimensions exchanged; of a vector or a 0-dimensional tensor as it is.

    Raises:
        RuntimeError: For more than two dimensions.
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D; see mT and permute()"
        )
    return _t(input)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """A view with the dimensions ``source`` at the places ``destination``; the others keep their order.

    Raises:
        RuntimeError: If the two differ in length, or name a dimension twice.
    """
    ndim = input.ndim
    moves = []
    for name, dims in (("source", source), ("destination", destination)):
        given = dims if isinstance(dims, (tuple, list)) else (dims,)
        wrapped = [wrap_dim(dim, ndim) for dim in given]
        if len(set(wrapped)) != len(wrapped):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(given)})")
        moves.append(wrapped)
    if len(moves[0]) != len(moves[1]):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({moves[0]} dims) should contain the same number of "
            f"dims as destination ({moves[1]} dims)"
        )
    order = [dim for dim in range(ndim) if dim not in moves[0]]
    for place, dim in sorted(zip(moves[1], moves[0], strict=True)):
        order.insert(place, dim)
    return _permute(input, tuple(order)) if ndim else alias(input)


moveaxis = movedim


def reverse_dims(self: Tensor) -> Tensor:
    """A view with the dimensions in reverse order (for batches of matrices see ``mT``)."""
    return _permute(self, tuple(range(self._array.ndim))[::-1])


def matrix_transpose(self: Tensor) -> Tensor:
    """A view with the last two dimensions exchanged.

    Raises:
        RuntimeError: For fewer than two dimensions.
    """
    ndim = self.ndim
    if ndim < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {ndim}-D tensor.")
    return _transpose(self, ndim - 2, ndim - 1)


def adjoint(input: Tensor) -> Tensor:
    """A view with the last two dimensions exchanged (numbers are real, so nothing is conjugated)."""
    return matrix_transpose(input)


def hermitian(self: Tensor) -> Tensor:
    """A view of a matrix with its two dimensions exchanged.

    Raises:
        RuntimeError: Unless there are two dimensions, or none.
    """
    ndim = self.ndim
    if ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor. For batches see tensor.mH"
        )
    return _transpose(self, 0, 1) if ndim else alias(self)


@primitive(view="always", input=lambda grad: grad)
def alias(input: Any) -> Any:
    """A view of the whole tensor."""
    return input[...]


def inplace_view(operation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method that gives a tensor itself another shape: ``unsqueeze_`` of ``unsqueeze``."""
    name = operation.__name__ + "_"

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(self, name, expanded=True)  # nothing is written
        before = wrap(self._array)
        for field in ("_edge", "_requires_grad", "_view", "_version_box"):
            setattr(before, field, getattr(self, field))
        after = operation(before, *args, **kwargs)
        for field in ("_array", "_edge", "_requires_grad", "_view"):
            setattr(self, field, getattr(after, field))
        bump_version(self)
        return self

    method.__name__ = name
    method.__doc__ = f"Give this tensor the shape that ``{operation.__name__}`` would; returns ``self``."
    return method
