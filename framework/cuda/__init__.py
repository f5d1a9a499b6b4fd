"""``framework.cuda``: there are no GPUs. Scripts that ask before they use one find that out here."""

from __future__ import annotations

from typing import Any


def is_available() -> bool:
    """Always False."""
    return False


def device_count() -> int:
    """Always 0."""
    return 0


def is_initialized() -> bool:
    """Always False."""
    return False


def manual_seed(seed: int) -> None:
    """Does nothing, as in PyTorch without a GPU: there is no generator to seed."""


def manual_seed_all(seed: int) -> None:
    """Does nothing, as in PyTorch without a GPU: there is no generator to seed."""


def empty_cache() -> None:
    """Does nothing, as in PyTorch without a GPU."""


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"framework.cuda.{name} is not supported: tensors live on the CPU")
