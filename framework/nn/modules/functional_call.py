"""A module as a function of its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from framework.nn.modules.module import Module
from framework.tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with these tensors in place of its parameters and buffers; the module itself stays as it is.

    Args:
        module: The module.
        parameter_and_buffer_dicts: The tensors by dotted name, in one dictionary or several.
        args: The positional arguments: a tuple, or the only one.
        kwargs: The keyword arguments.
        tie_weights: A tensor that the module holds under several names is replaced under all of them.
        strict: Raise for names that the module doesn't have, or that are missing.

    Raises:
        RuntimeError: With ``strict``, for unknown or missing names.
        ValueError: For a name in more than one dictionary, and for tied names that are given different tensors.

    >>> import framework as torch
    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> torch.func.functional_call(layer, {"weight": torch.tensor([[3.0]])}, torch.tensor([2.0]))
    tensor([6.])
    """
    given: dict[str, Any] = {}
    for each in (
        [parameter_and_buffer_dicts] if isinstance(parameter_and_buffer_dicts, Mapping) else parameter_and_buffer_dicts
    ):
        repeated = given.keys() & each.keys()
        if repeated:
            raise ValueError(
                f"functional_call: {sorted(repeated)} appear in more than one dictionary: which of them counts is unclear"
            )
        given.update(each)
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, given, tie_weights, strict):
        return module(*positional, **(kwargs or {}))


@contextmanager
def _replaced(module: Module, given: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    """The module with other tensors, until the end of the context."""
    places: dict[str, tuple[dict[str, Any], str]] = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        for entries in (owner._parameters, owner._buffers):
            for name in entries:
                places[f"{path}.{name}" if path else name] = entries, name
    if strict:
        unknown, missing = sorted(given.keys() - places.keys()), sorted(places.keys() - given.keys())
        if unknown or missing:
            raise RuntimeError(f"functional_call(strict=True): unexpected names {unknown}, missing names {missing}")
    replacements = {name: value for name, value in given.items() if name in places}
    if tie_weights:
        replacements = _with_tied(places, replacements)
    before = [(*places[name], places[name][0][places[name][1]]) for name in replacements]
    try:
        for name, value in replacements.items():
            entries, key = places[name]
            entries[key] = value
        yield
    finally:
        for entries, key, value in before:
            entries[key] = value


def _with_tied(places: dict[str, tuple[dict[str, Any], str]], replacements: dict[str, Any]) -> dict[str, Any]:
    """The replacements, also under the other names of the same tensors."""
    names_of: dict[int, list[str]] = {}
    for name, (entries, key) in places.items():
        if entries[key] is not None:
            names_of.setdefault(id(entries[key]), []).append(name)
    result = dict(replacements)
    for names in names_of.values():
        values = [replacements[name] for name in names if name in replacements]
        if any(value is not values[0] for value in values[1:]):
            raise ValueError(
                f"functional_call: {names} are one tied tensor, but different tensors were given; pass one, or tie_weights=False"
            )
        if values:
            result.update(dict.fromkeys(names, values[0]))
    return result
