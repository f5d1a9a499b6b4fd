"""Operations as users call them, and what they refuse there in PyTorch's words.

Inside, gradient formulas run the same operations on plain arrays. A user's call takes Tensors only: for an array, for anything
else that turns out not to be a Tensor, for a flag that is no bool and for a misspelt name it raises a TypeError.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from types import FunctionType, TracebackType
from typing import Any

import numpy as np

from framework.autograd.arguments import plain_number, type_error
from framework.autograd.graph import Variable

#: Names of what a tensor is made of.
_DATA = ("data", "ndarray", "obj")
#: Names of arguments that may be an array, or are no tensors, where their type is left open.
_OPEN = ("device", "dims", "generator", "indices", "out", "shape", "size", "sizes")
_NUMPYS = frozenset([np.ndarray, *np.sctypeDict.values()])
_DOUBTFUL = _NUMPYS | {bool}
#: Flags that PyTorch itself only asks whether they are true, and flags that may be None there.
_TRUTHS = (
    *("average_attn_weights", "full", "inplace", "need_weights", "reduce", "return_indices", "size_average", "swap"),
    "use_separate_proj_weight",
)
#: Arguments that PyTorch's own Python code looks at, and takes of any type that serves; by operation.
_LENIENT = {
    "gumbel_softmax": ("hard",),
    "interpolate": ("antialias", "recompute_scale_factor"),
    "multi_head_attention_forward": ("add_zero_attn", "is_causal", "num_heads", "training"),
    "multi_margin_loss": ("p",),
}
#: Of any type, where an array without dimensions stands for an int.
_COUNTS = ("args", "bounds", "diagonal", "indices_or_sections", "repeats")
_OPTIONAL = ("pin_memory", "requires_grad", "stable")
_INT, _INTS = (bool, float, str, list, tuple, np.ndarray), (bool, float, str)
_FLOAT = (str, list, tuple, dict, np.ndarray)
_DIMS = ("Dims", "int | Sequence[int]", "int | Sequence[int] | None")
_NUMBERS = ("int", "int | None", "float", "float | None")
_NOTHING: tuple[tuple[type, ...], str] = ((), "")
#: What is refused for an argument of that annotation, with the word for what it must be.
_REFUSED: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("int", "int | None"), (_INT, "int")),
    **dict.fromkeys(_DIMS, (_INTS, "int or tuple of ints")),
    **dict.fromkeys(("float", "float | None"), (_FLOAT, "float")),
}


def guard(namespace: Mapping[str, Any], method: bool = False) -> dict[str, Any]:
    """The operations among a namespace's names, as users are to call them.

    Args:
        namespace: Names and what they stand for.
        method: Whether they are methods, whose first argument is a Tensor in any case.
    """
    every = {name: value for name, value in namespace.items() if isinstance(value, FunctionType) and name[0] != "_"}
    homes = ("framework.ops.", "framework.linalg")
    found = {name: public(each, method) for name, each in every.items() if inspect.unwrap(each).__module__.startswith(homes)}
    place, prefix = (namespace["__module__"], "Tensor.") if method else (namespace["__name__"], "")
    for name, each in found.items():
        if (name == each.__name__ or found.get(each.__name__) is not each) and not _is_found(each, method):
            each.__module__, each.__qualname__ = place, prefix + name
    return found


def _is_found(operation: Any, method: bool) -> bool:
    """Whether an operation is what its full name says, which is all that a pickle keeps of it."""
    module = operation.__module__
    if not method and module == "framework.tensor":  # a function is to be known as one
        return False
    try:
        return attrgetter(operation.__qualname__)(sys.modules[module]) is operation
    except AttributeError:
        return False


@functools.cache
def public(operation: Callable[..., Any], method: bool) -> Callable[..., Any]:
    """An operation that refuses what PyTorch's does; itself, where it has nothing to look at."""
    primitive = getattr(operation, "primitive", None)
    if primitive is not None and primitive.call is operation:
        return operation if method and len(primitive.arguments) == 1 else primitive.strict
    inner: Any = inspect.unwrap(operation)
    kinds = list(inner.__annotations__.items())
    if any(name in _DATA for name, _ in kinds[:2]):
        return operation
    first = kinds[0][0]
    flags = [number for number, each in enumerate(kinds) if _is_flag(inner.__name__, *each)]
    if method and not flags and not any(_is_worth_a_look(*each) for each in kinds[1:] if each[0] != "return"):
        return operation
    looked_at = [*flags, *(number for number, (_, kind) in enumerate(kinds) if kind in _NUMBERS[2:])]
    first_flag = min([each for each in looked_at if each < inner.__code__.co_argcount], default=1 << 30)
    lists = first == "tensors" and inner.__code__.co_argcount > 0
    doubtful, not_results = _DOUBTFUL, frozenset() if method else _NUMPYS

    passed: set[Any] = set()  # types of arguments, with the name of one that was given by name, that need no further look

    @functools.wraps(operation)
    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) > first_flag:
            clear = tuple(map(type, args)) in passed
        else:
            clear = True
            for each in args:
                if type(each) in doubtful:
                    clear = tuple(map(type, args)) in passed
                    break
        if kwargs and clear:
            for name in kwargs:
                if (name, type(kwargs[name])) not in passed:
                    clear = False
                    break
        if not clear:
            args = Signature.of(operation, inner, method).checked(args, kwargs, passed)
        if lists:
            refuse_numpy_elements(operation.__name__, args[0] if args else kwargs.get(first))
        try:
            result = operation(*args, **kwargs)
        except Exception as error:
            better = Signature.of(operation, inner, method).explain(error, args, kwargs)
            if better is None:
                raise
            raise better from None
        if type(result) in not_results:  # it has seen no Tensor
            signature = Signature.of(operation, inner, method)
            raise signature.error(signature.names[0], args[0] if args else next(iter(kwargs.values())))
        return result

    return call


def refuse_numpy_elements(name: str, tensors: Any) -> None:
    """Raises TypeError if there is an array in a list of Tensors."""
    for position, each in enumerate(tensors if isinstance(tensors, (list, tuple)) else ()):
        if isinstance(each, (np.ndarray, np.generic)):
            kind = type(each).__name__
            raise TypeError(f"{name}(): expected Tensor as element {position} in argument 0, but got numpy.{kind}")


def _is_tensor(name: str, kind: str) -> bool:
    """Whether an argument of that annotation is, or may be, a Tensor."""
    return name not in _OPEN if kind == "Any" else "Tensor" in kind.replace("Sequence[Tensor]", "")


def _is_worth_a_look(name: str, kind: str) -> bool:
    """Whether an argument is not refused anyway by what it is used for, as dimensions are."""
    return _is_tensor(name, kind) or (kind in _REFUSED and "dim" not in name)


def _is_flag(operation: str, name: str, kind: str) -> bool:
    """Whether an argument of that annotation is True or False."""
    return kind in ("bool", "bool | None") and name not in (*_TRUTHS, *_LENIENT.get(operation, ()), "return")


def _is_own(error: Exception) -> bool:
    """Whether an error comes of operations alone, and of no function of the user's that they call."""
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        if not traceback.tb_frame.f_globals.get("__name__", "").startswith(("framework.", "numpy.")):
            return False
        traceback = traceback.tb_next
    return True


class Signature:
    """What the annotations of an operation say of its arguments.

    Attributes:
        name: Of the operation.
        method: Whether it is a method.
        kinds: The annotations of its parameters.
        names: Of its parameters, those that may be given by position first; there are ``positional`` of them.
        rest: The name of its ``*args``, or None.
        required: The parameters without a default.
        tensors: The parameters that may be Tensors.
        flags: The parameters that are True or False, with whether they may be None too.
    """

    def __init__(self, operation: Callable[..., Any], inner: Any, method: bool) -> None:
        self.name, self.method = operation.__name__.removesuffix("_method"), method
        code = inner.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        self.names, self.positional = code.co_varnames[:count], code.co_argcount
        self.rest = code.co_varnames[count] if code.co_flags & 0x04 else None
        self.required = self.names[: code.co_argcount - len(inner.__defaults__ or ())]
        lenient = ("return", *_LENIENT.get(inner.__name__, ()))
        self.kinds = kinds = {name: kind for name, kind in inner.__annotations__.items() if name not in lenient}
        self.tensors = {name for name, kind in list(kinds.items())[method:] if _is_tensor(name, kind)}
        flags = {name: kind for name, kind in kinds.items() if _is_flag(inner.__name__, name, kind)}
        self.flags = {name: "None" in kind or name in _OPTIONAL for name, kind in flags.items()}

    of = staticmethod(functools.cache(lambda *operation: Signature(*operation)))

    def given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """The arguments with their names; those of ``*tensors`` with that one."""
        for position, value in enumerate(args):
            if position < self.positional:
                yield self.names[position], value
            elif self.rest is not None:
                yield self.rest, value
        yield from kwargs.items()

    def checked(self, args: tuple[Any, ...], kwargs: dict[str, Any], passed: set[Any]) -> tuple[Any, ...]:
        """The arguments by position, with Python's numbers for NumPy's; those by name are changed in ``kwargs`` itself.

        What was looked at is noted in ``passed``, unless it has to be looked at each time.

        Raises:
            TypeError: For an array in a Tensor's place, for a flag that is not a bool and a number that is none.
        """
        for name, value in self.given(args, kwargs):
            if name in self.flags:
                if value is not True and value is not False and not (value is None and self.flags[name]):
                    raise self.error(name, value, "bool")
            elif self.is_count(name) and plain_number(value) is not value:
                continue
            elif type(value) in (refused := _REFUSED.get(self.kinds.get(name, ""), _NOTHING))[0]:
                raise self.error(name, value, refused[1])
            elif type(value) is np.ndarray and name in self.tensors:
                raise self.error(name, value)
        for name, value in kwargs.items():
            if isinstance(value, (np.generic, np.ndarray)) or (self.kinds.get(name) in _NUMBERS and isinstance(value, Variable)):
                kwargs[name] = self.number_of(name, value)
            else:
                passed.add((name, type(value)))
        plain = tuple([self.number_of(name, value) for name, value in self.given(args, {})])
        if plain and len(plain) == len(args) and any([new is not old for new, old in zip(plain, args, strict=True)]):
            return plain
        if not any([isinstance(each, np.ndarray) for each in args]):
            passed.add(tuple(map(type, args)))
        return args

    def number_of(self, name: str, value: Any) -> Any:
        """Python's number for NumPy's, and for a tensor without dimensions where a number belongs; else what was given."""
        if isinstance(value, Variable):
            single = self.kinds.get(name) in _NUMBERS and not value._array.ndim and not value.requires_grad
            return value._array.item() if single else value
        return plain_number(value)

    def is_count(self, name: str) -> bool:
        """Whether an argument is an int, or several."""
        return name in _COUNTS or self.kinds.get(name) in ("int", "int | None", "int | Tensor", *_DIMS)

    def explain(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception | None:
        """A TypeError in place of one that came of an argument that is no Tensor, or of an unknown name; else None."""
        if not _is_own(error):
            return None
        if isinstance(error, TypeError):
            return self.unknown(str(error))
        given = [(name, value) for name, value in self.given(args, kwargs) if name in self.tensors]
        for name, value in self.given(args, kwargs):
            kind = self.kinds.get(name, "")
            refused, wanted = _REFUSED.get(kind, _NOTHING)
            if type(value) in refused:
                return self.error(name, value, wanted)
            if kind == "Tensor" or (kind == "Tensor | None" and value is not None):
                if isinstance(value, Variable):
                    continue
                return self.error(name, value)
        if isinstance(error, AttributeError):
            suspects = [(name, value) for name, value in given if value is error.obj and not isinstance(value, Variable)]
            for name, value in sorted(suspects, key=lambda each: each[0] not in self.required):
                return self.error(name, value)
            for name, value in self.given(args, kwargs):
                if isinstance(value, (list, tuple)):
                    for number, each in enumerate(value):
                        if each is error.obj and not isinstance(each, Variable):
                            kind = type(each).__name__
                            return TypeError(
                                f"{self.name}(): expected Tensor as element {number} in argument {name!r}, but got {kind}"
                            )
        return None

    def unknown(self, message: str) -> Exception | None:
        """The message for an unknown keyword with the nearest name that there is."""
        from difflib import get_close_matches  # only when something went wrong

        _, found, after = message.partition("unexpected keyword argument '")
        near = get_close_matches(after.split("'")[0], self.names, n=1, cutoff=0.6) if found else []
        return TypeError(f"{message}; did you mean {near[0]!r}?") if near else None

    def error(self, name: str, value: Any, wanted: str = "Tensor") -> TypeError:
        """That an argument must be something else."""
        position = self.names.index(name) + (not self.method) if name in self.names[: self.positional] else None
        return type_error(self.name, name, position, value, wanted)
