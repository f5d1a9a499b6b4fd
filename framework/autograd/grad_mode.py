"""Whether operations are recorded: ``no_grad``, ``enable_grad``, ``set_grad_enabled``, ``inference_mode``.

The mode belongs to the thread and to the async task: it is a context variable, never a bare global.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

recording: ContextVar[bool] = ContextVar("recording", default=True)
inference: ContextVar[bool] = ContextVar("inference", default=False)
_new = object.__new__

_CO_GENERATOR, _CO_COROUTINE, _CO_ASYNC_GENERATOR = 0x20, 0x80, 0x200


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require grad are recorded here."""
    return recording.get()


def is_inference_mode_enabled() -> bool:
    """Whether :class:`inference_mode` is on here."""
    return inference.get()


class _Mode:
    """A context manager that is a decorator too: of functions, generators and coroutines.

    A generator holds the mode while it runs and gives the caller's back at every ``yield``.
    """

    _states: tuple[Any, ...] = ()  # what held before each entry that has not ended

    def _target(self) -> tuple[bool, bool]:
        """The (recording, inference) pair that holds inside."""
        raise NotImplementedError

    def _again(self) -> _Mode:
        """A fresh instance with the same setting: a decorated function may call itself."""
        return self.__class__()

    def __enter__(self) -> _Mode:
        before = recording.get(), inference.get()
        self._states += (before,)
        after = self._target()
        if after != before:
            recording.set(after[0])
            inference.set(after[1])
        return self

    def __exit__(self, *exception: Any) -> None:
        on, inferring = self._states[-1]
        self._states = self._states[:-1]
        recording.set(on)
        if inference.get() is not inferring:
            inference.set(inferring)

    def __call__(self, function: F) -> F:
        if isinstance(function, type):
            warnings.warn(
                f"Decorating classes is deprecated: {type(self).__name__} holds while an instance of {function.__name__} is "
                "made, not in its methods. Decorate those, or __init__.",
                FutureWarning,
                stacklevel=2,
            )
        code = getattr(function, "__code__", None)
        flags = code.co_flags if code is not None else 0
        if flags & _CO_COROUTINE:
            wrapper = self._wrap_coroutine(function)
        elif flags & _CO_GENERATOR:
            wrapper = self._wrap_generator(function)
        elif flags & _CO_ASYNC_GENERATOR:
            wrapper = self._wrap_async_generator(function)
        else:
            wrapper = self._wrap_function(function)
        return functools.wraps(function)(wrapper)  # type: ignore[return-value]

    def _wrap_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapper

    def _wrap_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return await function(*args, **kwargs)

        return wrapper

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            resume: Callable[[], Any] = functools.partial(next, generator)
            try:
                while True:
                    try:
                        with self._again():
                            value = resume()
                    except StopIteration as stop:
                        return stop.value
                    try:
                        sent = yield value
                    except GeneratorExit:
                        raise
                    except BaseException:
                        resume = functools.partial(generator.throw, *sys.exc_info()[1:2])
                    else:
                        resume = functools.partial(generator.send, sent)
            finally:
                with self._again():
                    generator.close()

        return wrapper


    def _wrap_async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            resume: Callable[[], Any] = generator.__anext__
            try:
                while True:
                    try:
                        with self._again():
                            value = await resume()
                    except StopAsyncIteration:
                        return
                    try:
                        sent = yield value
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        resume = functools.partial(generator.athrow, error)
                    else:
                        resume = functools.partial(generator.asend, sent)
            finally:
                with self._again():
                    await generator.aclose()

        return wrapper


class no_grad(_Mode):
    """Record nothing inside: results don't require grad.

    >>> import framework
    >>> x = framework.ones(2, requires_grad=True)
    >>> with framework.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    def __new__(cls, function: Any = None) -> Any:
        mode = _new(cls)
        return mode if function is None else mode(function)

    # As _Mode's, but for their speed: only the recording is changed and given back.

    def __enter__(self) -> _Mode:
        on = recording.get()
        self._states = (self._states, on)
        if on:
            recording.set(False)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._states, on = self._states
        recording.set(on)

    def _target(self) -> tuple[bool, bool]:
        return False, inference.get()


class enable_grad(_Mode):
    """Record inside, also within :class:`no_grad`; within :class:`inference_mode` nothing can be recorded."""

    def __new__(cls, function: Any = None) -> Any:
        mode = super().__new__(cls)
        return mode if function is None else mode(function)

    def _target(self) -> tuple[bool, bool]:
        inferring = inference.get()
        return not inferring, inferring


class set_grad_enabled(_Mode):
    """Record or not by ``mode``: at once when called as a function, until its end as a context manager."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self._before = recording.get()
        recording.set(self._target()[0])

    def __enter__(self) -> _Mode:
        # The constructor has switched already; what was before it comes back at the end.
        self._states = (*self._states, (self._before, inference.get()))
        recording.set(self._target()[0])
        return self

    def __call__(self, function: F) -> F:
        recording.set(self._before)
        return super().__call__(function)

    def _again(self) -> _Mode:
        again = self.__class__.__new__(self.__class__)
        again.mode, again._before = self.mode, recording.get()
        return again

    def _target(self) -> tuple[bool, bool]:
        inferring = inference.get()
        return self.mode and not inferring, inferring

    def __repr__(self) -> str:
        return f"set_grad_enabled(mode={self.mode})"


class inference_mode(_Mode):
    """Record nothing, and make tensors that can never enter a recorded graph: the cheapest way to evaluate.

    ``inference_mode(False)`` switches it off inside.
    """

    mode: bool

    def __new__(cls, mode: Any = True) -> Any:
        if callable(mode):
            return cls(True)(mode)
        made = _new(cls)
        made.mode = bool(mode)
        return made

    # As _Mode's, but for their speed.

    def __enter__(self) -> _Mode:
        self._states = (self._states, recording.get(), inference.get())
        recording.set(not self.mode)
        inference.set(self.mode)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._states, on, inferring = self._states
        recording.set(on)
        inference.set(inferring)

    def _again(self) -> _Mode:
        return inference_mode(self.mode)

    def _target(self) -> tuple[bool, bool]:
        return not self.mode, self.mode
