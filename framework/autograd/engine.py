"""The backward pass: one loop over the graph, newest node first.

Inputs are always older than outputs, so taking the newest waiting node means that every gradient that flows into it
has arrived: no recursion, no counting of dependencies, time linear in the graph. Without ``create_graph`` gradients are
plain arrays and nothing is recorded; with it they are Tensors, and the formulas record themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from framework.autograd import anomaly
from framework.autograd.grad_mode import recording
from framework.autograd.graph import Edge, Hooks, Node, Variable, array_of, bump_version, edge_of, wrap
from framework.dtypes import from_numpy_dtype

Array = np.ndarray[Any, Any]


def run_backward(
    roots: Sequence[tuple[Edge, Any]],
    *,
    retain_graph: bool,
    create_graph: bool,
    capture: Sequence[Edge] | None = None,
) -> list[Any]:
    """Send gradients from the roots through the graph.

    Args:
        roots: Pairs of an edge and the gradient that enters there (an array, or a Tensor with ``create_graph``).
        retain_graph: Keep what the nodes saved, for another pass.
        create_graph: Record the backward pass itself.
        capture: Edges whose gradients are returned, in order, None where none arrived; only what leads to them is computed,
            and no ``.grad`` is written. None: write the ``.grad`` of all leaves, and return nothing.
    """
    token = recording.set(create_graph)
    try:
        walk = _Walk(create_graph, retain_graph)
        if capture is None:
            walk.run(roots)
            walk.accumulate()
            return []
        wanted = set(capture)
        walk.only = _leading_to(wanted, [edge for edge, _ in roots])
        walk.captured = dict.fromkeys(wanted)
        walk.run(roots)
        walk.finish_leaves()
        return [walk.captured[edge] for edge in capture]
    finally:
        recording.reset(token)


class _Walk:
    """The state of one backward pass."""

    def __init__(self, create_graph: bool, retain_graph: bool) -> None:
        self.create_graph = create_graph
        self.retain_graph = retain_graph
        self.leaves: dict[Variable, Any] = {}
        self.only: set[Any] | None = None
        self.captured: dict[Any, Any] = {}

    def run(self, roots: Iterable[tuple[Edge, Any]]) -> None:
        create_graph, retain_graph = self.create_graph, self.retain_graph
        only, captured, leaves = self.only, self.captured, self.leaves
        waiting: dict[Node, Any] = {}
        heap: list[tuple[int, Node]] = []
        summed: set[Any] = (
            set()
        )  # nodes and leaves whose waiting gradient is a sum made here, which may be added to in place
        node: Node | None = None
        edges: Any = [edge for edge, _ in roots]
        gradients: Any = [gradient for _, gradient in roots]
        while True:
            for edge, gradient in zip(edges, gradients):  # noqa: B905  (both come from the node; the hot path)
                if gradient is None:
                    continue
                if isinstance(edge, Node):
                    if only is not None and edge not in only:
                        continue
                    if create_graph or edge.shape != gradient.shape or edge.dtype is not gradient.dtype:
                        gradient = fit(gradient, edge.shape, edge.dtype, node)
                    if edge in waiting:
                        waiting[edge] = _add(waiting[edge], gradient, edge, summed, create_graph)
                    else:
                        waiting[edge] = gradient
                        heappush(heap, (-edge.sequence_nr, edge))
                elif isinstance(edge, Variable):
                    if only is not None and edge not in only:
                        continue
                    array = edge._array
                    if create_graph or array.shape != gradient.shape or array.dtype is not gradient.dtype:
                        gradient = fit(gradient, array.shape, array.dtype, node)
                    if edge in leaves:
                        leaves[edge] = _add(leaves[edge], gradient, edge, summed, create_graph)
                    else:
                        leaves[edge] = gradient
                else:
                    target, number = edge
                    if only is not None and target not in only:
                        continue
                    gradient = fit(gradient, target.shape[number], target.dtype[number], node)
                    slots = waiting.get(target)
                    if slots is None:
                        slots = waiting[target] = [None] * target.outputs
                        heappush(heap, (-target.sequence_nr, target))
                    before = slots[number]
                    slots[number] = gradient if before is None else before + gradient
            if not heap:
                return
            node = heappop(heap)[1]
            gradient = waiting.pop(node)
            summed.discard(node)
            if node.hooks is not None:
                gradient = _before(node, node.hooks, gradient, create_graph)
            if only is not None:
                _capture(node, gradient, captured)
                if not any(_owner(edge) in only for edge in node.edges):
                    edges = gradients = ()
                    continue
            edges = node.edges
            gradients = node.apply(gradient, create_graph)
            if node.hooks is not None and node.hooks.post:
                gradients = _after(node, node.hooks, gradients, gradient, create_graph)
            if anomaly.active:
                anomaly.check(node, gradients)
            if not retain_graph:
                node.release()
            gradient = None

    def finish_leaves(self) -> None:
        """Run the leaves' hooks, and hand the gradients of captured leaves over."""
        for leaf, gradient in self.leaves.items():
            gradient = _leaf_hooks(leaf, gradient)
            if leaf in self.captured:
                self.captured[leaf] = gradient

    def accumulate(self) -> None:
        """Add the gradients to the leaves' ``.grad``."""
        leaves = self.leaves
        for leaf in list(leaves):
            gradient = leaves.pop(leaf)
            if leaf._hooks is not None:
                gradient = _leaf_hooks(leaf, gradient)
            before = leaf._grad
            if before is None:
                if self.create_graph:
                    leaf._grad = _tensor(gradient)
                else:
                    # Two references, this name and the call's argument: nobody else holds the array, so it needs no copy.
                    owned = sys.getrefcount(gradient) <= 2 and _owns_memory(gradient)
                    leaf._grad = wrap(gradient if owned else np.array(gradient))
            elif self.create_graph:
                leaf._grad = before + gradient
            else:
                before._array += gradient
                bump_version(before)
            if leaf._post_accumulate_hooks is not None:
                for hook in list(leaf._post_accumulate_hooks.values()):
                    hook(leaf)


def dtype_of(gradient: Any) -> Any:
    """The NumPy dtype of an array or a Tensor."""
    return gradient._array.dtype if isinstance(gradient, Variable) else gradient.dtype


def fit(gradient: Any, shape: tuple[int, ...], dtype: Any, node: Node | None) -> Any:
    """The gradient in its input's shape, summed over what was broadcast, and in its dtype.

    Raises:
        RuntimeError: If it can't be summed to that shape.
    """
    if gradient.shape != shape:
        lead = len(gradient.shape) - len(shape)
        if lead < 0 or any(want not in (1, have) for want, have in zip(shape, gradient.shape[lead:], strict=True)):
            where = f"Function {node.name()} returned" if node is not None else "Got"
            raise RuntimeError(
                f"{where} an invalid gradient: its shape is {list(gradient.shape)}, but the input's is {list(shape)}"
            )
        if isinstance(gradient, Variable):
            tensor: Any = gradient
            gradient = tensor.sum_to_size(shape)
        else:
            gradient = sum_to_shape(gradient, shape)
    if dtype_of(gradient) != dtype:
        if isinstance(gradient, Variable):
            tensor = gradient
            return tensor.to(from_numpy_dtype(dtype))
        return gradient.astype(dtype)
    return gradient


def sum_to_shape(array: Array, shape: tuple[int, ...]) -> Array:
    """The sum over those axes of ``array`` along which ``shape`` was broadcast."""
    lead = array.ndim - len(shape)
    axes = (*range(lead), *(lead + i for i, size in enumerate(shape) if size == 1 and array.shape[lead + i] != 1))
    result: Array = np.add.reduce(array, axis=axes, keepdims=True)
    return result.reshape(shape)


def _add(before: Any, gradient: Any, key: Any, summed: set[Any], create_graph: bool) -> Any:
    if create_graph:
        return before + gradient
    if key in summed and isinstance(before, np.ndarray):
        np.add(before, gradient, out=before)
        return before
    summed.add(key)
    return before + gradient


def _owns_memory(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.base is None and array.flags.writeable


def _owner(edge: Edge) -> Any:
    return edge[0] if isinstance(edge, tuple) else edge


def _leading_to(wanted: set[Any], starts: list[Edge]) -> set[Any]:
    """The nodes and leaves through which a gradient has to pass to reach a wanted edge."""
    owners = {_owner(edge) for edge in wanted}
    found: set[Any] = set()
    stack = [_owner(edge) for edge in starts]
    while stack:
        node = stack.pop()
        if node in found:
            continue
        found.add(node)
        if isinstance(node, Node):
            stack.extend(_owner(edge) for edge in node.edges)
    leading: set[Any] = {each for each in found if isinstance(each, Variable) and each in owners}
    nodes = sorted((each for each in found if isinstance(each, Node)), key=_sequence_number)
    for node in nodes:
        if node in owners or any(_owner(edge) in leading for edge in node.edges):
            leading.add(node)
    return leading


def _sequence_number(node: Node) -> int:
    return node.sequence_nr


def _capture(node: Node, gradient: Any, captured: dict[Any, Any]) -> None:
    if node.outputs == 1:
        if node in captured:
            captured[node] = gradient
    else:
        for number, each in enumerate(gradient):
            if (node, number) in captured:
                captured[node, number] = each


def _tensor(gradient: Any) -> Any:
    return gradient if gradient is None or isinstance(gradient, Variable) else wrap(gradient)


def _back(gradient: Any, create_graph: bool) -> Any:
    return gradient if create_graph else array_of(gradient)


def _leaf_hooks(leaf: Variable, gradient: Any) -> Any:
    if not leaf._hooks:
        return gradient
    tensor = _tensor(gradient)
    for hook in list(leaf._hooks.values()):
        replaced = hook(tensor)
        if replaced is not None:
            tensor = _checked(replaced, tensor)
    return tensor if isinstance(gradient, Variable) else tensor._array


def _checked(replaced: Any, tensor: Any) -> Any:
    if not isinstance(replaced, Variable):
        raise TypeError(f"expected Tensor, but hook returned {type(replaced).__name__!r}")
    if replaced._array.shape != tensor._array.shape:
        raise RuntimeError(
            f"hook has changed the size of value: from {list(tensor._array.shape)} to {list(replaced._array.shape)}"
        )
    return replaced


def _before(node: Node, hooks: Hooks, gradient: Any, create_graph: bool) -> Any:
    """Tensor hooks, kept gradients and pre-hooks of a node; the gradient that goes on."""
    slots = [_tensor(each) for each in ([gradient] if node.outputs == 1 else gradient)]
    for number, hook in list(hooks.tensor.values()):
        if slots[number] is not None:
            replaced = hook(slots[number])
            if replaced is not None:
                slots[number] = _checked(replaced, slots[number])
    for number, reference in hooks.retain.items():
        tensor = reference()
        if tensor is not None and slots[number] is not None:
            kept = slots[number] if create_graph else wrap(np.array(slots[number]._array))
            tensor._grad = kept if tensor._grad is None else tensor._grad + kept
    for hook in list(hooks.pre.values()):
        replaced = hook(tuple(slots))
        if replaced is not None:
            slots = list(replaced) if isinstance(replaced, tuple) else [replaced]
    result = [_back(each, create_graph) for each in slots]
    return result[0] if node.outputs == 1 else result


def _after(node: Node, hooks: Hooks, gradients: Any, gradient: Any, create_graph: bool) -> Any:
    inputs = tuple(_tensor(each) for each in gradients)
    outputs = tuple(_tensor(each) for each in ([gradient] if node.outputs == 1 else gradient))
    for hook in list(hooks.post.values()):
        replaced = hook(inputs, outputs)
        if replaced is not None:
            inputs = tuple(replaced) if isinstance(replaced, (tuple, list)) else (replaced,)
            if len(inputs) != len(gradients):
                raise RuntimeError(
                    f"hook of {node.name()} returned {len(inputs)} gradients, but the node has {len(gradients)} inputs"
                )
    return [_back(each, create_graph) for each in inputs]


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
    if inputs is not None:
        chosen = _sequence(inputs)
        if not chosen:
            raise RuntimeError("`inputs` argument to `backward` cannot be empty.")
        captured = grad(tensors, chosen, grad_tensors, retain_graph, create_graph, allow_unused=True)
        for tensor, gradient in zip(chosen, captured, strict=True):
            if gradient is not None:
                before = tensor._grad
                tensor._grad = gradient if before is None else before + gradient
        return
    roots = _roots(_sequence(tensors), grad_tensors, create_graph)
    run_backward(roots, retain_graph=create_graph if retain_graph is None else retain_graph, create_graph=create_graph)


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
        inputs: With respect to what; a tensor or a sequence.
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
        raise ValueError("grad requires non-empty inputs.")
    for number, target in enumerate(targets):
        if not target.requires_grad:
            raise RuntimeError(f"One of the differentiated Tensors (inputs[{number}]) does not require grad")
    if is_grads_batched:
        return _batched(sources, targets, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    found = run_backward(
        _roots(sources, grad_outputs, create_graph),
        retain_graph=retain_graph,
        create_graph=create_graph,
        capture=[edge_of(target) for target in targets],
    )
    results = []
    for number, (target, gradient) in enumerate(zip(targets, found, strict=True)):
        if gradient is None and materialize_grads:
            gradient = np.zeros_like(target._array)
        elif gradient is None and not allow_unused:
            raise RuntimeError(
                f"One of the differentiated Tensors (inputs[{number}]) appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
        results.append(_tensor(gradient))
    if not create_graph:
        # A gradient may be the very array that the caller passed in, or that two inputs share: give each its own.
        results = [each if each is None else wrap(np.array(each._array)) for each in results]
    return tuple(results)


def _batched(
    sources: list[Any],
    targets: list[Any],
    grad_outputs: Any,
    retain_graph: bool,
    create_graph: bool,
    allow_unused: bool,
    materialize: bool,
) -> tuple[Any, ...]:
    given = [each for each in _sequence(grad_outputs)]
    size = len(given[0])
    rows = [
        grad(
            sources, targets, [each[i] for each in given], retain_graph or i < size - 1, create_graph, allow_unused,
            materialize_grads=materialize,
        )
        for i in range(size)
    ]  # fmt: skip
    stack: Callable[[list[Any]], Any] = type(targets[0])._stack
    return tuple(None if column[0] is None else stack(list(column)) for column in zip(*rows, strict=True))


def _sequence(value: Any) -> list[Any]:
    return [value] if isinstance(value, Variable) else list(value)


def _roots(tensors: list[Any], gradients: Any, create_graph: bool) -> list[tuple[Edge, Any]]:
    given = [None] * len(tensors) if gradients is None else _sequence(gradients)
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(given)} gradients")
    roots = []
    for number, (tensor, gradient) in enumerate(zip(tensors, given, strict=True)):
        if not tensor.requires_grad:
            raise RuntimeError(f"element {number} of tensors does not require grad and does not have a grad_fn")
        array = tensor._array
        if gradient is None:
            if array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            gradient = np.ones_like(array)
            gradient = wrap(gradient) if create_graph else gradient
        else:
            if not isinstance(gradient, Variable):
                raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
            if gradient._array.shape != array.shape:
                raise RuntimeError(
                    f"Mismatch in shape: grad_output[{number}] has a shape of {list(gradient._array.shape)} and "
                    f"output[{number}] has a shape of {list(array.shape)}."
                )
            gradient = gradient if create_graph else gradient._array
        roots.append((edge_of(tensor), gradient))
    return roots
