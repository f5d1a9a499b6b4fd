"""Typed values from located ones, driven by the annotations of msgspec structs and of plain functions.

msgspec checks every leaf; it stops at its first error, so the walk along the fields is done here, and a
problem is noted for each leaf that fails, each key that is unknown and each that is missing.
"""

from __future__ import annotations

import functools
import inspect
import math
import types
import typing
from collections import abc
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import inspect as kinds

from framework.training.yaml_source import KeyPath, Located, Unreadable, nearest, problem, show, spell

# On a struct's field: it takes the keys that no other field names.
REST: Final = msgspec.Meta(extra={"rest": True})
FAILED: Final = Unreadable()


class Checker:
    """Converts located values to annotated types and collects every problem on the way.

    Args:
        problems: Lines are appended here.
        root: The type of the whole config, where the place of a misplaced key is looked up.
    """

    def __init__(self, problems: list[str], root: Any = None) -> None:
        self.problems = problems
        self.paths = _all_key_paths(root)

    def refuse(self, at: Located, path: KeyPath, words: str) -> Any:
        self.problems.append(problem(at.place, path, words))
        return FAILED

    def convert(self, at: Located, annotation: Any, path: KeyPath = ()) -> Any:
        """The value as the annotated type, or FAILED once its problems are noted."""
        if isinstance(at.value, Unreadable):
            return FAILED
        members = _members(annotation)
        if at.value is None and type(None) in members:
            return None
        members = [member for member in members if member is not type(None)]
        tagged = {_tag(member): member for member in members if _tag(member) is not None}
        if tagged:
            return self._tagged(at, tagged, path)
        if len(members) > 1:
            return self._union(at, annotation, members, path)
        if _is_struct(members[0]):
            return self._struct(at, members[0], path)
        return self._plain(at, members[0], path, annotation)

    def _tagged(self, at: Located, variants: dict[Any, Any], path: KeyPath) -> Any:
        field: str = next(iter(variants.values())).__struct_config__.tag_field
        if not isinstance(at.value, dict):
            return self.refuse(at, path, f"expected a section with '{field}' and its settings, got {show(at)}")
        if field not in at.value:
            return self.refuse(at, (*path, field), f"missing: expected {_one_of(variants)}")
        name = at.value[field]
        if not isinstance(name.value, str) or name.value not in variants:
            return self.unknown_name(name, variants, (*path, field))
        return self._struct(at, variants[name.value], path)

    def unknown_name(self, at: Located, names: Iterable[str], path: KeyPath) -> Any:
        """Notes a name that is none of those there are."""
        names = list(names)
        guess = nearest(at.value, names) if isinstance(at.value, str) else None
        hint = f": did you mean '{guess}'?" if guess else ""
        return self.refuse(at, path, f"expected {_one_of(names)}, got {show(at)}{hint}")

    def _union(self, at: Located, annotation: Any, members: list[Any], path: KeyPath) -> Any:
        at = Located(at.value, at.place)
        for member in members:
            result = Checker([]).convert(at, member, path)
            if result is not FAILED:
                return result
        return self.refuse(at, path, f"expected {describe(annotation)}, got {show(at)}")

    def _struct(self, at: Located, cls: Any, path: KeyPath) -> Any:
        if not isinstance(at.value, dict):
            return self.refuse(at, path, f"expected {describe(cls)}, got {show(at)}")
        fields = {field.encode_name: field for field in _fields(cls)}
        rest = next((name for name, field in fields.items() if _takes_rest(field.type)), None)
        if rest is not None:
            del fields[rest]
        tag_field: str | None = cls.__struct_config__.tag_field
        owner = None if tag_field is None else at.value.get(tag_field)
        values: dict[str, Any] = {rest: {}} if rest is not None else {}
        for key, item in at.value.items():
            if key == tag_field:
                continue
            if key in fields:
                values[key] = self.convert(item, fields[key].type, (*path, key))
            elif rest is not None:
                values[rest][key] = self.convert(item, Any, (*path, key))
            else:
                values[key] = self.unknown_key(item, key, fields, path, owner)
        for key, field in fields.items():
            if field.required and key not in at.value:
                values[key] = self.refuse(at, (*path, key), f"missing: expected {describe(field.type)}")
        if FAILED in values.values() or (rest is not None and FAILED in values[rest].values()):
            return FAILED
        try:
            return cls(**values)
        except ValueError as error:  # a check across fields, in __post_init__
            return self.refuse(at, path, str(error))

    def unknown_key(
        self, at: Located, key: str, known: Iterable[str], path: KeyPath, owner: Located | None = None
    ) -> Any:
        """Notes a key that its section doesn't have, and where it may belong."""
        known = list(known)
        guess = nearest(key, known)
        if guess is None and (*path, key) not in self.paths:  # else it is a setting of another variant of the section
            elsewhere = {str(other[-1]): other for other in reversed(self.paths)}
            near = nearest(key, elsewhere, 0.75)
            guess = spell(elsewhere[near]) if near else None
        keys = f"the keys here are {', '.join(known)}" if known else "there are no keys here"
        words = f"unknown key of {show(owner)}" if owner is not None else "unknown key"
        return self.refuse(at, (*path, key), f"{words}: " + (f"did you mean '{guess}'?" if guess else keys))

    def _plain(self, at: Located, annotation: Any, path: KeyPath, whole: Any) -> Any:
        base = _bare(annotation)
        origin, arguments = typing.get_origin(base) or base, typing.get_args(base)
        value: Any = at.value
        if isinstance(value, list):
            items = _item_types(origin, arguments, len(value))
            if len(items) == len(value):
                pairs = enumerate(zip(value, items, strict=True))
                value = [self.convert(item, kind, (*path, i)) for i, (item, kind) in pairs]
            else:
                value = at.plain()
            if FAILED in value:
                return FAILED
        elif isinstance(value, dict):
            kind = arguments[1] if origin in _MAPPINGS and len(arguments) == 2 else Any
            value = {key: self.convert(item, kind, (*path, key)) for key, item in value.items()}
            if FAILED in value.values():
                return FAILED
        elif isinstance(value, float) and not math.isfinite(value):
            return self.refuse(at, path, f"expected a finite number, got {show(at)}")
        elif base is str and at.text is not None and type(value) in (int, float):
            value = at.text
        if origin is Literal and value not in arguments:
            return self.unknown_name(at, arguments, path)
        try:
            return msgspec.convert(value, annotation)
        except msgspec.ValidationError:
            return self.refuse(at, path, f"expected {describe(whole)}, got {show(at)}")
        except TypeError:  # an annotation outside msgspec's types: the function itself has the last word
            return value


def check_arguments(
    given: dict[str, Located],
    function: Callable[..., Any],
    at: Located,
    path: KeyPath,
    problems: list[str],
    supplied: Iterable[str] = (),
) -> dict[str, Any]:
    """The keyword arguments of a call, converted to what the function's signature says.

    Args:
        given: The arguments as written, by name.
        function: A function or class; only its signature and annotations are looked at, nothing is called.
        at: The section they stand in.
        path: The section's key path.
        problems: A line is appended for each unknown, missing or mistyped argument.
        supplied: Arguments that come from elsewhere where they are not given.
    """
    parameters = inspect.signature(function).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    hints = _type_hints(function)
    known = {p.name: hints.get(p.name, Any) for p in named}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    checker = Checker(problems)
    result = {}
    owner = at.value.get("name") if isinstance(at.value, dict) else None
    for key, item in given.items():
        if key in known or takes_any:
            result[key] = checker.convert(item, known.get(key, Any), (*path, key))
        else:
            checker.unknown_key(item, key, known, path, owner)
    for parameter in named:
        if parameter.default is parameter.empty and parameter.name not in (*given, *supplied):
            words = f"missing: expected {describe(known[parameter.name])}"
            checker.refuse(at, (*path, parameter.name), words)
    return result


def _type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    target = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError):  # annotations that exist for type checkers only
        return {}


# Types in words -----------------------------------------------------------------------------------------


def describe(annotation: Any) -> str:
    """What an annotation accepts, in words: ``a number > 0``, ``one of sgd, adam``."""
    members = _members(annotation)
    tags = [_tag(member) for member in members if _tag(member) is not None]
    if tags:
        return f"a section whose name is {_one_of(tags)}"
    if len(members) > 1:
        return " or ".join(describe(member) for member in members)
    if _is_struct(annotation):
        fields = _fields(annotation)
        return f"a section with {', '.join(f.encode_name for f in fields if not _takes_rest(f.type))}"
    try:
        return _words(kinds.type_info(annotation))
    except TypeError:
        return str(annotation)


def _words(kind: kinds.Type) -> str:
    match kind:
        case kinds.Metadata(type=inner, extra=extra):
            return str((extra or {}).get("words") or _words(inner))
        case kinds.IntType():
            return "a whole number" + _bounds(kind)
        case kinds.FloatType():
            return "a number" + _bounds(kind)
        case kinds.BoolType():
            return "true or false"
        case kinds.StrType(min_length=least):
            return "text that is not empty" if least else "text"
        case kinds.NoneType():
            return "null"
        case kinds.LiteralType(values=values):
            return _one_of(values)
        case kinds.UnionType(types=members):
            return " or ".join(_words(member) for member in members)
        case kinds.TupleType(item_types=items):
            each = ", ".join(_words(item) for item in items)
            return f"a list of {len(items)} values ({each})"
        case kinds.CollectionType(item_type=item):
            return f"a list (of {_words(item)} each)"
        case kinds.StructType() | kinds.DictType():
            return "a section"
        case kinds.CustomType(cls=cls):
            return f"a {cls.__name__} (which a config cannot give)"
        case _:
            return "a value"


def _bounds(kind: kinds.IntType | kinds.FloatType) -> str:
    limits = ((">=", kind.ge), (">", kind.gt), ("<=", kind.le), ("<", kind.lt))
    words = " and ".join(f"{sign} {limit}" for sign, limit in limits if limit is not None)
    return f" {words}" if words else ""


def _one_of(names: Iterable[Any]) -> str:
    names = [str(name) for name in names]
    return f"one of {', '.join(names)}" if len(names) > 1 else f"'{names[0]}'" if names else "nothing"


# Annotations --------------------------------------------------------------------------------------------

_MAPPINGS: Final = (dict, abc.Mapping, abc.MutableMapping)


def _bare(annotation: Any) -> Any:
    return annotation.__origin__ if typing.get_origin(annotation) is Annotated else annotation


def _members(annotation: Any) -> list[Any]:
    """The types of a union; a type that is none is its own only member."""
    bare = _bare(annotation)
    if typing.get_origin(bare) in (typing.Union, types.UnionType):
        return list(typing.get_args(bare))
    return [annotation]


def _is_struct(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def _tag(annotation: Any) -> Any:
    return annotation.__struct_config__.tag if _is_struct(annotation) else None


def _takes_rest(annotation: Any) -> bool:
    return REST in getattr(annotation, "__metadata__", ())


def _item_types(origin: Any, arguments: tuple[Any, ...], length: int) -> list[Any]:
    """One annotation for each item of a list; none if a tuple has another length."""
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        return list(arguments) if len(arguments) == length else []
    return [arguments[0] if arguments else Any] * length


@functools.cache
def _fields(cls: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    """A section's fields; msgspec evaluates their annotations anew at each call."""
    return msgspec.structs.fields(cls)


@functools.cache
def _all_key_paths(root: Any) -> tuple[KeyPath, ...]:
    return tuple(dict.fromkeys(_key_paths(root)))


def _key_paths(annotation: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The path of every key below a type; those of a section's variants one after the other."""
    for member in _members(annotation):
        if _is_struct(member):
            for field in _fields(member):
                if not _takes_rest(field.type):
                    yield (*path, field.encode_name)
                    yield from _key_paths(field.type, (*path, field.encode_name))
