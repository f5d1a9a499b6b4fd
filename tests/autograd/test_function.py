"""``autograd.Function``: what ctx keeps, hands on and refuses."""

from __future__ import annotations

import gc
import weakref

import pytest

import framework as torch


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x * grad


def test_attributes_of_ctx_are_the_user_s_own_whatever_their_names():
    names = ["shape", "dtype", "edges", "hooks", "extras", "function", "places", "outputs", "sequence_nr", "context"]

    class Keeps(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            for name in names:
                setattr(ctx, name, f"my {name}")
            return x.sum()

        @staticmethod
        def backward(ctx, grad):
            assert [getattr(ctx, name) for name in names] == [f"my {name}" for name in names]
            return grad.expand(3)

    x = torch.ones(3, requires_grad=True)
    Keeps.apply(x).backward()
    assert x.grad.tolist() == [1, 1, 1]


def test_what_is_put_on_ctx_can_be_read_from_grad_fn():
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.factor, None

    y = Scaled.apply(torch.ones(2, requires_grad=True), 3.0)
    assert y.grad_fn.factor == 3.0 and y.grad_fn.needs_input_grad == (True, False)
    with pytest.raises(AttributeError, match="nothing"):
        _ = y.grad_fn.nothing


def test_a_saved_input_that_was_changed_is_an_error_that_names_the_function():
    z = torch.ones(2, requires_grad=True) * 1
    y = Square.apply(z)
    z.add_(1)
    with pytest.raises(
        RuntimeError, match=r"modified by an inplace operation.*SquareBackward.*version 1; expected version 0"
    ):
        y.sum().backward()


def test_a_saved_output_does_not_keep_the_graph_alive():
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[0]

    gc.collect()
    gc.disable()
    try:
        y = Exp.apply(torch.ones(2, requires_grad=True))
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_forward_and_setup_context_apart_have_three_orders_of_derivatives():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, grad):
            return 3 * ctx.saved_tensors[0] ** 2 * grad

    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    value, found = Cube.apply(x), []
    for _ in range(3):
        (value,) = torch.autograd.grad(value, x, create_graph=True)
        found.append(value.item())
    assert found == [12, 12, 6]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda g: (g, g), r"WrongBackward returned an incorrect number of gradients \(expected 1, got 2\)"),
        (lambda g: 3.0, "expected Tensor or None .got float. as the gradient at index 0 from WrongBackward"),
        (
            lambda g: torch.ones(3),
            r"WrongBackward returned an invalid gradient at index 0 - got \[3\] but expected shape",
        ),
    ],
)
def test_wrong_gradients_are_named(returned, message):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return returned(grad)

    with pytest.raises(RuntimeError, match=message):
        Wrong.apply(torch.ones(2, requires_grad=True)).sum().backward()


def test_misuse_is_refused():
    with pytest.raises(RuntimeError, match="call Square"):
        Square()
    with pytest.raises(NotImplementedError, match="subclass it"):
        torch.autograd.Function.apply(torch.ones(1))

    class NoBackward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    with pytest.raises(NotImplementedError, match="backward"):
        NoBackward.apply(torch.ones(1, requires_grad=True)).backward()


def test_an_input_handed_back_is_a_result_of_the_function():
    class Reversed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, grad):
            return -grad

    x = torch.ones(2, requires_grad=True)
    y = Reversed.apply(x)
    y.sum().backward()
    assert y is not x and x.grad.tolist() == [-1, -1]
    with pytest.raises(RuntimeError, match="a view of a leaf"):
        y.add_(1)
