"""``autograd.Function``: operations with a gradient that the user writes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.autograd import anomaly
from framework.autograd.grad_mode import no_grad, recording
from framework.autograd.graph import Edge, Node, Variable, bump_version, edge_of, init_node, wrap
from framework.autograd.inplace import check_writable, record_write


class FunctionNode(Node):
    """A recorded call of a :class:`Function`; ``ctx`` in its methods.

    Attributes:
        needs_input_grad: For each argument of ``apply``, whether it needs a gradient.
        saved_tensors: What ``save_for_backward`` was given.
    """

    __slots__ = ("__dict__",)

    function: type[Function]
    count: int
    constants: list[bool]

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self._to_save: tuple[Any, ...] = ()
        self._saved: list[Any] | None = None
        self._materialize = True
        self._dirty: tuple[Any, ...] = ()
        self._constant: set[int] = set()
        self.hooks = None
        self.extras = None

    # ---- What a Function's methods call ----------------------------------------------------------------------------------

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
        raise NotImplementedError(
            "save_for_forward is not supported: custom Functions have no forward-mode derivative here"
        )

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs ``forward`` changed in place; they must be among its outputs."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self._constant = {id(tensor) for tensor in tensors}

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros, or None, for outputs that no gradient reached."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors, in their place in the graph.

        Raises:
            RuntimeError: If they were freed, or changed in place since.
        """
        if self._saved is None:
            raise RuntimeError(
                f"Trying to backward through the graph a second time (or directly access saved tensors after they have already "
                f"been freed), at {self.name()}. Specify retain_graph=True if you need to backward through the graph a "
                "second time."
            )
        return tuple(self._restored(each) for each in self._saved)

    saved_variables = saved_tensors

    def _restored(self, saved: Any) -> Any:
        if saved is None:
            return None
        array, edge, box, version = saved
        if box is not None and box[0] != version:
            raise RuntimeError(
                f"one of the variables needed for gradient computation has been modified by an inplace operation: a tensor that "
                f"{self.name()} saved is at version {box[0]}; expected version {version} instead."
            )
        if isinstance(edge, Variable):
            return edge
        tensor = wrap(array)
        if edge is not None:
            tensor._edge = (
                (self, edge) if isinstance(edge, int) and self.outputs > 1 else self if isinstance(edge, int) else edge
            )
            tensor._requires_grad = True
        return tensor

    def _keep(self, outputs: list[Any]) -> None:
        """Store what was to be saved: arrays with their edges, so that an output's node doesn't hold the output."""
        numbers = {id(output): number for number, output in enumerate(outputs)}
        self._saved = []
        for tensor in self._to_save:
            if tensor is None:
                self._saved.append(None)
                continue
            box = tensor._version_box
            edge: Any
            if id(tensor) in numbers:
                edge = numbers[id(tensor)] if tensor._requires_grad else None
            else:
                edge = edge_of(tensor) if tensor._requires_grad else None
            self._saved.append((tensor._array, edge, box, 0 if box is None else box[0]))
        self._to_save = ()

    # ---- What the engine calls -------------------------------------------------------------------------------------------

    def apply(self, grad: Any, create_graph: bool) -> list[Any]:
        """Call the user's ``backward`` and check what it returns."""
        slots = [grad] if self.outputs == 1 else list(grad)
        shapes = [self.shape] if self.outputs == 1 else self.shape
        dtypes = [self.dtype] if self.outputs == 1 else self.dtype
        given = []
        for slot, shape, dtype in zip(slots, shapes, dtypes, strict=True):
            if slot is None and self._materialize:
                slot = np.zeros(shape, dtype)
            given.append(slot if slot is None or isinstance(slot, Variable) else wrap(slot))
        returned = self.function.backward(self, *given)
        gradients = returned if isinstance(returned, tuple) else (returned,)
        while len(gradients) > self.count and gradients[-1] is None:
            gradients = gradients[:-1]
        if len(gradients) != self.count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {self.count}, got {len(gradients)})"
            )
        result = []
        for position, (gradient, needed) in enumerate(zip(gradients, self.needs_input_grad, strict=True)):
            if not needed:
                continue
            if gradient is not None and not isinstance(gradient, Variable):
                raise TypeError(
                    f"function {self.name()} returned a gradient of type {type(gradient).__name__} at position {position}, "
                    "but expected a Tensor or None"
                )
            result.append(gradient if gradient is None or create_graph else gradient._array)
        return result

    def all_edges(self) -> tuple[Edge, ...]:
        """The edges of all tensor arguments."""
        edges = iter(self.edges)
        return tuple(next(edges) if needed else None for needed in self.needs_input_grad)

    def release(self) -> None:
        """Let go of the saved tensors."""
        if self._saved:
            self._saved = None


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
        raise RuntimeError(
            f"{type(self).__name__} should not be instantiated. Methods on autograd functions are all static: call .apply(...)"
        )

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
            "You must implement the backward function for your custom autograd.Function to use it with backward()."
        )

    vjp = backward

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the operation and record it.

        Raises:
            RuntimeError: If ``forward`` returns something else than tensors where a gradient is needed, or an input that was
                changed in place without ``mark_dirty``.
        """
        recorded = recording.get()
        needs = tuple(isinstance(arg, Variable) and arg._requires_grad for arg in args)
        node = cls._node_class(needs)
        node.count = len(args)
        with no_grad():
            if cls.setup_context is Function.setup_context:
                output = cls.forward(node, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(node, args, output)
        several = isinstance(output, tuple)
        results = list(output) if several else [output]
        if recorded and any(needs):
            results = cls._record(node, args, results)
        elif node._dirty:
            for tensor in node._dirty:
                bump_version(tensor)
        return tuple(results) if several else results[0]

    @classmethod
    def _record(cls, node: FunctionNode, args: tuple[Any, ...], results: list[Any]) -> list[Any]:
        edges = tuple(edge_of(arg) for arg, needed in zip(args, node.needs_input_grad, strict=True) if needed)
        dirty = {id(tensor) for tensor in node._dirty}
        for tensor in node._dirty:
            check_writable(tensor, cls.__name__)
        tensors = [position for position, result in enumerate(results) if isinstance(result, Variable)]
        if not tensors:
            raise RuntimeError(f"{cls.__name__}.forward returned no tensor")
        outputs = []
        inputs = {id(arg) for arg in args if isinstance(arg, Variable)}
        for position in tensors:
            result = results[position]
            if id(result) in inputs and id(result) not in dirty:
                # An input handed through: the output is a tensor of its own on the same memory.
                alias = wrap(result._array)
                alias._version_box = result._version_box
                if id(result) in node._constant:
                    node._constant.add(id(alias))
                result = results[position] = alias
            outputs.append(result)
        node.constants = [id(each) in node._constant or each._array.dtype.kind != "f" for each in outputs]
        shapes, dtypes = [each._array.shape for each in outputs], [each._array.dtype for each in outputs]
        node.outputs = len(outputs)
        single = len(outputs) == 1
        init_node(node, edges, shapes[0] if single else shapes, dtypes[0] if single else dtypes)
        for number, (tensor, constant) in enumerate(zip(outputs, node.constants, strict=True)):
            if constant:
                continue
            edge: Edge = node if single else (node, number)
            if id(tensor) in dirty:
                written = wrap(tensor._array)
                written._edge, written._requires_grad = edge, True
                record_write(tensor, written)
            else:
                tensor._edge, tensor._requires_grad = edge, True
        node._keep(outputs)
        if anomaly.active:
            arrays = [each._array for each in args if isinstance(each, Variable)]
            anomaly.remember(node, arrays, [each._array for each in outputs])
        return results


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a ``backward`` that can't be differentiated itself: a second derivative through it is an error."""

    @functools.wraps(backward)
    def wrapper(ctx: FunctionNode, *gradients: Any) -> Any:
        create_graph = recording.get()
        with no_grad():
            outputs = backward(ctx, *gradients)
        if not create_graph or not any(isinstance(each, Variable) and each._requires_grad for each in gradients):
            return outputs
        several = isinstance(outputs, tuple)
        poisoned = [_poison(each, ctx.name()) for each in (outputs if several else (outputs,))]
        return tuple(poisoned) if several else poisoned[0]

    return wrapper


class _OnceNode(Node):
    """Stands behind a gradient that has no derivative."""

    __slots__ = ("function_name",)

    function_name: str

    def apply(self, grad: Any, create_graph: bool) -> Any:
        raise RuntimeError(
            f"trying to differentiate twice a function that was marked with @once_differentiable: {self.function_name}"
        )


def _poison(gradient: Any, name: str) -> Any:
    if gradient is None:
        return None
    node = _OnceNode()
    node.function_name = name
    anchor = wrap(np.zeros_like(gradient._array))
    init_node(node, (anchor,), gradient._array.shape, gradient._array.dtype)
    result = wrap(gradient._array)
    result._edge, result._requires_grad = node, True
    return result
