"""The engine of the test matrix: rows (an operation's name and sample arguments), and what every row must satisfy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial, reduce
from types import CodeType
from typing import Any

import numpy as np

import framework
from framework.autograd.primitive import Primitive
from tests.ops import (
    samples_elementwise,
    samples_indexing,
    samples_layers,
    samples_linalg,
    samples_nn,
    samples_primitives,
    samples_reductions,
    samples_shape,
)
from tests.ops.checks import leaves
from tests.ops.samples_shape import Maker

FAMILIES = {
    "elementwise": samples_elementwise.SAMPLES,
    "indexing": samples_indexing.SAMPLES,
    "layers": samples_layers.SAMPLES,
    "linalg": samples_linalg.SAMPLES,
    "nn": samples_nn.SAMPLES,
    "primitives": samples_primitives.SAMPLES,
    "reductions": samples_reductions.SAMPLES,
    "shape": samples_shape.SAMPLES,
}
# Floating-point arguments that get no gradient: targets, class weights, running statistics.
CONSTANTS = (*samples_nn.CONSTANTS, *samples_layers.CONSTANTS, samples_layers.MEAN, samples_layers.VARIANCE)
# In the elementwise family, but about a dimension: they get no generated operands.
ALONG_A_DIMENSION = ("softmax", "log_softmax", "nn.functional.glu", "nn.functional.prelu", "nn.functional.softmin")
Change = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Row:
    """One sample call of an operation."""

    name: str
    maker: Maker
    id: str
    family: str

    @property
    def order(self) -> int:
        """How often it can be differentiated, as far as the matrix goes: three times at most."""
        return samples_primitives.ORDERS.get(self.name, 3)

    def arguments(self, change: Change = lambda each: each) -> tuple[Any, dict[str, Any]]:
        """Fresh arguments with arrays for tensors; ``change`` is applied to those that are floating-point."""
        positional, options = self.maker(np.random.default_rng(0))
        return _each_array(positional, lambda each: change(each) if each.dtype.kind == "f" else each), options

    def function(self, library: Any = framework) -> Callable[..., Any]:
        """What the row calls, in this library."""
        special = samples_primitives.FUNCTIONS.get(self.name)
        return partial(special, library) if special else reduce(getattr, self.name.split("."), library)

    def call(self, requires_grad: bool = True, change: Change = lambda each: each) -> Call:
        """The operation called on tensors of its own."""
        positional, options = self.arguments()

        def tensor(array: np.ndarray[Any, Any]) -> framework.Tensor:
            wanted = requires_grad and array.dtype.kind == "f" and not _is_constant(array)
            made = framework.from_numpy(change(array) if array.dtype.kind == "f" else array.copy())
            return made.requires_grad_() if wanted else made

        given = _each_array(positional, tensor)
        return Call(self.function(), given, options)


@dataclass
class Call:
    """An operation with its arguments as tensors."""

    function: Callable[..., Any]
    given: Any
    options: dict[str, Any]

    def tensors(self) -> list[framework.Tensor]:
        """All tensors among the arguments."""
        return leaves(self.given)

    def inputs(self) -> list[framework.Tensor]:
        """The tensors that need a gradient."""
        return [each for each in self.tensors() if each.requires_grad]

    def results(self) -> list[framework.Tensor]:
        """The operation's tensors."""
        return leaves([self.function(*self.given, **self.options)])

    def differentiable(self) -> list[framework.Tensor]:
        """The results that a gradient can start from."""
        return [each for each in self.results() if each.requires_grad]

    def gradients(
        self, create_graph: bool = False, weights: list[framework.Tensor] | None = None
    ) -> list[framework.Tensor]:
        """For each input, its gradient from weights on the differentiable results, by default fixed ones."""
        results = self.differentiable()
        weights = [weights_for(each) for each in results] if weights is None else weights
        return list(
            framework.autograd.grad(results, self.inputs(), weights, create_graph=create_graph, materialize_grads=True)
        )


def weights_for(result: framework.Tensor) -> framework.Tensor:
    """Weights of a result's shape and dtype, no two alike."""
    values = np.cos(np.arange(result.numel(), dtype=np.float64)).reshape(tuple(result.shape)) + 1.5
    return framework.tensor(values, dtype=result.dtype)


def rows(*families: str) -> list[Row]:
    """Every row of the given families, or of all."""
    return [
        Row(name, maker, f"{family}-{name}-{number}", family)
        for family in families or FAMILIES
        for name, makers in FAMILIES[family].items()
        for number, maker in enumerate(makers)
    ]


def generated(table: list[Row]) -> list[Row]:
    """From each elementwise row: operands that broadcast, operands without dimensions, and empty ones."""
    made: list[Row] = []
    for row in table:
        if row.family != "elementwise" or row.name in ALONG_A_DIMENSION:
            continue
        positional, _ = row.maker(np.random.default_rng(0))
        operands = [i for i, each in enumerate(positional) if isinstance(each, np.ndarray) and each.ndim]
        changes: list[tuple[str, Callable[[int, Any], Any]]] = [
            ("without dimensions", lambda _, each: each.reshape(-1)[0]),
            ("empty", lambda _, each: each[:0]),
        ]
        for i in operands if len(operands) > 1 else ():
            changes.append((f"size 1 in {i}", lambda j, each, i=i: each[:, :1] if i == j else each))
            changes.append((f"no leading dimension in {i}", lambda j, each, i=i: each[0] if i == j else each))
        for label, change in changes:
            made.append(replace(row, maker=_changed(row.maker, operands, change), id=f"{row.id}-{label}"))
    return made


def _changed(maker: Maker, operands: list[int], change: Callable[[int, Any], Any]) -> Maker:
    """A maker whose operands are first given one shape, and then changed."""

    def make(rng: np.random.Generator) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positional, options = maker(rng)
        whole = np.broadcast_arrays(*[positional[i] for i in operands])
        arguments = list(positional)
        for i, each in zip(operands, whole, strict=True):
            arguments[i] = np.array(change(i, each))
        return tuple(arguments), options

    return make


def without_rows(primitives: list[Primitive], table: list[Row]) -> list[str]:
    """The primitives that no row reaches.

    A differentiable one is reached where a row's graph, or the graph of its first or second derivatives, has a node of
    it; one without gradient where a row runs its kernel.
    """
    kernels = {each.kernel.__code__ for each in primitives if not each.differentiable}
    recorded: set[Primitive] = set()
    ran: set[CodeType] = set()

    def note_kernel(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in kernels:
            ran.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(note_kernel)
    try:
        for row in table:
            row.call(requires_grad=False).results()
            recorded.update(*reached(row))
    finally:
        sys.setprofile(before)
    missing = [
        each
        for each in primitives
        if (each not in recorded if each.differentiable else each.kernel.__code__ not in ran)
    ]
    return [f"{each.kernel.__module__}.{each.kernel.__name__} ({each.node_class.__name__})" for each in missing]


def reached(row: Row) -> list[set[Primitive]]:
    """The primitives of a row's graph, of the graph of its derivatives and of that of its second ones."""
    call = row.call()
    results, inputs = call.differentiable(), call.inputs()
    found = [set(_primitives_of(results))]
    for _ in range(min(row.order, 2) if results else 0):
        weights = [weights_for(each).requires_grad_() for each in results]
        inputs = [*inputs, *weights]
        gradients = framework.autograd.grad(results, inputs, weights, create_graph=True, allow_unused=True)
        results = [each for each in gradients if each is not None and each.requires_grad]
        found.append(set(_primitives_of(results)))
    return found


def _primitives_of(results: list[framework.Tensor]) -> Iterator[Primitive]:
    """The primitives whose nodes these results hang on."""
    pending, seen = [each.grad_fn for each in results], set()
    while pending:
        node = pending.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if hasattr(node, "primitive"):
            yield node.primitive
        pending += [each for each, _ in node.next_functions]


def _is_constant(array: np.ndarray[Any, Any]) -> bool:
    return any(np.shares_memory(array, each) for each in CONSTANTS)


def _each_array(value: Any, change: Callable[[np.ndarray[Any, Any]], Any]) -> Any:
    if isinstance(value, np.ndarray):
        return change(value)
    return type(value)([_each_array(each, change) for each in value]) if isinstance(value, (list, tuple)) else value
