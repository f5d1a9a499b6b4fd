"""einsum: sums of products in Einstein's notation, as a sequence of matrix products of two operands each."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from framework.autograd.graph import Variable
from framework.ops.arranging import _diagonal
from framework.ops.linalg import matmul
from framework.ops.reductions import _sum
from framework.ops.shape import _permute, as_shape

if TYPE_CHECKING:
    from framework.tensor import Tensor

__all__ = ["einsum"]

# A label is a number: 0 to 25 for A to Z, 26 to 51 for a to z, and from 52 on a dimension that an ellipsis
# stands for.
_ELLIPSIS = 52
Labels = tuple[int, ...]


def einsum(*args: Any) -> Tensor:
    """The sum of products of tensors in Einstein's notation: ``einsum("ij,jk->ik", a, b)`` is the matrix
    product.

    A letter names a dimension: where several operands have it their elements are multiplied, and where the
        output lacks it the products
    are summed; twice in one operand it takes the diagonal; an ellipsis stands for any further dimensions,
    which broadcast. Without ``->`` the output has the letters that come once, in alphabetical order. Three
    operands and more are multiplied in the order that keeps intermediate results small.

    Args:
        *args: An equation and the tensors, one by one or in a list; or each tensor followed by a list of
            dimension numbers (and ``...``), and at the end such a list for the output if wanted.

    Raises:
        RuntimeError: For an equation that is malformed or does not fit the tensors.
    """
    if not args:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its list"
        )
    if isinstance(args[0], str):
        operands = list(args[1][:] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:])
        inputs, output = _parse(args[0])
    else:
        operands = list(args[0 : len(args) - len(args) % 2 : 2])
        inputs = [_numbered(each) for each in args[1::2]]
        output = _numbered(args[-1]) if len(args) % 2 else None
    if not operands:
        raise RuntimeError("einsum(): must provide at least one operand")
    for position, operand in enumerate(operands):
        if not isinstance(operand, Variable):
            raise TypeError(f"einsum(): operand {position} must be Tensor, not {type(operand).__name__}")
    if len(operands) != len(inputs):
        few = "fewer" if len(operands) < len(inputs) else "more"
        raise RuntimeError(
            f"einsum(): {few} operands were provided than specified in the equation ({len(operands)} and {len(inputs)})"
        )
    return _contract(operands, *_resolve(operands, inputs, output))


# ---- The notation ------------------------------------------------------------------------------------------


def _parse(equation: str) -> tuple[list[list[int]], list[int] | None]:
    """The labels of each operand and of the output (None if it isn't given), -1 for an ellipsis."""
    left, arrow, right = equation.partition("->")
    inputs = []
    start = 0
    for part in left.split(","):
        inputs.append(_letters(part, start))
        start += len(part) + 1
    return inputs, _letters(right, len(left) + 2) if arrow else None


def _letters(part: str, start: int) -> list[int]:
    labels = []
    position = 0
    while position < len(part):
        letter = part[position]
        if part.startswith("...", position):
            if -1 in labels:
                raise RuntimeError(
                    f"einsum(): found '.' at index {start + position} for which an ellipsis was already found"
                )
            labels.append(-1)
            position += 2
        elif letter.isascii() and letter.isalpha():
            labels.append(ord(letter) - (ord("A") if letter.isupper() else ord("a") - 26))
        elif letter != " ":
            what = (
                "found '.' that is not part of any ellipsis" if letter == "." else f"invalid subscript {letter!r} given"
            )
            raise RuntimeError(
                f"einsum(): {what} at index {start + position} in the equation string, subscripts must be in [a-zA-Z]"
            )
        position += 1
    return labels


def _numbered(part: Any) -> list[int]:
    labels = []
    for each in part:
        if each is Ellipsis:
            if -1 in labels:
                raise RuntimeError(f"einsum(): {list(part)} has more than one ellipsis")
            labels.append(-1)
        elif isinstance(each, int) and 0 <= each < 52:
            labels.append(each)
        else:
            raise RuntimeError(f"einsum(): {each!r} is not within the valid range [0, 52) of dimension numbers")
    return labels


def _shown(label: int) -> str:
    if label >= _ELLIPSIS:
        return "..."
    return chr(label + ord("A")) if label < 26 else chr(label - 26 + ord("a"))


def _resolve(operands: list[Any], inputs: list[list[int]], output: list[int] | None) -> tuple[list[Labels], Labels]:
    """The labels with ellipses written out, and the output's labels.

    Raises:
        RuntimeError: If the labels don't fit the operands.
    """
    hidden = []  # how many dimensions the ellipsis of each operand stands for
    for position, (operand, labels) in enumerate(zip(operands, inputs, strict=True)):
        ndim, named = len(operand.shape), len(labels) - (-1 in labels)
        if ndim < named or (ndim > named and -1 not in labels):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) "
                f"{'does not match' if -1 not in labels else 'is more than'} "
                f"the number of dimensions ({ndim}) for operand "
                f"{position}{'' if -1 in labels else ' and no ellipsis was given'}"
            )
        hidden.append(ndim - named)
    most = max(hidden)
    resolved = [_written_out(labels, most, count) for labels, count in zip(inputs, hidden, strict=True)]
    every = [label for labels in resolved for label in labels]
    if output is None:
        once = sorted(label for label in set(every) if label < _ELLIPSIS and every.count(label) == 1)
        return resolved, (*range(_ELLIPSIS, _ELLIPSIS + most), *once)
    for label in output:
        if label >= 0 and label not in every:
            raise RuntimeError(
                f"einsum(): output subscript {_shown(label)} does not appear in the equation for any input operand"
            )
        if output.count(label) > 1:
            raise RuntimeError(f"einsum(): output subscript {_shown(label)} appears more than once in the output")
    return resolved, _written_out(output, most, most)


def _written_out(labels: list[int], most: int, count: int) -> Labels:
    """The ellipsis replaced by ``count`` labels; ellipses align at their last dimensions."""
    if -1 not in labels:
        return tuple(labels)
    place = labels.index(-1)
    return (*labels[:place], *range(_ELLIPSIS + most - count, _ELLIPSIS + most), *labels[place + 1 :])


# ---- The products ------------------------------------------------------------------------------------------


def _contract(operands: list[Any], labels: list[Labels], output: Labels) -> Any:
    sizes: dict[int, int] = {}
    for position, (operand, each) in enumerate(zip(operands, labels, strict=True)):
        for label, size in zip(each, operand.shape, strict=True):
            if sizes.setdefault(label, size) != size and size != 1:
                if sizes[label] != 1:
                    raise RuntimeError(
                        f"einsum(): subscript {_shown(label)} has size {size} for operand {position} which "
                        "does not broadcast with "
                        f"previously seen size {sizes[label]}"
                    )
                sizes[label] = size
    terms = [_prepared(operand, each, sizes) for operand, each in zip(operands, labels, strict=True)]
    while len(terms) > 1:
        i, j = (0, 1) if len(terms) == 2 else _best_pair(terms, output, sizes)
        b, a = terms.pop(j), terms.pop(i)
        needed = {*output}.union(*[each for _, each in terms])
        terms.append(_pair(a, b, needed))
    term, have = _summed(*terms[0], {*output})
    if have == output:
        return term
    # A label that broadcasting has removed from every operand stands for a dimension of size 1.
    missing = tuple([label for label in output if label not in have])
    if missing:
        term, have = as_shape(term, (*term.shape, *[1] * len(missing))), have + missing
    return _permute(term, tuple([have.index(label) for label in output]))


def _prepared(operand: Any, labels: Labels, sizes: dict[int, int]) -> tuple[Any, Labels]:
    """The operand with the diagonals of repeated labels, and without dimensions of size 1 that others
    repeat.
    """
    kept = tuple([i for i, (label, size) in enumerate(zip(labels, operand.shape, strict=True)) if size == sizes[label]])
    if len(kept) < len(labels):
        operand = as_shape(operand, tuple([operand.shape[i] for i in kept]))
        labels = tuple([labels[i] for i in kept])
    for label in labels:
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            operand = _diagonal(operand, 0, first, second)
            labels = (*[each for i, each in enumerate(labels) if i not in (first, second)], label)
    return operand, labels


def _summed(operand: Any, labels: Labels, needed: set[int]) -> tuple[Any, Labels]:
    """The operand summed over the labels that nothing else needs."""
    dims = tuple([i for i, label in enumerate(labels) if label not in needed])
    if not dims:
        return operand, labels
    return _sum(operand, dims, False), tuple([label for label in labels if label in needed])


def _best_pair(terms: Sequence[tuple[Any, Labels]], output: Labels, sizes: dict[int, int]) -> tuple[int, int]:
    """The two operands whose product is the smallest beside them, the one with fewer multiplications of
    equals.
    """
    best: tuple[Any, ...] = ()
    for j in range(len(terms)):
        for i in range(j):
            a, b = {*terms[i][1]}, {*terms[j][1]}
            others = {*output}.union(*[each for k, (_, each) in enumerate(terms) if k not in (i, j)])
            volume = [prod([sizes[label] for label in each]) for each in ((a | b) & others, a, b, a | b)]
            cost = (volume[0] - volume[1] - volume[2], volume[3], i, j)
            if not best or cost < best:
                best = cost
    return best[2], best[3]


def _pair(a: tuple[Any, Labels], b: tuple[Any, Labels], needed: set[int]) -> tuple[Any, Labels]:
    """The product of two operands, summed over what nothing else needs."""
    left, in_left = _summed(*a, needed.union(b[1]))
    right, in_right = _summed(*b, needed.union(a[1]))
    both = [label for label in in_left if label in in_right]
    batch = tuple([label for label in both if label in needed])
    inner = tuple([label for label in both if label not in needed])
    rows = tuple([label for label in in_left if label not in in_right])
    columns = tuple([label for label in in_right if label not in in_left])
    if not inner:
        shape = left.shape
        left = _arranged(left, in_left, batch + rows)
        left = as_shape(left, tuple(left.shape) + (1,) * len(columns)) if columns else left
        right = _arranged(right, in_right, batch + columns)
        if rows:
            ones = (1,) * len(rows)
            right = as_shape(right, (*right.shape[: len(batch)], *ones, *right.shape[len(batch) :]))
        return left * right, batch + rows + columns
    left_groups = _grouped(left, in_left, batch, rows, inner)
    right_groups = _grouped(right, in_right, batch, inner, columns)
    result = matmul(left_groups, right_groups)
    shape = (
        *[left.shape[in_left.index(label)] for label in batch + rows],
        *[right.shape[in_right.index(label)] for label in columns],
    )
    return as_shape(result, shape) if tuple(result.shape) != shape else result, batch + rows + columns


def _arranged(operand: Any, labels: Labels, wanted: Labels) -> Any:
    """The operand with its dimensions in another order."""
    return operand if labels == wanted else _permute(operand, tuple([labels.index(label) for label in wanted]))


def _grouped(operand: Any, labels: Labels, batch: Labels, first: Labels, second: Labels) -> Any:
    """A batch of matrices whose rows are the labels ``first``, and whose columns are ``second``."""
    operand = _arranged(operand, labels, batch + first + second)
    if len(first) == len(second) == 1:
        return operand
    shape = operand.shape
    lead, split = len(batch), len(batch) + len(first)
    return as_shape(operand, (*shape[:lead], prod(shape[lead:split]), prod(shape[split:])))
