"""The innermost part of a matrix product: a tile of 6 × 16, or 6 × 8, sums that stay in registers.

Compilers don't find this form in loops, so its instructions are built here. Everything around it is ordinary compiled code.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from framework.kernels.fast.compiler import Array, compiled

ROWS = 6  # of a tile at most
LANES = 8  # of a vector
NARROW, WIDTH = LANES, 2 * LANES  # of a tile

VECTOR = ir.VectorType(ir.FloatType(), LANES)
_VECTOR_BYTES = 32


@intrinsic
def address(typing: Any, array: Any) -> Any:
    """Where an array's memory begins."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return numba.int64(array), generate


def _vectors(builder: Any, place: Any, count: int) -> list[Any]:
    """Pointers to so many vectors from an address on."""
    return [
        builder.inttoptr(builder.add(place, ir.Constant(ir.IntType(64), _VECTOR_BYTES * v)), VECTOR.as_pointer())
        for v in range(count)
    ]


def _load(builder: Any, place: Any, count: int) -> list[Any]:
    return [builder.load(each, align=4) for each in _vectors(builder, place, count)]


@intrinsic
def _copy_vector(typing: Any, source: Any, place: Any) -> Any:
    """Copy eight numbers."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, place = args
        builder.store(_load(builder, source, 1)[0], _vectors(builder, place, 1)[0], align=4)
        return context.get_dummy_value()

    return numba.void(numba.int64, numba.int64), generate


@intrinsic
def add_vector(typing: Any, source: Any, place: Any) -> Any:
    """Add eight numbers to those at an address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        own, other = [_load(builder, each, 1)[0] for each in args]
        builder.store(builder.fadd(own, other), _vectors(builder, args[1], 1)[0], align=4)
        return context.get_dummy_value()

    return numba.void(numba.int64, numba.int64), generate


@intrinsic
def _copy_number(typing: Any, source: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, place = [builder.inttoptr(each, ir.FloatType().as_pointer()) for each in args]
        builder.store(builder.load(source, align=4), place, align=4)
        return context.get_dummy_value()

    return numba.void(numba.int64, numba.int64), generate


@intrinsic
def _turn(typing: Any, source: Any, source_row: Any, place: Any, row: Any) -> Any:
    """Copy eight rows of eight numbers as columns; addresses, and bytes from one row to the next."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, source_row, place, row = args
        times = [ir.Constant(ir.IntType(64), i) for i in range(8)]
        rows = [_load(builder, builder.add(source, builder.mul(source_row, i)), 1)[0] for i in times]
        # Exchange single numbers of neighbouring rows, then pairs of rows two apart, then halves of rows four apart. The first
        # two stay in halves of a vector, as the processor's instructions do.
        for apart, low, high in (
            (1, [0, 8, 2, 10, 4, 12, 6, 14], [1, 9, 3, 11, 5, 13, 7, 15]),
            (2, [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]),
            (4, [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]),
        ):
            before = list(rows)
            for i in range(8):
                if not i & apart:
                    for target, order in ((i, low), (i + apart, high)):
                        mask = ir.Constant(ir.VectorType(ir.IntType(32), 8), order)
                        rows[target] = builder.shuffle_vector(before[i], before[i + apart], mask)
        for i, vector in zip(times, rows, strict=True):
            builder.store(vector, _vectors(builder, builder.add(place, builder.mul(row, i)), 1)[0], align=4)
        return context.get_dummy_value()

    return numba.void(*[numba.int64] * 4), generate


def _tile(rows: int, vectors: int) -> Any:
    """A function that computes a tile of that many rows and vectors in a row; see :func:`tile` for its arguments."""

    @intrinsic
    def tile(
        typing: Any, a: Any, a_row: Any, a_step: Any, a_segment: Any, b: Any, b_step: Any, b_segment: Any, segments: Any,
        count: Any, start: Any, start_row: Any, c: Any, c_row: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            (
                a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row
            ) = args  # fmt: skip
            number = ir.IntType(64)
            times = [builder.mul(a_row, ir.Constant(number, r)) for r in range(rows)]
            sums = []
            for r in range(rows):
                row = builder.add(start, builder.mul(start_row, ir.Constant(number, r)))
                for vector in _load(builder, row, vectors):
                    place = cgutils.alloca_once(builder, VECTOR)  # becomes a register
                    builder.store(vector, place)
                    sums.append(place)
            with cgutils.for_range(builder, segments) as outer:
                left = cgutils.alloca_once_value(builder, builder.add(a, builder.mul(a_segment, outer.index)))
                right = cgutils.alloca_once_value(builder, builder.add(b, builder.mul(b_segment, outer.index)))
                with cgutils.for_range(builder, count):
                    here = builder.load(left)
                    factors = _load(builder, builder.load(right), vectors)
                    for r in range(rows):
                        pointer = builder.inttoptr(builder.add(here, times[r]), ir.FloatType().as_pointer())
                        value = builder.load(pointer, align=4)
                        single = builder.insert_element(
                            ir.Constant(VECTOR, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
                        )
                        everywhere = builder.shuffle_vector(
                            single,
                            ir.Constant(VECTOR, ir.Undefined),
                            ir.Constant(ir.VectorType(ir.IntType(32), 8), [0] * 8),
                        )
                        for v, factor in enumerate(factors):
                            place = sums[vectors * r + v]
                            product = builder.fmul(everywhere, factor, flags=("contract",))
                            builder.store(builder.fadd(builder.load(place), product, flags=("contract",)), place)
                    builder.store(builder.add(here, a_step), left)
                    builder.store(builder.add(builder.load(right), b_step), right)
            for r in range(rows):
                row = builder.add(c, builder.mul(c_row, ir.Constant(number, r)))
                for v, pointer in enumerate(_vectors(builder, row, vectors)):
                    builder.store(builder.load(sums[vectors * r + v]), pointer, align=4)
            return context.get_dummy_value()

        return numba.void(*[numba.int64] * 13), generate

    return tile


_wide1, _wide2, _wide3, _wide4, _wide5, _wide6 = [_tile(rows, 2) for rows in range(1, ROWS + 1)]
_narrow1, _narrow2, _narrow3, _narrow4, _narrow5, _narrow6 = [_tile(rows, 1) for rows in range(1, ROWS + 1)]


@compiled
def tile(
    rows: int, a: int, a_row: int, a_step: int, a_segment: int, b: int, b_step: int, b_segment: int, segments: int,
    count: int, start: int, start_row: int, c: int, c_row: int,
) -> None:  # fmt: skip
    """``C[r, :16] = START[r, :16] + sum of A[r, s, i] * B[s, i, :16]`` over all segments s and steps i.

    Args:
        rows: How many rows r there are, 1 to 6.
        a, b, start, c: Addresses of the first element.
        a_row, start_row, c_row: Bytes from one row to the next.
        a_step, b_step: Bytes from one step to the next.
        a_segment, b_segment: Bytes from one segment to the next.
        segments: How many segments there are.
        count: How many steps a segment has.
    """
    if rows == 6:
        _wide6(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    elif rows == 5:
        _wide5(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    elif rows == 4:
        _wide4(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    elif rows == 3:
        _wide3(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    elif rows == 2:
        _wide2(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    else:
        _wide1(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)


@compiled
def narrow_tile(
    rows: int, a: int, a_row: int, a_step: int, a_segment: int, b: int, b_step: int, b_segment: int, segments: int,
    count: int, start: int, start_row: int, c: int, c_row: int,
) -> None:  # fmt: skip
    """:func:`tile` of 8 columns."""
    if rows == 6:
        _narrow6(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    elif rows == 5:
        _narrow5(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    elif rows == 4:
        _narrow4(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    elif rows == 3:
        _narrow3(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    elif rows == 2:
        _narrow2(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)
    else:
        _narrow1(a, a_row, a_step, a_segment, b, b_step, b_segment, segments, count, start, start_row, c, c_row)


# ---- Packing -------------------------------------------------------------------------------------------------


@compiled
def pack_panel(b: int, b_step: int, b_column: int, count: int, place: int) -> None:
    """Sixteen columns of B, ``count`` long, one after the other; one of the two ways in bytes is 4."""
    if b_column == 4:
        for step in range(count):
            _copy_vector(b + step * b_step, place + step * 64)
            _copy_vector(b + step * b_step + 32, place + step * 64 + 32)
        return
    whole = count // 8 * 8
    for step in range(0, whole, 8):
        _turn(b + step * 4, b_column, place + step * 64, 64)
        _turn(b + step * 4 + 8 * b_column, b_column, place + step * 64 + 32, 64)
    for step in range(whole, count):
        for column in range(WIDTH):
            _copy_number(b + step * 4 + column * b_column, place + step * 64 + column * 4)


@compiled
def _pack(matrix: Array, panels: Array) -> None:
    """``panels`` ``(P, a, b, c, width)`` from ``matrix`` ``(a, b, c, n)``."""
    count, width, columns = panels.shape[3], panels.shape[4], matrix.shape[3]
    step, beside = matrix.strides[2], matrix.strides[3]
    for p in range(panels.shape[0]):
        whole = width == WIDTH and (p + 1) * WIDTH <= columns and (step == 4 or beside == 4)
        for i in range(panels.shape[1]):
            for j in range(panels.shape[2]):
                if whole:
                    source = address(matrix) + i * matrix.strides[0] + j * matrix.strides[1] + p * WIDTH * beside
                    place = ((p * panels.shape[1] + i) * panels.shape[2] + j) * count * WIDTH * 4
                    pack_panel(source, step, beside, count, address(panels) + place)
                    continue
                for k in range(count):
                    for q in range(width):
                        column = p * width + q
                        value = np.float32(0)
                        if column < columns:
                            value = matrix[i, j, k, column]
                        panels[p, i, j, k, q] = value


def in_panels(matrix: Array, width: int = WIDTH) -> Array:
    """``(..., n)`` as ``(panels, ..., width)``, contiguous, with zeros where n is no multiple of the width.

    The matrix has at most four dimensions.
    """
    *lead, n = matrix.shape
    panels = np.empty((-(-n // width), *lead, width), np.float32)
    ones = (1,) * (3 - len(lead))
    _pack(matrix[(None,) * len(ones)], panels.reshape(len(panels), *ones, *lead, width))
    return panels


WHOLE, LOWER_RESULT, LOWER_LEFT, UPPER_LEFT = range(4)


@compiled
def product(
    a: int, a_row: int, a_step: int, b: int, b_step: int, b_panel: int, c: int, c_row: int, start: int, start_row: int,
    rows: int, columns: int, count: int, form: int,
) -> None:  # fmt: skip
    """``C = START + A @ B`` for ``rows × count`` and ``count × columns``, tile by tile.

    Args:
        a, b, c, start: Addresses. B has a multiple of 16 columns, as have C and START.
        a_row, a_step: Bytes from one row of A to the next, and from one column to the next.
        b_step, b_panel: Bytes from one row of B to the next, and from sixteen columns to the next sixteen.
        c_row, start_row: Bytes from one row to the next; 0 for a START that is one row for all, of sixteen columns.
        form: What need not be computed: ``LOWER_RESULT``: C above the diagonal; ``LOWER_LEFT``: A is 0 above it;
            ``UPPER_LEFT``: A is 0 below it; ``WHOLE``: nothing.
    """
    strips = (rows + ROWS - 1) // ROWS
    for panel in range((columns + WIDTH - 1) // WIDTH):  # of B, which stays in the cache for all strips of A
        begin = 0
        for strip in range(strips):
            height = (rows - begin + strips - strip - 1) // (strips - strip)
            first, last = 0, count
            if form == LOWER_LEFT:
                last = min(count, begin + height)
            elif form == UPPER_LEFT:
                first = min(begin, count)
            if form != LOWER_RESULT or panel * WIDTH < begin + height:
                tile(
                    height, a + begin * a_row + first * a_step, a_row, a_step, 0,
                    b + panel * b_panel + first * b_step, b_step, 0, 1, last - first,
                    start + (begin * start_row + panel * WIDTH * 4 if start_row else 0), start_row,
                    c + begin * c_row + panel * WIDTH * 4, c_row,
                )  # fmt: skip
            begin += height
