"""``gradcheck`` and ``gradgradcheck``: analytic gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.autograd import interface
from framework.autograd.grad_mode import enable_grad, no_grad
from framework.autograd.graph import Variable, wrap

Array = np.ndarray[Any, Any]


class GradcheckError(RuntimeError):
    """An analytic gradient differs from the numeric one; the message names input, element and both values."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of ``func`` agree with central differences.

    Args:
        func: Takes the inputs and returns a tensor or a tuple of them.
        inputs: A tensor or a tuple; those that require grad are checked, and should be float64.
        eps: The step of the differences.
        atol, rtol: Allowed difference: ``atol + rtol * |numeric|``.
        raise_exception: Raise, rather than return False.
        nondet_tol: Allowed difference between two backward passes.
        check_undefined_grad: Also check that gradients that are None count as zeros where there are several outputs.
        check_grad_dtypes: Also check that each gradient has its input's dtype.
        check_batched_grad: Also check a pass over a batch of gradients.
        fast_mode: Check one random projection of the Jacobian rather than each of its elements.
        check_forward_ad, check_batched_forward_ad, check_batched_forward_grad, masked: Only PyTorch's defaults are supported.

    Raises:
        GradcheckError: For a difference, unless ``raise_exception`` is off.
        ValueError: If no input requires grad, or an option is not supported.
    """
    if check_forward_ad or check_batched_forward_grad or masked or not check_backward_ad:
        raise ValueError(
            "gradcheck: only backward derivatives of dense tensors are supported; leave these options at their defaults"
        )
    arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    try:
        _check(func, arguments, eps, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode)
        if check_undefined_grad:
            _check_undefined(func, arguments)
        if check_batched_grad:
            _check_batched(func, arguments)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether second derivatives agree: :func:`gradcheck` of the gradients, by the inputs and by ``grad_outputs``.

    Args:
        func, inputs, eps, atol, rtol, raise_exception, nondet_tol, check_undefined_grad, check_grad_dtypes, check_batched_grad,
            fast_mode: As for :func:`gradcheck`.
        grad_outputs: The gradients that enter the first backward pass; random by default.
        gen_non_contig_grad_outputs: Make those random gradients non-contiguous.
        check_fwd_over_rev, check_rev_over_rev, masked: Only PyTorch's defaults are supported.

    Raises:
        GradcheckError: For a difference, unless ``raise_exception`` is off.
        ValueError: If no input requires grad, or an option is not supported.
    """
    if check_fwd_over_rev or masked or not check_rev_over_rev:
        raise ValueError("gradgradcheck: only reverse-over-reverse derivatives of dense tensors are supported")
    arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    outputs = _differentiable(func(*arguments))
    if grad_outputs is None:
        random = np.random.RandomState(0)
        cotangents: list[Any] = []
        for output in outputs:
            array = random.uniform(-1, 1, output._array.shape).astype(output._array.dtype)
            if gen_non_contig_grad_outputs and array.ndim:
                array = np.repeat(array, 2, axis=-1)[..., ::2]
            cotangents.append(wrap(array))
    else:
        given = [grad_outputs] if isinstance(grad_outputs, Variable) else list(grad_outputs)
        cotangents = [wrap(np.array(each._array)) for each in given]
    for cotangent in cotangents:
        cotangent._requires_grad = True
    checked = tuple(position for position, each in enumerate(arguments) if _checked(each))

    def first_gradients(*everything: Any) -> Any:
        values, gradients = everything[: len(arguments)], everything[len(arguments) :]
        with enable_grad():  # also where the numeric differences are taken
            results = interface.grad(
                _differentiable(func(*values)),
                [values[position] for position in checked],
                list(gradients),
                create_graph=True,
                allow_unused=True,
            )
        return tuple(result for result in results if result is not None and result._requires_grad)

    return gradcheck(
        first_gradients,
        (*arguments, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
    )


def _checked(value: Any) -> bool:
    return isinstance(value, Variable) and value._requires_grad


def _differentiable(outputs: Any) -> list[Any]:
    every = [outputs] if isinstance(outputs, Variable) else list(outputs)
    return [each for each in every if isinstance(each, Variable) and each._array.dtype.kind == "f"]


def _check(
    func: Callable[..., Any],
    arguments: tuple[Any, ...],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    check_dtypes: bool,
    fast: bool,
) -> None:
    positions = [position for position, each in enumerate(arguments) if _checked(each)]
    if not positions:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    outputs = _differentiable(func(*arguments))
    for number, output in enumerate(outputs):
        if not output._requires_grad:
            _expect_constant(func, arguments, positions, number, eps, atol)
            continue
        for position in positions:
            numeric = _numeric_jacobian(func, arguments, position, number, eps)
            analytic = _analytic_jacobian(output, arguments[position], check_dtypes, position)
            again = _analytic_jacobian(output, arguments[position], False, position)
            if np.max(np.abs(analytic - again), initial=0.0) > nondet_tol:
                raise GradcheckError(
                    f"Backward is not reentrant: two passes gave other gradients for input {position} and output {number}; "
                    f"the largest difference is {np.max(np.abs(analytic - again)):.3g}, allowed is {nondet_tol:.3g}"
                )
            if fast:
                weights = np.random.RandomState(0).uniform(0.5, 1, analytic.shape)
                analytic = np.full((1, 1), np.sum(analytic * weights))
                numeric = np.full((1, 1), np.sum(numeric * weights))
            _compare(analytic, numeric, position, number, arguments[position], atol, rtol)


def _compare(
    analytic: Array, numeric: Array, position: int, number: int, argument: Any, atol: float, rtol: float
) -> None:
    """Jacobians ``(output elements, input elements)``."""
    bad = ~np.isclose(analytic, numeric, rtol=rtol, atol=atol, equal_nan=True)
    if not bad.any():
        return
    row, column = np.argwhere(bad)[np.argmax(np.abs(analytic - numeric)[bad])]
    element = tuple(int(i) for i in np.unravel_index(column, argument._array.shape)) if analytic.shape[1] > 1 else ()
    raise GradcheckError(
        f"Jacobian mismatch for output {number} with respect to input {position}: at element {element} of the input (shape "
        f"{list(argument._array.shape)}) and element {int(row)} of the output, analytic {analytic[row, column]:.8g}, numeric "
        f"{numeric[row, column]:.8g}; {int(bad.sum())} of {bad.size} entries differ by more than "
        f"atol={atol:g} + rtol={rtol:g} * |numeric|"
    )


def _numeric_jacobian(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, number: int, eps: float
) -> Array:
    array = arguments[position]._array
    columns = []
    with no_grad():
        for index in np.ndindex(array.shape):
            kept = array[index]
            values = []
            for step in (eps, -eps):
                array[index] = kept + step
                values.append(np.array(_differentiable(func(*arguments))[number]._array, np.float64).ravel())
            array[index] = kept
            columns.append((values[0] - values[1]) / (2 * eps))
    if not columns:
        return np.zeros((0, 0))
    return np.stack(columns, axis=1)


def _analytic_jacobian(output: Any, argument: Any, check_dtypes: bool, position: int) -> Array:
    rows = []
    for index in np.ndindex(output._array.shape):
        cotangent = np.zeros_like(output._array)
        cotangent[index] = 1
        (gradient,) = interface.grad(output, argument, wrap(cotangent), retain_graph=True, allow_unused=True)
        if gradient is None:
            rows.append(np.zeros(argument._array.size))
            continue
        if check_dtypes and gradient._array.dtype != argument._array.dtype:
            raise GradcheckError(
                f"the gradient of input {position} has dtype {gradient._array.dtype}, but the input has {argument._array.dtype}"
            )
        rows.append(np.array(gradient._array, np.float64).ravel())
    if not rows or not argument._array.size:
        return np.zeros((0, 0))
    return np.stack(rows)


def _expect_constant(
    func: Callable[..., Any], arguments: tuple[Any, ...], positions: Sequence[int], number: int, eps: float, atol: float
) -> None:
    """An output that doesn't require grad must not depend on the inputs."""
    for position in positions:
        numeric = _numeric_jacobian(func, arguments, position, number, eps)
        if np.max(np.abs(numeric), initial=0.0) > atol:
            raise GradcheckError(f"output {number} does not require grad, but depends on input {position}")


def _check_undefined(func: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Leaving an output out of backward must be like giving it a gradient of zeros."""
    outputs = [each for each in _differentiable(func(*arguments)) if each._requires_grad]
    targets = [each for each in arguments if _checked(each)]
    if len(outputs) < 2:
        return
    for number, output in enumerate(outputs):
        ones = wrap(np.ones_like(output._array))
        alone = interface.grad(output, targets, ones, retain_graph=True, materialize_grads=True)
        others = [ones if i == number else wrap(np.zeros_like(each._array)) for i, each in enumerate(outputs)]
        together = interface.grad(outputs, targets, others, retain_graph=True, materialize_grads=True)
        for position, (one, other) in enumerate(zip(alone, together, strict=True)):
            if not np.allclose(one._array, other._array, equal_nan=True):
                raise GradcheckError(
                    f"an undefined gradient of output {number} is not treated as zeros, for input {position}"
                )


def _check_batched(func: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    targets = [each for each in arguments if _checked(each)]
    for number, output in enumerate(_differentiable(func(*arguments))):
        if not output._requires_grad:
            continue
        random = np.random.RandomState(0)
        batch = wrap(random.uniform(-1, 1, (3, *output._array.shape)).astype(output._array.dtype))
        together = interface.grad(
            output, targets, batch, retain_graph=True, is_grads_batched=True, materialize_grads=True
        )
        for row in range(3):
            alone = interface.grad(output, targets, wrap(batch._array[row]), retain_graph=True, materialize_grads=True)
            for position, (one, other) in enumerate(zip(alone, together, strict=True)):
                if not np.allclose(one._array, other._array[row]):
                    raise GradcheckError(f"batched gradients of output {number} differ, for input {position}")
