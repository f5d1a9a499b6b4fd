"""Matrix products in pieces, by NumPy's own OpenBLAS.

OpenBLAS can share a product among threads of its own. But those and the ones that wait for pieces would take the cores from
each other, since both spin until the next work comes. So there is one set of threads, and a call of OpenBLAS stays in its own.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from framework.kernels import threads
from framework.kernels.fast.compiler import Array
from framework.kernels.fast.pieces import InPieces
from framework.kernels.fast.tiles import address

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112  # CBLAS's numbers for them
_PIECE = 600_000  # products of numbers that are worth a piece: 20 microseconds
_gemm = {np.dtype(kind): threads.blas_function(f"cblas_{letter}gemm") for kind, letter in (("f4", "s"), ("f8", "d"))}


@intrinsic
def _multiply(
    typing: Any, function: Any, a_form: Any, b_form: Any, rows: Any, columns: Any, count: Any, a: Any, a_row: Any, b: Any,
    b_row: Any, c: Any, c_row: Any, kept: Any,
) -> Any:  # fmt: skip
    """``C = A @ B + kept * C`` by CBLAS's function at that address; the length of rows in numbers."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function, a_form, b_form, rows, columns, count, a, a_row, b, b_row, c, c_row, kept = args
        number, word, short = context.get_value_type(signature.args[-1]), ir.IntType(64), ir.IntType(32)
        kinds = [*[short] * 3, *[word] * 3, number, *[word] * 4, number, word, word]
        pointer = builder.inttoptr(function, ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        forms = [ir.Constant(short, _ROW_MAJOR), builder.trunc(a_form, short), builder.trunc(b_form, short)]
        one = ir.Constant(number, 1.0)
        builder.call(pointer, [*forms, rows, columns, count, one, a, a_row, b, b_row, kept, c, c_row])
        return context.get_dummy_value()

    return numba.void(*[numba.int64] * 12, kept), generate


@InPieces
def _product(
    function: int, a: Array, a_form: int, b: Array, b_form: int, bias: Array, out: Array, by_rows: bool, start: int,
    stop: int,
) -> None:  # fmt: skip
    """Rows, or columns, ``start`` to ``stop`` of ``out``; ``a`` and ``b`` as they lie in memory, transposed or not."""
    rows, columns = out.shape
    count = a.shape[1] if a_form == _PLAIN else a.shape[0]
    at_a, at_b, at_c, size = address(a), address(b), address(out), out.itemsize
    if by_rows:
        at_a += start * (a.shape[1] if a_form == _PLAIN else 1) * size
        at_c += start * columns * size
        rows = stop - start
    else:
        at_b += start * (1 if b_form == _PLAIN else b.shape[1]) * size
        at_c += start * size
        columns = stop - start
    kept = bias.dtype.type(0)
    if bias.size:
        kept = bias.dtype.type(1)
        own = out[start:stop] if by_rows else out[:, start:stop]
        row = bias if by_rows else bias[start:stop]
        for i in range(own.shape[0]):
            for j in range(own.shape[1]):
                own[i, j] = row[j]
    _multiply(
        function, a_form, b_form, rows, columns, count, at_a, a.shape[1], at_b, b.shape[1], at_c, out.shape[1], kept
    )


@InPieces
def _products(
    function: int, a: Array, a_form: int, b: Array, b_form: int, out: Array, start: int, stop: int
) -> None:
    """Products ``start`` to ``stop`` of two batches."""
    rows, columns = out.shape[1:]
    count = a.shape[2] if a_form == _PLAIN else a.shape[1]
    nothing = out.dtype.type(0)
    for i in range(start, stop):
        _multiply(
            function, a_form, b_form, rows, columns, count, address(a[i]), a.shape[2], address(b[i]), b.shape[2],
            address(out[i]), columns, nothing,
        )  # fmt: skip


def _as_it_lies(matrix: Array) -> tuple[Array, int] | None:
    """The matrix or its transpose, whichever lies row after row; None where neither does."""
    if matrix.flags.c_contiguous:
        return matrix, _PLAIN
    turned = matrix.T if matrix.ndim == 2 else matrix.swapaxes(-1, -2)
    return (turned, _TRANSPOSED) if turned.flags.c_contiguous else None


def product(left: Array, right: Array, bias: Array | None = None) -> Any:
    function = _gemm.get(left.dtype)
    ndim, rows, count, columns = left.ndim, left.shape[-2], left.shape[-1], right.shape[-1]
    if function is None or right.dtype != left.dtype or right.ndim != ndim or right.shape[-2] != count:
        return NotImplemented
    work = left.size * columns
    if ndim > 3 or left.shape[:-2] != right.shape[:-2] or work < 2 * _PIECE:
        return NotImplemented
    if bias is not None and (ndim == 3 or bias.shape != (columns,) or bias.dtype != left.dtype or not bias.flags.c_contiguous):
        return NotImplemented
    a, b = _as_it_lies(left), _as_it_lies(right)
    if a is None or b is None:
        return NotImplemented
    pieces = min(work // _PIECE, threads.get_num_threads())
    if ndim == 3:
        out = np.empty((len(left), rows, columns), left.dtype)
        _products(len(left), -(-len(left) // pieces), function, *a, *b, out)
        return out
    out = np.empty((rows, columns), left.dtype)
    by_rows = 3 * rows >= columns  # each piece packs all of the other matrix, which costs more with few rows
    divided = rows if by_rows else columns
    row = np.empty(0, left.dtype) if bias is None else bias
    _product(divided, -(-divided // pieces), function, *a, *b, row, out, by_rows)
    return out
