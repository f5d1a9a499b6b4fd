"""Matrix products in pieces: by our own tiles, or by NumPy's own OpenBLAS.

OpenBLAS can share a product among threads of its own. But those and the ones that wait for pieces would take the cores from
each other, since both spin until the next work comes. So there is one set of threads, and a call of OpenBLAS stays in its own.

It fills the result with zeros, or with the bias, before it adds the product to it, and packs both matrices. Our tiles begin with
the bias, write each number once, and read A where it lies; where A lies in columns, packing pays, and OpenBLAS is as fast.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from framework.kernels import threads
from framework.kernels.fast.compiler import Array
from framework.kernels.fast.pieces import InPieces
from framework.kernels.fast.tiles import ROWS, WIDTH, address, pack_panel, tile

_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112  # CBLAS's numbers for them
_PIECE = 600_000  # products of numbers that are worth a piece: 20 microseconds
_LEAST = 64  # rows for which it pays to pack a panel of the other matrix
# With vectors of 16 numbers OpenBLAS is faster than tiles of 8, and without AVX2 nobody has measured.
_features = llvmlite.binding.get_host_cpu_features()
_OWN_TILES = _features.get("avx2", False) and _features.get("fma", False) and not _features.get("avx512f", False)
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


_DEPTH = 512  # products that are added up at once, for which a panel of B stays in the cache
_BLOCK = 1 << 17  # numbers of A that stay in a core's second cache, while all panels pass
_SHORT = 64  # sums up to which columns of A may be read where they lie


@InPieces
def _tiled(
    a: int, a_row: int, a_step: int, b: int, b_step: int, b_column: int, bias: Array, out: Array, count: int, parts: int,
    by_rows: bool, start: int, stop: int,
) -> None:  # fmt: skip
    """Parts ``start`` to ``stop`` of ``out = A @ B + bias`` in float32; the ways in A and B are in bytes."""
    rows, columns = out.shape
    blocks = (count + _DEPTH - 1) // _DEPTH
    deepest = (count + blocks - 1) // blocks
    panel = np.empty(deepest * WIDTH, np.float32)
    for part in range(start, stop):
        top, bottom, left, right = 0, rows, 0, columns
        if by_rows:
            top, bottom = rows * part // parts, rows * (part + 1) // parts
        else:
            left = columns * part // parts // WIDTH * WIDTH
            right = columns if part == parts - 1 else columns * (part + 1) // parts // WIDTH * WIDTH
        for block in range(blocks):
            first = count * block // blocks
            depth = count * (block + 1) // blocks - first
            tall = max(ROWS, _BLOCK // depth // ROWS * ROWS)
            for begin in range(top, bottom, tall):
                end = min(begin + tall, bottom)
                for beside in range(left, right, WIDTH):
                    column = min(beside, right - WIDTH)
                    pack_panel(b + first * b_step + column * b_column, b_step, b_column, depth, address(panel))
                    for row in range(begin, end, ROWS):
                        target = address(out) + (row * columns + column) * 4
                        origin, origin_row = (target, columns * 4) if block else (address(bias) + column * 4, 0)
                        tile(
                            min(ROWS, end - row), a + row * a_row + first * a_step, a_row, a_step, 0, address(panel), WIDTH * 4,
                            0, 1, depth, origin, origin_row, target, columns * 4,
                        )  # fmt: skip


def _by_tiles(left: Array, right: Array, bias: Array | None, parts: int) -> Any:
    """The product of two float32 matrices by our own tiles; NotImplemented where OpenBLAS is faster, or they can't take it."""
    (rows, count), columns = left.shape, right.shape[1]
    (a_row, a_step), (b_step, b_column) = left.strides, right.strides
    if (a_step != 4 and (a_row != 4 or count > _SHORT)) or (b_step != 4 and b_column != 4):
        return NotImplemented
    if rows < max(_LEAST, ROWS * parts) or columns < WIDTH * parts:
        return NotImplemented
    if count > _DEPTH and columns % WIDTH:  # a last panel that begins in the one before would be added up twice
        return NotImplemented
    out = np.empty((rows, columns), np.float32)
    a, b = left.__array_interface__["data"][0], right.__array_interface__["data"][0]
    row = np.zeros(columns, np.float32) if bias is None else bias
    _tiled(parts, 1, a, a_row, a_step, b, b_step, b_column, row, out, count, parts, rows > columns)
    return out


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
    batch, pieces = len(left) if ndim == 3 else 1, min(work // _PIECE, threads.get_num_threads())
    if _OWN_TILES and ndim == 2 and left.dtype == np.float32:
        result = _by_tiles(left, right, bias, pieces)
        if result is not NotImplemented:
            return result
    a, b = _as_it_lies(left), _as_it_lies(right)
    if a is None or b is None:
        return NotImplemented
    parts = 1 if batch % pieces == 0 or batch >= 4 * pieces else pieces
    by_rows = 3 * rows >= columns  # each piece packs all of the other matrix, which costs more with few rows
    out = np.empty((batch, rows, columns) if ndim == 3 else (rows, columns), left.dtype)
    row = np.empty(0, left.dtype) if bias is None else bias
    step = 1 if parts > 1 else -(-batch // pieces)
    _product(batch * parts, step, function, *a, *b, row, out if ndim == 3 else out[None], count, parts, by_rows)
    return out
