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
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from framework.autograd import anomaly, graph, saved_tensors
from framework.autograd.arguments import kernel_error, no_tensor_error, number_of, promoted, write_out
from framework.autograd.grad_mode import inference, no_grad, recording
from framework.autograd.graph import Variable, edge_of, mark_view, sequence_numbers, wrap
from framework.autograd.recorded import Plan, PrimitiveNode
from framework.dtypes import HIGHEST, LOWEST

if TYPE_CHECKING:
    from framework.tensor import Tensor

P = ParamSpec("P")
registry: list[Primitive] = []  # every primitive there is, in the order of definition
_new = object.__new__


def primitive(
    joint: Callable[..., Any] | None = None,
    of: tuple[str, ...] = (),
    *,
    name: str | None = None,
    outputs: int = 1,
    promotes: str | None = None,
    wide_number: bool = False,
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
        wide_number: Whether a single number as the second argument, in a tensor or not, counts in float32 beside float16.
        view: ``"always"`` where the result shares memory with the first argument, ``"maybe"`` where that depends.
        **formulas: A gradient formula for each differentiable argument, by the argument's name.
    """
    if joint is not None:
        formulas = {"joint": joint}

    def define(kernel: Callable[P, Any]) -> Callable[P, Tensor]:
        made = Primitive(kernel, formulas, of, name, outputs, promotes, wide_number, view)
        call = _caller(made)
        made.call = call
        registry.append(made)
        call.primitive = made  # type: ignore[attr-defined]
        return _dressed(call, kernel)

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
        wide_number: bool,
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
        self.wide_number = wide_number
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
        # By what needs a gradient, and how many there are of `*tensors`.
        self.plans: dict[int | tuple[int, int], Plan] = {}
        stem = name or "".join(part.capitalize() for part in self.name.split("_"))
        stem += "" if "Backward" in stem else "Backward0"
        fields: dict[str, Any] = {"__slots__": (), "primitive": self, "__module__": kernel.__module__}
        if outputs:
            fields["outputs"] = outputs
        else:
            fields["__slots__"] = ("outputs",)
        self.node_class: type[PrimitiveNode] = type(stem, (PrimitiveNode,), fields)

    @cached_property
    def strict(self) -> Callable[..., Any]:
        """The primitive as users call it, with Tensors only."""
        call = _dressed(_caller(self, strict=True), self.kernel)
        call.primitive = self  # type: ignore[attr-defined]
        return call

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


def _dressed(call: Callable[..., Any], kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The caller with the kernel's name and documentation."""
    for attribute in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
        setattr(call, attribute, getattr(kernel, attribute))
    call.__wrapped__ = kernel  # type: ignore[attr-defined]
    return call


_MISSING = object()


def _caller(primitive: Primitive, strict: bool = False) -> Callable[..., Any]:
    """The function that stands under the primitive's name; a strict one takes no arrays."""
    general = _general_caller(primitive, strict)
    if primitive.promotes is None or primitive.outputs != 1 or primitive.view or primitive.variadic:
        return general
    count = len(primitive.arguments)
    call = _unary_caller(primitive, general) if count == 1 else None
    if count == 2 and len(primitive.promoted) == 2:
        call = _binary_caller(primitive, general)
    if call is None:
        return general
    # Code of its own, with the operation's name (for profiles) and argument names, that the interpreter adapts to this kernel.
    code: CodeType = call.__code__
    names = (*primitive.arguments, *code.co_varnames[count:])
    call.__code__ = code.replace(co_name=primitive.name, co_varnames=names)
    return call


def _general_caller(primitive: Primitive, strict: bool) -> Callable[..., Any]:
    """The caller that serves every primitive and every call."""
    kernel = primitive.kernel
    count = len(primitive.arguments)
    variadic = primitive.variadic
    promotes = primitive.promotes
    mask = primitive.mask
    # The one or two arguments that are cast to a common type: looked at first, since mostly there is nothing to cast.
    lead, follow = (*primitive.promoted, -1)[:2] if len(primitive.promoted) < 3 else (-1, -1)

    def without_tensors(args: Any) -> Any:
        """The kernel's own result where there is an array, unless the call is a user's; else an error."""
        for value in args:
            if isinstance(value, (np.ndarray, np.generic)):
                if not strict:
                    return kernel(*args)
                number_of(primitive, args, value)
        raise no_tensor_error(primitive, args)

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or (len(args) != count and not variadic):
            if "out" in kwargs:
                return write_out(primitive, args, kwargs)
            args = tuple(primitive.bind(args, kwargs))
        for value in args:
            if isinstance(value, Variable):
                break
        else:
            if strict or not (args and type(args[0]) is np.ndarray):
                return without_tensors(args)
            return kernel(*args)
        arrays = []
        needs, bit = 0, 1
        for value in args:
            if isinstance(value, Variable):
                arrays.append(value._array)
                if value._requires_grad or (value._view is not None and value.requires_grad):
                    needs |= bit
            else:
                if strict and isinstance(value, (np.ndarray, np.generic)):
                    value = number_of(primitive, args, value)
                arrays.append(value)
            bit += bit
        if promotes is not None:
            first, second = arrays[lead], 1.0 if follow < 0 else arrays[follow]
            if not (
                lead >= 0
                and type(first) is np.ndarray
                and first.dtype.char in "fd"
                and (
                    (type(second) is np.ndarray and second.dtype is first.dtype)
                    or type(second) is float
                    or (type(second) is int and LOWEST <= second <= HIGHEST)
                )
            ):
                arrays = promoted(primitive, arrays)
        try:
            result = kernel(*arrays)
        except (AttributeError, ValueError) as error:
            raise kernel_error(primitive, arrays, error) from None
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


def _unary_caller(primitive: Primitive, general: Callable[..., Any]) -> Callable[..., Any]:
    """A faster caller for the common case of one floating-point Tensor."""
    kernel = primitive.kernel
    differentiable = bool(primitive.mask)
    names = primitive.arguments

    def call(input: Any = _MISSING, *, out: Any = None) -> Any:
        if out is not None or not isinstance(input, Variable):
            return general(input) if out is None and type(input) is np.ndarray else general(**_given(names, (input,), out))
        array = input._array
        if array.dtype.kind != "f":
            return general(input)
        result = kernel(array)
        if differentiable and (input._requires_grad or (input._view is not None and input.requires_grad)):
            if recording.get():
                return _record(primitive, 1, (input,), (array,), result)
        if type(result) is not np.ndarray:
            return wrap(result)
        output = _new(graph.tensor_class)
        output._array = result
        output._view = None
        output._edge = None
        output._requires_grad = False
        output._box = None if inference.get() else graph.FRESH
        return output

    return call


def _binary_caller(primitive: Primitive, general: Callable[..., Any]) -> Callable[..., Any]:
    """A faster caller for the common case of two Tensors of one floating-point type, or one and a Python number."""
    kernel = primitive.kernel
    mask = primitive.mask
    names = primitive.arguments

    def call(input: Any = _MISSING, other: Any = _MISSING, *, out: Any = None) -> Any:
        if out is not None or not isinstance(input, Variable) or other is _MISSING:
            if out is None and type(input) is np.ndarray and other is not _MISSING:
                return general(input, other)
            return general(**_given(names, (input, other), out))
        left = input._array
        dtype = left.dtype
        needs: int = input._requires_grad or (input._view is not None and input.requires_grad)
        if isinstance(other, Variable):
            right: Any = other._array
            if right.dtype is not dtype:
                return general(input, other)
            if other._requires_grad or (other._view is not None and other.requires_grad):
                needs += 2
        elif type(other) is float or (type(other) is int and LOWEST <= other <= HIGHEST):
            right = other
        else:
            return general(input, other)
        if dtype.char not in "fd":
            return general(input, other)
        try:
            result = kernel(left, right)
        except ValueError as error:
            raise kernel_error(primitive, (left, right), error) from None
        if needs:
            needs &= mask
            if needs and recording.get():
                return _record(primitive, needs, (input, other), (left, right), result)
        if type(result) is not np.ndarray:
            return wrap(result)
        output = _new(graph.tensor_class)
        output._array = result
        output._view = None
        output._edge = None
        output._requires_grad = False
        output._box = None if inference.get() else graph.FRESH
        return output

    return call


def _given(names: tuple[str, ...], values: tuple[Any, ...], out: Any) -> dict[str, Any]:
    """The arguments that were given to a faster caller, by name."""
    given = {name: value for name, value in zip(names, values, strict=True) if value is not _MISSING}
    return given if out is None else {**given, "out": out}


def _record(primitive: Primitive, needs: int, args: Sequence[Any], arrays: Sequence[Any], result: Any) -> Any:
    """Wrap the result of a recorded call and make its node."""
    plan = primitive.plans.get((needs, len(args)) if primitive.variadic else needs)
    if plan is None:
        plan = Plan(primitive, needs, len(args))
        primitive.plans[(needs, len(args)) if primitive.variadic else needs] = plan
    node: Any = _new(primitive.node_class)
    edges = []
    for i in plan.positions:
        source = args[i]
        edge = source._edge if source._view is None else edge_of(source)
        edges.append(source if edge is None else edge)
    node.edges = edges
    node.sequence_nr = next(sequence_numbers)
    node.hooks = None
    node.extras = None
    node.plan = plan
    if type(result) is not tuple:
        if type(result) is not np.ndarray and isinstance(result, np.generic):
            result = np.asarray(result)
        output = _new(graph.tensor_class)
        output._array = result
        output._view = None
        output._edge = node
        output._requires_grad = True
        output._box = [0] if plan.saved_results else graph.FRESH
        node.shape = result.shape
        node.dtype = result.dtype
        outputs: Sequence[Any] = (output,)
        env: Sequence[Any] = (*arrays, result)
    else:
        output = outputs = tuple([wrap(each) for each in result])
        _set_outputs(node, outputs if primitive.outputs == len(outputs) else outputs[: primitive.outputs or None])
        env = (*arrays, *[each._array for each in outputs])
    if primitive.variadic:
        fixed = len(primitive.arguments) - 1
        env = (*arrays[:fixed], tuple(arrays[fixed:]), *env[len(arrays) :])
    node.saved = plan.pick(env)
    node.versions = _versions(primitive, plan, args, outputs) if plan.saves_arrays else None
    if primitive.view is not None:
        _make_view(primitive, args, outputs[0])
    if anomaly.active or saved_tensors.active:
        _observe(node, args, outputs)
    return output


def _set_outputs(node: PrimitiveNode, outputs: Sequence[Variable]) -> None:
    """Make the node that of several outputs, or of the only differentiable one."""
    shapes, dtypes = [each._array.shape for each in outputs], [each._array.dtype for each in outputs]
    single = node.primitive.outputs == 1
    if not node.primitive.outputs:
        node.outputs = len(outputs)  # type: ignore[misc]  # a slot of this subclass alone
    node.shape, node.dtype = (shapes[0], dtypes[0]) if single else (shapes, dtypes)
    for number, output in enumerate(outputs):
        output._edge = node if single else (node, number)
        output._requires_grad = True


def _observe(node: PrimitiveNode, args: Sequence[Any], outputs: Sequence[Any]) -> None:
    """What anomaly detection and the user's saved_tensors_hooks want of a new node."""
    if anomaly.active:
        inputs = [each._array for each in args if isinstance(each, Variable)]
        anomaly.remember(node, inputs, [each._array for each in outputs])
    hooks = saved_tensors.current_hooks()
    if hooks is not None and node.plan.saves_arrays:
        names = node.primitive.arguments
        sources: dict[str, Any] = dict(zip(names, args, strict=False))
        if node.primitive.variadic:
            sources[names[-1]] = tuple(args[len(names) - 1 :])
        for number, result in enumerate(outputs):
            alias = wrap(result._array)  # rather than the result, which holds the node
            alias._version_box = result._version_box
            sources["result" if number == 0 else f"result{number}"] = alias
            sources[f"result{number}"] = alias
        with no_grad():
            node.pack(hooks, sources)


def _versions(primitive: Primitive, plan: Plan, args: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
    """``(version counter, its value now, name)`` of every saved array.

    Raises:
        RuntimeError: For an inference tensor, whose changes nobody counts.
    """
    versions = []
    for i, name in plan.saved_inputs:
        value = args[i]
        if isinstance(value, Variable):
            box = value._box
            if box is graph.FRESH:
                box = value._box = [0]
            elif box is None:
                raise RuntimeError(
                    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
                    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and "
                    f"use it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`. It is the argument "
                    f"{name!r} of {primitive.name}()."
                )
            versions.append((box, box[0], name))
    for number, name in plan.saved_results:
        versions.append((outputs[number]._version_box, 0, name))
    return versions


def _make_view(primitive: Primitive, args: Sequence[Any], output: Variable) -> None:
    """Mark the output as a view of the first argument."""
    source = args[0]
    if primitive.view == "maybe" and not np.may_share_memory(output._array, source._array):
        return
    mark_view(output, source, primitive.call, args[1:])
