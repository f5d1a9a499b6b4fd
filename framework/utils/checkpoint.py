"""Activation checkpointing: save memory by computing a part of the forward pass again in backward.

``checkpoint(function, *args)`` gives what ``function(*args)`` gives, but keeps only the arguments. There are PyTorch's two
ways. Without ``use_reentrant``, the recommended one, each tensor that the part would save is replaced by a placeholder, and
the first placeholder that backward asks for runs the part again. With ``use_reentrant=True`` the part is one node of the graph
whose backward runs it again and then goes backward through it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from framework.autograd.function import Function
from framework.autograd.grad_mode import enable_grad
from framework.autograd.graph import Variable, saved_tensors_hooks
from framework.autograd.hooks import current_walk
from framework.autograd.interface import backward
from framework.random import default_generator, fork_rng, get_rng_state

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn", "set_checkpoint_early_stop"]

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]

_early_stop_setting: ContextVar[bool | None] = ContextVar("checkpoint_early_stop", default=None)


class CheckpointError(RuntimeError):
    """Running the part again did not save the same tensors as the first time."""


def noop_context_fn() -> Contexts:
    """The two contexts, for the forward pass and for running it again, that change nothing."""
    return nullcontext(), nullcontext()


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Context manager that overrides the ``early_stop`` of the :func:`checkpoint` calls inside."""
    token = _early_stop_setting.set(bool(enable))
    try:
        yield
    finally:
        _early_stop_setting.reset(token)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, of which backward computes the intermediate values again rather than keeping them.

    Args:
        function: What to run. It must do the same both times.
        args: Its positional arguments. They are kept, and must not be changed in place until backward.
        use_reentrant: Which of the two ways; None warns and means True, as in PyTorch. With True, at least one of ``args`` must
            require grad, gradients flow only to tensors among ``args`` and to the leaves that ``function`` reads, and
            ``autograd.grad`` is refused.
        context_fn: Gives two context managers, for running the first time and again; without ``use_reentrant``.
        determinism_check: ``"default"`` compares shape and dtype of what is saved the two times, ``"none"`` nothing.
        debug: Not supported.
        early_stop: Stop running again as soon as all that backward needs is there; without ``use_reentrant``.
        preserve_rng_state: Draw the same random numbers again, so that dropout drops the same; the generator then goes on from
            where it was.
        kwargs: The function's keyword arguments; without ``use_reentrant``.

    Raises:
        CheckpointError: In backward, if the second run saves something else.
        NotImplementedError: For ``debug``.
        ValueError: For options that go with the other way alone.

    >>> import framework as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> torch.utils.checkpoint.checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum().backward()
    >>> bool(torch.allclose(x.grad, x.exp().cos() * x.exp()))
    True
    """
    if debug:
        raise NotImplementedError(
            "checkpoint: debug=True is not supported; a CheckpointError names the tensors that differ"
        )
    if determinism_check not in ("default", "none"):
        raise ValueError(f"checkpoint: determinism_check must be 'default' or 'none', but got {determinism_check!r}")
    if use_reentrant is None:
        warnings.warn(
            "checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False is recommended; without "
            "it, use_reentrant=True holds.",
            stacklevel=2,
        )
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError(
                f"Unexpected keyword arguments: {', '.join(kwargs)} (they can be passed with use_reentrant=False)"
            )
        if context_fn is not noop_context_fn:
            raise ValueError("Passing `context_fn` is only supported when use_reentrant=False.")
        if not any(isinstance(each, Variable) and each.requires_grad for each in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        return _Rerun.apply(function, preserve_rng_state, *args)
    first, again = context_fn()
    setting = _early_stop_setting.get()
    early_stop = early_stop if setting is None else setting
    part = _Part(function, args, kwargs, again, preserve_rng_state, determinism_check == "default", early_stop)
    with saved_tensors_hooks(part.pack, part.unpack), first:
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, *, preserve_rng_state: bool = True
) -> Any:
    """Run functions one after another, in segments of which each but the last is a :func:`checkpoint`.

    Args:
        functions: A ``Sequential``, or a list of functions of one argument.
        segments: How many.
        input: What the first function gets.
        use_reentrant, preserve_rng_state: As for :func:`checkpoint`.
    """
    every = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= max(len(every), 1):
        raise ValueError(
            f"checkpoint_sequential: segments={segments} must be from 1 to the number of functions, {len(every)}"
        )
    if use_reentrant is None:
        warnings.warn(
            "checkpoint_sequential: the use_reentrant parameter should be passed explicitly. use_reentrant=False is "
            "recommended; without it, use_reentrant=True holds.",
            stacklevel=2,
        )
        use_reentrant = True

    def run(start: int, end: int) -> Callable[[Any], Any]:
        def segment(value: Any) -> Any:
            for function in every[start:end]:
                value = function(value)
            return value

        return segment

    size = len(every) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(
            run(start, start + size), input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state
        )
    return run(last, len(every))(input)


# ---- Placeholders ----------------------------------------------------------------------------------------------------------


class _Enough(Exception):
    """All the tensors are there that were saved the first time."""


class _Part:
    """A part of the forward pass, and how to run it again.

    Attributes:
        kinds: Shape and dtype of each tensor that the part has saved, in order.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        again: AbstractContextManager[Any],
        preserve_rng_state: bool,
        check: bool,
        early_stop: bool,
    ) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.again = again
        self.check, self.early_stop = check, early_stop
        self.random_state = get_rng_state() if preserve_rng_state else None
        self.kinds: list[tuple[Any, Any]] = []

    def pack(self, tensor: Any) -> int:
        """Instead of the tensor its number is saved."""
        self.kinds.append((tensor.shape, tensor.dtype))
        return len(self.kinds) - 1

    def unpack(self, number: int) -> Any:
        """The tensor of that number, for which the part is run again unless this backward pass has done so."""
        walk = current_walk.get()
        if walk is None:  # no backward pass: a user is looking
            return self.run_again()[number][0]
        # What is found belongs to the backward pass, which takes each tensor once.
        found = walk.notes.get(self)
        if found is None or number not in found:
            found = walk.notes[self] = self.run_again()
        tensor, version = found.pop(number)
        if tensor._version != version:
            raise RuntimeError(
                "checkpoint: one of the variables needed for gradient computation has been modified by an inplace operation: "
                f"tensor {number} of those that the part saved, of shape {list(tensor.shape)}, is at version {tensor._version}; "
                f"expected version {version} instead. Make the change out of place or on a .clone()."
            )
        return tensor

    def run_again(self) -> dict[int, tuple[Any, int]]:
        """Everything that the part saves, with its version, by number.

        Raises:
            CheckpointError: If it is not what was saved the first time.
        """
        found: list[Any] = []
        versions: list[int] = []

        def keep(tensor: Any) -> Any:
            if len(found) < len(self.kinds):
                found.append(tensor.detach())
                versions.append(tensor._version)
                if self.early_stop and len(found) == len(self.kinds):
                    raise _Enough
            else:
                found.append(None)
            return tensor.detach()

        with fork_rng(enabled=self.random_state is not None):
            if self.random_state is not None:
                default_generator.set_state(self.random_state)
            try:
                with enable_grad(), saved_tensors_hooks(keep, lambda tensor: tensor), self.again:
                    self.function(*self.args, **self.kwargs)
            except _Enough:
                pass
        if len(found) != len(self.kinds):
            raise CheckpointError(
                "checkpoint: A different number of tensors was saved during the original forward and recomputation.\nNumber of "
                f"tensors saved during forward: {len(self.kinds)}\nNumber of tensors saved during recomputation: {len(found)}."
            )
        if self.check:
            self.compare(found)
        return dict(enumerate(zip(found, versions, strict=True)))

    def compare(self, found: list[Any]) -> None:
        """Shapes and dtypes of the two runs."""
        differing = [
            f"tensor {number}: {list(shape)} {dtype} in forward, {list(tensor.shape)} {tensor.dtype} in recomputation"
            for number, ((shape, dtype), tensor) in enumerate(zip(self.kinds, found, strict=True))
            if tensor.shape != shape or tensor.dtype != dtype
        ]
        if differing:
            raise CheckpointError(
                "checkpoint: Recomputed values for the following tensors have different metadata than during the forward "
                "pass.\n" + "\n".join(differing)
            )


# ---- One node --------------------------------------------------------------------------------------------------------------


class _Rerun(Function):
    """The part as one node, whose backward runs it again."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        ctx.function = function
        ctx.random_state = get_rng_state() if preserve_rng_state else None
        ctx.others = [None if isinstance(each, Variable) else each for each in args]
        ctx.save_for_backward(*[each if isinstance(each, Variable) else None for each in args])
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        walk: Any = current_walk.get()
        if walk is not None and walk.only is not None:
            raise RuntimeError(
                "When use_reentrant=True, checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
                ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without "
                "passing the `inputs` argument."
            )
        saved = ctx.saved_tensors
        args = [other if tensor is None else _leaf(tensor) for tensor, other in zip(saved, ctx.others, strict=True)]
        with enable_grad(), fork_rng(enabled=ctx.random_state is not None):
            if ctx.random_state is not None:
                default_generator.set_state(ctx.random_state)
            outputs = ctx.function(*args)
        pairs = [
            (output, gradient)
            for output, gradient in zip(_as_tuple(outputs), gradients, strict=True)
            if isinstance(output, Variable) and output.requires_grad
        ]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([output for output, _ in pairs], [gradient for _, gradient in pairs])
        return None, None, *[each.grad if isinstance(each, Variable) else None for each in args]


def _leaf(tensor: Any) -> Any:
    """A tensor of the same values and ``requires_grad``, apart from the graph."""
    return tensor.detach().requires_grad_(tensor.requires_grad)


def _as_tuple(value: Any) -> Iterable[Any]:
    return value if isinstance(value, tuple) else (value,)
