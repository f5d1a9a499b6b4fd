"""Grad modes: as context managers and decorators of every kind of function, nested, in tasks and threads."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

import framework as torch


def test_modes_nest_also_in_themselves():
    mode = torch.no_grad()
    with mode:
        with mode:
            assert not torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
        with torch.enable_grad():
            assert torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_an_exception_gives_the_mode_back():
    with pytest.raises(KeyError), torch.no_grad(), torch.enable_grad(), torch.inference_mode():
        raise KeyError
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_a_generator_holds_its_mode_only_while_it_runs():
    @torch.no_grad()
    def numbers():
        try:
            sent = yield torch.is_grad_enabled()
            yield sent, torch.is_grad_enabled()
        finally:
            closing.append(torch.is_grad_enabled())

    closing = []
    generator = numbers()
    assert next(generator) is False and torch.is_grad_enabled()
    assert generator.send("hello") == ("hello", False) and torch.is_grad_enabled()
    generator.close()
    assert closing == [False] and torch.is_grad_enabled()


def test_coroutines_and_asynchronous_generators_hold_it_across_await():
    @torch.no_grad()
    async def quiet():
        before = torch.is_grad_enabled()
        await asyncio.sleep(0)
        return before, torch.is_grad_enabled()

    @torch.no_grad()
    async def stream():
        got = yield torch.is_grad_enabled()
        await asyncio.sleep(0)
        yield got, torch.is_grad_enabled()

    async def loud():
        seen = []
        for _ in range(5):
            await asyncio.sleep(0)
            seen.append(torch.is_grad_enabled())
        return seen

    async def use():
        pairs = await asyncio.gather(quiet(), loud(), quiet())
        several = stream()
        first = await several.__anext__()
        outside = torch.is_grad_enabled()
        second = await several.asend("sent")
        await several.aclose()
        return pairs, first, outside, second

    assert asyncio.run(use()) == ([(False, False), [True] * 5, (False, False)], False, True, ("sent", False))


def test_decorating_a_class_warns():
    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):

        @torch.no_grad()
        class Quiet:
            def __init__(self):
                self.enabled = torch.is_grad_enabled()

    assert Quiet().enabled is False


def test_the_gradient_of_a_tensor_that_keeps_none_warns():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor"):
        assert y.grad is None
    y.retain_grad()
    y.sum().backward()
    assert y.grad.tolist() == [1, 1]


def work(seed, mode):
    """A small training step with a graph of its own; gradients, or None where nothing was recorded."""
    random = np.random.default_rng(seed)
    x = torch.tensor(random.standard_normal((8, 4)))
    weight = torch.tensor(random.standard_normal((4, 3)), requires_grad=True)
    for _ in range(20):
        with mode():
            value = ((x @ weight).tanh() ** 2).log_softmax(1).sum()
        if not value.requires_grad:
            continue
        (slope,) = torch.autograd.grad(value, weight, create_graph=True)
        (slope**2).sum().backward()
    return torch.is_grad_enabled(), None if weight.grad is None else weight.grad.numpy().copy()


def test_eight_threads_in_mixed_modes_agree_with_one():
    modes = [torch.enable_grad, torch.no_grad, torch.enable_grad, torch.inference_mode] * 2
    alone = [work(seed, mode) for seed, mode in enumerate(modes)]
    found = {}
    barrier = threading.Barrier(len(modes))

    def run(seed, mode):
        barrier.wait()
        found[seed] = work(seed, mode)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(modes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, (enabled, gradient) in enumerate(alone):
        assert found[seed][0] is enabled is True
        assert (gradient is None) == (modes[seed] is not torch.enable_grad)
        np.testing.assert_array_equal(found[seed][1], gradient)


def test_what_inference_mode_makes_is_told_from_views_of_what_came_from_outside():
    x = torch.ones(3, requires_grad=True)
    with torch.inference_mode():
        made, views = x * 2, [x.view(3), x[1:], *x.unbind(), x.expand(2, 3)]
        assert made.is_inference() and torch.is_inference(made) and not made.requires_grad
        assert all(view.requires_grad and not torch.is_inference(view) for view in views)
        assert not made[1:].requires_grad and not x.detach().requires_grad
    assert all(view.is_leaf and view.grad_fn is None for view in views)
    (views[0] ** 2).sum().backward()
    assert views[0].grad.tolist() == [2, 2, 2] and x.grad is None
    for write in (lambda: made.add_(1), lambda: made.copy_(x.detach()), lambda: torch.exp(x.detach(), out=made)):
        with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode is not allowed"):
            write()
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        made * x
    with pytest.raises(TypeError, match=r"is_inference\(\): argument 'input' \(position 1\) must be Tensor, not int"):
        torch.is_inference(3)


@pytest.mark.parametrize("returned, error", [(torch.zeros(2), RuntimeError), (1, TypeError)])
def test_a_post_accumulate_grad_hook_that_returns_something_is_refused(returned, error):
    x = torch.ones(2, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda leaf: returned)
    with pytest.raises(error, match="post accumulate grad hooks should return None"):
        x.sum().backward()
