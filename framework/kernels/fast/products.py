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
    function: int, a: int, a_form: int, a_row: int, a_matrix: int, b: int, b_form: int, b_row: int, b_matrix: int,
    bias: Array, out: Array, count: int, parts: int, by_rows: bool, start: int, stop: int,
) -> None:  # fmt: skip
    """Items ``start`` to ``stop`` of ``out`` ``(N, rows, columns)``: each matrix is cut into so many parts.

    Of A and B the address, the form, and the length of a row and the way to the next matrix in numbers.
    """
    _, all_rows, all_columns = out.shape
    size = out.itemsize
    for item in range(start, stop):
        n, part = item // parts, item % parts
        at_a, at_b = a + n * a_matrix * size, b + n * b_matrix * size
        top, bottom, left, right = 0, all_rows, 0, all_columns
        if by_rows:
            top, bottom = all_rows * part // parts, all_rows * (part + 1) // parts
            at_a += top * (a_row if a_form == _PLAIN else 1) * size
        else:
            left, right = all_columns * part // parts, all_columns * (part + 1) // parts
            at_b += left * (1 if b_form == _PLAIN else b_row) * size
        own = out[n][top:bottom, left:right]
        kept = out.dtype.type(0)
        if bias.size:
            kept = out.dtype.type(1)
            for i in range(own.shape[0]):
                for j in range(own.shape[1]):
                    own[i, j] = bias[left + j]
        _multiply(
            function, a_form, b_form, own.shape[0], own.shape[1], count, at_a, a_row, at_b, b_row, address(own), all_columns,
            kept,
        )  # fmt: skip


def _as_it_lies(matrix: Array) -> tuple[int, int, int, int] | None:
    """Address, form, length of a row and way to the next matrix, in numbers; None for what CBLAS can't take."""
    size = matrix.itemsize
    rows, columns = matrix.shape[-2:]
    down, right = matrix.strides[-2:]
    if right == size and down >= columns * size and down % size == 0:
        form, row = _PLAIN, down // size
    elif down == size and right >= rows * size and right % size == 0:
        form, row = _TRANSPOSED, right // size
    else:
        return None
    further = matrix.strides[0] if matrix.ndim == 3 else 0
    return None if further % size else (matrix.__array_interface__["data"][0], form, row, further // size)


def product(left: Array, right: Array, bias: Array | None = None) -> Any:
    function = _gemm.get(left.dtype)
    ndim, rows, count, columns = left.ndim, left.shape[-2], left.shape[-1], right.shape[-1]
    if function is None or right.dtype != left.dtype or right.ndim != ndim or right.shape[-2] != count:
        return NotImplemented
    work = left.size * columns
    if ndim > 3 or left.shape[:-2] != right.shape[:-2] or work < 2 * _PIECE or rows < 2 or columns < 2 or count < 2:
        return NotImplemented
    if bias is not None and (bias.shape != (columns,) or bias.dtype != left.dtype or not bias.flags.c_contiguous):
        return NotImplemented
    a, b = _as_it_lies(left), _as_it_lies(right)
    if a is None or b is None:
        return NotImplemented
    batch, pieces = len(left) if ndim == 3 else 1, min(work // _PIECE, threads.get_num_threads())
    parts = 1 if batch % pieces == 0 or batch >= 4 * pieces else pieces
    by_rows = 3 * rows >= columns  # each piece packs all of the other matrix, which costs more with few rows
    out = np.empty((batch, rows, columns) if ndim == 3 else (rows, columns), left.dtype)
    row = np.empty(0, left.dtype) if bias is None else bias
    step = 1 if parts > 1 else -(-batch // pieces)
    _product(batch * parts, step, function, *a, *b, row, out if ndim == 3 else out[None], count, parts, by_rows)
    return out
