"""PyTorch's global switches that scripts set in passing: what each means here.

Operations give the same bits in every run, and float32 products are done in float32; to allow less changes nothing.
"""

from __future__ import annotations

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_float32_matmul_precision",
    "set_float32_matmul_precision",
    "use_deterministic_algorithms",
]

_switches = {"deterministic": False, "precision": "highest"}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for operations that give the same bits in every run: all do, so there is nothing to refuse or to warn of."""
    _switches["deterministic"] = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What :func:`use_deterministic_algorithms` was told last."""
    return bool(_switches["deterministic"])


def set_float32_matmul_precision(precision: str) -> None:
    """Allow products of float32 matrices to be less exact (``"high"``, ``"medium"``); they stay exact to float32.

    Raises:
        ValueError: For another word than these and ``"highest"``.
    """
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"set_float32_matmul_precision: {precision!r} is not one of 'highest', 'high', 'medium'")
    _switches["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What :func:`set_float32_matmul_precision` was told last."""
    return str(_switches["precision"])
