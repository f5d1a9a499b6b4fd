"""The graph that a forward pass leaves behind: variables and the nodes that made them.

A :class:`Variable` is an array with its place in the graph; ``Tensor`` adds the operations to it. Its *edge* is where
its gradient goes: None for a leaf (the gradient stays in ``.grad``), the :class:`Node` that made it, or a pair
``(node, output number)`` where that node has several outputs.
"""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from framework.autograd import anomaly
from framework.autograd.grad_mode import inference, recording
from framework.autograd.hooks import Hooks, RemovableHandle, register_multi_grad_hook
from framework.autograd.saved_tensors import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from framework.dtypes import from_numpy_dtype

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = [
    "GradientEdge",
    "Node",
    "RemovableHandle",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]

Array = np.ndarray[Any, Any]
sequence_numbers = itertools.count()


FRESH = (0,)  # the version of a tensor on memory that no other tensor shares, and that nobody has changed or saved


class Variable:
    """An array and its place in the autograd graph.

    Attributes:
        _array: The data. Shared with views of this tensor and with :meth:`detach`.
        _requires_grad: Whether gradients flow to this tensor.
        _edge: Where its gradient goes; None for a leaf.
        _view: How it is a view of another tensor, or None.
        _box: What :attr:`_version_box` gives, or ``FRESH`` as long as nobody has asked for it.
    """

    __slots__ = ("__dict__", "__weakref__", "_array", "_box", "_edge", "_requires_grad", "_view")

    _array: Array
    _box: Any
    _edge: Edge
    _requires_grad: bool
    _view: View | None

    # What few tensors have stands in the instance's dictionary; these are the values of the others.
    _grad: Tensor | None = None
    _hooks: dict[int, Callable[..., Any]] | None = None
    _post_accumulate_hooks: dict[int, Callable[..., Any]] | None = None
    _accumulator: Any = None
    _accumulator_hooks: Hooks | None = None

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient, of this tensor's shape and dtype, or None."""
        value = self._grad
        if value is None and self._edge is not None and not keeps_grad(self):
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
                "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, "
                "use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access "
                "the leaf Tensor instead.",
                stacklevel=2,
            )
        return value

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Variable):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value._array.shape != self._array.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value._array.shape)}' to a tensor of size "
                    f"'{list(self._array.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
            if value._array.dtype != self._array.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{from_numpy_dtype(value._array.dtype)}' to a tensor with dtype "
                    f"'{from_numpy_dtype(self._array.dtype)}'. The gradient must match the tensor's dtype"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        if self._view is not None and not self._requires_grad:
            edge_of(self)  # they do where its memory has taken such values in since
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        value = bool(value)
        if value and self._array.dtype.kind != "f":
            raise RuntimeError(
                f"only Tensors of floating point dtype can require gradients, not {from_numpy_dtype(self._array.dtype)}"
            )
        if not value and not self.is_leaf:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if value and not self._requires_grad and self._version_box is None and not inference.get():
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._requires_grad = value

    @property
    def is_leaf(self) -> bool:
        """True unless a recorded operation made this tensor."""
        return edge_of(self) is self

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor, or None for a leaf."""
        edge = edge_of(self)
        if edge is self:
            return None
        return edge[0] if isinstance(edge, tuple) else edge

    @property
    def output_nr(self) -> int:
        """Which of its node's outputs this tensor is."""
        edge = edge_of(self)
        return edge[1] if isinstance(edge, tuple) else 0

    @property
    def _base(self) -> Variable | None:
        """The tensor whose memory this view shares, or None."""
        return None if self._view is None else self._view.base

    @property
    def _version_box(self) -> list[Any] | None:
        """The counter of in-place changes: a list, shared by all tensors on the same memory. None for an inference tensor."""
        if self._box is FRESH:
            self._box = [0]
        return self._box

    @_version_box.setter
    def _version_box(self, box: list[Any] | None) -> None:
        self._box = box

    @property
    def _version(self) -> int:
        if self._box is None:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._box[0]


Edge = Any  # Node | tuple[Node, int] | Variable (a leaf) | None


class Node:
    """One recorded operation: it turns the gradient of its output into those of its inputs.

    Attributes:
        edges: Where the gradients go, one for each input that needs one.
        sequence_nr: The creation number. Inputs are older than outputs, so newest first is a topological order.
        shape, dtype: Of the output; tuples of them where there are several.
        outputs: How many outputs there are.
        hooks: The :class:`Hooks` of this node, or None.
    """

    __slots__ = ("__weakref__", "dtype", "edges", "extras", "hooks", "sequence_nr", "shape")

    edges: tuple[Edge, ...]
    sequence_nr: int
    shape: Any
    dtype: Any
    hooks: Hooks | None
    extras: dict[str, Any] | None
    outputs = 1

    def apply(self, grad: Any, create_graph: bool) -> Any:
        """The gradients for :attr:`edges` from the output's (a list of them, with None, for several outputs).

        They are arrays in an ordinary backward pass, Tensors with ``create_graph``.
        """
        raise NotImplementedError

    def apply_for(self, wanted: list[bool], grad: Any, create_graph: bool) -> Any:
        """As :meth:`apply`, where only some of the gradients are wanted; the others may be None."""
        return self.apply(grad, create_graph)

    def release(self) -> None:
        """Let go of what was saved for :meth:`apply`."""

    def name(self) -> str:
        """The node's name in PyTorch, such as ``MulBackward0``."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """Pairs ``(node, output number)``, one for each input; ``(None, 0)`` where no gradient flows."""
        return tuple(function_of(edge) for edge in self.all_edges())

    def all_edges(self) -> tuple[Edge, ...]:
        """The edges of all inputs, None for those that need no gradient."""
        return self.edges

    def index_of(self, edge: Edge) -> int:
        """Which input an edge belongs to."""
        return next(number for number, each in enumerate(self.all_edges()) if each is edge)

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for the user's own notes on this node."""
        return self._extras().setdefault("metadata", {})

    def _extras(self) -> dict[str, Any]:
        if self.extras is None:
            self.extras = {}
        return self.extras

    def _sequence_nr(self) -> int:
        return self.sequence_nr

    def ensure_hooks(self) -> Hooks:
        """This node's hooks, made at the first call."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after this node has run; it may return other ``grad_inputs``."""
        return RemovableHandle(self.ensure_hooks().post, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before this node runs; it may return other ``grad_outputs``."""
        return RemovableHandle(self.ensure_hooks().pre, hook)


def init_node(node: Node, edges: tuple[Edge, ...], shape: Any, dtype: Any) -> None:
    """Fill the fields that every node has (nodes are made without a constructor call: it is the hot path)."""
    node.edges = edges
    node.sequence_nr = next(sequence_numbers)
    node.shape = shape
    node.dtype = dtype
    node.hooks = None
    node.extras = None


class AccumulateGrad(Node):
    """Where a gradient ends: stands for a leaf in ``next_functions``. The engine itself goes to the leaf directly.

    Its hooks belong to the leaf, so that they stay when this node is made anew.
    """

    __slots__ = ("variable",)

    def __init__(self, variable: Variable) -> None:
        init_node(self, (), variable._array.shape, variable._array.dtype)
        self.variable = variable
        self.hooks = variable._accumulator_hooks

    def ensure_hooks(self) -> Hooks:
        """The hooks, made at the first call."""
        if self.hooks is None:
            self.hooks = self.variable._accumulator_hooks = Hooks()
        return self.hooks


def function_of(edge: Edge) -> tuple[Node | None, int]:
    """The ``(node, output number)`` pair that PyTorch shows for an edge."""
    if edge is None:
        return None, 0
    if isinstance(edge, tuple):
        return edge
    if isinstance(edge, Variable):
        return accumulator_of(edge), 0
    return edge, 0


def accumulator_of(leaf: Variable) -> AccumulateGrad:
    """The one AccumulateGrad of a leaf; the leaf holds it weakly, as it holds the leaf."""
    node: AccumulateGrad | None = leaf._accumulator() if leaf._accumulator is not None else None
    if node is None:
        node = AccumulateGrad(leaf)
        leaf._accumulator = weakref.ref(node)
    return node


class Recipe:
    """A chain of view operations: called on a tensor or array like the base, it takes the same view of that.

    It doesn't hold the base, which may hold it through its history.
    """

    __slots__ = ("args", "operation", "parent")

    def __init__(self, parent: Recipe | None, operation: Callable[..., Any], args: Sequence[Any]) -> None:
        self.parent = parent
        self.operation = operation
        self.args = args

    def __call__(self, base: Any) -> Any:
        return self.operation(base if self.parent is None else self.parent(base), *self.args)


class View:
    """That a tensor shares the memory of another one, and how.

    Attributes:
        base: The tensor that owns the memory.
        recipe: How the view is taken from the base.
        version: The base's version when the view's edge was made.
        recorded: Whether gradients could be recorded when the view was taken.
    """

    __slots__ = ("base", "recipe", "recorded", "version")

    def __init__(self, source: Variable, operation: Callable[..., Any], args: Sequence[Any]) -> None:
        parent = source._view
        self.base: Variable = source if parent is None else parent.base
        self.recipe = Recipe(None if parent is None else parent.recipe, operation, args)
        self.version = 0 if source._box is None else source._box[0]
        self.recorded = recording.get()


def mark_view(output: Variable, source: Variable, operation: Callable[..., Any], args: Sequence[Any]) -> None:
    """Make ``output``, on memory of ``source``, its view ``operation(source, *args)``.

    In inference mode a view of a tensor from outside is no inference tensor: it requires grad if its source does.
    """
    output._view = View(source, operation, args)
    output._version_box = source._version_box
    if source._requires_grad and inference.get():
        output._requires_grad = True


def edge_of(variable: Variable) -> Edge:
    """Where this tensor's gradient goes: a node, a (node, number) pair, or the leaf itself.

    A view whose memory was changed in place since is first derived again from its base, whose history has changed.
    """
    view, box = variable._view, variable._box
    if view is not None and box is not None and view.version != box[0]:
        view.version = box[0]
        if view.base._edge is not None and view.recorded:
            token = recording.set(True)
            try:
                again = view.recipe(view.base)
            finally:
                recording.reset(token)
            rebase(variable, again._edge)
            variable._requires_grad = again._requires_grad
    edge = variable._edge
    return variable if edge is None else edge


def rebase(variable: Variable, edge: Edge) -> None:
    """Give a tensor another edge after an in-place change: its hooks stay, what keeps its ``.grad`` moves along."""
    before, number = variable._edge if isinstance(variable._edge, tuple) else (variable._edge, 0)
    variable._edge = edge
    if isinstance(before, Node) and before.hooks is not None:
        reference = before.hooks.retain.get(number)
        if reference is not None and reference() is variable:
            del before.hooks.retain[number]
            node, number = function_of(edge)
            if node is not None:
                node.ensure_hooks().retain[number] = reference


tensor_class: type[Any] = Variable


def set_tensor_class(cls: type[Any]) -> None:
    """Name the class of operations' results. Called once, by the module that defines it, which stands above this one."""
    global tensor_class
    tensor_class = cls


def wrap(array: Array) -> Tensor:
    """A new leaf tensor on this array, without a copy. NumPy scalars become 0-dimensional arrays."""
    if type(array) is not np.ndarray and isinstance(array, np.generic):
        array = np.asarray(array)
    result = object.__new__(tensor_class)
    result._array = array
    result._view = None
    result._edge = None
    result._requires_grad = False
    result._box = None if inference.get() else FRESH
    return result


def array_of(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value._array if isinstance(value, Variable) else value


def bump_version(variable: Variable) -> None:
    """Count an in-place change."""
    box: list[Any] | None = variable._version_box
    if box is not None:
        box[0] += 1
        if anomaly.active:
            box[1:] = [anomaly.here()]


def keeps_grad(variable: Variable) -> bool:
    """Whether this is no leaf, and yet keeps its ``.grad``."""
    node = variable.grad_fn
    if node is None or node.hooks is None:
        return False
    reference = node.hooks.retain.get(variable.output_nr)
    return reference is not None and reference() is variable


def retain_grad(variable: Variable) -> None:
    """Keep the ``.grad`` of a tensor though it is no leaf.

    Raises:
        RuntimeError: If no gradient flows to it.
    """
    if not variable.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    node = variable.grad_fn
    if node is not None:
        node.ensure_hooks().retain[variable.output_nr] = weakref.ref(variable)


class GradientEdge(NamedTuple):
    """Where the gradient of a tensor goes in the graph; ``autograd.grad`` takes it in place of the tensor."""

    node: Node
    output_nr: int


def get_gradient_edge(tensor: Variable) -> GradientEdge:
    """The edge through which the gradient of ``tensor`` flows, so that the tensor itself need not be kept.

    Raises:
        RuntimeError: If no gradient flows to it.
    """
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node, number = function_of(edge_of(tensor))
    assert node is not None
    return GradientEdge(node, number)


def increment_version(tensor: Variable | Iterable[Variable]) -> None:
    """Count an in-place change that was made behind the tensor's back, such as through its NumPy array."""
    for each in [tensor] if isinstance(tensor, Variable) else tensor:
        bump_version(each)
