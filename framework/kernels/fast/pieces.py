"""Pieces of a compiled kernel's work, in a few threads.

The threads wait in compiled code, without Python's global lock: they look at a board in memory, and a piece is theirs a
microsecond after it was put up there. To wake a thread takes fifty. One that has found nothing for ten milliseconds sleeps,
and the work does not wait for it: who calls takes pieces too, and waits only for those that somebody else has begun.

The pieces do not depend on how many threads there are, and so neither do results; matrix products alone are cut by the number
of threads, since BLAS is fastest on large ones.
"""

from __future__ import annotations

import atexit
import os
import platform
import threading
import types
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.core import types as numba_types
from numba.core.compiler import Flags
from numba.extending import intrinsic

from framework.kernels.blockwise import flat_views
from framework.kernels.fast.compiler import Array, compiled
from framework.kernels.threads import available_cores, get_num_threads

# Numbers on the board, by their offset in bytes; those that several threads write are in a line of the cache of their own.
_ENTRY, _DATA, _COUNT, _STEP, _OPEN, _HELPERS = [8 * i for i in range(6)]
_GENERATION, _BEGUN, _ENDS, _ACTIVE, _TAKEN, _FAILED, _ASLEEP = [64 * i for i in range(1, 8)]
_MOST = 64  # helpers

_PATIENCE = 300_000  # looks at the board, each of 20 to 60 nanoseconds
_LOOKS = 1000  # for who called, before it gives its core to a helper that may want it

_WORD = ir.IntType(64)
_BOARD_BYTES = _ASLEEP + 8 * _MOST

# ---- Instructions --------------------------------------------------------------------------------------------

_yield = numba_types.ExternalFunction("SwitchToThread" if os.name == "nt" else "sched_yield", numba.int32())


def _pointer(builder: Any, place: Any) -> Any:
    return builder.inttoptr(place, _WORD.as_pointer())


@intrinsic
def _pause(typing: Any) -> Any:
    """Take a breath between two looks, for the core's other thread."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if platform.machine() in ("x86_64", "AMD64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return numba.void(), generate


@intrinsic
def _load(typing: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_pointer(builder, args[0]), "seq_cst", 8)

    return numba.int64(numba.int64), generate


@intrinsic
def _store(typing: Any, place: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.atomic_rmw("xchg", _pointer(builder, args[0]), args[1], "seq_cst")
        return context.get_dummy_value()

    return numba.void(numba.int64, numba.int64), generate


@intrinsic
def _exchange(typing: Any, place: Any, value: Any) -> Any:
    """Write, and give what was there."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("xchg", _pointer(builder, args[0]), args[1], "seq_cst")

    return numba.int64(numba.int64, numba.int64), generate


@intrinsic
def _add(typing: Any, place: Any, value: Any) -> Any:
    """Add, and give what was there before."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _pointer(builder, args[0]), args[1], "seq_cst")

    return numba.int64(numba.int64, numba.int64), generate


@intrinsic
def _call(typing: Any, entry: Any, data: Any, start: Any, stop: Any) -> Any:
    """Call the function at an address, one that :func:`_entry` gave; 0 if it raised nothing."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        convention = context.call_conv
        kind = convention.get_function_type(numba_types.none, signature.args[1:])
        result = cgutils.alloca_once(builder, kind.args[0].pointee)
        error = cgutils.alloca_once(builder, kind.args[1].pointee)
        code = builder.call(builder.inttoptr(args[0], kind.as_pointer()), [result, error, *args[1:]])
        return builder.zext(builder.icmp_signed("!=", code, ir.Constant(code.type, 0)), _WORD)

    return numba.int64(numba.int64, numba.int64, numba.int64, numba.int64), generate


@intrinsic
def _kept(typing: Any, arguments: Any) -> Any:
    """The address of a copy of a tuple, which lives until the calling function returns."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(cgutils.alloca_once_value(builder, args[0]), _WORD)

    return numba.int64(arguments), generate


@intrinsic
def _entry(typing: Any, kernel: Any, arguments: Any) -> Any:
    """The address of a function of ``(data, start, stop)`` that runs ``kernel(*arguments, start, stop)``, those at ``data``."""
    dispatcher = kernel.dispatcher
    flags = Flags()
    dispatcher.targetdescr.options.parse_as_flags(flags, dispatcher.targetoptions)
    inner = numba.void(*arguments, numba.int64, numba.int64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        convention = context.call_conv
        made = context.compile_subroutine(builder, dispatcher.py_func, inner, flags=flags)
        kind = convention.get_function_type(numba_types.none, (numba.int64,) * 3)
        entry = ir.Function(builder.module, kind, f"{made.fndesc.llvm_func_name}_entry")
        entry.linkage = "internal"
        inside = ir.IRBuilder(entry.append_basic_block())
        data, start, stop = entry.args[-3:]
        values = inside.load(inside.inttoptr(data, context.get_value_type(arguments).as_pointer()))
        each = []
        for position, argument in enumerate(arguments):
            value = inside.extract_value(values, position)
            if isinstance(argument, numba_types.Array):
                # Nobody counts references to it here, for which threads would wait for each other at every slice: who calls
                # holds it until all pieces are done.
                array = context.make_array(argument)(context, inside, value)
                array.meminfo = cgutils.get_null_value(array.meminfo.type)
                value = array._getvalue()
            each.append(value)
        function = context.declare_function(builder.module, made.fndesc)
        status, _ = convention.call_function(inside, function, numba_types.none, inner.args, [*each, start, stop])
        inside.ret(status.code)
        return builder.ptrtoint(entry, _WORD)

    return numba.int64(kernel, arguments), generate


# ---- The board -----------------------------------------------------------------------------------------------


@compiled
def _take(board: int, helps: bool) -> None:
    """Work on pieces until there is none left: who called from the first on, who helps from the last on.

    So the halves of an array that several kernels work on one after the other mostly stay in the same core's cache.
    """
    entry, data, count, step = _load(board + _ENTRY), _load(board + _DATA), _load(board + _COUNT), _load(board + _STEP)
    pieces, piece = (count + step - 1) // step, 0
    while _add(board + _BEGUN, 1) < pieces:
        place = pieces - 1 - _add(board + _ENDS, 1) if helps else piece
        piece += 1
        if _call(entry, data, place * step, min(place * step + step, count)):
            _store(board + _FAILED, 1)


@compiled
def _serve(board: int, number: int, seen: int, patience: int) -> int:
    """What a helper does until it has waited in vain; the generation of the last work that it saw."""
    while True:
        looks = 0
        while looks < patience:
            if _load(board + _GENERATION) == seen:
                looks += 1
                _pause()
                continue
            seen = _load(board + _GENERATION)
            looks += 1
            if number < _load(board + _HELPERS):
                looks = 0
                # In this order, and the caller closes before it asks who is active: so it waits for all that came in time.
                _add(board + _ACTIVE, 1)
                if _load(board + _OPEN):
                    _take(board, True)
                _add(board + _ACTIVE, -1)
        _store(board + _ASLEEP + 8 * number, 1)
        if _load(board + _GENERATION) == seen or not _exchange(board + _ASLEEP + 8 * number, 0):
            return seen


@compiled
def _share(board: int, entry: int, data: int, count: int, step: int) -> None:
    """Run ``entry`` on all pieces: with the helpers, or alone if another thread has them."""
    failed = 0
    if step >= count or _exchange(board + _TAKEN, 1):
        for start in range(0, count, step):
            failed |= _call(entry, data, start, min(start + step, count))
    else:
        _store(board + _ENTRY, entry)
        _store(board + _DATA, data)
        _store(board + _COUNT, count)
        _store(board + _STEP, step)
        _store(board + _BEGUN, 0)
        _store(board + _ENDS, 0)
        _store(board + _FAILED, 0)
        _store(board + _OPEN, 1)
        _add(board + _GENERATION, 1)
        _take(board, False)
        _store(board + _OPEN, 0)
        looks = 0
        while _load(board + _ACTIVE):
            looks += 1
            _pause()
            if looks % _LOOKS == 0:
                _yield()
        failed = _load(board + _FAILED)
        _store(board + _TAKEN, 0)
    if failed:
        raise MemoryError("a compiled kernel failed: it found no memory for an array that it works with")


# ---- Helpers -------------------------------------------------------------------------------------------------

_board = np.zeros(_BOARD_BYTES // 8, np.int64)
_numbers = _board.data  # from which one is read in half the time
_at_board = _board.ctypes.data
_helpers: list[tuple[threading.Thread, SimpleQueue[bool]]] = []  # each with its bell; False tells it to end
_starting = threading.Lock()
_ended = False


def _wait_and_serve(board: Any, number: int, bell: SimpleQueue[bool]) -> None:
    seen = 0
    while bell.get():
        crowded = _board[_HELPERS // 8] >= available_cores()  # somebody else wants the core
        seen = _serve(board.ctypes.data, number, seen, 1 if crowded else _PATIENCE)


def _start_helper() -> None:
    number, bell = len(_helpers), SimpleQueue[bool]()
    thread = threading.Thread(target=_wait_and_serve, args=(_board, number, bell), name="framework-kernels", daemon=True)
    _board[_ASLEEP // 8 + number] = 1
    thread.start()
    _helpers.append((thread, bell))


def _call_helpers() -> None:
    """Start the helpers that are missing, and wake those that sleep."""
    wanted = 0 if _ended else min(get_num_threads() - 1, _MOST)
    # Where somebody else is starting some (another thread, or the call that a signal interrupts), those that are there do.
    if _numbers[_HELPERS // 8] != wanted and _starting.acquire(blocking=False):
        try:
            while len(_helpers) < wanted:
                _start_helper()
        except RuntimeError:  # the system allows no further thread
            wanted = len(_helpers)
        finally:
            _starting.release()
        _board[_HELPERS // 8] = wanted
    for number in range(min(wanted, len(_helpers))):
        if _numbers[_ASLEEP // 8 + number] and _exchanged(_at_board + _ASLEEP + 8 * number, 0):
            _helpers[number][1].put(True)


@compiled
def _exchanged(place: int, value: int) -> int:
    return _exchange(place, value)


def _end_helpers() -> None:
    """Before the interpreter goes, and the compiled code with it."""
    global _ended
    _ended = True
    _board[_HELPERS // 8] = 0
    for _, bell in _helpers:
        bell.put(False)
    for thread, _ in _helpers:
        thread.join()


atexit.register(_end_helpers)


def _after_fork() -> None:
    """A child process has no helpers, whatever the parent had."""
    global _starting
    _starting = threading.Lock()
    _board[:] = 0
    _helpers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# ---- Kernels -------------------------------------------------------------------------------------------------

_FLOAT32 = np.dtype(np.float32)
_PIECE = 20_000  # nanoseconds of work at least
_PIECES = 16  # at most


def piece_of(count: int, cost: float) -> int:
    """How many of ``count`` items a piece should have, if an item takes about ``cost`` nanoseconds."""
    pieces = count * cost / _PIECE
    if pieces < 2 or count < 2:
        return count or 1
    return -(-count // (min(int(pieces), count, _PIECES) // 2 * 2))


def zeros_of_pieces(count: int, step: int, *shape: int) -> Array:
    """Zeros, to which each piece adds what is then added up in order."""
    return np.zeros((-(-count // step), *shape), np.float32)


@compiled
def own_part(parts: Array, count: int, start: int) -> Any:
    """The part of the piece that begins at ``start``: pieces have that many items or a few more, so no two have the same."""
    return parts[start // ((count + len(parts) - 1) // len(parts))]


class InPieces:
    """A compiled function whose last arguments are ``start`` and ``stop``, run on pieces of a range."""

    def __init__(self, function: Callable[..., None]) -> None:
        self._launch = compiled(_launcher(function))

    def __call__(self, count: int, step: int, *arguments: Any) -> None:
        """Run ``function(*arguments, start, stop)`` on ``range(count)`` in pieces of ``step``, side by side.

        They must not write to the same memory.

        Raises:
            MemoryError: If a piece could not have the memory that it asked for.
        """
        if step < count:
            _call_helpers()
        self._launch(_at_board, count, step, *arguments)


def _launcher(function: Callable[..., None]) -> Callable[..., None]:
    """What starts a kernel's pieces.

    One for each, rather than one for all with the kernel as an argument, and with the name and place of the kernel, so that
    numba keeps it on disk.
    """

    def launch(board: int, count: int, step: int, *arguments: Any) -> None:
        _share(board, _entry(kernel, arguments), _kept(arguments), count, step)  # type: ignore[name-defined]  # noqa: F821

    own = {"_share": _share, "_entry": _entry, "_kept": _kept, "kernel": compiled(function), "__name__": function.__module__}
    place, name = function.__code__, f"{function.__name__}_launch"
    code = launch.__code__.replace(
        co_filename=place.co_filename, co_firstlineno=place.co_firstlineno, co_name=name
    )
    made = types.FunctionType(code, own, name)
    made.__qualname__, made.__module__ = name, function.__module__
    return made


def elementwise(function: InPieces, inputs: tuple[Any, ...], outputs: int, cost: float) -> Any:
    """New arrays, filled by ``function(count, step, *inputs, *outputs)`` on flat float32 arrays.

    Args:
        function: Fills its last arguments. It takes its piece as slices of all of them, since only a loop from 0 on compiles
            to vector instructions.
        inputs: Arrays of one shape.
        outputs: How many arrays it fills.
        cost: About how many nanoseconds an element takes.

    Returns:
        A tuple of the arrays; NotImplemented where the inputs are not float32, or of several shapes or orders in memory.
    """
    first = inputs[0]
    shape = first.shape
    for each in inputs:
        if each.dtype != _FLOAT32 or each.shape != shape:
            return NotImplemented
    results = tuple([np.empty_like(first) for _ in range(outputs)])
    flat = flat_views(inputs + results)
    if flat is None:
        return NotImplemented
    function(first.size, piece_of(first.size, cost), *flat)
    return results
