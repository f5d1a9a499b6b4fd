"""Pictures of the graph behind a tensor, as text for Mermaid and Graphviz.

    picture = Picture(loss, names={"x": x, "w": w})
    loss.backward()
    print(picture.mermaid(forward=True))

A picture that was made before ``backward`` has the gradients on its edges afterwards. Mermaid is what GitHub and most
documentation tools draw in a code block marked ``mermaid``; Graphviz's text goes through ``dot -Tsvg``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from framework.autograd.engine import sum_to_shape
from framework.autograd.graph import AccumulateGrad, Edge, Node, RemovableHandle, Variable, edge_of, function_of

__all__ = ["Picture", "graphviz", "mermaid"]

_MOST_ELEMENTS = 4  # a tensor with more is shown by its shape


def mermaid(
    tensors: Any, names: Any = None, *, forward: bool = False, direction: str = "LR", max_nodes: int = 500
) -> str:
    """The backward graph of a tensor as Mermaid text; see :class:`Picture`."""
    return Picture(tensors, names, max_nodes=max_nodes).mermaid(forward=forward, direction=direction)


def graphviz(
    tensors: Any, names: Any = None, *, forward: bool = False, direction: str = "LR", max_nodes: int = 500
) -> str:
    """The backward graph of a tensor as Graphviz text; see :class:`Picture`."""
    return Picture(tensors, names, max_nodes=max_nodes).graphviz(forward=forward, direction=direction)


class _Box(NamedTuple):
    """One box of a picture, or with ``target`` an arrow between two."""

    key: str
    label: str
    shape: str = "box"  # or "round"
    target: str = ""


class _Part:
    """A frame with boxes and arrows in it, and its colours."""

    def __init__(self, key: str, title: str, fill: str, stroke: str) -> None:
        self.key, self.title, self.fill, self.stroke = key, title, fill, stroke
        self.boxes: list[_Box] = []
        self.arrows: list[_Box] = []


class Picture:
    """The graph behind tensors, drawn at any time, with the gradients of the backward passes since.

    Args:
        tensors: The tensor, or a sequence of them.
        names: What tensors are called: a mapping from names to tensors, or a module, whose parameters' names count. Tensors in
            between may be among them, and are then shown by name and value in the forward pass.
        max_nodes: Raise for a graph of more nodes, which nobody could read.

    Raises:
        RuntimeError: If a tensor has no graph.
        ValueError: For a graph of more than ``max_nodes`` nodes.

    Gradients are noted by hooks on the nodes, which :meth:`remove` takes away.
    """

    def __init__(self, tensors: Any, names: Any = None, *, max_nodes: int = 500) -> None:
        every = [tensors] if isinstance(tensors, Variable) else list(tensors)
        for each in every:
            if not each.requires_grad:
                raise RuntimeError("this tensor has no graph to draw: it doesn't require grad")
        self.roots: list[Edge] = [edge_of(each) for each in every]
        self.names: dict[Any, tuple[str, Any]] = {}
        for name, tensor in _named(names):
            self.names[_key(edge_of(tensor))] = name, tensor
        for number, tensor in enumerate(every):
            name = "output" if len(every) == 1 else f"output {number}"
            self.names.setdefault(_key(edge_of(tensor)), (name, tensor))
        self.nodes = _nodes_behind(self.roots, max_nodes)
        # Operations and leaves count from 0 each, in the order of the forward pass.
        leaves = [node for node in reversed(self.nodes) if isinstance(node, AccumulateGrad)]
        operations = [node for node in reversed(self.nodes) if not isinstance(node, AccumulateGrad)]
        self.numbers = {node: number for each in (leaves, operations) for number, node in enumerate(each)}
        # By the node's creation number, so that hooks don't hold the nodes they hang on: gradients by edge, and of the outputs.
        self.gradients: dict[tuple[int, int], Any] = {}
        self.incoming: dict[int, Any] = {}
        self._handles: list[RemovableHandle] = []
        for node in self.nodes:
            self._handles.append(node.register_hook(_noting(node.sequence_nr, self.gradients, self.incoming)))

    def remove(self) -> None:
        """Take the hooks away: later backward passes don't change the picture."""
        for handle in self._handles:
            handle.remove()

    # ---- The two texts ------------------------------------------------------------------------------------------------------

    def mermaid(self, *, forward: bool = False, direction: str = "LR") -> str:
        """Mermaid text.

        Args:
            forward: Draw the forward pass beside the backward graph.
            direction: ``"LR"``, ``"RL"``, ``"TB"`` or ``"BT"``.
        """
        lines = [f"graph {_checked(direction)}"]
        for part in self._parts(forward):
            lines.append(f'    subgraph {part.key}["{part.title}"]')
            for box in part.boxes:
                left, right = ("([", "])") if box.shape == "round" else ("[", "]")
                lines.append(f'        {box.key}{left}"{_for_mermaid(box.label)}"{right}')
            for arrow in part.arrows:
                label = f'|"{_for_mermaid(arrow.label)}"|' if arrow.label else ""
                lines.append(f"        {arrow.key} -->{label} {arrow.target}")
            lines += ["    end", f"    style {part.key} fill:{part.fill},stroke:{part.stroke}"]
        return "\n".join(lines) + "\n"

    def graphviz(self, *, forward: bool = False, direction: str = "LR") -> str:
        """Graphviz text, for ``dot``; the arguments are those of :meth:`mermaid`."""
        lines = ["digraph {", f"    rankdir={_checked(direction)}", '    node [fontname="Helvetica", fontsize=11]']
        for part in self._parts(forward):
            lines += [f"    subgraph cluster_{part.key} {{", f"        label={_quoted(part.title)}"]
            lines.append(f'        style=filled; fillcolor="{part.fill}"; color="{part.stroke}"')
            for box in part.boxes:
                style = ', style="rounded"' if box.shape == "round" else ""
                lines.append(f"        {box.key} [label={_quoted(box.label)}, shape=box{style}]")
            for arrow in part.arrows:
                label = f" [label={_quoted(arrow.label)}]" if arrow.label else ""
                lines.append(f"        {arrow.key} -> {arrow.target}{label}")
            lines.append("    }")
        return "\n".join([*lines, "}"]) + "\n"

    def _parts(self, forward: bool) -> list[_Part]:
        return [self._forward(), self._backward()] if forward else [self._backward()]

    # ---- What is drawn ------------------------------------------------------------------------------------------------------

    def _forward(self) -> _Part:
        """The operations, oldest first: inputs, operation, result."""
        part = _Part("fwd", "forward pass", "#e8f4fd", "#2196F3")
        drawn: set[str] = set()

        def value(edge: Edge) -> str:
            """The box of a tensor; that of its operation where the tensor has no name."""
            node, number = function_of(edge)
            assert node is not None
            name, tensor = self._called(edge)
            if not isinstance(node, AccumulateGrad) and not name:
                return f"op{self.numbers[node]}"
            key = f"{'leaf' if isinstance(node, AccumulateGrad) else 'out'}{self.numbers[node]}" + f"_{number}" * bool(
                number
            )
            if key not in drawn:
                drawn.add(key)
                part.boxes.append(_Box(key, _shown(name, tensor), "round"))
                if not isinstance(node, AccumulateGrad):
                    part.arrows.append(_Box(f"op{self.numbers[node]}", "", target=key))
            return key

        for node in reversed(self.nodes):
            if isinstance(node, AccumulateGrad):
                continue
            key = f"op{self.numbers[node]}"
            part.boxes.append(_Box(key, _operation(node)))
            for edge in node.edges:
                if edge is not None:
                    part.arrows.append(_Box(value(edge), "", target=key))
        for edge in self.roots:
            value(edge)
        return part

    def _backward(self) -> _Part:
        """The nodes, newest first, with the gradients on the edges."""
        part = _Part("bwd", "backward graph", "#fff3e0", "#FF9800")
        for node in self.nodes:
            if isinstance(node, AccumulateGrad):
                name, _ = self._called(node.variable)
                part.boxes.append(_Box(self._box(node), f"AccumulateGrad({name})", "round"))
            else:
                part.boxes.append(_Box(self._box(node), node.name()))
        for number, edge in enumerate(self.roots):
            top = _node(edge)
            gradient = self.incoming[top.sequence_nr][function_of(edge)[1]] if top.sequence_nr in self.incoming else None
            label = "grad_output" if gradient is None else _shown("grad_output", gradient)
            part.boxes.insert(number, _Box(f"root{number}", label, "round"))
            part.arrows.append(_Box(f"root{number}", "", target=self._box(top)))
        for node in self.nodes:
            places = [number for number, edge in enumerate(node.all_edges()) if edge is not None]
            for place in places:
                edge = node.all_edges()[place]
                gradient = self.gradients.get((node.sequence_nr, place))
                label = "" if gradient is None else _shown("grad", gradient, _shape_of(edge))
                part.arrows.append(_Box(self._box(node), label, target=self._box(_node(edge))))
        return part

    def _box(self, node: Node) -> str:
        return f"{'acc' if isinstance(node, AccumulateGrad) else 'node'}{self.numbers[node]}"

    def _called(self, edge: Edge) -> tuple[str, Any]:
        """The name and the tensor at an edge, as far as they are known; leaves without a name are numbered."""
        known = self.names.get(_key(edge))
        if known is not None:
            return known
        if isinstance(edge, Variable):
            return f"leaf {self.numbers[_node(edge)]}", edge
        return "", None


def _noting(key: int, gradients: dict[tuple[int, int], Any], incoming: dict[int, Any]) -> Any:
    """A node's hook that notes its gradients."""

    def note(inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        incoming[key] = tuple([None if each is None else each.detach() for each in outputs])
        for number, gradient in enumerate(inputs):
            if gradient is not None:
                gradients[key, number] = gradient.detach()

    return note


def _named(names: Any) -> Iterable[tuple[str, Any]]:
    """The pairs of names and tensors."""
    if names is None:
        return []
    if isinstance(names, Mapping):
        return [(name, tensor) for name, tensor in names.items() if tensor.requires_grad]
    return [(name, tensor) for name, tensor in names.named_parameters() if tensor.requires_grad]


def _node(edge: Edge) -> Node:
    node, _ = function_of(edge)
    assert node is not None
    return node


def _key(edge: Edge) -> Any:
    """What tells the tensor at an edge from all others."""
    node, number = function_of(edge)
    return node, number


def _nodes_behind(roots: list[Edge], max_nodes: int) -> list[Node]:
    """All nodes, newest first, and then the leaves' in the reverse of the order in which operations need them."""
    seen: dict[Node, None] = {}
    stack = [_node(edge) for edge in roots]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen[node] = None
        if len(seen) > max_nodes:
            raise ValueError(
                f"the graph has more than {max_nodes} nodes; pass a larger max_nodes, or draw a smaller part"
            )
        stack.extend(_node(edge) for edge in node.edges if edge is not None)
    operations = sorted(
        (each for each in seen if not isinstance(each, AccumulateGrad)), key=lambda node: -node.sequence_nr
    )
    leaves: dict[Node, None] = {}
    for node in reversed(operations):
        for edge in node.edges:
            if isinstance(edge, Variable):
                leaves[_node(edge)] = None
    for node in seen:
        if isinstance(node, AccumulateGrad):
            leaves[node] = None
    return [*operations, *reversed(leaves)]


def _operation(node: Node) -> str:
    """``Mul`` of ``MulBackward0``."""
    stem, found, _ = node.name().rpartition("Backward")
    return stem if found else node.name()


def _shape_of(edge: Edge) -> tuple[int, ...]:
    if isinstance(edge, Variable):
        return edge._array.shape
    return edge[0].shape[edge[1]] if isinstance(edge, tuple) else edge.shape


def _shown(name: str, tensor: Any, shape: tuple[int, ...] | None = None) -> str:
    """``x = 2.0``, or ``x (3, 4)`` for a tensor of many elements; summed to ``shape`` where that is given."""
    if tensor is None:
        return name
    array = tensor._array
    if shape is not None and shape != array.shape:
        array = sum_to_shape(array, shape)
    if array.size > _MOST_ELEMENTS:
        return f"{name} {tuple(array.shape)}"
    return f"{name} = {_rounded(array.tolist())}"


def _rounded(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_rounded(each) for each in value) + "]"
    if isinstance(value, float):
        short = f"{value:.4g}"
        return short if any(mark in short for mark in ".en") else short + ".0"
    return str(value)


def _checked(direction: str) -> str:
    if direction not in ("LR", "RL", "TB", "BT"):
        raise ValueError(f"direction must be 'LR', 'RL', 'TB' or 'BT', not {direction!r}")
    return direction


def _for_mermaid(label: str) -> str:
    return label.replace('"', "#quot;")


def _quoted(label: str) -> str:
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
