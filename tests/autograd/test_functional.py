"""Jacobians, Hessians, products and transforms against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import framework as torch
from framework import func
from framework.autograd import functional

A = torch.tensor([[2.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 1.0]], dtype=torch.float64)
X = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64)
V = torch.tensor([1.0, 2.0, -0.5], dtype=torch.float64)


def quartic(x):
    """``(xᵀAx)²``: gradient ``4(xᵀAx)Ax``, Hessian ``4(xᵀAx)A + 8(Ax)(Ax)ᵀ``."""
    return (x @ A @ x) ** 2


def exact(x):
    a, x = A.numpy(), x.numpy()
    form, product = x @ a @ x, a @ x
    return 4 * form * product, 4 * form * a + 8 * np.outer(product, product)


def close(value, expected):
    np.testing.assert_allclose(value.detach().numpy(), expected, rtol=1e-12)


def test_gradient_hessian_and_products():
    gradient, hessian = exact(X)
    close(func.grad(quartic)(X), gradient)
    close(func.jacrev(quartic)(X), gradient)
    close(functional.jacobian(quartic, X), gradient)
    for computed in (func.hessian(quartic)(X), functional.hessian(quartic, X), func.jacrev(func.grad(quartic))(X)):
        close(computed, hessian)
    for product in (functional.hvp, functional.vhp):
        value, along = product(quartic, X, V)
        close(along, hessian @ V.numpy())
        assert value.item() == quartic(X).item()
    close(func.jvp(func.grad(quartic), (X,), (V,))[1], hessian @ V.numpy())
    close(func.vjp(func.grad(quartic), X)[1](V)[0], V.numpy() @ hessian)


def test_third_derivatives_by_nesting():
    third = func.jacrev(func.jacrev(func.jacrev(lambda x: (x**3).prod())))(X).numpy()
    x = X.numpy()
    assert third[0, 0, 0] == pytest.approx(6 * x[1] ** 3 * x[2] ** 3)
    assert third[0, 1, 2] == pytest.approx(27 * (x[0] * x[1] * x[2]) ** 2)
    np.testing.assert_allclose(third, np.transpose(third, (2, 0, 1)))


def test_value_and_grad_in_both_orders():
    value, gradient = func.value_and_grad(quartic)(X)
    again, same = func.grad_and_value(quartic)(X)
    assert value.item() == same.item() and gradient.tolist() == again.tolist()
    (value, other), gradient = func.value_and_grad(lambda x: (quartic(x), x * 2), has_aux=True)(X)
    assert other.tolist() == (X * 2).tolist() and not other.requires_grad


def test_results_are_cut_off_unless_a_graph_is_around():
    for result in (
        func.grad(quartic)(X),
        func.jacrev(quartic)(X),
        func.jvp(quartic, (X,), (V,))[1],
        func.hessian(quartic)(X),
    ):
        assert not result.requires_grad
    weight = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    slope = func.grad(lambda x: weight * quartic(x))(X)
    close(torch.autograd.grad(slope.sum(), weight)[0], exact(X)[0].sum())
    with torch.no_grad():
        assert not func.grad(lambda x: weight * quartic(x))(X).requires_grad


def test_an_input_that_requires_no_grad_is_differentiated_with_create_graph_too():
    jacobian = functional.jacobian(lambda x: x**2, X, create_graph=True)
    close(jacobian, np.diag(2 * X.numpy()))


def test_inputs_and_their_gradients_stay_as_they_were():
    x = X.clone().requires_grad_()
    functional.hessian(quartic, x)
    func.hessian(quartic)(x)
    functional.jvp(quartic, x, V)
    assert x.grad is None and x.is_leaf and x.tolist() == X.tolist()


def test_empty_inputs_and_outputs_have_empty_jacobians():
    assert functional.jacobian(lambda x: x[:0], X).shape == (0, 3)
    assert func.jacrev(lambda x: x[:0])(X).shape == (0, 3)
    assert func.jacrev(lambda x: x.sum())(torch.zeros(0)).shape == (0,)


def test_unsupported_requests_say_so():
    with pytest.raises(NotImplementedError, match="strategy='forward-mode'"):
        functional.jacobian(quartic, X, strategy="forward-mode")
    with pytest.raises(NotImplementedError, match="outer_jacobian_strategy"):
        functional.hessian(quartic, X, outer_jacobian_strategy="forward-mode")
    with pytest.raises(NotImplementedError, match="chunk_size=4"):
        func.jacrev(quartic, chunk_size=4)
    with pytest.raises(RuntimeError, match="scalar tensor, got one of shape"):
        func.grad(lambda x: x * 2)(X)
    with pytest.raises(RuntimeError, match="structure of the output"):
        func.vjp(lambda x: (x, x), X)[1](X)
    with pytest.raises(RuntimeError, match="same structure and shapes"):
        func.jvp(quartic, (X,), (V[:2],))


def test_a_batch_of_gradients_is_a_jacobian():
    x = X.clone().requires_grad_()
    y = A @ x.exp()
    eye = torch.eye(3, dtype=torch.float64)
    (rows,) = torch.autograd.grad(y, x, eye, is_grads_batched=True, retain_graph=True)
    close(rows, A.numpy() * np.exp(X.numpy()))
    (none,) = torch.autograd.grad(y, x, eye[:0], is_grads_batched=True)
    assert none.shape == (0, 3)


def test_functional_call_replaces_and_gives_back():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    weights = {name: torch.ones_like(value) for name, value in model.named_parameters()}
    with pytest.raises(RuntimeError):
        func.functional_call(model, weights, torch.ones(4, 3))  # fails inside
    assert all((value == before[name]).all() for name, value in model.state_dict().items())
    assert isinstance(model[0].weight, torch.nn.Parameter)
    gradients = func.grad(lambda weights: (func.functional_call(model[0], weights, torch.ones(1, 2)) ** 2).sum())(
        {"weight": torch.ones(2, 2), "bias": torch.zeros(2)}
    )
    assert gradients["weight"].tolist() == [[4, 4], [4, 4]] and gradients["bias"].tolist() == [4, 4]
