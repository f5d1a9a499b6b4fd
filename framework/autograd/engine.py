"""The backward pass: one loop over the graph, newest node first.

Inputs are always older than outputs, so taking the newest waiting node means that every gradient that flows into it
has arrived: no recursion, no counting of dependencies, time linear in the graph. Without ``create_graph`` gradients are
plain arrays and nothing is recorded; with it they are Tensors, and the formulas record themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from framework.autograd import anomaly
from framework.autograd.grad_mode import recording
from framework.autograd.graph import AccumulateGrad, Edge, Node, Variable, bump_version, edge_of, wrap
from framework.autograd.hook_calls import (
    as_tensor,
    leaf_hooks,
    post_accumulate_hooks,
    post_hooks,
    pre_hooks,
    tensor_hooks,
)
from framework.autograd.hooks import current_walk
from framework.dtypes import from_numpy_dtype
from framework.kernels.arithmetic import plus

Array = np.ndarray[Any, Any]


def run_backward(
    edges: list[Edge],
    gradients: list[Any],
    *,
    retain_graph: bool,
    create_graph: bool,
    capture: Sequence[Edge] | None = None,
    into: Sequence[Edge] | None = None,
) -> list[Any]:
    """Send gradients from the roots through the graph.

    Args:
        edges: Where gradients enter the graph.
        gradients: For each edge an array, or with ``create_graph`` a Tensor.
        retain_graph: Keep what the nodes saved, for another pass.
        create_graph: Record the backward pass itself.
        capture: Edges whose gradients are returned, in order, None where none arrived; only what leads to them is computed,
            and no ``.grad`` is written. None: write the ``.grad`` of all leaves, and return nothing.
        into: Write the ``.grad`` of these edges alone.
    """
    walk = _Walk(edges, create_graph, retain_graph)
    token, before = recording.set(create_graph), current_walk.set(walk)
    try:
        wanted = capture if into is None else into
        if wanted is not None:
            walk.only = _leading_to(set(wanted), edges)
        if capture is None:
            walk.run(edges, gradients)
            walk.accumulate()
            return []
        walk.captured = captured = dict.fromkeys(capture)
        walk.run(edges, gradients)
        walk.finish_leaves()
        return [captured[edge] for edge in capture]
    finally:
        recording.reset(token)
        current_walk.reset(before)


class _Walk:
    """The state of one backward pass.

    Attributes:
        roots: Where gradients enter the graph.
        leaves: The gradients that have arrived at leaves.
        only: The nodes and leaves that are visited; None for all.
        captured: The gradients to hand back, by edge; None for a pass that writes ``.grad``.
        notes: For hooks, to keep what belongs to this pass.
    """

    __slots__ = ("captured", "create_graph", "leaves", "notes", "only", "retain_graph", "roots")

    def __init__(self, roots: list[Edge], create_graph: bool, retain_graph: bool) -> None:
        self.roots = roots
        self.create_graph = create_graph
        self.retain_graph = retain_graph
        self.leaves: dict[Variable, Any] = {}
        self.only: set[Any] | None = None
        self.captured: dict[Any, Any] | None = None
        self.notes: dict[Any, Any] = {}

    def run(self, edges: Sequence[Edge], gradients: Sequence[Any]) -> None:
        """Visit the nodes, newest first, until all gradients have arrived at leaves."""
        create_graph, retain_graph, watched = self.create_graph, self.retain_graph, anomaly.active
        only, captured, leaves = self.only, self.captured, self.leaves
        # Nodes that wait for their turn, and their gradients so far, by the negative creation number, which is in the heap.
        nodes: dict[int, Node] = {}
        waiting: dict[int, Any] = {}
        heap: list[int] = []
        summed: set[Any] = set()  # whose waiting gradient is a sum made here, which may be added to in place
        node: Node | None = None
        while True:
            for edge, gradient in zip(edges, gradients):  # noqa: B905  (both come from the node; the hot path)
                if gradient is None:
                    continue
                if isinstance(edge, Node):
                    if only is not None and edge not in only:
                        continue
                    if create_graph or edge.shape != gradient.shape or edge.dtype is not gradient.dtype:
                        gradient = fit(gradient, edge.shape, edge.dtype, node, edge)
                    key = -edge.sequence_nr
                    if key in waiting:
                        waiting[key] = _add(waiting[key], gradient, key, summed, create_graph)
                    else:
                        waiting[key] = gradient
                        nodes[key] = edge
                        heappush(heap, key)
                elif isinstance(edge, Variable):
                    if only is not None and edge not in only:
                        continue
                    array = edge._array
                    if create_graph or array.shape != gradient.shape or array.dtype is not gradient.dtype:
                        gradient = fit(gradient, array.shape, array.dtype, node, edge)
                    if edge in leaves:
                        leaves[edge] = _add(leaves[edge], gradient, edge, summed, create_graph)
                    else:
                        leaves[edge] = gradient
                else:
                    target, number = edge
                    if only is not None and target not in only:
                        continue
                    shape, dtype = target.shape[number], target.dtype[number]
                    if create_graph or shape != gradient.shape or dtype is not gradient.dtype:
                        gradient = fit(gradient, shape, dtype, node, edge)
                    key = -target.sequence_nr
                    slots = waiting.get(key)
                    if slots is None:
                        slots = waiting[key] = [None] * target.outputs
                        nodes[key] = target
                        heappush(heap, key)
                    before = slots[number]
                    slots[number] = gradient if before is None else before + gradient
            if not heap:
                return
            key = heappop(heap)
            node = nodes.pop(key)
            gradient = waiting.pop(key)
            if summed:
                summed.discard(key)
            hooks = node.hooks
            if hooks is not None:
                gradient = tensor_hooks(node, hooks, gradient, create_graph)
            if only is not None:
                if captured is not None:
                    _capture(node, gradient, captured)
                if not any(_owner(edge) in only for edge in node.edges):
                    edges = gradients = ()
                    continue
            if hooks is not None and hooks.pre:
                gradient = pre_hooks(node, hooks, gradient, create_graph)
            edges = node.edges
            if watched:
                gradients = _watched(node, gradient, create_graph)
            elif only is None:
                gradients = node.apply(gradient, create_graph)
            else:
                gradients = node.apply_for([_owner(edge) in only for edge in edges], gradient, create_graph)
            if node.hooks is not None and node.hooks.post:
                gradients = post_hooks(node, node.hooks, gradients, gradient, create_graph)
            if not retain_graph:
                node.release()
            gradient = None

    def finish_leaves(self) -> None:
        """Run the leaves' hooks, and hand the gradients of captured leaves over."""
        assert self.captured is not None
        for leaf, gradient in self.leaves.items():
            self.captured[leaf] = leaf_hooks(leaf, gradient)

    def accumulate(self) -> None:
        """Add the gradients to the leaves' ``.grad``, and run the leaves' hooks."""
        leaves, create_graph = self.leaves, self.create_graph
        for leaf in list(leaves):
            gradient = leaves.pop(leaf)
            if not leaf._requires_grad:  # switched off since the forward pass
                continue
            if leaf._hooks:
                gradient = leaf_hooks(leaf, gradient)
            node: AccumulateGrad | None = None
            if leaf._accumulator is not None:
                node = leaf._accumulator()
            if node is not None and node.hooks is not None and node.hooks.pre:
                gradient = pre_hooks(node, node.hooks, gradient, create_graph)
            before = leaf._grad
            if before is None:
                if create_graph:
                    leaf._grad = as_tensor(gradient).clone()
                elif nobody_elses(gradient) and _laid_out_alike(gradient, leaf._array):
                    leaf._grad = wrap(gradient)
                else:
                    leaf._grad = wrap(np.empty_like(leaf._array))
                    leaf._grad._array[...] = gradient
            elif create_graph:
                leaf._grad = before + gradient
            else:
                before._array += gradient
                bump_version(before)
            if leaf._post_accumulate_hooks is not None:
                post_accumulate_hooks(leaf, leaf._post_accumulate_hooks)
            if node is not None and node.hooks is not None and node.hooks.post:
                post_hooks(node, node.hooks, (), gradient, create_graph)

    def reaches(self, tensor: Any) -> bool:
        """Whether this pass computes the gradient of ``tensor``."""
        edge = edge_of(tensor)
        if self.only is not None and _owner(edge) not in self.only:
            return False
        if "edges" not in self.notes:
            found: set[Any] = set()
            stack = list(self.roots)
            while stack:
                each = stack.pop()
                if each not in found:
                    found.add(each)
                    owner = _owner(each)
                    if isinstance(owner, Node):
                        stack.extend(next_edge for next_edge in owner.edges if next_edge is not None)
            self.notes["edges"] = found
        return edge in self.notes["edges"]


def _watched(node: Node, gradient: Any, create_graph: bool) -> Any:
    """``node.apply`` under anomaly detection."""
    try:
        gradients = node.apply(gradient, create_graph)
    except Exception:
        anomaly.report(node)
        raise
    anomaly.check(node, gradients)
    return gradients


def dtype_of(gradient: Any) -> Any:
    """The NumPy dtype of an array or a Tensor."""
    return gradient._array.dtype if isinstance(gradient, Variable) else gradient.dtype


def fit(gradient: Any, shape: tuple[int, ...], dtype: Any, node: Node | None, edge: Edge) -> Any:
    """The gradient in its input's shape, summed over what was broadcast, and in its dtype.

    Raises:
        RuntimeError: If it can't be summed to that shape.
    """
    if gradient.shape != shape:
        lead = len(gradient.shape) - len(shape)
        if lead < 0 or any(want not in (1, have) for want, have in zip(shape, gradient.shape[lead:], strict=True)):
            where = f"Function {node.name()} returned" if node is not None else "Got"
            number = 0 if node is None else node.index_of(edge)
            raise RuntimeError(
                f"{where} an invalid gradient at index {number} - got {list(gradient.shape)} but expected shape compatible "
                f"with {list(shape)}"
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
        return plus(before, gradient, before)
    summed.add(key)
    return plus(before, gradient)


def _laid_out_alike(gradient: Array, array: Array) -> bool:
    """Whether a gradient's elements lie in memory as those of its leaf, so that it has the same views."""
    return (gradient.flags.c_contiguous and array.flags.c_contiguous) or gradient.strides == array.strides


def nobody_elses(gradient: Any) -> bool:
    """Whether nobody but the caller refers to this array, nor to its memory: it needs no copy."""
    if sys.getrefcount(gradient) > _SOLE or not gradient.flags.writeable:
        return False
    base = gradient.base  # of a reshaped or transposed array, which alone may hold it
    return base is None or (
        type(base) is np.ndarray
        and base.base is None
        and base.size == gradient.size
        and sys.getrefcount(base) <= _SOLE_BASE
    )


def _references() -> int:
    """What ``sys.getrefcount`` gives in :func:`nobody_elses` for an array that only its caller holds."""
    only = {0: np.empty(0)}
    gradient = only.pop(0)

    def count(gradient: Any) -> int:
        return sys.getrefcount(gradient)

    return count(gradient)


_SOLE = _references()
_SOLE_BASE = 3  # the array, the local name, and the argument


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
