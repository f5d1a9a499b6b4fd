"""``backward`` and ``grad``: what users call to differentiate."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.autograd.engine import nobody_elses, run_backward
from framework.autograd.graph import AccumulateGrad, Edge, GradientEdge, Variable, edge_of, retain_grad, wrap


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Sum the gradients of ``tensors`` into the ``.grad`` of the leaves.

    Args:
        tensors: A tensor or a sequence of them.
        grad_tensors: The gradient with respect to each, of its shape; None for scalars.
        retain_graph: Keep saved values for another pass; the default is ``create_graph``.
        create_graph: Record the backward pass, for higher derivatives.
        inputs: Write only the ``.grad`` of these.

    Raises:
        RuntimeError: If a tensor has no graph, is no scalar and has no gradient given, or if its graph was freed.
    """
    if create_graph:
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient "
            "which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you "
            "have to use this function, make sure to reset the .grad fields of your parameters to None after use to break "
            "the cycle and avoid the leak.",
            stacklevel=3,
        )
    into = None
    if inputs is not None:
        targets = _sequence(inputs)
        if not targets:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        for target in targets:
            if not isinstance(target, GradientEdge):
                retain_grad(target)
        into = [_edge(target) for target in targets]
    edges, gradients = _roots(_sequence(tensors), grad_tensors, create_graph)
    retain_graph = create_graph if retain_graph is None else retain_graph
    run_backward(edges, gradients, retain_graph=retain_graph, create_graph=create_graph, into=into)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of ``outputs`` with respect to ``inputs``, as a tuple; no ``.grad`` is written.

    Args:
        outputs: A tensor or a sequence of them.
        inputs: With respect to what; a tensor (or a ``GradientEdge``) or a sequence.
        grad_outputs: The gradient with respect to each output; None for scalars.
        retain_graph: Keep saved values for another pass; the default is ``create_graph``.
        create_graph: Record the backward pass, for higher derivatives.
        allow_unused: Give None for an input that the outputs don't depend on, rather than an error; the default is
            ``materialize_grads``.
        is_grads_batched: The gradients in ``grad_outputs`` carry one more, leading dimension: a pass for each index, and
            the results stacked.
        materialize_grads: Give zeros in place of None.

    Raises:
        RuntimeError: As :func:`backward`, and for an unused input unless ``allow_unused``.
        ValueError: For ``allow_unused=False`` together with ``materialize_grads=True``.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    retain_graph = create_graph if retain_graph is None else retain_graph
    sources, targets = _sequence(outputs), _sequence(inputs)
    if not targets:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    for number, target in enumerate(targets):
        if not isinstance(target, (Variable, GradientEdge)):
            raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(target).__name__}")
        if isinstance(target, Variable) and not target.requires_grad:
            raise RuntimeError(f"One of the differentiated Tensors does not require grad: the one at index {number}")
    if is_grads_batched:
        return _batched(sources, targets, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    edges, gradients = _roots(sources, grad_outputs, create_graph)
    found = run_backward(
        edges,
        gradients,
        retain_graph=retain_graph,
        create_graph=create_graph,
        capture=[_edge(target) for target in targets],
    )
    for number, target in enumerate(targets):
        gradient = found[number]
        found[number] = None
        if gradient is None:
            if materialize_grads:
                gradient = np.zeros(*_kind(target))
                if create_graph:
                    gradient = wrap(gradient)
                    gradient._requires_grad = True  # it can be differentiated further, as in PyTorch
            elif not allow_unused:
                raise RuntimeError(
                    f"The differentiated Tensor at index {number} appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the desired behavior."
                )
        elif not create_graph and not nobody_elses(gradient):
            # It may be the very array that the caller passed in, or that two inputs share: each gets its own.
            gradient = np.array(gradient)
        found[number] = gradient if gradient is None or create_graph else wrap(gradient)
    return tuple(found)


def _batched(
    sources: list[Any],
    targets: list[Any],
    grad_outputs: Any,
    retain_graph: bool,
    create_graph: bool,
    allow_unused: bool,
    materialize: bool,
) -> tuple[Any, ...]:
    given: list[Any] = [None] * len(sources) if grad_outputs is None else _sequence(grad_outputs)
    for number, (source, batch) in enumerate(zip(sources, given, strict=True)):
        if batch is None:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if batch._array.shape[1:] != _kind(source)[0] or not batch._array.ndim:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The "
                "sizes of the remaining dimensions are expected to match the shape of corresponding output, but a mismatch was "
                f"detected: grad_output[{number}] has a shape of {_size(batch._array.shape)} and output[{number}] has a "
                f"shape of {_size(_kind(source)[0])}."
            )
    size = len(given[0])
    if any(len(each) != size for each in given):
        raise RuntimeError(f"the batches in grad_outputs differ in size: {[len(each) for each in given]}")
    if not size:
        return tuple([wrap(np.zeros((0, *_kind(target)[0]), _kind(target)[1])) for target in targets])
    rows = [
        grad(
            sources,
            targets,
            [each[i] for each in given],
            retain_graph or i < size - 1,
            create_graph,
            allow_unused,
            materialize_grads=materialize,
        )
        for i in range(size)
    ]
    kind: Any = type(given[0])
    stack: Callable[[list[Any]], Any] = kind._stack
    return tuple(None if column[0] is None else stack(list(column)) for column in zip(*rows, strict=True))


def _sequence(value: Any) -> list[Any]:
    return [value] if isinstance(value, (Variable, GradientEdge)) else list(value)


def _edge(target: Any) -> Edge:
    """The edge of a tensor or of a ``GradientEdge``."""
    if isinstance(target, Variable):
        return edge_of(target)
    node = target.node
    if isinstance(node, AccumulateGrad):
        return node.variable
    return node if node.outputs == 1 else (node, target.output_nr)


def _kind(target: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and NumPy dtype of a tensor, or of what a ``GradientEdge`` leads to."""
    if isinstance(target, Variable):
        return target._array.shape, target._array.dtype
    node, number = target.node, target.output_nr
    return (node.shape, node.dtype) if node.outputs == 1 else (node.shape[number], node.dtype[number])


def _size(shape: tuple[int, ...]) -> str:
    return f"torch.Size({list(shape)})"


def _roots(tensors: list[Any], gradients: Any, create_graph: bool) -> tuple[list[Edge], list[Any]]:
    """Where gradients enter the graph, and these gradients."""
    given = [None] * len(tensors) if gradients is None else _sequence(gradients)
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(given)} gradients")
    edges: list[Edge] = []
    result: list[Any] = []
    for number, (tensor, gradient) in enumerate(zip(tensors, given, strict=True)):
        if isinstance(tensor, Variable):
            if not tensor.requires_grad:
                raise RuntimeError(f"element {number} of tensors does not require grad and does not have a grad_fn")
            edges.append(edge_of(tensor))
            shape, dtype = tensor._array.shape, tensor._array.dtype
        else:
            edges.append(_edge(tensor))
            shape, dtype = _kind(tensor)
        if gradient is None:
            if shape and math.prod(shape) != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            gradient = np.ones(shape, dtype) if shape else np.array(1, dtype)
            result.append(wrap(gradient) if create_graph else gradient)
            continue
        if not isinstance(gradient, Variable):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        if gradient._array.shape != shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{number}] has a shape of {_size(gradient._array.shape)} and output[{number}] "
                f"has a shape of {_size(shape)}."
            )
        result.append(gradient if create_graph else gradient._array)
    return edges, result
