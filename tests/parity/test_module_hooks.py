"""Hooks of every module: when they are called, with what, and what they may change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework

torch = pytest.importorskip("torch")


def events(library: Any, change: bool) -> list[Any]:
    """What hooks of every module and of one module see, in order, and the gradients."""
    seen: list[Any] = []

    def note(label: str, module: Any, *values: Any) -> None:
        shapes = [None if each is None else tuple(each.shape) for value in values for each in _flat(value)]
        seen.append((label, type(module).__name__, shapes))

    def forward_pre(module: Any, args: Any) -> Any:
        note("every pre", module, args)
        return (args[0] * 2,) if change else None

    def forward(module: Any, args: Any, result: Any) -> Any:
        note("every forward", module, args, result)
        return result + 1 if change else None

    def backward_pre(module: Any, gradients: Any) -> Any:
        note("every backward pre", module, gradients)
        return (gradients[0] * 3,) if change else None

    def backward(module: Any, inputs: Any, outputs: Any) -> Any:
        note("every backward", module, inputs, outputs)
        return (inputs[0] * 0.5,) if change else None

    modules = library.nn.modules.module
    model = library.nn.Sequential(library.nn.Linear(2, 3), library.nn.Tanh())
    with library.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(library.arange(1.0, parameter.numel() + 1).reshape(parameter.shape) / (10 + i))
    model[0].register_forward_hook(lambda module, args, result: note("own forward", module, args, result))
    model[0].register_full_backward_hook(lambda module, inputs, outputs: note("own backward", module, inputs, outputs))
    handles = [
        modules.register_module_forward_pre_hook(forward_pre),
        modules.register_module_forward_hook(forward),
        modules.register_module_forward_hook(
            lambda module, args, kwargs, result: note("with kwargs", module, args), with_kwargs=True
        ),
        modules.register_module_full_backward_pre_hook(backward_pre),
        modules.register_module_full_backward_hook(backward),
    ]
    try:
        x = library.tensor([[0.5, -1.0]], requires_grad=True)
        model(x).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    before = len(seen)
    model(x)
    assert len(seen) == before + 1  # the module's own hook alone
    return [seen, [np.asarray(each.grad.numpy()) for each in (x, *model.parameters())]]


def _flat(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("change", [False, True])
def test_hooks_of_every_module(change: bool) -> None:
    (ours, our_gradients), (theirs, their_gradients) = events(framework, change), events(torch, change)
    assert ours == theirs
    for a, b in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
