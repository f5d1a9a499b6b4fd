"""Backward: the rules of gradients, graphs that are deep or shared, memory, and in-place changes."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import framework as torch


def test_gradients_accumulate_until_they_are_cleared():
    x = torch.tensor(3.0, requires_grad=True)
    (x * 2).backward()
    (x * 3).backward()
    assert x.grad.item() == 5
    x.grad.zero_()
    (x * 4).backward()
    assert x.grad.item() == 4


def test_derivatives_of_sine_times_square_up_to_the_fourth():
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    derivative = x.sin() * x**2
    s, c = np.sin(0.7), np.cos(0.7)
    expected = [
        0.49 * c + 1.4 * s,
        (2 - 0.49) * s + 2.8 * c,
        (6 - 0.49) * c - 4.2 * s,
        (0.49 - 12) * s - 5.6 * c,
    ]
    for value in expected:
        (derivative,) = torch.autograd.grad(derivative, x, create_graph=True)
        assert derivative.item() == pytest.approx(value, rel=1e-14)


def test_gradients_never_alias():
    x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    given = torch.full((3,), 2.0)
    (x + y).backward(given)
    x.grad.add_(10)
    assert y.grad.tolist() == [2, 2, 2] and given.tolist() == [2, 2, 2]
    z = x + y
    w = z + x
    w.backward(torch.ones(3))
    assert x.grad.tolist() == [14, 14, 14] and y.grad.tolist() == [3, 3, 3]


def test_a_gradient_is_laid_out_like_its_leaf():
    matrix = torch.ones(3, 4, requires_grad=True)
    (matrix.t() * torch.arange(12.0).reshape(4, 3)).sum().backward()
    assert matrix.grad.is_contiguous()
    assert matrix.grad.view(-1).tolist() == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]


def test_a_chain_of_100_000_operations_needs_no_recursion():
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.backward()
    assert x.grad.tolist() == [1]


def test_a_thousand_doublings_are_linear():
    x = torch.ones(1, dtype=torch.float64, requires_grad=True)
    y = x
    for _ in range(1000):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**1000


def test_the_graph_dies_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        x = torch.ones(4, requires_grad=True)
        y = (x * x).exp().sum()
        node = weakref.ref(y.grad_fn)
        y.backward(create_graph=False)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_a_second_backward_through_a_freed_graph_is_refused():
    x = torch.ones(3, requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4, 4, 4]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_a_change_in_place_of_what_was_saved_is_found():
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_writing_into_a_view_reaches_the_base():
    x = torch.ones(4, requires_grad=True)
    base = x * 3
    base[1:3].mul_(2)
    base.sum().backward()
    assert base.tolist() == [3, 6, 6, 3]
    assert x.grad.tolist() == [3, 6, 6, 3]


def test_in_place_on_a_leaf_is_refused_before_anything_is_written():
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.add_(1)
    assert x.tolist() == [1, 1, 1]


def test_hooks_see_and_replace_gradients():
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    seen = []
    y.register_hook(lambda grad: seen.append(grad.tolist()))
    handle = x.register_hook(lambda grad: grad * 10)
    y.sum().backward()
    assert seen == [[1, 1]] and x.grad.tolist() == [20, 20]
    handle.remove()
    (x * 2).sum().backward()
    assert x.grad.tolist() == [22, 22]


def test_inference_tensors_stay_out_of_graphs():
    with torch.inference_mode():
        constant = torch.ones(3) * 2
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved"):
        x * constant


def test_modes_belong_to_the_thread():
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
        assert not torch.is_grad_enabled()
    assert seen == [True]


def test_only_floats_can_require_grad():
    with pytest.raises(RuntimeError, match="floating point"):
        torch.tensor([1, 2], requires_grad=True)


def test_a_function_of_the_users_own_has_second_derivatives():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * grad

    x = torch.tensor([0.5, -1.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Cube.apply, x)
    assert torch.autograd.gradgradcheck(Cube.apply, x)
    assert type(Cube.apply(x).grad_fn).__name__ == "CubeBackward"


def test_gradcheck_names_what_is_wrong():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 3

    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    with pytest.raises(torch.autograd.GradcheckError, match=r"input 0.*analytic 3.*numeric 2"):
        torch.autograd.gradcheck(Wrong.apply, x)
