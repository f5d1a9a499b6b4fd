"""What a primitive's call leaves in the graph: its node, and the plan of what the node saves and which formulas run."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.autograd import anomaly
from framework.autograd.graph import Edge, Node, Variable, edge_of, function_of, wrap
from framework.dtypes import from_numpy_dtype

if TYPE_CHECKING:
    from framework.autograd.primitive import Primitive

# Functions that take the saved values out of ``(*arguments, *results)``.
Picker = Callable[[Any], tuple[Any, ...]]


class Plan:
    """Which formulas run, and what they save, for one set of inputs that require grad.

    Attributes:
        positions: The inputs that get a gradient, in the order of the node's edges.
        steps: The formulas, each with the part of the saved values that is its arguments.
        selected: For a joint formula, which of the gradients that it gives are wanted; else None.
        names: The names of the saved values, formula after formula.
        pick: Takes those values out of the call's arguments and results.
        saved_inputs, saved_results: Which arguments and results are saved: their positions and names.
        saves_arrays: Whether there are any.
    """

    __slots__ = ("names", "pick", "positions", "saved_inputs", "saved_results", "saves_arrays", "selected", "steps")

    def __init__(self, primitive: Primitive, needs: int, count: int) -> None:
        arguments = primitive.arguments
        self.positions = tuple(i for i in range(count) if needs >> i & 1)
        wanted: tuple[bool, ...] = ()
        self.selected: tuple[int, ...] | None = None
        if primitive.joint or primitive.variadic:
            first = primitive.differentiable[0] if primitive.variadic else 0
            order = range(first, count) if primitive.variadic else [arguments.index(name) for name in primitive.joint]
            wanted = tuple(bool(needs >> i & 1) for i in order)
            self.selected = tuple(i for i, want in enumerate(wanted) if want)
            if not primitive.variadic:
                self.positions = tuple(i for i, want in zip(order, wanted, strict=True) if want)
            formulas = list(primitive.formulas.values())
        else:
            formulas = [primitive.formulas[arguments[i]] for i in self.positions]
        self.steps: list[tuple[Callable[..., Any], slice]] = []
        names: list[str] = []
        for formula in formulas:
            own = parameter_names(formula)[1:]
            self.steps.append((formula, slice(len(names), len(names) + len(own))))
            names += own
        self.names = tuple(names)
        self.pick = _picker(primitive, self.names, wanted)
        self.saved_inputs = [(i, name) for i, name in enumerate(arguments) if name in names]
        if primitive.variadic and arguments[-1] in names:
            self.saved_inputs += [(i, arguments[-1]) for i in range(len(arguments), count)]
        self.saved_results = sorted({(number, name) for name in names if (number := _result_number(name)) is not None})
        self.saves_arrays = bool(self.saved_inputs or self.saved_results)


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's positional parameters."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def _result_number(name: str) -> int | None:
    """Which result a formula's parameter names: 0 for ``result``, 2 for ``result2``; None for anything else."""
    number = name.removeprefix("result")
    if number == name or not (number.isdigit() or not number):
        return None
    return int(number or 0)


def _picker(primitive: Primitive, names: tuple[str, ...], wanted: tuple[bool, ...]) -> Picker:
    """A function that takes the values of these names out of ``(*arguments, *results)``."""
    arguments = primitive.arguments
    steps: list[tuple[int, str]] = []
    for name in names:
        stem, _, what = name.rpartition("_")
        number = _result_number(name)
        if name in arguments:
            steps.append((arguments.index(name), ""))
        elif number is not None:
            steps.append((len(arguments) + number, ""))
        elif what in ("shape", "dtype") and stem in arguments:
            steps.append((arguments.index(stem), what))
        elif name == "needs":
            steps.append((-1, "needs"))
        else:
            raise TypeError(
                f"{primitive.name}: a gradient formula asks for {name!r}, which is neither an argument nor a result"
            )
    if not steps:
        return lambda env: ()
    if not any(what for _, what in steps):
        indices = [index for index, _ in steps]
        if len(indices) == 1:
            only = indices[0]
            return lambda env: (env[only],)
        return itemgetter(*indices)

    if len(steps) == 1 and steps[0][1] == "shape":
        only = steps[0][0]
        return lambda env: (_attribute(env[only], "shape"),)

    def pick(env: Any) -> tuple[Any, ...]:
        values = []
        for i, what in steps:
            values.append((wanted if what == "needs" else _attribute(env[i], what)) if what else env[i])
        return tuple(values)

    return pick


def _attribute(value: Any, what: str) -> Any:
    """The shape or dtype of an array, of each array of a tuple, or of a Python number."""
    if type(value) is np.ndarray:
        return value.shape if what == "shape" else value.dtype
    if isinstance(value, tuple):
        return [getattr(each, what) for each in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return getattr(value, what)
    return () if what == "shape" else np.asarray(value).dtype


class PrimitiveNode(Node):
    """A recorded call of a primitive.

    Attributes:
        primitive: What was called.
        plan: Which formulas run, and on what.
        saved: The values that the formulas read, in the order of ``plan.names``; None once they were freed.
        versions: ``(version counter, its value when saved, name)`` of every saved array, or None.
        unpack: Where a ``saved_tensors_hooks`` was active: what turns the packed values in ``saved`` into arrays.
    """

    __slots__ = ("plan", "saved", "versions")

    primitive: Primitive
    plan: Plan
    saved: tuple[Any, ...] | None
    versions: list[tuple[list[int], int, str]] | None

    def apply(self, grad: Any, create_graph: bool) -> Any:
        """The gradients for :attr:`edges`.

        Raises:
            RuntimeError: If the saved values were freed, or changed in place since.
        """
        saved = self._checked(create_graph)
        plan = self.plan
        gradients = []
        if plan.selected is None:
            for formula, part in plan.steps:
                gradients.append(formula(grad, *saved[part]))
            return gradients
        every = plan.steps[0][0](grad, *saved)
        return [every[i] for i in plan.selected]

    def apply_for(self, wanted: list[bool], grad: Any, create_graph: bool) -> Any:
        """As :meth:`apply`, with None for what is not wanted."""
        saved = self._checked(create_graph)
        plan = self.plan
        if plan.selected is None:
            return [
                formula(grad, *saved[part]) if want else None
                for (formula, part), want in zip(plan.steps, wanted, strict=True)
            ]
        if "needs" in plan.names and not all(wanted):
            at = plan.names.index("needs")
            needs = list(saved[at])
            for i, want in zip(plan.selected, wanted, strict=True):
                needs[i] = want
            saved = (*saved[:at], tuple(needs), *saved[at + 1 :])
        every = plan.steps[0][0](grad, *saved)
        return [every[i] if want else None for i, want in zip(plan.selected, wanted, strict=True)]

    def _checked(self, create_graph: bool) -> tuple[Any, ...]:
        """The saved values, if they are still there and unchanged; in the graph with ``create_graph``."""
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        if self.versions is not None:
            for box, version, name in self.versions:
                if box[0] != version:
                    raise self._changed_error(box, version, name)
        if self.extras is not None and "packed" in self.extras:
            saved = self._unpacked(saved)
        return self._in_graph(saved) if create_graph else saved

    def release(self) -> None:
        """Let go of saved arrays. A node that saved none can run again, as in PyTorch."""
        if self.plan.saves_arrays:
            self.saved = None
            self.versions = None

    def keep_original(self, target: Variable) -> None:
        """Before ``target``, an input, is overwritten: save copies of all saved arrays that lie in the same memory."""
        if self.saved is None or not self.versions:
            return
        box = target._version_box
        lost = {name for each, _, name in self.versions if each is box}
        if not lost:
            return
        copies = {
            name: tuple([np.array(each) for each in value]) if isinstance(value, tuple) else np.array(value)
            for name, value in zip(self.plan.names, self.saved, strict=True)
            if name in lost
        }
        self.saved = tuple([copies.get(name, value) for name, value in zip(self.plan.names, self.saved, strict=True)])
        self.versions = [entry for entry in self.versions if entry[2] not in lost]

    def all_edges(self) -> tuple[Edge, ...]:
        """The edges of all differentiable inputs, None for those that need no gradient."""
        by_position = dict(zip(self.plan.positions, self.edges, strict=True))
        every = self.primitive.differentiable
        if self.primitive.variadic:
            every = tuple(range(every[0], max(self.plan.positions) + 1))
        return tuple(by_position.get(i) for i in every)

    def _edges_by_name(self) -> dict[str, Any]:
        """Where the saved differentiable inputs and results stand in the graph, by name."""
        primitive, plan = self.primitive, self.plan
        by_position = dict(zip(plan.positions, self.edges, strict=True))
        if primitive.variadic:
            edges: dict[str, Any] = {primitive.arguments[-1]: by_position}
        else:
            edges = {primitive.arguments[i]: edge for i, edge in by_position.items()}
        for number, name in plan.saved_results:
            if number < self.outputs:
                edges[name] = self if self.outputs == 1 else (self, number)
        return edges

    def _in_graph(self, saved: tuple[Any, ...]) -> tuple[Any, ...]:
        """The saved values, with arrays of differentiable inputs and results as Tensors in the graph."""
        edges = self._edges_by_name()
        made: dict[str, Any] = {}
        result = []
        for name, value in zip(self.plan.names, saved, strict=True):
            if name in edges and name not in made:
                if isinstance(value, tuple):
                    first = self.primitive.differentiable[0]
                    made[name] = tuple(attach(each, edges[name].get(first + i)) for i, each in enumerate(value))
                else:
                    made[name] = attach(value, edges[name])
            result.append(made.get(name, value))
        return tuple(result)

    def pack(self, hooks: tuple[Callable[..., Any], Callable[..., Any]], sources: dict[str, Any]) -> None:
        """Replace the saved tensors by what the user's pack hook makes of them.

        Args:
            hooks: The pair ``(pack, unpack)``.
            sources: The tensors, or tuples of them, that the saved values came from, by name.
        """
        pack, unpack = hooks
        assert self.saved is not None
        made: dict[str, Any] = {}
        dtypes: dict[str, Any] = {}  # of what was packed; for a tuple a list of them, with None for what was not
        for name, value in zip(self.plan.names, self.saved, strict=True):
            source = sources.get(name)
            if name in made:
                continue
            if source is value and isinstance(value, np.ndarray) and value.dtype.kind in "bf":
                source = wrap(value)  # an operation's own array, such as dropout's mask
            if isinstance(source, Variable):
                made[name], dtypes[name] = pack(source), _attribute(value, "dtype")
            elif isinstance(source, tuple) and any(isinstance(each, Variable) for each in source):
                packed = [isinstance(each, Variable) for each in source]
                made[name] = tuple([pack(each) if yes else each for each, yes in zip(source, packed, strict=True)])
                dtypes[name] = [_attribute(each, "dtype") if yes else None for each, yes in zip(value, packed, strict=True)]
        self.saved = tuple([made.get(name, value) for name, value in zip(self.plan.names, self.saved, strict=True)])
        self.versions = None
        self._extras()["packed"] = (unpack, dtypes)

    def _unpacked(self, saved: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arrays that the user's unpack hook gives for the packed values."""
        unpack, dtypes = self._extras()["packed"]
        made: dict[str, Any] = {}

        def array(packed: Any, dtype: Any) -> Any:
            if dtype is None:
                return packed
            tensor = unpack(packed)
            if not isinstance(tensor, Variable):
                raise TypeError(
                    f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                    f"{type(tensor).__name__}, at {self.name()}"
                )
            return tensor._array.astype(dtype, copy=False)

        for name, value in zip(self.plan.names, saved, strict=True):
            if name in dtypes and name not in made:
                if isinstance(value, tuple):
                    made[name] = tuple([array(each, dtype) for each, dtype in zip(value, dtypes[name], strict=True)])
                else:
                    made[name] = array(value, dtypes[name])
        return tuple([made.get(name, value) for name, value in zip(self.plan.names, saved, strict=True)])

    def _changed_error(self, box: list[Any], version: int, name: str) -> RuntimeError:
        """The error for a saved array that was changed in place: who saved it, and, where known, who changed it."""
        what = f"{name!r}, saved by {self.name()}, is"
        assert self.saved is not None
        value = dict(zip(self.plan.names, self.saved, strict=True))[name]
        if isinstance(value, np.ndarray):
            kind = "a tensor" if value.dtype.kind == "c" else str(from_numpy_dtype(value.dtype))
            what = f"[{kind} {list(value.shape)}], which {self.name()} saved as {name!r}, is"
            node, number = function_of(self._edges_by_name().get(name))
            if node is not None and type(node).__name__ != "AccumulateGrad":
                what = f"{what[:-2]}and which is output {number} of {node.name()}, is"
        return RuntimeError(
            f"one of the variables needed for gradient computation has been modified by an inplace operation: {what} at "
            f"version {box[0]}; expected version {version} instead." + anomaly.changed_at(self, box)
        )

    def __getattr__(self, name: str) -> Any:
        """What the node saved, as PyTorch names it: ``_saved_self``, ``_saved_other``, ``_saved_result``, …"""
        if not name.startswith("_saved_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        names = self.plan.names
        wanted = name.removeprefix("_saved_")
        wanted = next((each for each in names if wanted == self._pytorch_name(each)), wanted)
        if wanted == "self":
            wanted = self.primitive.arguments[0]
        if wanted not in names and any(wanted in parameter_names(each) for each in self.primitive.formulas.values()):
            return None  # saved only where another input requires grad
        if wanted not in names:
            every = sorted({"_saved_" + each for each in names})
            raise AttributeError(f"{self.name()} has no {name!r}; what it saved: {', '.join(every) or 'nothing'}")
        saved = self.saved
        if saved is None:
            raise freed_error(self)
        if self.extras is not None and "packed" in self.extras:
            saved = self._unpacked(saved)
        value = self._in_graph(saved)[names.index(wanted)]
        return wrap(value) if isinstance(value, np.ndarray) else value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *[f"_saved_{self._pytorch_name(name)}" for name in self.plan.names]})

    def _pytorch_name(self, name: str) -> str:
        return _NAMES_BY_NODE.get(self.name(), {}).get(name) or _NAMES.get(name, name)


# What PyTorch calls the values that formulas read: in general, and where it has another name for those of one node.
_NAMES = {"input": "self", "input_shape": "self_sym_sizes", "dims": "dim"}
_NAMES_BY_NODE = {
    "MmBackward0": {"other": "mat2"},
    "MaxBackward0": {"result1": "indices"},
    "MinBackward0": {"result1": "indices"},
    "SortBackward0": {"result1": "indices"},
    "TopkBackward0": {"result1": "indices"},
    "ConvolutionBackward0": {"input": "input"},
    "NativeLayerNormBackward0": {"input": "input"},
    "NativeBatchNormBackward0": {"input": "input"},
}


def freed_error(node: Node) -> RuntimeError:
    """The error for a node that runs again though its saved values were freed."""
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
        "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
        "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
        f"after calling backward. The freed node is {node.name()}.{anomaly.made_at(node) or anomaly.HINT}"
    )


def attach(value: Any, edge: Edge) -> Any:
    """A Tensor on a saved array, standing in the graph where the array came from."""
    if edge is None or not isinstance(value, np.ndarray):
        return value
    if isinstance(edge, Variable) and edge._array is value and edge_of(edge) is edge:
        return edge
    tensor = wrap(value)
    tensor._edge = edge
    tensor._requires_grad = True
    return tensor
