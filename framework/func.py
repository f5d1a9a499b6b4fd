"""Derivatives as functions of functions: ``grad``, ``vjp``, ``jacrev``, ``hessian``, and models called with given weights.

The functions take and return tensors, or tuples, lists and dictionaries of them, and can be nested: ``grad(grad(f))`` is a
second derivative. A result is part of the surrounding graph wherever ``func`` reads tensors that require grad, be it through
its arguments or around them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from framework.autograd.grad_mode import enable_grad, recording
from framework.autograd.graph import Node, Variable, edge_of
from framework.autograd.interface import grad as gradients_of
from framework.names import unsupported
from framework.nn.modules.functional_call import functional_call
from framework.ops.creation import ones_like, zeros_like
from framework.ops.joining import stack
from framework.tensor import Tensor

__all__ = ["functional_call", "grad", "grad_and_value", "hessian", "jacrev", "jvp", "value_and_grad", "vjp"]

if not TYPE_CHECKING:  # a type checker is to know what there is
    __getattr__ = unsupported(
        "func",
        __all__,
        {
            "vmap": "write the function for a batch; most operations take leading dimensions",
            "jacfwd": "derivatives are taken backward; use jacrev",
        },
    )

Positions = int | tuple[int, ...]


def grad(func: Callable[..., Any], argnums: Positions = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the gradient of ``func``, which returns a single-element tensor.

    Args:
        func: The function; its arguments at ``argnums`` are tensors or trees of them.
        argnums: The argument, or the tuple of them, by which to differentiate.
        has_aux: ``func`` returns a pair ``(value, other)``, and the gradient comes as the pair ``(gradient, other)``.

    Raises:
        RuntimeError: From that function, if ``func`` doesn't return a tensor of a single element.

    >>> import framework as torch
    >>> torch.func.grad(torch.func.grad(lambda x: x**3))(torch.tensor(2.0))
    tensor(12.)
    """
    together = grad_and_value(func, argnums, has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        gradients, value = together(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def grad_and_value(func: Callable[..., Any], argnums: Positions = 0, has_aux: bool = False) -> Callable[..., Any]:
    """As :func:`grad`, for the pair ``(gradient, value)``; with ``has_aux`` it is ``(gradient, (value, other))``."""

    def both(*args: Any, **kwargs: Any) -> Any:
        run = _Run(func, args, kwargs, argnums, has_aux)
        value: Any = run.output
        if not isinstance(value, Tensor) or value.dim():
            got = f"one of shape {list(value.shape)}" if isinstance(value, Tensor) else type(value)
            raise RuntimeError(
                f"grad_and_value(f)(*args): expected f(*args) to return a scalar tensor, got {got}; sum() or mean() it, or use "
                "jacrev or vjp"
            )
        gradients = run.pull_back([ones_like(value.detach())])
        value = run.left(value)
        return gradients, ((value, run.aux) if has_aux else value)

    return both


def value_and_grad(func: Callable[..., Any], argnums: Positions = 0, has_aux: bool = False) -> Callable[..., Any]:
    """:func:`grad_and_value` with the value first: ``(value, gradient)``, or ``((value, other), gradient)``."""
    together = grad_and_value(func, argnums, has_aux)

    def both(*args: Any, **kwargs: Any) -> Any:
        gradients, value = together(*args, **kwargs)
        return value, gradients

    return both


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The pair ``(output, pull_back)``: ``pull_back(cotangents)`` gives the product of ``cotangents`` with the Jacobian.

    ``cotangents`` has the output's structure. The product is a tuple with one entry for each of ``primals``. With ``has_aux``
    the result is ``(output, pull_back, other)``.
    """
    run = _Run(func, primals, {}, tuple(range(len(primals))), has_aux)
    leaves, structure = _flatten(run.output)

    def pull_back(cotangents: Any) -> Any:
        given, other = _flatten(cotangents)
        if other != structure:
            raise RuntimeError(
                f"vjp: the cotangents must have the structure of the output, {structure}, but they have {other}"
            )
        for cotangent, leaf in zip(given, leaves, strict=True):
            if cotangent.shape != leaf.shape:
                raise RuntimeError(
                    f"vjp: expected a cotangent of shape {list(leaf.shape)}, got {list(cotangent.shape)}"
                )
        return run.pull_back(given)

    output = _map(run.left, run.output)
    return (output, pull_back, run.aux) if has_aux else (output, pull_back)


def jvp(
    func: Callable[..., Any],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """The pair ``(output, product)`` of the Jacobian with ``tangents``, by the double-backward trick.

    Args:
        func: Takes the primals; returns a tensor or a tree of them.
        primals, tangents: Tuples of the same structure and shapes.
        strict: Raise where an output doesn't depend on the primals, rather than give zeros.
        has_aux: ``func`` returns a pair ``(output, other)``, and ``other`` comes as third result.

    Raises:
        RuntimeError: If primals and tangents don't fit each other, and by ``strict``.
    """
    if not isinstance(primals, tuple) or not primals:
        raise RuntimeError("jvp(f, primals, tangents): expected primals to be a tuple of at least one argument")
    directions, structure = _flatten(tangents)
    starts, other = _flatten(primals)
    if other != structure or any(a.shape != b.shape for a, b in zip(starts, directions, strict=True)):
        raise RuntimeError("jvp(f, primals, tangents): expected primals and tangents of the same structure and shapes")
    run = _Run(func, primals, {}, tuple(range(len(primals))), has_aux)
    outputs, form = _flatten(run.output)
    probes = [zeros_like(each.detach()).requires_grad_() for each in outputs]
    pulled, _ = _flatten(run.pull_back(probes, create_graph=True))
    pairs = [(each, direction) for each, direction in zip(pulled, directions, strict=True) if each.requires_grad]
    found: Sequence[Any] = [None] * len(probes)
    if pairs:
        kept = run.surrounded or (recording.get() and any(direction.requires_grad for _, direction in pairs))
        found = gradients_of(*_columns(pairs, probes), create_graph=kept, allow_unused=True)
    products = []
    for number, (product, output) in enumerate(zip(found, outputs, strict=True)):
        if product is None and strict:
            raise RuntimeError(
                f"jvp(f, primals, tangents, strict=True): output {number} of f is independent of the primals"
            )
        products.append(zeros_like(output.detach()) if product is None else product)
    result = _unflatten(form, iter([run.left(each) for each in outputs])), _unflatten(form, iter(products))
    return (*result, run.aux) if has_aux else result


def _columns(pairs: list[tuple[Any, Any]], inputs: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """The arguments ``(outputs, inputs, grad_outputs)`` of ``autograd.grad``."""
    return [output for output, _ in pairs], inputs, [given for _, given in pairs]


def jacrev(
    func: Callable[..., Any], argnums: Positions = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The function that gives the Jacobian of ``func``, a row of the output after another.

    Args:
        func: The function; it returns a tensor or a tree of them.
        argnums: The argument, or the tuple of them, by which to differentiate.
        has_aux: ``func`` returns a pair ``(output, other)``; the Jacobian comes as the pair ``(jacobian, other)``.
        chunk_size: How many rows PyTorch computes at a time; here it is one: None or 1.

    Returns:
        From that function, for each output a tree like the arguments, of tensors with the output's shape followed by the
        argument's.
    """
    if chunk_size not in (None, 1):
        raise NotImplementedError(
            f"jacrev: chunk_size={chunk_size!r} is not supported: rows are computed one at a time"
        )

    def jacobian(*args: Any, **kwargs: Any) -> Any:
        run = _Run(func, args, kwargs, argnums, has_aux)
        outputs, structure = _flatten(run.output)
        blocks = []
        for number, output in enumerate(outputs):
            rows = []
            for i in range(output.numel()):
                cotangents: list[Any] = [None] * len(outputs)
                cotangents[number] = zeros_like(output.detach())
                cotangents[number].view(-1)[i] = 1
                rows.append(_flatten(run.pull_back(cotangents)))
            blocks.append(_block(run, output, rows))
        result = _unflatten(structure, iter(blocks))
        return (result, run.aux) if has_aux else result

    return jacobian


def _block(run: _Run, output: Any, rows: list[tuple[list[Any], Any]]) -> Any:
    """The Jacobian of one output, from its rows."""
    if not rows:
        shaped = [output.new_zeros((*output.shape, *each.shape)) for each in run.entered]
        return _unflatten(run.structure, iter(shaped))
    columns = zip(*[leaves for leaves, _ in rows], strict=True)
    stacked = [
        stack(column).reshape((*output.shape, *each.shape)) for column, each in zip(columns, run.entered, strict=True)
    ]
    return _unflatten(run.structure, iter(stacked))


def hessian(func: Callable[..., Any], argnums: Positions = 0) -> Callable[..., Any]:
    """The function that gives the Hessian of ``func``: the Jacobian of its Jacobian."""
    return jacrev(jacrev(func, argnums), argnums)


class _Run:
    """One call of a function on arguments of which some stand for what to differentiate by.

    Attributes:
        entered: Those arguments' tensors, as the function saw them: copies that require grad.
        structure: The arguments at ``argnums``, as a tree of ``entered``.
        output, aux: What the function returned.
        surrounded: Whether the results belong to a graph around this call.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        argnums: Positions,
        has_aux: bool,
    ) -> None:
        around = recording.get()
        positions = (argnums,) if isinstance(argnums, int) else argnums
        for position in positions:
            if not -len(args) <= position < len(args):
                raise RuntimeError(
                    f"argnum {position} is out of bounds: the function got {len(args)} positional arguments"
                )
        chosen = [args[position] for position in positions]
        leaves, self.structure = _flatten(chosen[0] if isinstance(argnums, int) else tuple(chosen))
        for leaf in leaves:
            if not isinstance(leaf, Variable):
                raise RuntimeError(
                    f"expected the arguments at argnums={argnums} to be Tensors or trees of them, but found {type(leaf)}"
                )
        values = list(args)
        depth = _depth.get() + 1
        token = _depth.set(depth)
        with enable_grad():
            self.entered = [
                each.view_as(each) if each.requires_grad and around else each.detach().requires_grad_()
                for each in leaves
            ]
            replaced = _unflatten(self.structure, iter(self.entered))
            for position, value in zip(positions, (replaced,) if isinstance(argnums, int) else replaced, strict=True):
                values[position] = value
            for each in self.entered:
                each._func_depth = depth
            try:
                result = func(*values, **kwargs)
            finally:
                _depth.reset(token)
        if has_aux and not (isinstance(result, tuple) and len(result) == 2):
            raise RuntimeError("with has_aux=True the function must return a tuple (output, aux)")
        self.output: Any
        self.aux: Any
        self.output, self.aux = result if has_aux else (result, None)
        outputs, _ = _flatten(self.output)
        for output in outputs:
            if not isinstance(output, Variable):
                raise RuntimeError(f"expected f(*args) to return Tensors, got {type(output)}")
        self.surrounded = around and _reach_beyond(outputs, depth)
        self.aux = _map(self.left, self.aux)

    def pull_back(self, cotangents: Sequence[Any], create_graph: bool = False) -> Any:
        """The gradients from those of the outputs, None where there is none, in the structure of the arguments."""
        varying = any(each is not None and each.requires_grad for each in cotangents)
        create_graph = create_graph or self.surrounded or (varying and recording.get())
        outputs, _ = _flatten(self.output)
        pairs = [
            (output, cotangent)
            for output, cotangent in zip(outputs, cotangents, strict=True)
            if cotangent is not None and output.requires_grad
        ]
        found: Sequence[Any] = [None] * len(self.entered)
        if pairs:
            found = gradients_of(
                *_columns(pairs, self.entered), retain_graph=True, create_graph=create_graph, allow_unused=True
            )
        filled = [
            zeros_like(each.detach()) if one is None else one for one, each in zip(found, self.entered, strict=True)
        ]
        return _unflatten(self.structure, iter(filled))

    def left(self, value: Any) -> Any:
        """A value as it is handed out: without the graph of this call, where there is none around it."""
        return value.detach() if isinstance(value, Tensor) and not self.surrounded else value


# How many calls are running, one inside the other. Tensors that entered a call carry its depth.
_depth: ContextVar[int] = ContextVar("func_depth", default=0)


def _reach_beyond(outputs: Sequence[Any], depth: int) -> bool:
    """Whether outputs depend on leaves other than those that were made for this call, or for calls inside it."""
    stack: list[Any] = [edge_of(each) for each in outputs if each.requires_grad]
    seen: set[int] = set()
    while stack:
        edge = stack.pop()
        owner = edge[0] if isinstance(edge, tuple) else edge
        if isinstance(owner, Node):
            if id(owner) not in seen:
                seen.add(id(owner))
                stack.extend(owner.edges)
        elif owner is not None and getattr(owner, "_func_depth", 0) < depth:
            return True
    return False


# ---- Trees: tensors in tuples, lists and dictionaries -----------------------------------------------------------------------


_LEAF = "*"


def _flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of a tree, and its structure with ``"*"`` in their place."""
    if isinstance(tree, dict):
        parts = [(key, _flatten(value)) for key, value in tree.items()]
        return [leaf for _, (leaves, _) in parts for leaf in leaves], {key: form for key, (_, form) in parts}
    if isinstance(tree, (tuple, list)):
        several = [_flatten(value) for value in tree]
        forms = [form for _, form in several]
        kind = type(tree)
        structure = kind(*forms) if hasattr(tree, "_fields") else kind(forms)
        return [leaf for leaves, _ in several for leaf in leaves], structure
    return [tree], _LEAF


def _unflatten(structure: Any, leaves: Iterator[Any]) -> Any:
    """The tree of that structure with these leaves."""
    if isinstance(structure, dict):
        return {key: _unflatten(form, leaves) for key, form in structure.items()}
    if isinstance(structure, (tuple, list)):
        parts = [_unflatten(form, leaves) for form in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return next(leaves)


def _map(function: Callable[[Any], Any], tree: Any) -> Any:
    leaves, structure = _flatten(tree)
    return _unflatten(structure, iter([function(leaf) for leaf in leaves]))
