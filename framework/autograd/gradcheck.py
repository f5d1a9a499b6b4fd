"""``gradcheck`` and ``gradgradcheck``: analytic gradients against finite differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.autograd import interface
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
        check_undefined_grad: Also check that an output's missing gradient counts as zeros.
        check_grad_dtypes: Also check that each gradient has its input's dtype.
        check_batched_grad: Also check a pass over a batch of gradients.
        fast_mode: Check one random combination of the Jacobian's elements rather than each of them.
        check_forward_ad, check_batched_forward_ad, check_batched_forward_grad, masked: Only PyTorch's defaults are supported.

    Raises:
        GradcheckError: For a difference, unless ``raise_exception`` is off.
        ValueError: If no input requires grad.
        NotImplementedError: For an option that is not supported.
    """
    if check_forward_ad or check_batched_forward_grad or masked or not check_backward_ad:
        raise NotImplementedError(
            "gradcheck: only backward derivatives of dense tensors are supported; leave check_forward_ad, "
            "check_batched_forward_grad, masked and check_backward_ad at their defaults"
        )
    arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    check = _Check(func, arguments, eps, atol, rtol, nondet_tol)
    try:
        check.run(fast_mode)
        if check_grad_dtypes:
            check.dtypes()
        if check_undefined_grad:
            check.undefined()
        if check_batched_grad:
            check.batched()
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
        func, inputs, eps, atol, rtol, raise_exception, nondet_tol, check_undefined_grad, check_grad_dtypes,
            check_batched_grad, fast_mode: As for :func:`gradcheck`.
        grad_outputs: The gradients that enter the first backward pass; random by default.
        gen_non_contig_grad_outputs: Make those random gradients non-contiguous.
        check_fwd_over_rev, check_rev_over_rev, masked: Only PyTorch's defaults are supported.

    Raises:
        GradcheckError: For a difference, unless ``raise_exception`` is off.
        ValueError: If no input requires grad.
        NotImplementedError: For an option that is not supported.
    """
    if check_fwd_over_rev or masked or not check_rev_over_rev:
        raise NotImplementedError(
            "gradgradcheck: only reverse-over-reverse derivatives of dense tensors are supported; leave check_fwd_over_rev, "
            "check_rev_over_rev and masked at their defaults"
        )
    arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if grad_outputs is None:
        random = np.random.RandomState(0)
        cotangents: list[Any] = []
        for output in _differentiable(func(*arguments)):
            shape = output._array.shape
            if gen_non_contig_grad_outputs and shape:
                array = random.uniform(-1, 1, (*shape[:-1], shape[-1] * 2))[..., ::2]
            else:
                array = np.asarray(random.uniform(-1, 1, shape))
            cotangents.append(wrap(array.astype(output._array.dtype, copy=False)))
    else:
        given = [grad_outputs] if isinstance(grad_outputs, Variable) else list(grad_outputs)
        cotangents = [wrap(np.array(each._array)) for each in given]
    for cotangent in cotangents:
        cotangent._requires_grad = True
    checked = [position for position, each in enumerate(arguments) if _requires_grad(each)]

    def first_gradients(*everything: Any) -> Any:
        values, gradients = everything[: len(arguments)], everything[len(arguments) :]
        results = interface.grad(
            _differentiable(func(*values)),
            [values[position] for position in checked],
            list(gradients),
            create_graph=True,
            allow_unused=True,
        )
        return tuple(result for result in results if result is not None and result.requires_grad)

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


def _requires_grad(value: Any) -> bool:
    return isinstance(value, Variable) and value.requires_grad


def _floating(outputs: Any) -> list[Any]:
    every = [outputs] if isinstance(outputs, Variable) else list(outputs)
    return [each for each in every if isinstance(each, Variable) and each._array.dtype.kind == "f"]


def _differentiable(outputs: Any) -> list[Any]:
    return [each for each in _floating(outputs) if each.requires_grad]


def _flat(tensor: Any, dtype: Any = np.float64) -> Array:
    return np.array(tensor._array, dtype).ravel()


class _Check:
    """A function, its inputs and the tolerances; each method is one check."""

    def __init__(
        self, func: Callable[..., Any], arguments: tuple[Any, ...], eps: float, atol: float, rtol: float, nondet_tol: float
    ) -> None:
        self.func, self.arguments = func, arguments
        self.eps, self.atol, self.rtol, self.nondet_tol = eps, atol, rtol, nondet_tol
        self.positions = [position for position, each in enumerate(arguments) if _requires_grad(each)]
        self.targets = [arguments[position] for position in self.positions]
        if not self.positions:
            raise ValueError(
                "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
            )
        for position, target in zip(self.positions, self.targets, strict=True):
            array = target._array
            if array.dtype != np.float64:
                warnings.warn(
                    f"Input #{position} requires gradient and is not a double precision floating point. This check will "
                    "likely fail if all the inputs are not of double precision floating point.",
                    stacklevel=4,
                )
            if array.size > 1 and any(n > 1 and not stride for n, stride in zip(array.shape, array.strides, strict=True)):
                raise RuntimeError(
                    f"The {position}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                    "non-overlapping to be able to compute the numerical gradients correctly. You should call "
                    ".contiguous on the input before passing it to gradcheck."
                )
            if not array.flags.writeable:
                raise RuntimeError(f"gradcheck changes its inputs step by step, but input {position} is read-only; clone() it")

    def run(self, fast: bool) -> None:
        """Every Jacobian, or with ``fast`` one combination of its elements, against differences."""
        outputs = _floating(self.func(*self.arguments))
        if not any(output.requires_grad for output in outputs):
            return self.constant(len(outputs))
        for number, output in enumerate(outputs):
            if not output.requires_grad:
                continue
            self.zero(output, number)
            for position, target in zip(self.positions, self.targets, strict=True):
                if fast:
                    self.fast(output, number, position)
                    continue
                numeric = self.numeric(position, number)
                analytic = self.analytic(output, target)
                self.same_twice(analytic, self.analytic(output, target), position, number)
                self.compare(analytic, numeric, position, number)

    def compare(self, analytic: Array, numeric: Array, position: int, number: int) -> None:
        """Two Jacobians ``(output elements, input elements)``."""
        bad = ~np.isclose(analytic, numeric, rtol=self.rtol, atol=self.atol, equal_nan=True)
        if not bad.any():
            return
        shape = self.arguments[position]._array.shape
        distance = np.where(bad, np.nan_to_num(np.abs(analytic - numeric), nan=np.inf), -1)
        row, column = np.unravel_index(np.argmax(distance), bad.shape)
        element = tuple(int(i) for i in np.unravel_index(column, shape))
        raise GradcheckError(
            f"Jacobian mismatch for output {number} with respect to input {position}: at element {element} of the input (shape "
            f"{list(shape)}) and element {int(row)} of the output, analytic {analytic[row, column]:.8g}, numeric "
            f"{numeric[row, column]:.8g}; {int(bad.sum())} of {bad.size} entries differ by more than atol={self.atol:g} + "
            f"rtol={self.rtol:g} * |numeric|"
        )

    def numeric(self, position: int, number: int) -> Array:
        """The Jacobian ``(output elements, input elements)`` by central differences, an element of the input after another."""
        array = self.arguments[position]._array
        columns = [self.difference(position, number, index, self.eps) for index in np.ndindex(array.shape)]
        return np.stack(columns, axis=1) if columns else np.zeros((_flat(self.output(number)).size, 0))

    def difference(self, position: int, number: int, index: Any, step: Any) -> Array:
        """``(func(x + step) - func(x - step)) / (2 * eps)`` of an output, where ``step`` is added at ``index`` of an input."""
        array = self.arguments[position]._array
        kept = np.array(array)
        try:
            array[index] = kept[index] + step
            above = _flat(self.output(number))
            array[index] = kept[index] - step
            below = _flat(self.output(number))
        finally:
            array[...] = kept
        return (above - below) / (2 * self.eps)

    def output(self, number: int) -> Any:
        """A floating-point output at the inputs' present values."""
        return _floating(self.func(*self.arguments))[number]

    def analytic(self, output: Any, target: Any) -> Array:
        """The Jacobian ``(output elements, input elements)`` by backward passes, an element of the output after another."""
        rows = np.zeros((output._array.size, target._array.size))
        for row, index in enumerate(np.ndindex(output._array.shape)):
            cotangent = np.zeros_like(output._array)
            cotangent[index] = 1
            (gradient,) = interface.grad(output, target, wrap(cotangent), retain_graph=True, allow_unused=True)
            if gradient is not None:
                rows[row] = _flat(gradient)
        return rows

    def same_twice(self, one: Array, other: Array, position: int, number: int) -> None:
        """Two backward passes give the same."""
        distance = np.max(np.abs(one - other), initial=0.0)
        if distance > self.nondet_tol:
            raise GradcheckError(
                f"Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                f"different values, for output {number} and input {position}: they differ by up to {distance:.3g}, allowed is "
                f"nondet_tol={self.nondet_tol:g}"
            )

    def fast(self, output: Any, number: int, position: int) -> None:
        """The Jacobian between two random vectors, with the tolerance that its elements have together."""
        random = np.random.RandomState(0)
        target = self.arguments[position]
        into, out_of = (random.uniform(0.5, 1, each._array.shape) for each in (target, output))
        numeric = float(self.difference(position, number, ..., self.eps * into).dot(out_of.ravel()))
        cotangent = wrap(np.asarray(out_of).astype(output._array.dtype))
        passes = []
        for _ in range(2):
            (gradient,) = interface.grad(output, target, cotangent, retain_graph=True, allow_unused=True)
            passes.append(np.zeros(into.size) if gradient is None else _flat(gradient))
        self.same_twice(passes[0], passes[1], position, number)
        analytic = float(passes[0].dot(np.ravel(into)))
        atol = self.atol * float(np.sum(into)) * float(np.sum(out_of))
        if not np.isclose(analytic, numeric, rtol=self.rtol, atol=atol, equal_nan=True):
            self.compare(self.analytic(output, target), self.numeric(position, number), position, number)
            raise GradcheckError(
                f"Jacobian mismatch in fast mode for output {number} with respect to input {position}: analytic "
                f"{analytic:.8g}, numeric {numeric:.8g}, though no single element differs by more than the tolerance"
            )

    def constant(self, count: int) -> None:
        """Outputs of which none requires grad must not depend on the inputs."""
        for number in range(count):
            for position in self.positions:
                if np.max(np.abs(self.numeric(position, number)), initial=0.0) > self.atol:
                    raise GradcheckError(
                        f"Numerical gradient for function expected to be zero: no output requires grad, but output {number} "
                        f"depends on input {position}"
                    )

    def zero(self, output: Any, number: int) -> None:
        """A gradient of zeros gives zeros."""
        zeros = wrap(np.zeros_like(output._array))
        gradients = interface.grad(output, self.targets, zeros, retain_graph=True, allow_unused=True)
        for position, gradient in zip(self.positions, gradients, strict=True):
            if gradient is not None and np.any(gradient._array != 0):
                raise GradcheckError(f"backward not multiplied by grad_output, for output {number} and input {position}")

    def dtypes(self) -> None:
        """A gradient has its input's dtype."""
        outputs = _differentiable(self.func(*self.arguments))
        ones = [wrap(np.ones_like(each._array)) for each in outputs]
        gradients = interface.grad(outputs, self.targets, ones, allow_unused=True)
        for position, target, gradient in zip(self.positions, self.targets, gradients, strict=True):
            if gradient is not None and gradient._array.dtype != target._array.dtype:
                raise GradcheckError(
                    f"the gradient of input {position} has dtype {gradient._array.dtype}, the input {target._array.dtype}"
                )

    def undefined(self) -> None:
        """Leaving an output out of backward is like giving it a gradient of zeros."""
        outputs = _differentiable(self.func(*self.arguments))
        if len(outputs) < 2:
            return
        for number, output in enumerate(outputs):
            ones = wrap(np.ones_like(output._array))
            alone = interface.grad(output, self.targets, ones, retain_graph=True, materialize_grads=True)
            others = [ones if i == number else wrap(np.zeros_like(each._array)) for i, each in enumerate(outputs)]
            together = interface.grad(outputs, self.targets, others, retain_graph=True, materialize_grads=True)
            for position, one, other in zip(self.positions, alone, together, strict=True):
                if not np.allclose(one._array, other._array, equal_nan=True):
                    raise GradcheckError(
                        "Expected backward function to handle undefined output grads: an undefined gradient is not treated as "
                        f"zeros, for input {position} with a gradient of output {number} alone"
                    )

    def batched(self) -> None:
        """A batch of gradients gives the stacked results of its single ones."""
        random = np.random.RandomState(0)
        for number, output in enumerate(_differentiable(self.func(*self.arguments))):
            batch = random.uniform(-1, 1, (3, *output._array.shape)).astype(output._array.dtype)
            together = interface.grad(
                output, self.targets, wrap(batch), retain_graph=True, is_grads_batched=True, materialize_grads=True
            )
            for row in range(3):
                alone = interface.grad(
                    output, self.targets, wrap(np.array(batch[row])), retain_graph=True, materialize_grads=True
                )
                for position, one, other in zip(self.positions, alone, together, strict=True):
                    if not np.allclose(one._array, other._array[row], equal_nan=True):
                        raise GradcheckError(f"batched gradients of output {number} differ, for input {position}")
