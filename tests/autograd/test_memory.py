"""Depth, time and memory of the backward pass: no recursion, time per node flat, everything freed without the collector."""

from __future__ import annotations

import gc
import time
import tracemalloc
from contextlib import contextmanager

import pytest

import framework as torch
from framework.autograd.graph import saved_tensors_hooks


def chain(length):
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(length):
        y = y * 1.0
    return x, y


def seconds_per_node(length):
    best = float("inf")
    for _ in range(3):
        _, y = chain(length)
        start = time.process_time()
        y.backward()
        best = min(best, time.process_time() - start)
    return best / length


def test_time_per_node_does_not_grow_with_depth():
    short, long = seconds_per_node(1_000), seconds_per_node(30_000)
    assert long < 3 * short  # a heap of waiting nodes that grew, or a rescan, would be many times slower


def test_doublings_take_time_in_proportion():
    def seconds(count):
        x = torch.ones(1, dtype=torch.float64, requires_grad=True)
        y = x
        for _ in range(count):
            y = y + y
        start = time.process_time()
        y.backward()
        assert x.grad.item() == 2.0**count
        return time.process_time() - start

    assert min(seconds(1000) for _ in range(3)) < 20 * min(seconds(200) for _ in range(3))


@contextmanager
def without_collector():
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        gc.enable()


def leaf():
    return torch.ones(128, 128, requires_grad=True)  # 64 KiB


def ordinary():
    x, w = leaf(), leaf()
    ((x @ w).tanh().exp() * x).log_softmax(0).sum().backward()


def second_order():
    x = leaf()
    (slope,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (slope**2).sum().backward()


def never_differentiated():
    (leaf() * 2).exp().sum()


def views_and_writes():
    x = leaf()
    base = x * 2
    row = base[0]
    row.mul_(base[1])
    base.sigmoid_()
    base.sum().backward()


def with_hooks():
    x = leaf()
    y = x * 2
    y.register_hook(lambda grad: grad * 2)
    y.retain_grad()
    x.register_post_accumulate_grad_hook(lambda tensor: None)
    with saved_tensors_hooks(lambda tensor: tensor.detach().clone(), lambda tensor: tensor):
        z = (y * y).exp()
    z.sum().backward()


def own_function():
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(x, result)
            return result

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[1]

    Exp.apply(leaf()).sum().backward()


def checkpointed():
    for reentrant in (True, False):
        torch.utils.checkpoint.checkpoint(lambda x: x.exp().sin(), leaf(), use_reentrant=reentrant).sum().backward()


def transforms():
    torch.func.grad(lambda x: (x**3).sum())(leaf().detach())
    torch.autograd.functional.hvp(lambda x: (x**3).sum(), leaf(), leaf().detach())


def training_step():
    model = torch.nn.Sequential(
        torch.nn.Linear(128, 128), torch.nn.LayerNorm(128), torch.nn.ReLU(), torch.nn.Linear(128, 8)
    )
    torch.nn.functional.cross_entropy(model(leaf()), torch.zeros(128, dtype=torch.int64)).backward()


@pytest.mark.parametrize(
    "work",
    [
        ordinary,
        second_order,
        never_differentiated,
        views_and_writes,
        with_hooks,
        checkpointed,
        transforms,
        training_step,
    ],
)
def test_memory_comes_back_without_the_garbage_collector(work):
    work()
    with without_collector():
        work()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            work()
        after, peak = tracemalloc.get_traced_memory()
    assert peak - before > 64 * 1024  # the measurement sees the arrays
    assert after - before < 16 * 1024  # a quarter of one of them


def test_a_function_of_the_user_s_own_leaves_no_arrays():
    own_function()
    with without_collector():
        before, _ = tracemalloc.get_traced_memory()
        own_function()
        after, _ = tracemalloc.get_traced_memory()
    assert after - before < 32 * 1024  # its class is a cycle of Python's own; the arrays would be 192 KiB


def test_saved_values_are_freed_node_by_node_during_backward():
    def step():
        y = leaf()
        for _ in range(40):
            y = y.exp() * 0.1
        return y.sum()

    step().backward()
    with without_collector():
        loss = step()
        full, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        loss.backward()
        _, peak = tracemalloc.get_traced_memory()
    assert full > 40 * 64 * 1024
    assert peak < full + 5 * 64 * 1024  # gradients don't pile up on top of what was saved


def test_checkpoint_keeps_only_the_arguments():
    def part(x):
        for _ in range(20):
            x = x.sin()
        return x

    with without_collector():
        before, _ = tracemalloc.get_traced_memory()
        y = part(leaf())
        kept, _ = tracemalloc.get_traced_memory()
        del y
        start, _ = tracemalloc.get_traced_memory()
        result = torch.utils.checkpoint.checkpoint(part, leaf(), use_reentrant=False)
        with_checkpoint, _ = tracemalloc.get_traced_memory()
    assert result.requires_grad
    assert kept - before > 20 * 64 * 1024
    assert with_checkpoint - start < 4 * 64 * 1024
