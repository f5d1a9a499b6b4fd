"""A pickle interpreter that can only build plain containers and what it is given functions for.

A pickle is a program for a small stack machine, and Python's own runs whatever function the file names. This
one has no way to do that: a name in the file is looked up in a table of the caller's, nothing is ever
imported, and the few opcodes below are all that it knows. `pickletools.genops` splits the bytes into opcodes
and runs nothing.

The opcodes are those of protocols 2 to 5 that dicts, lists, tuples, sets and plain values use, described in
the standard library's `pickletools`.
"""

import pickletools
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from framework.serialization.errors import CheckpointError
from framework.serialization.tree import KEY_TYPES

_SIZED = (list, dict, set, tuple, str)


class Marker:
    """What may appear while a pickle runs but not in its result, unless the caller makes something of it."""


class Stateful(Marker):
    """What a function of the caller's has made, and the pickle may give a state."""

    def set_state(self, state: Any) -> None:
        """Take the state; raises TypeError or ValueError where it makes no sense."""
        raise NotImplementedError(f"{type(self).__name__} must define set_state")


class Named(Marker):
    """A name from the file, and the function that the caller has for it."""

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call


class PickleMachine:
    """Runs one pickle.

    Args:
        data: the pickle.
        functions: what may be called, by full name ("torch._utils._rebuild_tensor_v2"). A function gets the
            file's arguments, checks them, and raises CheckpointError, TypeError or ValueError where they make
            no sense.
        constants: what may be named without being called.
        load_storage: called with a persistent id, the reference to data outside of the pickle.
    """

    def __init__(
        self,
        data: bytes,
        functions: Mapping[str, Callable[..., Any]],
        constants: Mapping[str, Marker],
        load_storage: Callable[[Any], Marker],
    ) -> None:
        self._data = data
        self._names: dict[str, Marker] = dict(constants)
        for name, function in {**self._plain_functions(), **functions}.items():
            self._names[name] = Named(name, function)
        self._load_storage = load_storage
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        # Elements that functions may copy in all: honest pickles hand each container over once.
        self._copies_left = len(data)

    def run(self) -> Any:
        """The object that the pickle describes; it may hold markers, and containers inside themselves.

        Raises:
            CheckpointError: where the pickle is damaged, or asks for anything but plain containers and
                `functions`.
        """
        try:
            for opcode, argument, position in pickletools.genops(self._data):
                if opcode.name == "STOP":
                    if position != len(self._data) - 1 or len(self._stack) != 1 or self._outer:
                        raise CheckpointError("its pickle is damaged: it doesn't end where it should")
                    return self._stack[0]
                self._step(opcode.name, argument)
        except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
            reason = _one_line(f"{type(error).__name__}: {error}")
            raise CheckpointError(f"its pickle is damaged ({reason})") from None
        raise AssertionError("genops ends with STOP or raises")

    def _step(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        match opcode:
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8":
                stack.append(argument)
            case "BINSTRING" | "SHORT_BINSTRING":
                stack.append(argument)  # Python 2's str: a character for each byte
            case "BINBYTES" | "SHORT_BINBYTES" | "BINBYTES8":
                stack.append(argument)
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "LONG4" | "BINFLOAT":
                stack.append(argument)
            case "NONE":
                stack.append(None)
            case "NEWTRUE":
                stack.append(True)
            case "NEWFALSE":
                stack.append(False)
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_SET":
                stack.append(set())
            case "MARK":
                self._outer.append(stack)
                self._stack = []
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self._pack(int(opcode[-1]))
            case "TUPLE":
                items = self._pop_mark()
                self._stack.append(tuple(items))
            case "FROZENSET":
                items = self._pop_mark()
                self._stack.append(frozenset(_checked_keys(items)))
            case "APPEND":
                item = stack.pop()
                _checked(stack[-1], list).append(item)
            case "APPENDS":
                items = self._pop_mark()
                _checked(self._stack[-1], list).extend(items)
            case "ADDITEMS":
                items = self._pop_mark()
                _checked(self._stack[-1], set).update(_checked_keys(items))
            case "SETITEM":
                item, key = stack.pop(), stack.pop()
                self._set_items([key, item])
            case "SETITEMS":
                self._set_items(self._pop_mark())
            case "GLOBAL":
                stack.append(self._find(argument.replace(" ", ".", 1)))
            case "STACK_GLOBAL":
                name, module = _checked(stack.pop(), str), _checked(stack.pop(), str)
                stack.append(self._find(f"{module}.{name}"))
            case "INST":
                _refuse(argument.replace(" ", ".", 1))
            case "BINPERSID":
                stack.append(self._load_storage(stack.pop()))
            case "REDUCE":
                arguments = _checked(stack.pop(), tuple)
                function = stack.pop()
                if not isinstance(function, Named):
                    raise ValueError("it calls what is no function")
                stack.append(self._call(function, arguments))
            case "BUILD":
                self._set_state(stack.pop())
            case "PROTO":
                if not 2 <= argument <= 5:
                    raise CheckpointError(f"its pickle has protocol {argument}; protocols 2 to 5 are read")
            case "FRAME":
                pass  # A hint for reading ahead.
            case _:
                raise CheckpointError(
                    f"its pickle uses the opcode {opcode}, which plain containers of tensors don't need; "
                    "refused, nothing was run"
                )

    def _pop_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._outer.pop()
        return items

    def _pack(self, count: int) -> None:
        if len(self._stack) < count:
            raise IndexError("its stack is empty")
        self._stack[-count:] = [tuple(self._stack[-count:])]

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise ValueError("it sets items where there is no dict")
        target.update(zip(_checked_keys(items[::2]), items[1::2], strict=True))

    def _find(self, name: str) -> Marker:
        if name not in self._names:
            _refuse(name)
        return self._names[name]

    def _call(self, function: Named, arguments: tuple[Any, ...]) -> Any:
        self._count_copies(arguments)
        return function.call(*arguments)

    def _count_copies(self, arguments: tuple[Any, ...]) -> None:
        self._copies_left -= sum(len(item) for item in arguments if isinstance(item, _SIZED))
        if self._copies_left < 0:
            raise CheckpointError("its pickle copies its own content over and over; refused")

    def _set_state(self, state: Any) -> None:
        target = self._stack[-1]
        if isinstance(target, Stateful):
            self._count_copies(_checked(state, tuple))
            return target.set_state(state)
        # torch.nn.Module.state_dict() notes the layers' versions in an attribute of its OrderedDict.
        if type(target) is not OrderedDict or type(state) is not dict or state.keys() != {"_metadata"}:
            raise CheckpointError("its pickle sets the attributes of an object; refused, nothing was run")
        vars(target).update(state)

    @staticmethod
    def _plain_functions() -> dict[str, Callable[..., Any]]:
        functions: dict[str, Callable[..., Any]] = {
            "collections.OrderedDict": _no_arguments(OrderedDict),
            "collections.Counter": lambda counts: Counter(_checked(counts, dict)),
            "_codecs.encode": _encode_latin1,
        }
        for module in ("builtins", "__builtin__"):
            functions[f"{module}.set"] = lambda items: set(_checked_keys(_checked(items, list)))
            functions[f"{module}.frozenset"] = lambda items: frozenset(_checked_keys(_checked(items, list)))
            functions[f"{module}.complex"] = lambda re, im: complex(_checked(re, float), _checked(im, float))
            functions[f"{module}.bytes"] = _no_arguments(bytes)
        return functions


def _refuse(name: str) -> NoReturn:
    raise CheckpointError(
        f"the file asks for {_one_line(name)}; refused, nothing was run "
        "(only tensors and plain values in plain containers are loaded: save a state_dict)"
    )


def _one_line(text: str) -> str:
    """Text from the file, made fit for an error message."""
    return (text if re.fullmatch(r"[ -~]*", text) else ascii(text))[:120]


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"a {kind.__name__} is wanted where there is a {type(value).__name__}")
    return value


def _checked_keys(keys: list[Any]) -> list[Any]:
    # Tuples are left out for safety: hashing one nested a million deep would overflow the interpreter's
    # stack.
    for key in keys:
        if type(key) not in KEY_TYPES:
            raise CheckpointError(f"its pickle has a key of type {type(key).__name__}, which isn't supported")
    return keys


def _no_arguments(kind: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: kind()


def _encode_latin1(text: Any, encoding: Any) -> bytes:
    """How protocol 2 spells bytes."""
    if encoding != "latin1":
        raise ValueError(f"the encoding {encoding!r} is not one that bytes are written with")
    return str(_checked(text, str)).encode("latin1")
