"""The one mechanism: a primitive is a kernel on arrays with one gradient formula per input.

    @primitive(
        input=lambda grad, other: grad * other,
        other=lambda grad, input: grad * input,
    )
    def mul(input, other):
        return np.multiply(input, other)

1. Called on plain arrays, a primitive runs its kernel. Called on a Tensor, it also records a Node.
2. Formulas are written in primitives and operators. An ordinary backward runs them on plain arrays; with
   ``create_graph`` the same formulas run on Tensors and so record themselves: any order of derivative.
3. The names of a formula's parameters say what the Node saves, and nothing else is saved: ``grad`` (the gradient of the
   result, always first), an argument's name, ``result`` (``result0``, ``result1``, … where the kernel returns a tuple),
   ``<argument>_shape`` or ``<argument>_dtype`` where the array itself is not needed, and ``needs``, which says for a joint
   formula which gradients are wanted.

A gradient that is larger than its input by broadcasting is summed to the input's shape by the engine, and cast to the
input's dtype, so formulas need not care.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from framework.autograd import anomaly
from framework.autograd.grad_mode import inference, recording
from framework.autograd.graph import Edge, Node, Variable, View, bump_version, edge_of, init_node, wrap
from framework.dtypes import from_numpy_dtype, promote

if TYPE_CHECKING:
    from framework.tensor import Tensor

P = ParamSpec("P")


def primitive(
    joint: Callable[..., Any] | None = None,
    of: tuple[str, ...] = (),
    *,
    name: str | None = None,
    outputs: int = 1,
    promotes: str | None = None,
    view: str | None = None,
    **formulas: Callable[..., Any],
) -> Callable[[Callable[P, Any]], Callable[P, Tensor]]:
    """Make a primitive of a kernel.

    Args:
        joint: One formula for several inputs in place of ``formulas``: it returns a gradient, or None, for each name in
            ``of``. A kernel with ``*tensors`` takes one formula of that name, which returns a list.
        of: The arguments that ``joint`` serves.
        name: PyTorch's name of the node, where ``Backward0`` may be left out; made from the kernel's name by default.
        outputs: How many of the results are differentiable; they come first. Further ones are constants, such as indices.
            0: all of a number that depends on the call, two at least.
        promotes: ``"common"`` where the arguments are cast to their common type first (see :mod:`framework.dtypes`),
            ``"float"`` where integers become floats too, ``"number"`` where bools are refused. Only
            arguments with a formula take part, or all if there is none.
        view: ``"always"`` where the result shares memory with the first argument, ``"maybe"`` where that depends.
        **formulas: A gradient formula for each differentiable argument, by the argument's name.
    """
    if joint is not None:
        formulas = {"joint": joint}

    def define(kernel: Callable[P, Any]) -> Callable[P, Tensor]:
        made = Primitive(kernel, formulas, of, name, outputs, promotes, view)
        call = _caller(made)
        made.call = call
        call.primitive = made  # type: ignore[attr-defined]
        for attribute in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
            setattr(call, attribute, getattr(kernel, attribute))
        call.__wrapped__ = kernel  # type: ignore[attr-defined]
        return call

    return define


class Primitive:
    """What is known about a primitive at definition time. Its recorded calls are instances of ``node_class``."""

    def __init__(
        self,
        kernel: Callable[..., Any],
        formulas: dict[str, Callable[..., Any]],
        joint: tuple[str, ...],
        name: str | None,
        outputs: int,
        promotes: str | None,
        view: str | None,
    ) -> None:
        code = kernel.__code__
        self.kernel = kernel
        self.call: Callable[..., Any] = kernel
        self.name = kernel.__name__.strip("_")
        self.variadic = bool(code.co_flags & 0x04)
        self.arguments = code.co_varnames[: code.co_argcount + self.variadic]
        defaults = kernel.__defaults__ or ()
        self.defaults = dict(zip(self.arguments[code.co_argcount - len(defaults) :], defaults, strict=False))
        self.outputs = outputs
        self.promotes = promotes
        self.view = view
        self.joint = joint
        self.formulas = formulas
        differentiable = joint or tuple(formulas)
        for each in differentiable:
            if each not in self.arguments:
                raise TypeError(f"{self.name}: a gradient formula for {each!r}, which is not among {self.arguments}")
        self.differentiable = tuple(sorted(self.arguments.index(each) for each in differentiable))
        self.promoted = self.differentiable or tuple(range(len(self.arguments)))
        # A set bit for each differentiable argument; a variadic argument is the last and takes all bits above.
        self.mask = sum(1 << i for i in self.differentiable)
        if self.variadic and self.differentiable:
            self.mask = -1 << self.differentiable[0]
        self.plans: dict[
            int | tuple[int, int], Plan
        ] = {}  # by what needs a gradient, and how many there are of `*tensors`
        stem = name or "".join(part.capitalize() for part in self.name.split("_"))
        stem += "" if "Backward" in stem else "Backward0"
        fields: dict[str, Any] = {"__slots__": (), "primitive": self, "__module__": kernel.__module__}
        if outputs:
            fields["outputs"] = outputs
        else:
            fields["__slots__"] = ("outputs",)
        self.node_class: type[PrimitiveNode] = type(stem, (PrimitiveNode,), fields)

    def bind(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments in the kernel's order with defaults filled in.

        Raises:
            TypeError: For missing, surplus or unknown arguments.
        """
        names = self.arguments
        if len(args) > len(names):
            raise TypeError(
                f"{self.name}() takes {len(names)} arguments ({', '.join(names)}) but {len(args)} were given"
            )
        values = list(args)
        for key in names[len(args) :]:
            if key in kwargs:
                values.append(kwargs.pop(key))
            elif key in self.defaults:
                values.append(self.defaults[key])
            else:
                raise TypeError(f"{self.name}() missing 1 required positional argument: {key!r}")
        if kwargs:
            wrong = next(iter(kwargs))
            problem = "multiple values for" if wrong in names else "an unexpected keyword"
            raise TypeError(f"{self.name}() got {problem} argument {wrong!r}; its arguments are {', '.join(names)}")
        return values


class Plan:
    """Which formulas run, and what they save, for one set of inputs that require grad.

    Attributes:
        positions: The inputs that get a gradient, in the order of the node's edges.
        formulas: One for each position; or a single one, of which ``selected`` are the wanted gradients.
        names: What each formula saves.
        pickers: Functions that take those values out of ``[*arguments, *results]``.
    """

    __slots__ = (
        "formulas",
        "names",
        "pickers",
        "positions",
        "saved_inputs",
        "saved_results",
        "saves_arrays",
        "selected",
    )

    def __init__(self, primitive: Primitive, needs: int, count: int) -> None:
        arguments = primitive.arguments
        self.positions = tuple(i for i in range(count) if needs >> i & 1)
        if primitive.joint or primitive.variadic:
            first = primitive.differentiable[0] if primitive.variadic else 0
            order = range(first, count) if primitive.variadic else [arguments.index(name) for name in primitive.joint]
            wanted = tuple(bool(needs >> i & 1) for i in order)
            self.selected: tuple[int, ...] | None = tuple(i for i, want in enumerate(wanted) if want)
            if not primitive.variadic:
                self.positions = tuple(i for i, want in zip(order, wanted, strict=True) if want)
            self.formulas = list(primitive.formulas.values())
        else:
            wanted = ()
            self.selected = None
            self.formulas = [primitive.formulas[arguments[i]] for i in self.positions]
        self.names = [_parameter_names(formula)[1:] for formula in self.formulas]
        self.pickers = [_picker(primitive, names, wanted) for names in self.names]
        every = {name for names in self.names for name in names}
        self.saved_inputs = tuple(i for i, name in enumerate(arguments) if name in every)
        self.saved_results = tuple(sorted(name for name in every if name.rstrip("0123456789") == "result"))
        self.saves_arrays = bool(self.saved_inputs or self.saved_results)


def _parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def _picker(
    primitive: Primitive, names: tuple[str, ...], wanted: tuple[bool, ...]
) -> Callable[[list[Any]], tuple[Any, ...]]:
    """A function that takes the values of these names out of ``[*arguments, *results]``."""
    arguments = primitive.arguments
    steps: list[tuple[int, str]] = []
    for name in names:
        stem, _, what = name.rpartition("_")
        number = name.removeprefix("result")
        if name in arguments:
            steps.append((arguments.index(name), ""))
        elif name.startswith("result") and (not number or number.isdigit()):
            steps.append((len(arguments) + int(number or 0), ""))
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
        if len(steps) == 1:
            only = steps[0][0]
            return lambda env: (env[only],)
        indices = [index for index, _ in steps]
        return itemgetter(*indices)

    def pick(env: list[Any]) -> tuple[Any, ...]:
        return tuple([wanted if what == "needs" else _attribute(env[i], what) if what else env[i] for i, what in steps])

    return pick


def _attribute(value: Any, what: str) -> Any:
    """The shape or dtype of an array, of each array of a tuple, or of a Python number."""
    if isinstance(value, tuple):
        return [getattr(each, what) for each in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return getattr(value, what)
    return () if what == "shape" else np.asarray(value).dtype


class PrimitiveNode(Node):
    """A recorded call of a primitive."""

    __slots__ = ("plan", "saved", "versions")

    primitive: Primitive
    plan: Plan
    saved: list[tuple[Any, ...]] | None
    versions: list[tuple[list[int] | None, int, str]] | None

    def apply(self, grad: Any, create_graph: bool) -> Any:
        """The gradients for :attr:`edges`.

        Raises:
            RuntimeError: If the saved values were freed, or changed in place since.
        """
        saved = self.saved
        if saved is None:
            raise RuntimeError(
                f"Trying to backward through the graph a second time (or directly access saved tensors after they have already "
                f"been freed), at {self.name()}. Saved intermediate values of the graph are freed when you call .backward() "
                "or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time "
                "or if you need to access saved tensors after calling backward."
            )
        if self.versions is not None:
            self._check_versions()
        if create_graph:
            saved = self._saved_in_graph(saved)
        plan = self.plan
        if plan.selected is not None:
            gradients = plan.formulas[0](grad, *saved[0])
            return [gradients[i] for i in plan.selected]
        return [formula(grad, *values) for formula, values in zip(plan.formulas, saved)]  # noqa: B905

    def release(self) -> None:
        """Let go of saved arrays. A node that saved none can run again, as in PyTorch."""
        if self.plan.saves_arrays:
            self.saved = None
            self.versions = None

    def keep_original(self, target: Variable) -> None:
        """Before ``target``, an input, is overwritten with the result: save a copy of it where the array itself is saved."""
        array, box = target._array, target._version_box
        if self.saved is None or not any(value is array for values in self.saved for value in values):
            return
        copy = np.array(array)
        self.saved = [tuple([copy if value is array else value for value in values]) for values in self.saved]
        self.versions = [entry for entry in self.versions or () if entry[0] is not box]

    def all_edges(self) -> tuple[Edge, ...]:
        """The edges of all differentiable inputs, None for those that need no gradient."""
        by_position = dict(zip(self.plan.positions, self.edges, strict=True))
        every = self.primitive.differentiable
        if self.primitive.variadic:
            every = tuple(range(every[0], max(self.plan.positions) + 1))
        return tuple(by_position.get(i) for i in every)

    def _check_versions(self) -> None:
        for box, version, name in self.versions or ():
            if box is not None and box[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: "
                    f"{name!r}, saved by {self.name()}, is at version {box[0]}; expected version {version} instead. "
                    "Hint: make the change out of place or on a .clone(), or enable anomaly detection with "
                    "framework.autograd.set_detect_anomaly(True) to find where it was saved."
                )

    def _saved_in_graph(self, saved: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The saved values, with arrays of differentiable inputs and results as Tensors in the graph."""
        primitive, plan = self.primitive, self.plan
        edges: dict[str, Edge] = {}
        if primitive.variadic:
            parts = dict(zip(plan.positions, self.edges, strict=True))
            edges[primitive.arguments[-1]] = parts
        else:
            edges = {primitive.arguments[i]: edge for i, edge in zip(plan.positions, self.edges, strict=True)}
        for name in plan.saved_results:
            number = int(name.removeprefix("result") or 0)
            if number < self.outputs:
                edges[name] = self if self.outputs == 1 else (self, number)
        made: dict[str, Any] = {}
        for name, value in zip(sum(plan.names, ()), sum(saved, ()), strict=True):
            if name in edges and name not in made:
                if isinstance(value, tuple):
                    first = primitive.differentiable[0]
                    made[name] = tuple(_attach(each, edges[name].get(first + i)) for i, each in enumerate(value))
                else:
                    made[name] = _attach(value, edges[name])
        return [
            tuple([made.get(name, value) for name, value in zip(names, values, strict=True)])
            for names, values in zip(plan.names, saved, strict=True)
        ]

    def __getattr__(self, name: str) -> Any:
        """What the node saved, as PyTorch names it: ``_saved_self``, ``_saved_other``, ``_saved_result``, …"""
        if not name.startswith("_saved_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        wanted = name.removeprefix("_saved_")
        wanted = "input" if wanted == "self" else wanted
        if not any(wanted in names for names in self.plan.names):
            every = sorted({"_saved_" + each for names in self.plan.names for each in names})
            raise AttributeError(f"{self.name()} has no {name!r}; what it saved: {', '.join(every) or 'nothing'}")
        if self.saved is None:
            raise RuntimeError(f"{self.name()}.{name} was freed by backward(); pass retain_graph=True to keep it")
        pairs = zip(sum(self.plan.names, ()), sum(self._saved_in_graph(self.saved), ()), strict=True)
        value = next(value for each, value in pairs if each == wanted)
        return wrap(value) if isinstance(value, np.ndarray) else value


def _attach(value: Any, edge: Edge) -> Any:
    """A Tensor on a saved array, standing in the graph where the array came from."""
    if edge is None or not isinstance(value, np.ndarray):
        return value
    if isinstance(edge, Variable):
        leaf: Any = edge
        return leaf if leaf._array is value else leaf.to(from_numpy_dtype(value.dtype))
    tensor = wrap(value)
    tensor._edge = edge
    tensor._requires_grad = True
    return tensor


def _caller(primitive: Primitive) -> Callable[..., Any]:
    """The function that stands under the primitive's name."""
    kernel = primitive.kernel
    count = len(primitive.arguments)
    variadic = primitive.variadic
    promotes = primitive.promotes
    mask = primitive.mask

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or (len(args) != count and not variadic):
            if "out" in kwargs:
                return _write_out(call, args, kwargs)
            args = tuple(primitive.bind(args, kwargs))
        arrays = []
        needs, bit, found = 0, 1, False
        for value in args:
            if isinstance(value, Variable):
                found = True
                arrays.append(value._array)
                if value._requires_grad or (value._view is not None and value.requires_grad):
                    needs |= bit
            else:
                arrays.append(value)
            bit += bit
        if not found:
            return _on_arrays(primitive, args)
        if promotes is not None:
            first, second = arrays[0], arrays[1] if count > 1 else 1.0
            if not (
                count < 3
                and type(first) is np.ndarray
                and first.dtype.kind == "f"
                and (
                    (type(second) is np.ndarray and second.dtype is first.dtype)
                    or type(second) is float
                    or type(second) is int
                )
            ):
                arrays = _promoted(primitive, arrays)
        try:
            result = kernel(*arrays)
        except ValueError as error:
            raise _kernel_error(primitive, arrays, error) from None
        if needs:
            needs &= mask
            if needs and recording.get():
                return _record(primitive, needs, args, arrays, result)
        if primitive.view is not None:
            output = wrap(result)
            _make_view(primitive, args, output)
            return output
        return tuple([wrap(each) for each in result]) if type(result) is tuple else wrap(result)

    return call


def _on_arrays(primitive: Primitive, args: Sequence[Any]) -> Any:
    if not any(isinstance(value, (np.ndarray, np.generic)) for value in args):
        if primitive.variadic and not args[primitive.differentiable[0] :]:
            raise RuntimeError(f"{primitive.name}(): expected a non-empty list of Tensors")
        first = primitive.arguments[0]
        kind = type(args[0]).__name__ if args else "nothing"
        raise TypeError(f"{primitive.name}(): argument {first!r} (position 1) must be Tensor, not {kind}")
    return primitive.kernel(*args)


def _kernel_error(primitive: Primitive, arrays: Sequence[Any], error: ValueError) -> Exception:
    """PyTorch's error where NumPy could not broadcast the arguments, else ``error`` itself."""
    if primitive.promotes is None:
        return error
    shape: tuple[int, ...] = ()
    for array in arrays:
        if not isinstance(array, np.ndarray):
            continue
        ndim = max(len(shape), array.ndim)
        before = (1,) * (ndim - len(shape)) + shape
        now = (1,) * (ndim - array.ndim) + array.shape
        for dim in reversed(range(ndim)):
            if before[dim] != now[dim] and 1 not in (before[dim], now[dim]):
                return RuntimeError(
                    f"{primitive.name}(): The size of tensor a ({before[dim]}) must match the size of tensor b ({now[dim]}) at "
                    f"non-singleton dimension {dim}; the shapes are {list(shape)} and {list(array.shape)}"
                )
        shape = tuple(b if a == 1 else a for a, b in zip(before, now, strict=True))
    return error


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, np.ndarray) and value.dtype.kind == "b")


def _promoted(primitive: Primitive, arrays: list[Any]) -> list[Any]:
    positions = [i for i in primitive.promoted if arrays[i] is not None]
    if primitive.promotes == "number" and any(_is_bool(arrays[i]) for i in positions):
        raise RuntimeError(
            f"{primitive.name}(): the operation is not supported with a bool tensor. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead; else convert it first."
        )
    try:
        cast = promote([arrays[i] for i in positions], primitive.promotes == "float")
    except TypeError as error:
        raise TypeError(f"{primitive.name}(): {error}") from None
    arrays = list(arrays)
    for i, value in zip(positions, cast, strict=True):
        arrays[i] = value
    return arrays


def _record(primitive: Primitive, needs: int, args: Sequence[Any], arrays: list[Any], result: Any) -> Any:
    """Wrap the result of a recorded call and make its node."""
    key = (needs, len(args)) if primitive.variadic else needs
    plan = primitive.plans.get(key)
    if plan is None:
        plan = primitive.plans[key] = Plan(primitive, needs, len(args))
    node = primitive.node_class.__new__(primitive.node_class)
    several = type(result) is tuple
    outputs = [wrap(each) for each in result] if several else [wrap(result)]
    edges = []
    for i in plan.positions:
        source = args[i]
        if source._view is not None:
            edges.append(edge_of(source))
        else:
            edge = source._edge
            edges.append(source if edge is None else edge)
    first = outputs[0]._array
    count = primitive.outputs
    if count == 1:
        init_node(node, tuple(edges), first.shape, first.dtype)
    else:
        made = outputs[:count] if count else outputs
        if not count:
            count = len(made)
            node.outputs = count  # type: ignore[misc]  # a slot of this subclass alone
        init_node(node, tuple(edges), [each._array.shape for each in made], [each._array.dtype for each in made])
    node.plan = plan
    env = [*arrays, *(each._array for each in outputs)]
    if primitive.variadic:
        fixed = len(primitive.arguments) - 1
        env = [*arrays[:fixed], tuple(arrays[fixed:]), *(each._array for each in outputs)]
    node.saved = [pick(env) for pick in plan.pickers]
    if plan.saves_arrays:
        node.versions = _versions(primitive, plan, args, outputs)
    else:
        node.versions = None
    for number in range(count):
        output = outputs[number]
        output._edge = node if count == 1 else (node, number)
        output._requires_grad = True
    if primitive.view is not None:
        _make_view(primitive, args, outputs[0])
    if anomaly.active:
        anomaly.remember(node)
    return tuple(outputs) if several else outputs[0]


def _versions(primitive: Primitive, plan: Plan, args: Sequence[Any], outputs: list[Any]) -> list[tuple[Any, int, str]]:
    """``(version counter, its value now, name)`` of every saved array."""
    versions = []
    for i in plan.saved_inputs:
        name = primitive.arguments[i]
        values = args[i:] if primitive.variadic and i == len(primitive.arguments) - 1 else (args[i],)
        for value in values:
            if isinstance(value, Variable):
                box = value._version_box
                if box is None:
                    _raise_inference()
                else:
                    versions.append((box, box[0], name))
    for name in plan.saved_results:
        box = outputs[int(name.removeprefix("result") or 0)]._version_box
        versions.append((box, 0, name))
    return versions


def _raise_inference() -> None:
    if not inference.get():
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
            "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it "
            "in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
        )


def _make_view(primitive: Primitive, args: Sequence[Any], output: Variable) -> None:
    """Mark the output as a view of the first argument."""
    source = args[0]
    if primitive.view == "maybe" and not np.may_share_memory(output._array, source._array):
        return
    output._view = View(source, primitive.call, args[1:])
    output._version_box = source._version_box


def _write_out(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``out=``: put the result into a tensor that is there already."""
    out = kwargs.pop("out")
    if out is None:
        return call(*args, **kwargs)
    name = call.__name__
    if not isinstance(out, Variable):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    tensors = [value for value in (*args, *kwargs.values(), out) if isinstance(value, Variable)]
    if recording.get() and any(value._requires_grad for value in tensors):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    result = call(*args, **kwargs)
    check_fits(name, result._array, out._array)
    np.copyto(out._array, result._array, casting="unsafe")
    bump_version(out)
    return out


def check_fits(name: str, result: Any, target: Any) -> None:
    """Whether a result can be written into an existing array.

    Raises:
        RuntimeError: If the shapes differ, or the target's kind of number is below the result's.
    """
    if result.shape != target.shape:
        raise RuntimeError(
            f"{name}(): output with shape {list(target.shape)} doesn't match the broadcast shape {list(result.shape)}"
        )
    if "biuf".index(result.dtype.kind.replace("u", "i")) > "biuf".index(target.dtype.kind.replace("u", "i")):
        raise RuntimeError(
            f"{name}(): result type {from_numpy_dtype(result.dtype)} can't be cast to the desired "
            f"output type {from_numpy_dtype(target.dtype)}"
        )
