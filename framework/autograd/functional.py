"""Jacobians, Hessians and their products with vectors, of functions of tensors.

Everything here is made of ``autograd.grad``: a Jacobian is one backward pass for each element of the output; its product
with a vector from the right comes from the double-backward trick (the gradient is linear in the vector that enters backward,
so that the derivative by that vector is the product), without a forward mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.autograd import interface
from framework.autograd.grad_mode import enable_grad
from framework.autograd.graph import Variable, wrap
from framework.size import Size

Tensors = tuple[Any, ...]


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The pair ``(outputs, vᵀ·J)``: the product of a vector with the Jacobian of ``func`` at ``inputs``.

    Args:
        func: Takes the inputs, and returns a tensor or a tuple of them.
        inputs: A tensor or a tuple of them.
        v: The vector, of the shape of the outputs; may be left out where the output is a single element.
        create_graph: Whether the results can be differentiated themselves.
        strict: Raise where an input has no influence on the outputs, rather than give zeros.

    Raises:
        RuntimeError: For a ``v`` that doesn't fit, and by ``strict``.
        TypeError: If inputs, outputs or ``v`` are not tensors.
    """
    single, entered = _entered(inputs, "inputs", "vjp", create_graph)
    with enable_grad():
        single_output, outputs = _called(func, entered, "vjp", strict)
        vector = _vector(v, outputs, single_output, "vjp", "user-provided function returns", create_graph)
        gradients = _gradients(outputs, entered, vector, create_graph)
        products = _filled(gradients, entered, strict, create_graph, "back")
    return _left(outputs, single_output, create_graph), _left(products, single, create_graph)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The pair ``(outputs, J·v)``: the product of the Jacobian of ``func`` at ``inputs`` with a vector.

    Args:
        func, inputs, create_graph, strict: As for :func:`vjp`.
        v: The vector, of the shape of the inputs; may be left out where the input is a single element.

    Raises:
        RuntimeError: For a ``v`` that doesn't fit, and by ``strict``.
        TypeError: If inputs, outputs or ``v`` are not tensors.
    """
    single, entered = _entered(inputs, "inputs", "jvp", create_graph)
    vector = _vector(v, entered, single, "jvp", "input to the user-provided function is", create_graph)
    with enable_grad():
        single_output, outputs = _called(func, entered, "jvp", strict)
        probes = _probes(outputs)
        gradients = _filled(_gradients(outputs, entered, probes, True), entered, strict, True, "back")
        found = _gradients(gradients, probes, vector, create_graph)
        products = _filled(found, outputs, strict, create_graph, "back_trick")
    return _left(outputs, single_output, create_graph), _left(products, single_output, create_graph)


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The pair ``(output, vᵀ·H)``: the product of a vector with the Hessian of ``func``, which returns a single element.

    Args:
        func, inputs, create_graph, strict: As for :func:`vjp`.
        v: The vector, of the shape of the inputs; may be left out where the input is a single element.

    Raises:
        RuntimeError: If ``func`` returns more than one element, for a ``v`` that doesn't fit, and by ``strict``.
        TypeError: If inputs, output or ``v`` are not tensors.
    """
    single, entered = _entered(inputs, "inputs", "vhp", create_graph)
    vector = _vector(v, entered, single, "vhp", "input to the user-provided function is", create_graph)
    with enable_grad():
        output, slopes = _slopes(func, entered, "vhp", strict)
        found = _gradients(slopes, entered, vector, create_graph)
        products = _filled(found, entered, strict, create_graph, "double_back")
    return _left((output,), True, create_graph), _left(products, single, create_graph)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """The pair ``(output, H·v)``: the product of the Hessian of ``func``, which returns a single element, with a vector.

    It is that of :func:`vhp`, which costs less, wherever second derivatives are continuous: the Hessian is symmetric there.

    Args:
        func, inputs, create_graph, strict: As for :func:`vjp`.
        v: The vector, of the shape of the inputs; may be left out where the input is a single element.

    Raises:
        RuntimeError: If ``func`` returns more than one element, for a ``v`` that doesn't fit, and by ``strict``.
        TypeError: If inputs, output or ``v`` are not tensors.
    """
    single, entered = _entered(inputs, "inputs", "hvp", create_graph)
    vector = _vector(v, entered, single, "hvp", "input to the user-provided function is", create_graph)
    with enable_grad():
        output, slopes = _slopes(func, entered, "hvp", strict)
        probes = _probes(slopes)
        twice = _filled(_gradients(slopes, entered, probes, True), entered, strict, True, "double_back")
        found = _gradients(twice, probes, vector, create_graph)
        products = _filled(found, entered, strict, create_graph, "double_back_trick")
    return _left((output,), True, create_graph), _left(products, single, create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func`` at ``inputs``.

    Args:
        func, inputs, create_graph, strict: As for :func:`vjp`.
        vectorize: PyTorch's way to compute several rows at a time, with the same result; here rows come one after another
            either way.
        strategy: ``"reverse-mode"``.

    Returns:
        For one input and one output a tensor of the output's shape followed by the input's. For a tuple of inputs a tuple of
        those; for a tuple of outputs a tuple of what there is for one.

    Raises:
        NotImplementedError: For ``strategy="forward-mode"``.
        RuntimeError: By ``strict``.
        TypeError: If inputs or outputs are not tensors.

    >>> import framework
    >>> framework.autograd.functional.jacobian(lambda x: x**2, framework.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    _check_strategy(strategy, "jacobian", "strategy")
    if strict and vectorize:
        raise RuntimeError("jacobian: strict=True and vectorize=True are not supported together; leave one of them out")
    single, entered = _entered(inputs, "inputs", "jacobian", create_graph)
    blocks = []
    with enable_grad():
        single_output, outputs = _called(func, entered, "jacobian", strict)
        for number, output in enumerate(outputs):
            shape = tuple(output.shape)
            rows: list[list[Any]] = [[] for _ in entered]
            for index in np.ndindex(shape):
                one_hot = np.zeros_like(output._array)
                one_hot[index] = 1
                gradients = _gradients((output,), entered, (wrap(one_hot),), create_graph)
                for i, (gradient, x) in enumerate(zip(gradients, entered, strict=True)):
                    if strict and (gradient is None or (create_graph and not gradient.requires_grad)):
                        when = "" if gradient is None else " when create_graph=True"
                        what = f"Output {number}" if gradient is None else "The jacobian"
                        raise RuntimeError(
                            f"{what} of the user-provided function is independent of input {i}. This is not allowed in "
                            f"strict mode{when}."
                        )
                    rows[i].append(_zeros(x) if gradient is None else gradient)
            columns = []
            for x, row in zip(entered, rows, strict=True):
                full = (*shape, *x.shape)
                columns.append(x._stack(row).reshape(full) if row else wrap(np.zeros(full, x._array.dtype)))
            blocks.append(_left(tuple(columns), single, create_graph))
    return blocks[0] if single_output else tuple(blocks)


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of ``func``, which returns a single element, at ``inputs``.

    Args:
        func, inputs, create_graph, strict, vectorize: As for :func:`jacobian`.
        outer_jacobian_strategy: ``"reverse-mode"``.

    Returns:
        For one input a tensor whose shape is the input's twice; for a tuple of them a tuple of tuples.

    Raises:
        NotImplementedError: For ``outer_jacobian_strategy="forward-mode"``.
        RuntimeError: If ``func`` returns more than one element, and by ``strict``.
        TypeError: If inputs or output are not tensors.

    >>> import framework
    >>> framework.autograd.functional.hessian(lambda x: x.prod(), framework.tensor([2.0, 3.0]))
    tensor([[0., 1.],
            [1., 0.]])
    """
    _check_strategy(outer_jacobian_strategy, "hessian", "outer_jacobian_strategy")
    single, _ = _as_tuple(inputs, "inputs", "hessian")

    def slopes(*entered: Any) -> Any:
        found: Tensors = jacobian(lambda *xs: _single_element(func(*xs), "hessian"), entered, create_graph=True)
        if strict:
            for i, slope in enumerate(found):
                if not slope.requires_grad:
                    raise RuntimeError(
                        f"While computing the hessian, found that the jacobian of the user-provided function with respect to "
                        f"input {i} is independent of the input. This is not allowed in strict mode. You should ensure that "
                        "your function is twice differentiable and that the jacobian depends on the inputs (this would be "
                        "violated by a linear function for example)."
                    )
        return found[0] if single else found

    return jacobian(slopes, inputs, create_graph=create_graph, strict=strict, vectorize=vectorize)


# ---- What enters, and what comes out ---------------------------------------------------------------------------------------


def _check_strategy(strategy: str, name: str, argument: str) -> None:
    if strategy != "reverse-mode":
        raise NotImplementedError(
            f"{name}: {argument}={strategy!r} is not supported; derivatives are taken in reverse mode, so leave it out"
        )


def _as_tuple(value: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether ``value`` is a single tensor, and the tuple of tensors that it is or stands for."""
    single = not isinstance(value, tuple)
    values: Tensors = (value,) if single else value
    for number, each in enumerate(values):
        if not isinstance(each, Variable):
            given = f"the given {what} has type" if single else f"the value at index {number} has type"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but {given} {type(each)}."
            )
    return single, values


def _entered(inputs: Any, what: str, name: str, create_graph: bool) -> tuple[bool, Tensors]:
    """Tensors of the inputs' values that require grad: apart from the inputs, or behind them in the graph."""
    single, values = _as_tuple(inputs, what, name)
    with enable_grad():
        entered = [
            each.view_as(each) if create_graph and each.requires_grad else each.detach().requires_grad_()
            for each in values
        ]
    return single, tuple(entered)


def _called(func: Callable[..., Any], entered: Tensors, name: str, strict: bool) -> tuple[bool, Tensors]:
    """Whether ``func`` returns a single tensor, and its outputs as a tuple."""
    single, outputs = _as_tuple(func(*entered), "outputs of the user-provided function", name)
    for number, output in enumerate(outputs):
        if strict and not output.requires_grad:
            raise RuntimeError(
                f"Output {number} of the user-provided function does not require gradients. The outputs must be computed in a "
                "differentiable manner from the input when running in strict mode."
            )
    return single, outputs


def _single_element(output: Any, name: str) -> Any:
    if not isinstance(output, Variable):
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    tensor: Any = output
    if tensor._array.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return tensor.reshape(())


def _slopes(func: Callable[..., Any], entered: Tensors, name: str, strict: bool) -> tuple[Any, Tensors]:
    """The single output of ``func``, and its gradient, in the graph."""
    _, (output, *others) = _called(func, entered, name, strict)
    if others:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    _single_element(output, name)
    gradients = _gradients((output,), entered, (wrap(np.ones_like(output._array)),), True)
    return output, _filled(gradients, entered, strict, True, "back")


def _vector(v: Any, like: Tensors, single: bool, name: str, what: str, create_graph: bool) -> Tensors:
    """The vector ``v`` as a tuple that fits ``like``; ones where it was left out and may be.

    Raises:
        RuntimeError: If it doesn't fit, or must not be left out.
    """
    if v is None:
        if len(like) != 1 or like[0]._array.size != 1:
            raise RuntimeError(f"The vector v can only be None if the {what} a single Tensor with a single element.")
        return (wrap(np.ones_like(like[0]._array)),)
    _, values = _as_tuple(v, "v", name)
    if len(values) != len(like):
        raise RuntimeError(
            "The given v should contain a single Tensor."
            if single
            else f"v is a tuple of invalid length: should be {len(like)} but got {len(values)}."
        )
    for number, (each, other) in enumerate(zip(values, like, strict=True)):
        if each._array.shape != other._array.shape:
            prefix = "" if single else f"Entry {number} in "
            sizes = Size(other._array.shape), Size(each._array.shape)
            raise RuntimeError(f"{prefix}v has invalid size: should be {sizes[0]} but got {sizes[1]}.")
    return values if create_graph else tuple([each.detach() for each in values])


def _probes(like: Tensors) -> Tensors:
    """What enters backward where the gradient's derivative by it is wanted; its value doesn't matter, as that is linear."""
    return tuple([_zeros(each).requires_grad_() for each in like])


def _zeros(like: Any) -> Any:
    return wrap(np.zeros_like(like._array))


def _gradients(outputs: Sequence[Any], inputs: Tensors, vector: Sequence[Any], create_graph: bool) -> Tensors:
    """The gradients of ``inputs``, None where nothing flows; the graph stays for further passes."""
    pairs = [
        (output, v) for output, v in zip(outputs, vector, strict=True) if output is not None and output.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    recorded, entering = zip(*pairs, strict=True)
    return interface.grad(recorded, inputs, entering, retain_graph=True, create_graph=create_graph, allow_unused=True)


_INDEPENDENT = {
    "back": "The output of the user-provided function is independent of input {}.",
    "back_trick": (
        "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the double backward "
        "trick to compute forward mode gradients."
    ),
    "double_back": "The jacobian of the user-provided function is independent of input {}.",
    "double_back_trick": (
        "The hessian of the user-provided function is independent of entry {} in the grad_jacobian, which prevents the double "
        "backward trick."
    ),
}


def _filled(gradients: Tensors, like: Tensors, strict: bool, create_graph: bool, stage: str) -> Tensors:
    """The gradients with zeros for None.

    Raises:
        RuntimeError: With ``strict``, for a None, or a gradient that has no graph though ``create_graph`` is on and the products
            to come need one.
    """
    result = []
    for number, (gradient, each) in enumerate(zip(gradients, like, strict=True)):
        if strict and gradient is None:
            raise RuntimeError(f"{_INDEPENDENT[stage].format(number)} This is not allowed in strict mode.")
        if strict and create_graph and not gradient.requires_grad:
            what = "jacobian" if stage.startswith("back") else "hessian"
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {number}. This is not allowed in strict "
                "mode when create_graph=True."
            )
        result.append(_zeros(each) if gradient is None else gradient)
    return tuple(result)


def _left(tensors: Tensors, single: bool, create_graph: bool) -> Any:
    """What is handed out: a tensor or a tuple of them, without a graph unless ``create_graph``."""
    if not create_graph:
        tensors = tuple([each.detach() for each in tensors])
    return tensors[0] if single else tensors
