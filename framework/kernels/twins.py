"""Compiled twins: with the extra ``fast`` (numba), a kernel on large arrays runs as one compiled pass.

A kernel marked with :func:`twin` has a function of the same name and arguments in the module of the same name in
``framework.kernels.fast``. The kernel in NumPy is the reference: it runs for small arrays, for what the twin declines (it
returns NotImplemented for dtypes and layouts that it is not made for), and where numba is missing or switched off: with
``FRAMEWORK_FAST=0`` in the environment, or by :func:`use_fast`. numba is imported, and a twin compiled, at first use; what was
compiled is kept on disk for the next process.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from framework.kernels.threads import keep_blas_alone

F = TypeVar("F", bound=Callable[..., Any])

_enabled: bool | None = None  # until it is looked whether there is a numba


def use_fast(enabled: bool) -> None:
    """Switch compiled kernels on or off, for all threads.

    Raises:
        ImportError: To switch them on without numba.
    """
    global _enabled
    if enabled and importlib.util.find_spec("numba") is None:
        raise ImportError('compiled kernels need numba: python -m pip install numba')
    _enabled = enabled
    keep_blas_alone(enabled)


def is_fast() -> bool:
    """Whether compiled kernels are used: numba is there, and nobody switched them off."""
    global _enabled
    if _enabled is None:
        _enabled = os.environ.get("FRAMEWORK_FAST", "") != "0" and importlib.util.find_spec("numba") is not None
    return _enabled


def twin(least: int) -> Callable[[F], F]:
    """Let the kernel's twin run where its first array has at least so many elements."""

    def define(reference: F) -> F:
        compiled: Callable[..., Any] | None = None

        @functools.wraps(reference)
        def choose(*args: Any, **options: Any) -> Any:
            nonlocal compiled
            if _enabled is not False and args[0].size >= least and is_fast():
                if compiled is None:
                    compiled = _load(reference)
                    if compiled is None:
                        return reference(*args, **options)
                result = compiled(*args, **options)
                if result is not NotImplemented:
                    return result
            return reference(*args, **options)

        return choose  # type: ignore[return-value]

    return define


def _load(reference: Callable[..., Any]) -> Callable[..., Any] | None:
    """The twin of a kernel; None, with a warning and for good, where numba does not work here."""
    package, _, module = reference.__module__.rpartition(".")
    try:
        found = getattr(importlib.import_module(f"{package}.fast.{module}"), reference.__name__)
        keep_blas_alone(True)
        return found
    except ImportError as error:
        use_fast(False)
        warnings.warn(f"compiled kernels are off, since numba can't be imported: {error}", stacklevel=4)
        return None
