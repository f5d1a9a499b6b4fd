"""Modules that hold other modules or parameters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from operator import index
from typing import Any, TypeVar

from framework.nn.modules.module import Module
from framework.nn.parameter import Parameter
from framework.tensor import Tensor

S = TypeVar("S", bound="Sequential")
L = TypeVar("L", bound="ModuleList")


def _position(owner: Any, i: int) -> int:
    """A non-negative position for ``i``.

    Raises:
        IndexError: If it is out of range.
    """
    i = index(i)
    if not -len(owner) <= i < len(owner):
        raise IndexError(f"index {i} is out of range")
    return i % len(owner)


class Sequential(Module):
    """Modules called one after another; made from modules, or from an ordered dictionary of them."""

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for key, module in args[0].items():
                self.add_module(key, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return type(self)(OrderedDict(list(self._modules.items())[i]))
        return next(islice(self._modules.values(), _position(self, i), None))

    def __setitem__(self, i: int, module: Module) -> None:
        setattr(self, next(islice(self._modules, _position(self, i), None)), module)

    def __delitem__(self, i: Any) -> None:
        names = list(self._modules)
        for name in names[i] if isinstance(i, slice) else [names[_position(self, i)]]:
            delattr(self, name)
        self._renumber()

    def _renumber(self) -> None:
        modules = list(self._modules.values())
        self._modules.clear()
        self._modules.update((str(i), module) for i, module in enumerate(modules))

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return Sequential(*self, *other)

    def __iadd__(self: S, other: Sequential) -> S:
        return self.extend(other)

    def __mul__(self, count: int) -> Sequential:
        return Sequential(*self._repeated(count))

    __rmul__ = __mul__

    def __imul__(self: S, count: int) -> S:
        return self.extend(self._repeated(count)[len(self) :])

    def _repeated(self, count: int) -> list[Module]:
        """The modules, ``count`` times over: the same ones, not copies."""
        if not isinstance(count, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(count)}")
        if count <= 0:
            raise ValueError(f"Non-positive multiplication factor {count} for {type(self)}")
        return list(self) * count

    def append(self: S, module: Module) -> S:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self: S, i: int, module: Module) -> S:
        """Put a module before position ``i``.

        Raises:
            AssertionError: If it is no Module.
            IndexError: If there is no such position.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= i <= len(self):
            raise IndexError(f"Index out of range: {i}")
        modules = list(self)
        modules.insert(i, module)
        self._modules.clear()
        self._modules.update((str(position), each) for position, each in enumerate(modules))
        return self

    def extend(self: S, modules: Iterable[Module]) -> S:
        """Add several modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, key: Any) -> Module:
        """Remove the module at a position and return it."""
        module = self[key]
        del self[key]
        return module


class ModuleList(Module):
    """A list of modules whose parameters are found."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return type(self)(list(self)[i])
        return self._modules[str(_position(self, i))]

    def __setitem__(self, i: int, module: Module) -> None:
        setattr(self, str(_position(self, i)), module)

    def __delitem__(self, i: Any) -> None:
        modules = list(self)
        del modules[i if isinstance(i, slice) else _position(self, i)]
        self._fill(modules)

    def _fill(self, modules: list[Any]) -> None:
        self._modules.clear()
        self._modules.update((str(i), module) for i, module in enumerate(modules))

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self: L, modules: Iterable[Module]) -> L:
        return self.extend(modules)

    def append(self: L, module: Module) -> L:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, i: int, module: Module) -> None:
        """Put a module before position ``i``."""
        modules = list(self)
        modules.insert(i, module)
        self._fill(modules)

    def extend(self: L, modules: Iterable[Module]) -> L:
        """Add several modules at the end.

        Raises:
            TypeError: If ``modules`` can't be iterated over.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, key: Any) -> Any:
        """Remove the module at a position and return it."""
        module = self[key]
        del self[key]
        return module

    def __repr__(self) -> str:
        if not len(self):
            return f"{self._get_name()}()"
        # Equal neighbours are printed once, with their number.
        groups: list[tuple[int, int, str]] = []
        for i, text in enumerate(map(repr, self)):
            if groups and groups[-1][2] == text:
                groups[-1] = (groups[-1][0], i, text)
            else:
                groups.append((i, i, text))
        lines = []
        for first, last, text in groups:
            name, body = (
                (f"({first})", text) if first == last else (f"({first}-{last})", f"{last - first + 1} x {text}")
            )
            lines.append(f"{name}: " + body.replace("\n", "\n  "))
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules whose parameters are found."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove a module and return it."""
        return self._modules.pop(key)

    def keys(self) -> Iterable[str]:
        """The keys."""
        return self._modules.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The key and module pairs."""
        return self._modules.items()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, by their keys.

        Raises:
            TypeError: If ``modules`` is neither a mapping nor an iterable of pairs.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"ModuleDict.update should be called with an iterable of key/value pairs, but got {type(modules).__name__}"
            )
        pairs = modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules
        for key, module in pairs:
            self[key] = module


def _described(name: str, value: Any, element: Callable[[Tensor], Any]) -> str:
    """The line of a ParameterList or ParameterDict for one entry; ``element`` says what type of number it holds."""
    if isinstance(value, Tensor):
        kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
        size = "x".join(str(n) for n in value.shape)
        return f"    ({name}): {kind} containing: [{element(value)} of size {size}]"
    return f"    ({name}): Object of type: {type(value).__name__}"


class _Parameters(Module):
    """What ParameterList and ParameterDict share: tensors that are put into them become parameters."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"{self._get_name()} should not be called.")

    def _put(self, name: str, value: Any) -> None:
        as_parameter = isinstance(value, Tensor) and not isinstance(value, Parameter)
        setattr(self, name, Parameter(value) if as_parameter else value)


class ParameterList(_Parameters):
    """A list of parameters; tensors that are put into it become parameters."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        object.__setattr__(self, "_size", 0)
        if values is not None:
            self.extend(values)

    _size: int

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return type(self)([self[each] for each in range(*i.indices(len(self)))])
        return getattr(self, str(_position(self, i)))

    def __setitem__(self, i: int, value: Any) -> None:
        self._put(str(_position(self, i)), value)

    def append(self, value: Any) -> ParameterList:
        """Add a value at the end."""
        object.__setattr__(self, "_size", self._size + 1)
        self._put(str(self._size - 1), value)
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add several values at the end.

        Raises:
            TypeError: If ``values`` can't be iterated over, or is a single tensor.
        """
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    __iadd__ = extend

    def __repr__(self) -> str:
        lines = [_described(str(i), value, lambda tensor: tensor.dtype) for i, value in enumerate(self)]
        return f"{self._get_name()}(\n" + "\n".join(lines) + "\n)" if lines else f"{self._get_name()}()"


class ParameterDict(_Parameters):
    """A dictionary of parameters; tensors that are put into it become parameters."""

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        object.__setattr__(self, "_keys", {})
        if parameters is not None:
            self.update(parameters)

    _keys: dict[str, None]

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:  # PyTorch's kind of error
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {key!r}; its keys are {list(self._keys)}"
            )
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"ParameterDict: a key is a string, not {key!r} of type {type(key).__name__}")
        self._put(key, value)
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __or__(self, other: Mapping[str, Any] | ParameterDict) -> ParameterDict:
        result = self.copy()
        result.update(other)
        return result

    def __ior__(self, other: Mapping[str, Any] | ParameterDict) -> ParameterDict:
        self.update(other)
        return self

    def keys(self) -> Iterable[str]:
        """The keys."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The key and value pairs."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default."""
        return self[key] if key in self else default

    def pop(self, key: str) -> Any:
        """Remove a value and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the key and value that were added last and return them."""
        key = next(reversed(self))
        return key, self.pop(key)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is set to the default if it isn't there."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self) -> ParameterDict:
        """Another dictionary of the same values."""
        return ParameterDict(OrderedDict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dictionary with these keys and one value."""
        return ParameterDict((key, default) for key in keys)

    def clear(self) -> None:
        """Remove all values."""
        for key in list(self._keys):
            del self[key]

    def update(self, parameters: Mapping[str, Any] | ParameterDict | Iterable[tuple[str, Any]]) -> None:
        """Add values, by their keys: in their order; those of a plain dictionary in alphabetical order, as in PyTorch.

        Raises:
            TypeError: If ``parameters`` is neither a mapping nor an iterable of pairs.
        """
        if not isinstance(parameters, Iterable):
            raise TypeError(
                f"ParameterDict.update should be called with an iterable of key/value pairs, but got "
                f"{type(parameters).__name__}"
            )
        pairs: Iterable[tuple[str, Any]]
        if isinstance(parameters, (OrderedDict, ParameterDict)):
            pairs = parameters.items()
        else:
            pairs = sorted(parameters.items()) if isinstance(parameters, Mapping) else parameters
        for key, value in pairs:
            self[key] = value

    def __repr__(self) -> str:
        lines = [_described(key, value, lambda tensor: tensor.type()) for key, value in self.items()]
        return f"{self._get_name()}(\n" + "\n".join(lines) + "\n)" if lines else f"{self._get_name()}()"
