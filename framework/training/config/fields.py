"""Types of a config's values, and the base of its sections."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

Count: TypeAlias = Annotated[int, Meta(ge=1)]
CountOrZero: TypeAlias = Annotated[int, Meta(ge=0)]
# A mistyped number must not start a million processes.
Processes: TypeAlias = Annotated[int, Meta(ge=0, le=64)]
Positive: TypeAlias = Annotated[float, Meta(gt=0)]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0)]
Fraction: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Decay: TypeAlias = Annotated[float, Meta(ge=0, lt=1)]
Text: TypeAlias = Annotated[str, Meta(min_length=1)]
RunName: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$(?!\n)",
        max_length=100,
        extra={"words": "a short name of letters, digits, '_', '-' and '.', which names the run's folder"},
    ),
]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the config whose keys are all known."""
