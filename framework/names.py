"""What happens at a name that is not here: an AttributeError that says it is not supported, and what is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def missing(space: str, name: str, known: Iterable[str], instead: Mapping[str, str] | None = None) -> str:
    """The message for a name that ``space`` doesn't have.

    Args:
        space: What to call the namespace.
        name: What was asked for.
        known: The names there are, of which the nearest are offered.
        instead: What to say of some names in place of that.
    """
    from difflib import get_close_matches  # only when something went wrong

    if instead and name in instead:
        return f"{space}.{name} is not supported: {instead[name]}"
    offered = [each for each in known if not each.startswith("_")]
    near = [each for each in offered if each.lower() == name.lower()] or get_close_matches(name, offered, n=3, cutoff=0.7)
    return f"{space}.{name} is not supported" + (f"; did you mean {' or '.join(near)}?" if near else "")


def unsupported(space: str, known: Iterable[str], instead: Mapping[str, str] | None = None) -> Callable[[str], Any]:
    """A module's ``__getattr__``, which is called for names that the module doesn't have; see :func:`missing`."""

    def __getattr__(name: str) -> Any:
        if name.startswith("__"):  # Python itself asks for some of these
            raise AttributeError(f"module {space!r} has no attribute {name!r}")
        raise AttributeError(missing(space, name, known, instead))

    return __getattr__
