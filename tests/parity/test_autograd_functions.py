"""``autograd.Function``, ``autograd.functional``, ``func`` and ``checkpoint`` side by side with PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import framework
from tests.parity.test_autograd import Note, played, refused

torch = pytest.importorskip("torch")

VECTOR = [1.0, -2.0]
MATRIX = [[1.0, 2.0], [3.0, 4.0]]


def same(function):
    """Makes a test of a scenario: both libraries must note the same."""

    def test():
        assert played(function, framework) == played(function, torch)

    test.__name__ = function.__name__
    test.__doc__ = function.__doc__
    return test


@same
def test_function_forms(T: Any, note: Note) -> None:
    class Power(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            note(ctx.needs_input_grad, T.is_grad_enabled())
            ctx.save_for_backward(x)
            ctx.n = n
            ctx.shape = "the user's own"  # a name that nodes use as well
            return x**n

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            note(ctx.shape, ctx.needs_input_grad, T.is_grad_enabled())
            return grad * ctx.n * x ** (ctx.n - 1), None

    class Apart(T.autograd.Function):
        @staticmethod
        def forward(x, n):
            return x * n, x + 1

        @staticmethod
        def setup_context(ctx, inputs, output):
            note(inputs, output)
            _, ctx.n = inputs
            ctx.save_for_backward(output[0])

        @staticmethod
        def backward(ctx, first, second):
            note(first, second, ctx.saved_tensors)
            return first * ctx.n + second, None

    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = Power.apply(x, 3)
    note(y.grad_fn.name(), y.grad_fn.n, y.grad_fn.next_functions, y.grad_fn.saved_tensors[0] is x)
    y.sum().backward()
    note(x.grad, refused(y.sum().backward))
    with T.no_grad():
        note(Power.apply(x, 3).requires_grad)
    a, b = Apart.apply(x, 3)
    note(a.grad_fn is b.grad_fn, a.output_nr, b.output_nr)
    a.sum().backward()
    note(x.grad)


@same
def test_functions_that_return_something_odd(T: Any, note: Note) -> None:
    x = T.tensor([1.0, 2.0], requires_grad=True)

    def outcome(returned, arguments=1, output=lambda x: x * 2):
        class Odd(T.autograd.Function):
            @staticmethod
            def forward(ctx, *args):
                return output(args[0])

            @staticmethod
            def backward(ctx, *grads):
                return returned(*grads)

        x.grad = None
        result = refused(lambda: Odd.apply(*[x] * arguments).sum().backward())
        return result, x.grad

    note(
        outcome(lambda g: (g, g)),
        outcome(lambda g: g, arguments=2),
        outcome(lambda g: 3.0),
        outcome(lambda g: T.ones(3)),
    )
    note(outcome(lambda g: None), outcome(lambda g: g.double()), outcome(lambda g: (g, None)), outcome(lambda g: 1 / 0))
    note(outcome(lambda g: g, output=lambda x: x.long()), outcome(lambda g: g[:1]))

    class Several(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, 5, None, "text"

        @staticmethod
        def backward(ctx, *grads):
            note(grads)
            return grads[0]

    results = Several.apply(x)
    note(results)
    results[0].sum().backward()


@same
def test_dirty_constant_and_unmaterialized(T: Any, note: Note) -> None:
    class Doubled(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    class Sorted(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            values, order = x.sort()
            ctx.mark_non_differentiable(order)
            ctx.set_materialize_grads(False)
            return values, order, x * 3

        @staticmethod
        def backward(ctx, *grads):
            note(grads)
            return grads[0]

    x = T.tensor([3.0, 1.0], requires_grad=True)
    y = x * 1
    z = Doubled.apply(y)
    note(y is z, y.grad_fn.name(), refused(lambda: Doubled.apply(T.ones(2, requires_grad=True))))
    base = x * 1
    Doubled.apply(base[0:1])
    base.sum().backward()
    note(x.grad, base)
    values, order, _ = Sorted.apply(x)
    note(values.requires_grad, order.requires_grad)
    values.sum().backward()
    note(x.grad)


@same
def test_double_backward_through_functions(T: Any, note: Note) -> None:
    class Exp(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            result = x.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad):
            (result,) = ctx.saved_tensors
            return grad * result

    class Once(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @T.autograd.function.once_differentiable
        def backward(ctx, grad):
            note(T.is_grad_enabled())
            return 2 * ctx.saved_tensors[0] * grad

    x = T.tensor(0.5, dtype=T.float64, requires_grad=True)
    value = Exp.apply(x)
    for _ in range(3):
        (value,) = T.autograd.grad(value, x, create_graph=True)
        note(f"{value.item():.12f}")
    (slope,) = T.autograd.grad(Once.apply(x), x, create_graph=True)
    note(slope.requires_grad, refused(lambda: T.autograd.grad(slope, x)))


@same
def test_jacobians_and_products(T: Any, note: Note) -> None:
    A = T.autograd.functional
    x, y = T.tensor(MATRIX), T.tensor(VECTOR)

    def row_sums(x):
        return x.exp().sum(1)

    def pair(x, y):
        return x @ y, (x**2).sum() * y

    def cubes(x):
        return (x**3).sum()

    def mixed(x, y):
        return (x.sum(0) * y**2).sum() * x[0, 0]

    note(A.jacobian(row_sums, x), A.jacobian(pair, (x, y)), A.jacobian(cubes, x, vectorize=True))
    note(A.hessian(cubes, y), A.hessian(mixed, (x, y)))
    note(A.vjp(row_sums, x, T.ones(2)), A.vjp(pair, (x, y), (T.ones(2), y)), A.vjp(cubes, x))
    note(A.jvp(row_sums, x, T.ones(2, 2)), A.jvp(pair, (x, y), (T.ones(2, 2), y)), A.jvp(lambda x: x**2, T.tensor(3.0)))
    for product in (A.hvp, A.vhp):
        note(product(cubes, y, T.ones(2)), product(mixed, (x, y), (T.ones(2, 2), T.ones(2))))
    for wrong in (None, T.ones(3), 3, (T.ones(2), T.ones(2))):
        note(
            refused(lambda wrong=wrong: A.vjp(row_sums, x, wrong)),
            refused(lambda wrong=wrong: A.jvp(row_sums, x, wrong)),
        )
    note(
        refused(lambda: A.hvp(row_sums, x, x)),
        refused(lambda: A.hessian(row_sums, x)),
        refused(lambda: A.jacobian(row_sums, [x])),
    )

    leaf = x.clone().requires_grad_()
    for call in (A.vjp(cubes, leaf, create_graph=True), A.jvp(lambda x: x**3, leaf, x, create_graph=True)):
        note(T.autograd.grad(call[1].sum(), leaf))
    note(T.autograd.grad(A.hvp(cubes, leaf, x, create_graph=True)[1].sum(), leaf), leaf.grad)
    note(A.jacobian(row_sums, leaf).requires_grad, A.jacobian(row_sums, leaf, create_graph=True).requires_grad)


@same
def test_strict_mode(T: Any, note: Note) -> None:
    A = T.autograd.functional
    x, y = T.tensor(MATRIX), T.tensor(VECTOR)
    leaf = x.clone().requires_grad_()

    def first_order(call, v, v_of_two):
        note(refused(lambda: call(lambda x: T.ones(2), x, *v)))
        note(refused(lambda: call(lambda x: T.ones(2), x, *v, strict=True)))
        note(refused(lambda: call(lambda x, y: x.sum(1) * 1, (x, y), *v_of_two, strict=True)))
        note(refused(lambda: call(lambda x: x.sum(1), leaf, *v, strict=True, create_graph=True)))

    def second_order(call, *v):
        note(call(lambda x: x.sum(), x, *v), refused(lambda: call(lambda x: x.sum(), x, *v, strict=True)))
        note(refused(lambda: call(lambda x: (x**2).sum(), leaf, *v, strict=True, create_graph=True)))

    first_order(A.jacobian, (), ())
    first_order(A.vjp, (y,), (y,))
    first_order(A.jvp, (x,), ((x, y),))
    second_order(A.hessian)
    second_order(A.vhp, x)
    second_order(A.hvp, x)


@same
def test_transforms(T: Any, note: Note) -> None:
    F = T.func
    x, s = T.tensor([1.0, 2.0, 3.0]), T.tensor(2.0)

    def cubes(x):
        return (x**3).sum()

    note(F.grad(cubes)(x), F.grad_and_value(cubes)(x), F.grad(F.grad(F.grad(lambda x: x**4)))(s))
    note(
        F.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, x * 2),
        F.grad(lambda x, y: (x * y).sum(), argnums=1)(x, x * 2),
    )
    note(
        F.grad(lambda x: (cubes(x), x * 3), has_aux=True)(x), F.grad_and_value(lambda x: (cubes(x), x), has_aux=True)(x)
    )
    note(F.grad(lambda tree: (tree["a"] * tree["b"][0]).sum())({"a": x, "b": [x * 2, x]}))
    output, pull_back = F.vjp(lambda x, y: (x * y, x + y), x, x * 2)
    note(output, pull_back((T.ones(3), x)))
    output, pull_back, aux = F.vjp(lambda x: (x * 2, x), x, has_aux=True)
    note(pull_back(x), aux)
    note(F.jacrev(lambda x: x**2)(x), F.jacrev(lambda x, y: T.outer(x, y), argnums=(0, 1))(x, x[:2]))
    note(F.jacrev(lambda x: (x**2, x.sum()))(x), F.jacrev(lambda x: {"out": x * 2})(x), F.hessian(cubes)(x))
    note(F.hessian(lambda x, y: (x * y**2).sum(), argnums=(0, 1))(x[:2], x[1:]))
    note(F.jacrev(F.jacrev(F.jacrev(lambda x: x.prod())))(x))

    weight = T.ones(3, requires_grad=True)
    slope = F.grad(lambda x: (weight * x**2).sum())(x)
    slope.sum().backward()  # through what the function read around its arguments
    leaf = x.clone().requires_grad_()
    F.grad(cubes)(leaf).sum().backward()
    with T.no_grad():
        note(weight.grad, leaf.grad, F.grad(cubes)(leaf).requires_grad, F.grad(cubes)(x).requires_grad)
    note(
        refused(lambda: F.grad(lambda x: x)(x)),
        refused(lambda: F.grad(cubes, argnums=1)(x)),
        refused(lambda: F.grad(lambda x: 3)(x)),
    )


@same
def test_jvp_by_the_double_backward_trick(T: Any, note: Note) -> None:
    F = T.func
    x, s = T.tensor([1.0, 2.0, 3.0]), T.tensor(2.0)
    one = T.ones(())
    note(F.jvp(lambda x: x.sin(), (x,), (T.ones(3),)), F.jvp(lambda x, y: (x * y, x), (x, x), (T.ones(3), x)))
    note(F.jvp(lambda x: (x * 2, x), (x,), (x,), has_aux=True), F.jvp(lambda x: T.ones(2), (x,), (x,)))
    note(
        F.grad(lambda a: F.jvp(lambda x: x.sin() * a, (s,), (one,))[1])(s),
        F.grad(lambda v: F.jvp(T.sin, (s,), (v,))[1])(s),
    )
    note(F.grad(lambda v: F.vjp(T.sin, s)[1](v)[0])(s), F.jvp(F.grad(lambda x: x**3), (s,), (one,)))


@same
def test_functional_call(T: Any, note: Note) -> None:
    T.manual_seed(0)
    call = T.func.functional_call
    model = T.nn.Sequential(T.nn.Linear(2, 2), T.nn.Linear(2, 1))
    ones = {name: T.ones_like(value) for name, value in model.named_parameters()}
    before = [each.detach().clone() for each in model.parameters()]
    x = T.ones(1, 2)
    note(
        call(model, ones, x), call(model, ones, (x,)), T.func.grad(lambda weights: call(model, weights, x).sum())(ones)
    )
    note(call(model, ({"0.weight": ones["0.weight"]}, {"1.bias": ones["1.bias"]}), x).shape)
    note(all((a == b).all().item() for a, b in zip(before, model.parameters(), strict=True)))
    note(
        refused(lambda: call(model, ({"0.weight": x}, {"0.weight": x}), x)), refused(lambda: call(model, {"no": x}, x))
    )
    note(refused(lambda: call(model, {"no": x}, x, strict=True)))
    norm = T.nn.BatchNorm1d(2)
    state = {**dict(norm.named_parameters()), **{name: value.clone() for name, value in norm.named_buffers()}}
    call(norm, state, T.ones(4, 2))
    note(norm.running_mean, state["running_mean"])

    tied = T.nn.Sequential(T.nn.Linear(1, 1, bias=False), T.nn.Linear(1, 1, bias=False))
    tied[1].weight = tied[0].weight
    one = T.ones(1, 1)
    note(
        call(tied, {"0.weight": one * 3}, one), refused(lambda: call(tied, {"0.weight": one, "1.weight": one * 2}, one))
    )


@same
def test_checkpoint(T: Any, note: Note) -> None:
    checkpoint = T.utils.checkpoint.checkpoint
    x = T.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], requires_grad=True)
    for reentrant in (True, False):
        T.manual_seed(0)
        model = T.nn.Sequential(T.nn.Linear(3, 3), T.nn.Dropout(0.5), T.nn.Tanh())
        T.manual_seed(1)
        result = checkpoint(model, x, use_reentrant=reentrant)
        result.sum().backward()
        note(
            [
                [f"{v:.5f}" for v in each.flatten().tolist()]
                for each in (result, x.grad, model[0].weight.grad, T.rand(3))
            ]
        )
        x.grad = None
    calls = []

    def inner(a):
        calls.append("inner")
        return a.exp().sin()

    def outer(a):
        return checkpoint(inner, a * 2, use_reentrant=False).tanh()

    checkpoint(outer, x, use_reentrant=False).sum().backward()
    note([f"{v:.5f}" for v in x.grad.flatten().tolist()], calls)
    layers = T.nn.Sequential(*[T.nn.Tanh() for _ in range(5)])
    for reentrant in (True, False):
        x.grad = None
        T.utils.checkpoint.checkpoint_sequential(layers, 2, x, use_reentrant=reentrant).sum().backward()
        note([f"{v:.5f}" for v in x.grad.flatten().tolist()])

    (slope,) = T.autograd.grad(checkpoint(lambda a: a.exp().exp(), x, use_reentrant=False).sum(), x, create_graph=True)
    note([f"{v:.3f}" for v in T.autograd.grad(slope.sum(), x)[0].flatten().tolist()])
    note(refused(lambda: T.autograd.grad(checkpoint(T.exp, x, use_reentrant=True).sum(), x)))
    note(refused(lambda: checkpoint(lambda a, b: a, x, b=1, use_reentrant=True)))

    def changing(first, then):
        runs = []

        def function(a):
            runs.append(1)
            return (first if len(runs) == 1 else then)(a)

        return refused(checkpoint(function, x, use_reentrant=False, early_stop=False).sum().backward)

    note(changing(lambda a: a.exp(), lambda a: a.sin().exp()), changing(lambda a: a.exp(), lambda a: a[:1].exp()))
    once = checkpoint(lambda a: a.exp().sin(), x, use_reentrant=False)
    once.sum().backward()
    note(refused(once.sum().backward))
    with T.no_grad():
        note(checkpoint(lambda a: a * 2, x, use_reentrant=False).requires_grad)


def test_checkpoint_warns_as_pytorch_does():
    for library in (framework, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            library.utils.checkpoint.checkpoint(lambda a: a * 2, library.ones(1))
        messages = " ".join(str(each.message) for each in caught)
        assert "use_reentrant parameter should be passed explicitly" in messages
        assert "None of the inputs have requires_grad=True" in messages
