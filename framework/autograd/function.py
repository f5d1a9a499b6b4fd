"""``autograd.Function``: operations whose gradient the user writes."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.autograd import anomaly, saved_tensors
from framework.autograd.grad_mode import no_grad, recording
from framework.autograd.graph import Edge, Node, Variable, View, bump_version, edge_of, init_node, wrap
from framework.autograd.inplace import check_writable, record_write
from framework.autograd.recorded import attach, freed_error


class FunctionCtx:
    """The ``ctx`` of one call of a :class:`Function`: what it saves for backward, and whatever else its methods put on it.

    Attributes:
        needs_input_grad: For each argument of ``apply``, whether it needs a gradient.
    """

    def __init__(self, args: Sequence[Any], name: str) -> None:
        self.needs_input_grad = tuple([isinstance(each, Variable) and each.requires_grad for each in args])
        self._name = name
        self._node: Callable[[], FunctionNode | None] = lambda: None
        self._to_save: tuple[Any, ...] = ()
        self._saved: list[Any] | None = None
        self._materialize = True
        self._dirty: tuple[Any, ...] = ()
        self._constants: tuple[Any, ...] = ()

    def name(self) -> str:
        """The node's name, such as ``CubeBackward``."""
        return self._name

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs or outputs for backward; they come back in ``saved_tensors``.

        Raises:
            TypeError: For anything but tensors and None.
        """
        for position, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Variable):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {position} is of type {type(tensor).__name__}"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Refused: forward-mode derivatives of a custom Function are not supported."""
        raise NotImplementedError("save_for_forward is not supported: custom Functions have no forward-mode derivative here")

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs ``forward`` changed in place; they must be among its outputs."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self._constants = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros, or None, for outputs that no gradient reached."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors, in their place in the graph.

        Raises:
            RuntimeError: If they were freed, or changed in place since.
        """
        node = self._node()
        if self._saved is None and node is not None:
            raise freed_error(node)
        if self._saved is None:
            return self._to_save
        return tuple([None if each is None else self._restored(*each) for each in self._saved])

    saved_variables = saved_tensors

    def _restored(self, kept: Any, edge: Edge, box: list[Any] | None, version: int, unpack: Any) -> Any:
        node = self._node()
        assert node is not None
        if box is not None and box[0] != version:
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation: a tensor of "
                f"shape {list(kept.shape)}, which {self.name()} saved with save_for_backward, is at version {box[0]}; expected "
                f"version {version} instead." + anomaly.changed_at(node, box)
            )
        if unpack is not None:
            tensor = unpack(kept)
            if not isinstance(tensor, Variable):
                raise TypeError(
                    "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                    f"{type(tensor).__name__}, at {self.name()}"
                )
            kept = tensor._array
        if isinstance(edge, int):  # an output of this node
            edge = node if node.outputs == 1 else (node, edge)
        return wrap(kept) if edge is None else attach(kept, edge)

    def _keep(self, outputs: Sequence[Any]) -> None:
        """Store what was to be saved: arrays with their edges, so that an output's node doesn't hold the output."""
        numbers = {id(output): number for number, output in enumerate(outputs)}
        hooks = saved_tensors.current_hooks()
        self._saved = []
        for tensor in self._to_save:
            if tensor is None:
                self._saved.append(None)
                continue
            edge: Edge = None
            if tensor.requires_grad:
                edge = numbers.get(id(tensor))
                edge = edge_of(tensor) if edge is None else edge
            if hooks is None:
                box = tensor._version_box
                self._saved.append((tensor._array, edge, box, 0 if box is None else box[0], None))
            else:
                source = wrap(tensor._array) if isinstance(edge, int) else tensor  # an output would hold its node
                with no_grad():
                    self._saved.append((hooks[0](source), edge, None, 0, hooks[1]))
        self._to_save = ()


class FunctionNode(Node):
    """A recorded call of a :class:`Function`. What is put on its ``ctx`` can be read here too.

    Attributes:
        function: The Function.
        context: The ``ctx`` of the call.
        tensor_inputs: For each argument, whether it is a tensor.
        places: For each result of ``forward``, which output of this node it is; None for what is no tensor.
    """

    __slots__ = ("context", "outputs", "places", "tensor_inputs")

    function: type[Function]
    context: FunctionCtx
    places: list[int | None]
    tensor_inputs: list[bool]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in FunctionNode.__slots__:
            raise AttributeError(name)
        return getattr(self.context, name)

    def apply(self, grad: Any, create_graph: bool) -> list[Any]:
        """Call the user's ``backward`` and check what it returns."""
        single = self.outputs == 1
        slots = [grad] if single else grad
        shapes, dtypes = ([self.shape], [self.dtype]) if single else (self.shape, self.dtype)
        given = []
        for place in self.places:
            slot = None if place is None else slots[place]
            if place is not None and slot is None and self.context._materialize:
                slot = np.zeros(shapes[place], dtypes[place])
            given.append(slot if slot is None or isinstance(slot, Variable) else wrap(slot))
        returned = self.function.backward(self.context, *given)
        gradients = returned if isinstance(returned, tuple) else (returned,)
        needs = self.context.needs_input_grad
        count = len(needs)
        while len(gradients) > count and gradients[-1] is None:
            gradients = gradients[:-1]
        if len(gradients) != count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {count}, got {len(gradients)})"
            )
        result = []
        for position, (gradient, needed) in enumerate(zip(gradients, needs, strict=True)):
            if not needed:
                continue
            if gradient is not None and not isinstance(gradient, Variable):
                raise RuntimeError(
                    f"expected Tensor or None (got {type(gradient).__name__}) as the gradient at index {position} from "
                    f"{self.name()}"
                )
            result.append(gradient if gradient is None or create_graph else gradient._array)
        return result

    def all_edges(self) -> tuple[Edge, ...]:
        """The edges of all tensor arguments."""
        edges = iter(self.edges)
        pairs = zip(self.context.needs_input_grad, self.tensor_inputs, strict=True)
        return tuple([next(edges) if needed else None for needed, tensor in pairs if tensor])

    def release(self) -> None:
        """Let go of the saved tensors."""
        if self.context._saved:
            self.context._saved = None


class Function:
    """A differentiable operation of the user's own: subclass it, and call ``apply``.

    ``forward(ctx, *args)`` computes, or ``forward(*args)`` together with ``setup_context(ctx, inputs, output)``;
    ``backward(ctx, *grad_outputs)`` gives one gradient, or None, for each argument of ``forward``. Written with tensor
    operations, ``backward`` has derivatives of its own.

    >>> import framework
    >>> class Cube(framework.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x ** 2 * grad
    >>> x = framework.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    _node_class: type[FunctionNode]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        raise RuntimeError(f"{name} should not be instantiated: methods on autograd functions are static; call {name}.apply(...)")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._node_class = type(cls.__name__ + "Backward", (FunctionNode,), {"__slots__": (), "function": cls})

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; every subclass defines it."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what backward needs, where ``forward`` takes no ``ctx``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments from those of the results."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward "
            "mode AD."
        )

    vjp = backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Call the operation and record it.

        Raises:
            RuntimeError: If an input that is marked dirty may not be changed in place, or is not among the results.
        """
        separate = cls.setup_context is not Function.setup_context
        if kwargs or separate:
            args = cls._bound(separate, args, kwargs)
        if cls is Function:
            raise NotImplementedError("You must implement the forward function for custom autograd.Function: subclass it.")
        recorded = recording.get()
        context = FunctionCtx(args, cls._node_class.__name__)
        with no_grad():
            if separate:
                output = cls.forward(*args)
                cls.setup_context(context, args, output)
            else:
                output = cls.forward(context, *args)
        several = isinstance(output, tuple)
        results = list(output) if several else [output]
        for tensor in context._dirty:
            if not any(tensor is result for result in results):
                raise RuntimeError(
                    "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
                    "modified inplace must all be outputs of the Function."
                )
        if recorded and any(context.needs_input_grad):
            cls._record(context, args, results)
        else:
            for tensor in context._dirty:
                bump_version(tensor)
        return tuple(results) if several else results[0]

    @classmethod
    def _bound(cls, separate: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments by position, with the defaults of ``forward``."""
        import inspect  # only these calls need it

        lead = () if separate else (None,)
        bound = inspect.signature(cls.forward).bind(*lead, *args, **kwargs)
        bound.apply_defaults()
        return bound.args[len(lead) :]

    @classmethod
    def _record(cls, context: FunctionCtx, args: tuple[Any, ...], results: list[Any]) -> None:
        """Make the call's node a part of the graph, and give the results their edges."""
        node = cls._node_class()
        node.context = context
        context._node = weakref.ref(node)
        edges = tuple([edge_of(arg) for arg, needed in zip(args, context.needs_input_grad, strict=True) if needed])
        dirty = {id(tensor) for tensor in context._dirty}
        for tensor in context._dirty:
            check_writable(tensor, cls.__name__)
        inputs = {id(arg) for arg in args if isinstance(arg, Variable)}
        constant = {id(tensor) for tensor in context._constants}
        node.tensor_inputs = [isinstance(each, Variable) for each in args]
        outputs: list[Any] = []
        node.places = []
        for position, result in enumerate(results):
            if not isinstance(result, Variable):
                node.places.append(None)
                continue
            if id(result) in inputs and id(result) not in dirty:
                result = results[position] = _passed_on(result, constant)
            node.places.append(len(outputs))
            outputs.append(result)
        if not outputs:
            return
        node.outputs = len(outputs)
        single = len(outputs) == 1
        shapes, dtypes = [each._array.shape for each in outputs], [each._array.dtype for each in outputs]
        init_node(node, edges, shapes[0] if single else shapes, dtypes[0] if single else dtypes)
        for number, tensor in enumerate(outputs):
            if id(tensor) in constant or dtypes[number].kind != "f":
                continue
            edge: Edge = node if single else (node, number)
            if id(tensor) in dirty:
                written = wrap(tensor._array)
                written._edge, written._requires_grad = edge, True
                record_write(tensor, written)
            else:
                tensor._edge, tensor._requires_grad = edge, True
        context._keep(outputs)
        if anomaly.active:
            arrays = [each._array for each in args if isinstance(each, Variable)]
            anomaly.remember(node, arrays, [each._array for each in outputs])


def _passed_on(tensor: Variable, constant: set[int]) -> Any:
    """For an input that ``forward`` returned as it is: a tensor of its own, on the same memory."""
    alias = wrap(tensor._array)
    alias._version_box = tensor._version_box
    alias._view = View(tensor, lambda base: base, ())
    alias._view.recorded = False  # to write into it would go past the Function's gradient
    if id(tensor) in constant:
        constant.add(id(alias))
    return alias


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a ``backward`` that can't be differentiated itself: a second derivative through it is an error."""

    @functools.wraps(backward)
    def wrapper(ctx: FunctionCtx, *gradients: Any) -> Any:
        create_graph = recording.get()
        with no_grad():
            outputs = backward(ctx, *gradients)
        if not create_graph or not any(isinstance(each, Variable) and each._requires_grad for each in gradients):
            return outputs
        if isinstance(outputs, tuple):
            return tuple([_final(each, ctx.name()) for each in outputs])
        return _final(outputs, ctx.name())

    return wrapper


class OnceDifferentiable(Node):
    """Stands behind a gradient that has no derivative."""

    __slots__ = ("function_name",)

    function_name: str

    def apply(self, grad: Any, create_graph: bool) -> Any:
        """Refuse.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(
            f"trying to differentiate twice a function that was marked with @once_differentiable: {self.function_name}"
        )


def _final(gradient: Any, name: str) -> Any:
    """The gradient, requiring grad, with an error where its derivative should be."""
    if gradient is None:
        return None
    node = OnceDifferentiable()
    node.function_name = name
    array = gradient._array
    init_node(node, (wrap(np.zeros_like(array)),), array.shape, array.dtype)
    result = wrap(array)
    result._edge, result._requires_grad = node, True
    return result
