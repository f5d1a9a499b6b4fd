"""In-place operations: compute, check, write, and rewrite the history of what was written.

An in-place variant is its out-of-place primitive followed by a write, so it has the same gradients. Every refusal comes
before the write. Writing into a view also changes the tensor that owns the memory: the base's history continues with
an ``overwrite`` node, and other views of it are derived anew at their next use (see ``graph.edge_of``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import numpy as np

from framework.autograd.arguments import check_fits
from framework.autograd.grad_mode import inference, recording
from framework.autograd.graph import Variable, array_of, bump_version, rebase
from framework.autograd.overlap import check_memory, check_overlap
from framework.autograd.primitive import primitive
from framework.autograd.recorded import PrimitiveNode
from framework.dtypes import from_numpy_dtype

if TYPE_CHECKING:
    from framework.tensor import Tensor

P = ParamSpec("P")


def inplace(
    operation: Callable[Concatenate[Any, P], Any], checked: int | None = None
) -> Callable[Concatenate[Tensor, P], Tensor]:
    """The in-place variant of an operation: ``add_ = inplace(add)``.

    Args:
        operation: It takes the tensor first.
        checked: How many of the other arguments must not lie partly on the memory that is written to; by default all.
    """
    name = operation.__name__.strip("_") + "_"

    @functools.wraps(operation)
    def method(self: Tensor, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        check_writable(self, name)
        for value in ((*args, *kwargs.values()) if kwargs else args)[:checked]:
            if isinstance(value, Variable):
                check_overlap(name, self._array, value._array)
        result = operation(self, *args, **kwargs)
        if recording.get() and isinstance(result, Variable) and isinstance(result._edge, PrimitiveNode):
            result._edge.keep_original(self)
        return assign(self, result, name)

    method.__name__ = name
    method.__doc__ = f"In-place version of ``{operation.__name__}``; returns ``self``."
    return method  # type: ignore[return-value]  # functools.wraps keeps the type of what it wraps


def check_writable(target: Variable, name: str, expanded: bool = False) -> None:
    """Whether ``target`` may be changed in place here and now; ``expanded``: even where its elements share memory.

    Raises:
        RuntimeError: For a leaf that requires grad (or a view of one) while recording, for an inference tensor outside inference
            mode, and for a tensor several of whose elements share memory.
    """
    if target._version_box is None and not inference.get():
        raise RuntimeError(
            f"{name}: Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
            "normal tensor before doing inplace update."
        )
    if not expanded or not target._array.flags.writeable:
        check_memory(target._array, name)
    if not recording.get():
        return
    view = target._view
    if view is None:
        if target._requires_grad and target.is_leaf:
            raise RuntimeError(f"{name}: a leaf Variable that requires grad is being used in an in-place operation.")
    elif view.base._requires_grad and view.base.is_leaf:
        raise RuntimeError(
            f"{name}: a view of a leaf Variable that requires grad is being used in an in-place operation."
        )
    elif not view.recorded and (target._requires_grad or view.base._requires_grad):
        raise RuntimeError(
            f"{name}: A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this "
            "use case is ambiguous and error-prone, it is forbidden. Make the view in grad mode, or the change in no_grad."
        )


def assign(target: Any, result: Any, name: str) -> Any:
    """Write ``result`` into ``target``, which :func:`check_writable` has passed, and give it the result's history."""
    array = array_of(result)
    check_fits(name, array, target._array)
    np.copyto(target._array, array, casting="unsafe")
    return record_write(target, result)


def record_write(target: Any, result: Any) -> Any:
    """The memory of ``target`` now holds ``result``: count the change and continue the history.

    Args:
        target: The tensor that was written to.
        result: A tensor of the same shape with the history that the new content has.
    """
    bump_version(target)
    if not recording.get():
        return target
    view = target._view
    flows = isinstance(result, Variable) and result._requires_grad
    if view is None:
        if flows:
            rebase(target, _same_dtype(target, result)._edge)
            target._requires_grad = True
        elif target._requires_grad:
            target._edge, target._requires_grad = None, False
    elif flows or view.base._requires_grad:
        base: Any = view.base
        written = _overwrite(base, _same_dtype(target, result), view.recipe)
        rebase(base, written._edge)
        base._requires_grad = True
        if target._version_box is not None:
            view.version = target._version_box[0] - 1  # so that the next use derives the edge anew
        target._requires_grad = True
    return target


def _same_dtype(target: Any, result: Any) -> Any:
    if result._array.dtype == target._array.dtype:
        return result
    return result.to(from_numpy_dtype(target._array.dtype))


@primitive(input=lambda grad, recipe: zero_region(grad, recipe))
def zero_region(input: Any, recipe: Any) -> Any:
    """A copy with zeros where the view lies that ``recipe`` takes."""
    result = np.empty_like(input)  # keeps the memory layout, so that the view can be taken again
    np.copyto(result, input)
    recipe(result)[...] = 0
    return result


@primitive(
    name="CopySlices",
    input=lambda grad, recipe: zero_region(grad, recipe),
    value=lambda grad, recipe: recipe(grad),
)
def _overwrite(input: Any, value: Any, recipe: Any) -> Any:
    """The base after ``value`` was written into a view of it; the write itself has happened already."""
    return input


_overwrite.primitive.node_class.__name__ = "CopySlices"  # type: ignore[attr-defined]  # PyTorch's, without Backward0
