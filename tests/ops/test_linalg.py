"""Matrix products, einsum, decompositions and what is solved with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework
from framework import linalg
from framework.autograd import grad
from framework.autograd.gradcheck import gradcheck, gradgradcheck
from framework.nn import functional as F


def normal(*shape: int, seed: int = 0) -> Any:
    return framework.tensor(np.random.default_rng(seed).standard_normal(shape))


# ---- Products ------------------------------------------------------------------------------------------------


@st.composite
def matmuls(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    n, k, m = [draw(st.integers(0, 3)) for _ in range(3)]
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    sides = []
    for matrix, vector in (((n, k), (k,)), ((k, m), (k,))):
        lead = [size if draw(st.booleans()) else 1 for size in batch[draw(st.integers(0, len(batch))) :]]
        shape = vector if draw(st.booleans()) else (*lead, *matrix)
        array = np.random.default_rng(0).standard_normal(shape[::-1]).T
        sides.append(array if draw(st.booleans()) else np.ascontiguousarray(array))
    return sides[0], sides[1]


@given(matmuls())
@settings(max_examples=200, deadline=None)
def test_matmul_is_numpys_in_every_case_of_broadcasting(case: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = case
    x, y = [framework.tensor(each).requires_grad_() for each in case]
    result = x @ y
    np.testing.assert_allclose(result.detach().numpy(), np.matmul(a, b), atol=1e-12)
    # Its gradients against those of the sum of products, written out.
    weights = np.random.default_rng(1).standard_normal(result.shape)
    result.backward(framework.tensor(weights))
    left = a if a.ndim > 1 else a[None]
    right = b if b.ndim > 1 else b[:, None]
    out = weights.reshape(np.matmul(left, right).shape)
    for given_array, tensor, full in (
        (a, x, np.matmul(out, np.swapaxes(right, -1, -2)).reshape(out.shape[:-1] + left.shape[-1:])),
        (b, y, np.matmul(np.swapaxes(left, -1, -2), out)),
    ):
        shape = (given_array if given_array.ndim > 1 else (left if given_array is a else right)).shape
        lead = full.ndim - len(shape)
        axes = (*range(lead), *(lead + i for i, size in enumerate(shape) if size == 1))
        summed = full.sum(axis=axes, keepdims=True).reshape(given_array.shape)
        assert tensor.grad is not None
        np.testing.assert_allclose(tensor.grad.numpy(), summed, atol=1e-12)


@pytest.mark.parametrize(("batch", "k", "m"), [((6,), 4, 4), ((3, 2), 4, 4), ((2,), 8, 8), ((16,), 4, 5), ((9,), 7, 2)])
def test_tiny_float32_products_are_rounded_once(batch: tuple[int, ...], k: int, m: int) -> None:
    random = np.random.default_rng(0)
    a, weight = [random.standard_normal(shape).astype(np.float32) for shape in ((*batch, k), (m, k))]
    exact = (a.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal((framework.tensor(a) @ framework.tensor(weight).T).numpy(), exact)
    np.testing.assert_array_equal(F.linear(framework.tensor(a), framework.tensor(weight)).numpy(), exact)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: x @ x, RuntimeError, r"cannot be multiplied \(2x3 and 2x3\)"),
        (lambda x: x @ x.double().T, RuntimeError, "same dtype"),
        (lambda x: x @ x[0, 0], RuntimeError, "at least 1D"),
        (lambda x: x @ 3, TypeError, "@"),
        (lambda x: framework.matmul(x, 3), TypeError, "must be Tensor, not int"),
        (lambda x: (x > 1) @ (x > 1).T, NotImplementedError, "bool"),
        (lambda x: framework.ones(2, 2, 3) @ framework.ones(4, 3, 2), RuntimeError, "broadcast"),
        (lambda x: framework.mm(x, x[0]), RuntimeError, "mat2"),
        (lambda x: framework.bmm(x, x), RuntimeError, "3D"),
        (lambda x: framework.bmm(framework.ones(2, 2, 3), framework.ones(3, 3, 2)), RuntimeError, "Expected size"),
        (lambda x: framework.dot(x, x), RuntimeError, "1D"),
        (lambda x: framework.mv(x, x[:, 0]), RuntimeError, "mv"),
        (lambda x: framework.addmm(framework.ones(5), x, x.T), RuntimeError, "expanded size"),
        (lambda x: framework.outer(x, x[0]), RuntimeError, "1-D"),
        (lambda x: framework.inner(x, x.T), RuntimeError, "last dimension"),
        (lambda x: framework.tensordot(x, x, 1), RuntimeError, "contracted"),
        (lambda x: framework.cross(x.T[:2], x.T[:2]), RuntimeError, "size 3"),
        (lambda x: framework.trace(x[0]), RuntimeError, "matrix"),
        (lambda x: linalg.multi_dot([x]), RuntimeError, "at least 2"),
        (lambda x: F.linear(x, framework.ones(4, 2)), RuntimeError, "cannot be multiplied"),
        (lambda x: F.linear(x, x, framework.ones(3)), RuntimeError, "bias"),
        (lambda x: framework.einsum("ij,ij", x), RuntimeError, "fewer operands"),
        (lambda x: framework.einsum("ij->iz", x), RuntimeError, "subscript z"),
        (lambda x: framework.einsum("ij->ii", x), RuntimeError, "more than once"),
        (lambda x: framework.einsum("ij,jk->ik", x, x), RuntimeError, "does not broadcast"),
        (lambda x: framework.einsum("ijk", x), RuntimeError, "number of subscripts"),
        (lambda x: framework.einsum("i1", x), RuntimeError, "invalid subscript"),
        (lambda x: framework.einsum("i.j", x), RuntimeError, "ellipsis"),
    ],
)
def test_products_refuse_what_does_not_fit(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call(framework.arange(6.0).reshape(2, 3))


def test_products_of_integers_and_of_float16() -> None:
    x = framework.arange(6).reshape(2, 3)
    assert (x @ x.T).tolist() == [[5, 14], [14, 50]]
    assert (x.to(framework.uint8) @ x.to(framework.uint8).T).dtype is framework.uint8
    half = framework.full((1, 4096), 1.0, dtype=framework.float16)
    assert (half @ half.T).item() == 4096.0


def test_a_gradient_without_strides_goes_through_products() -> None:
    x, w = normal(5, 4, 3).requires_grad_(), normal(3, 2).requires_grad_()
    (x @ w).sum().backward()
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.numpy(), x.detach().sum((0, 1)).numpy()[:, None].repeat(2, 1))
    q = normal(2, 4, 3).requires_grad_()
    (q @ q.mT).sum().backward()
    assert q.grad is not None
    np.testing.assert_allclose(q.grad.numpy(), 2 * q.detach().sum(1, True).expand(2, 4, 3).numpy())


def test_linear_gives_a_contiguous_weight_gradient_and_only_what_is_needed() -> None:
    x, weight, bias = normal(4, 5, 3), normal(2, 3).requires_grad_(), normal(2).requires_grad_()
    result = F.linear(x, weight, bias)
    np.testing.assert_allclose(result.detach().numpy(), x.numpy() @ weight.detach().numpy().T + bias.detach().numpy())
    assert result.grad_fn is not None
    assert len(result.grad_fn.edges) == 2
    result.backward(framework.ones_like(result))
    assert weight.grad is not None
    assert weight.grad.is_contiguous()
    assert bias.grad is not None
    assert bias.grad.tolist() == [20.0, 20.0]


def test_addmm_with_alpha_zero_ignores_even_nan() -> None:
    x = framework.ones(2, 2)
    assert framework.addmm(x, x * float("nan"), x, alpha=0).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_addmm_with_beta_zero_ignores_even_nan() -> None:
    x = framework.ones(2, 2)
    assert framework.addmm(x * float("nan"), x, x, beta=0).tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert framework.addmm(x.long(), x.long(), x.long(), beta=2, alpha=0.5).tolist() == [[2, 2], [2, 2]]


def test_matmul_as_an_operator_leaves_the_answer_to_others() -> None:
    class Other:
        def __rmatmul__(self, other: Any) -> str:
            return "theirs"

    x = framework.ones(2, 2)
    assert x @ Other() == "theirs"
    assert (x @ np.ones((2, 1), np.float32)).tolist() == [[2.0], [2.0]]


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ba", [(2, 3)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("iji->j", [(3, 2, 3)]),
        ("iii", [(2, 2, 2)]),
        ("...ij->...ji", [(2, 3, 4)]),
        ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
        ("i...,i...->...", [(3, 2, 1), (3, 4)]),
        ("b...->...", [(2, 3)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("i,j->", [(2,), (3,)]),
        ("i,j->ji", [(2,), (3,)]),
        ("ij,kl->ijkl", [(2, 2), (3, 2)]),
        ("abcd,cdef->abef", [(2, 3, 4, 2), (4, 2, 3, 2)]),
        ("abcd,bdef->acef", [(2, 3, 4, 2), (3, 2, 3, 2)]),
        ("bhid,bhjd->bhij", [(2, 3, 4, 2), (2, 3, 5, 2)]),
        ("bthd,bshd->bhts", [(2, 4, 3, 2), (2, 5, 3, 2)]),
        ("i,i,i->i", [(3,), (3,), (3,)]),
        ("ij,jk,kl,lm->im", [(2, 3), (3, 4), (4, 2), (2, 5)]),
        ("a,ab,abc->abc", [(2,), (2, 3), (2, 3, 4)]),
        ("a,b,c,d->dcba", [(2,), (3,), (1,), (2,)]),
        (" i j , j k -> k i ", [(2, 3), (3, 4)]),
        ("Ab,bA->bA", [(2, 3), (3, 2)]),
        ("...,...", [(2, 1), (3,)]),
        (",i->i", [(), (3,)]),
        ("->", [()]),
        ("ij,jk->ik", [(0, 3), (3, 2)]),
        ("ij,jk->ik", [(2, 0), (0, 2)]),
        ("ijk,ijl,ikl->i", [(2, 3, 4), (2, 3, 5), (2, 4, 5)]),
    ],
)
def test_einsum_is_numpys(equation: str, shapes: list[tuple[int, ...]]) -> None:
    arrays = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate(shapes)]
    tensors = [framework.tensor(array) for array in arrays]
    expected = np.einsum(equation, *arrays)
    result = framework.einsum(equation, *tensors)
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)
    np.testing.assert_array_equal(framework.einsum(equation, tensors).numpy(), result.numpy())


@st.composite
def equations(draw: Any) -> tuple[str, list[np.ndarray]]:
    sizes = {letter: draw(st.integers(1, 3)) for letter in "abcd"}
    inputs = draw(st.lists(st.lists(st.sampled_from("abcd"), max_size=3).map("".join), min_size=1, max_size=3))
    used = sorted(set("".join(inputs)))
    output = "".join(draw(st.permutations(draw(st.lists(st.sampled_from(used), unique=True))))) if used else ""
    rng = np.random.default_rng(0)
    return f"{','.join(inputs)}->{output}", [rng.standard_normal([sizes[each] for each in part]) for part in inputs]


@given(equations())
@settings(max_examples=200, deadline=None)
def test_einsum_is_numpys_for_any_equation(case: tuple[str, list[np.ndarray]]) -> None:
    equation, arrays = case
    result = framework.einsum(equation, *[framework.tensor(array) for array in arrays])
    np.testing.assert_allclose(result.numpy(), np.einsum(equation, *arrays), atol=1e-12)


def test_einsum_takes_numbered_dimensions_and_repeats_size_one() -> None:
    x, y = normal(2, 3), normal(3, 4, seed=1)
    np.testing.assert_allclose(framework.einsum(x, [0, 1], y, [1, 2], [2, 0]).numpy(), (x @ y).T.numpy())
    np.testing.assert_allclose(framework.einsum(x, [..., 1], [1, ...]).numpy(), x.T.numpy())
    one = normal(1)
    assert framework.einsum("i,i", framework.ones(3, dtype=framework.float64), one).item() == 3 * one.item()
    assert framework.einsum("i,ij->ij", one, x).shape == (2, 3)


def test_multi_dot_takes_the_cheapest_order() -> None:
    shapes = [(10, 100), (100, 5), (5, 50), (50, 2), (2,)]
    arrays = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate(shapes)]
    result = linalg.multi_dot([framework.tensor(array) for array in arrays])
    np.testing.assert_allclose(result.numpy(), np.linalg.multi_dot(arrays))


# ---- Decompositions --------------------------------------------------------------------------------------------


def test_decompositions_give_the_matrix_back() -> None:
    A = normal(2, 4, 3)
    Q, R = linalg.qr(A)
    np.testing.assert_allclose((Q @ R).numpy(), A.numpy(), atol=1e-12)
    U, S, Vh = linalg.svd(A, full_matrices=False)
    np.testing.assert_allclose(((U * S[:, None]) @ Vh).numpy(), A.numpy(), atol=1e-12)
    symmetric = A.mT @ A
    L, V = linalg.eigh(symmetric)
    np.testing.assert_allclose(((V * L[:, None]) @ V.mT).numpy(), symmetric.numpy(), atol=1e-12)
    lower = linalg.cholesky(symmetric)
    np.testing.assert_allclose((lower @ lower.mT).numpy(), symmetric.numpy(), atol=1e-12)
    np.testing.assert_allclose(linalg.cholesky(symmetric, upper=True).numpy(), lower.mT.numpy(), atol=1e-12)
    assert linalg.qr(A, "complete").Q.shape == (2, 4, 4)
    assert linalg.svd(A).U.shape == (2, 4, 4)


def rebuilt(decomposition: Any) -> Any:
    """Functions of a decomposition that don't depend on the signs of its vectors."""
    return {
        "svd": lambda A: (lambda U, S, Vh: (U**3) @ framework.diag(S**2) @ (Vh**3))(*linalg.svd(A, False)),
        "eigh": lambda A: (lambda L, V: (V**2) @ (L**3))(*linalg.eigh(A + A.mT)),
        "eigvalsh": lambda A: linalg.eigvalsh(A + A.mT, "U") ** 2,
        "cholesky": lambda A: linalg.cholesky(A @ A.mT + 3 * framework.eye(3, dtype=framework.float64), upper=True),
    }[decomposition]


@pytest.mark.parametrize("decomposition", ["svd", "eigh", "eigvalsh", "cholesky"])
def test_gradients_of_decompositions(decomposition: str) -> None:
    A = normal(3, 3, seed=5).requires_grad_()
    assert gradcheck(rebuilt(decomposition), [A])
    assert gradgradcheck(rebuilt(decomposition), [A])


@pytest.mark.parametrize("shape", [(4, 2), (2, 4)])
def test_gradients_of_the_thin_svd(shape: tuple[int, int]) -> None:
    A = normal(*shape, seed=2).requires_grad_()
    assert gradcheck(rebuilt("svd"), [A])
    assert gradgradcheck(rebuilt("svd"), [A])


@pytest.mark.parametrize("shapes", [((4, 2), (4, 3)), ((2, 4), (2,)), ((3, 3), (3, 1))])
def test_gradients_of_least_squares(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    A, B = [normal(*shape, seed=i).requires_grad_() for i, shape in enumerate(shapes)]
    assert gradcheck(lambda A, B: linalg.lstsq(A, B).solution, [A, B])
    assert gradgradcheck(lambda A, B: linalg.lstsq(A, B).solution, [A, B])


def test_the_derivative_of_det_is_right_at_singular_matrices() -> None:
    for rank in (0, 1, 2, 3):
        u, v = normal(3, rank, seed=1), normal(rank, 3, seed=2)
        A = (u @ v).detach().requires_grad_()
        assert gradcheck(linalg.det, [A])
        assert gradgradcheck(linalg.det, [A])


def test_third_derivatives_of_inverse_and_determinant() -> None:
    x = framework.tensor(0.5, dtype=framework.float64, requires_grad=True)
    rotation = framework.stack([framework.stack([x, x * 0 + 1]), framework.stack([x * 0 - 1, x])])
    # det = x**2 + 1, and the inverse's first element x / (x**2 + 1).
    for value, expected in (
        (linalg.det(rotation), [1.25, 1.0, 2.0, 0.0]),
        (linalg.inv(rotation)[0, 0], [0.4, 0.48, -1.408, 0.768 + 1.92 * 0]),
    ):
        derivatives = [value]
        for _ in range(3):
            derivatives.append(grad(derivatives[-1], [x], create_graph=True)[0])
        if expected[3]:
            f = np.polynomial.polynomial.polyval  # third derivative of x/(x^2+1): (-6x^4+36x^2-6)/(x^2+1)^4
            expected[3] = f(0.5, [-6, 0, 36, 0, -6]) / 1.25**4
        np.testing.assert_allclose([each.item() for each in derivatives], expected, atol=1e-9)


# ---- Solving -----------------------------------------------------------------------------------------------------


def test_solutions_solve() -> None:
    A = normal(2, 3, 3) + 3 * framework.eye(3, dtype=framework.float64)
    B, b = normal(2, 3, 2, seed=1), normal(2, 3, seed=2)
    np.testing.assert_allclose((A @ linalg.solve(A, B)).numpy(), B.numpy(), atol=1e-12)
    np.testing.assert_allclose((A @ linalg.solve(A, b)[..., None])[..., 0].numpy(), b.numpy(), atol=1e-12)
    np.testing.assert_allclose((linalg.solve(A, B.mT, left=False) @ A).numpy(), B.mT.numpy(), atol=1e-12)
    X = linalg.solve_triangular(A, B, upper=True)
    np.testing.assert_allclose((A.triu() @ X).numpy(), B.numpy(), atol=1e-12)
    positive = A @ A.mT
    lower = linalg.cholesky(positive)
    np.testing.assert_allclose((positive @ framework.cholesky_solve(B, lower)).numpy(), B.numpy(), atol=1e-10)
    np.testing.assert_allclose(framework.cholesky_inverse(lower).numpy(), linalg.inv(positive).numpy(), atol=1e-10)
    np.testing.assert_allclose(linalg.matrix_power(A, -2).numpy(), linalg.inv(A @ A).numpy(), atol=1e-12)
    sign, logarithm = linalg.slogdet(-A)
    np.testing.assert_allclose((sign * logarithm.exp()).numpy(), linalg.det(-A).numpy())


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 2), (2, 2, 5), (0, 3), (2, 0, 0)])
def test_the_factors_of_lu_give_the_matrix_back(shape: tuple[int, ...]) -> None:
    A = framework.tensor(np.random.default_rng(0).standard_normal(shape))
    P, L, U = framework.linalg.lu(A)
    np.testing.assert_allclose((P @ L @ U).numpy(), A.numpy(), atol=1e-12)
    assert (L.abs() <= 1 + 1e-12).all() and ((P == 0) | (P == 1)).all()


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_lu_solve_solves(left: bool, adjoint: bool) -> None:
    rng = np.random.default_rng(0)
    A, B = framework.tensor(rng.standard_normal((4, 3, 3))), framework.tensor(rng.standard_normal((4, 3, 3)))
    X = framework.linalg.lu_solve(*framework.linalg.lu_factor(A), B, left=left, adjoint=adjoint)
    matrix = A.mT if adjoint else A
    np.testing.assert_allclose((matrix @ X if left else X @ matrix).numpy(), B.numpy(), atol=1e-9)


def test_a_report_in_place_of_an_error() -> None:
    good, bad = 2 * np.eye(3), np.diag([1.0, 1.0, -1.0])
    L, info = framework.linalg.cholesky_ex(framework.tensor(np.stack([good, bad])))
    assert info.tolist() == [0, 3] and L[1].isnan().all()
    np.testing.assert_allclose(L[0].numpy(), np.sqrt(2) * np.eye(3))
    with pytest.raises(framework.linalg.LinAlgError, match="positive-definite"):
        framework.linalg.cholesky_ex(framework.tensor(bad), check_errors=True)
    inverse, info = framework.linalg.inv_ex(framework.tensor(np.stack([good, np.ones((3, 3))])))
    assert info.tolist() == [0, 2] and inverse[1].isnan().all()
    np.testing.assert_allclose(inverse[0].numpy(), np.eye(3) / 2)


def test_the_exponential_of_a_rotations_generator_is_the_rotation() -> None:
    for angle in (0.3, 40.0):
        found = framework.linalg.matrix_exp(framework.tensor([[0.0, -angle], [angle, 0.0]], dtype=framework.float64))
        wanted = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        np.testing.assert_allclose(found.numpy(), wanted, atol=1e-12)


def test_least_squares_and_pseudo_inverses_are_numpys() -> None:
    A, B = normal(5, 3), normal(5, 2, seed=1)
    expected = np.linalg.lstsq(A.numpy(), B.numpy())
    solution, residuals, rank, values = linalg.lstsq(A, B, driver="gelsd")
    np.testing.assert_allclose(solution.numpy(), expected[0], atol=1e-12)
    np.testing.assert_allclose(residuals.numpy(), expected[1], atol=1e-12)
    np.testing.assert_allclose(values.numpy(), expected[3])
    assert rank.item() == 3
    assert linalg.lstsq(A, B).residuals.shape == (0,)
    low = A[:, :1] @ normal(1, 3, seed=3)
    np.testing.assert_allclose(linalg.pinv(low).numpy(), np.linalg.pinv(low.numpy()), atol=1e-12)
    assert linalg.matrix_rank(low).item() == 1
    assert linalg.matrix_rank(framework.diag(framework.tensor([3.0, 1.0, 0.1])), atol=0.5).item() == 2


@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf, None])
def test_matrix_norms_are_numpys(ord: Any) -> None:
    A = normal(3, 4)
    np.testing.assert_allclose(linalg.norm(A, ord).item(), np.linalg.norm(A.numpy(), ord))
    if ord is not None:
        batch = normal(3, 2, 4)
        result = linalg.matrix_norm(batch, ord, (0, 2), keepdim=True)
        expected = np.linalg.norm(batch.numpy(), ord, (0, 2), keepdims=True)
        np.testing.assert_allclose(result.numpy(), expected)


@pytest.mark.parametrize("ord", [0, 0.5, 1, 2, 3, -1, np.inf, -np.inf])
def test_vector_norms_are_numpys(ord: float) -> None:
    x = normal(3, 4)
    np.testing.assert_allclose(linalg.vector_norm(x, ord, 1).numpy(), np.linalg.norm(x.numpy(), ord, 1))
    np.testing.assert_allclose(x.norm(ord).item(), np.linalg.norm(x.numpy().ravel(), ord))


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: linalg.inv(x), RuntimeError, "square"),
        (lambda x: linalg.inv(x[0]), RuntimeError, "at least 2"),
        (lambda x: linalg.inv(framework.eye(2).long()), RuntimeError, "floating point"),
        (lambda x: linalg.inv(framework.eye(2).half()), RuntimeError, "Low precision"),
        (lambda x: linalg.inv(framework.zeros(2, 2)), linalg.LinAlgError, "singular"),
        (lambda x: linalg.solve(framework.zeros(2, 2), x), linalg.LinAlgError, "singular"),
        (lambda x: linalg.solve(framework.eye(3), x), RuntimeError, "Incompatible shapes"),
        (lambda x: linalg.solve(framework.eye(2), x.double()), RuntimeError, "same dtype"),
        (lambda x: linalg.cholesky(-framework.eye(2)), linalg.LinAlgError, "positive-definite"),
        (lambda x: linalg.qr(x, "full"), RuntimeError, "mode 'full'"),
        (lambda x: linalg.eigh(framework.eye(2), "X"), RuntimeError, "UPLO"),
        (lambda x: linalg.norm(x, "max"), RuntimeError, "max"),
        (lambda x: linalg.norm(framework.ones(2, 2, 2), 2), RuntimeError, "1D or 2D"),
        (lambda x: x.long().norm(), RuntimeError, "floating point"),
        (lambda x: linalg.lstsq(x, x, driver="gel"), RuntimeError, "driver"),
        (lambda x: linalg.matrix_power(x, 2), RuntimeError, "square"),
        (lambda x: linalg.cross(x.T, x.T), RuntimeError, "length 3"),
    ],
)
def test_linear_algebra_refuses_what_has_no_answer(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call(framework.arange(6.0).reshape(2, 3))


def test_a_linear_algebra_error_is_a_runtime_error() -> None:
    assert issubclass(linalg.LinAlgError, RuntimeError)


def test_covariances_are_numpys() -> None:
    x = normal(3, 6)
    np.testing.assert_allclose(framework.cov(x).numpy(), np.cov(x.numpy()))
    np.testing.assert_allclose(framework.corrcoef(x).numpy(), np.corrcoef(x.numpy()))
    repeats, weights = framework.tensor([1, 2, 1, 0, 3, 1]), framework.linspace(0.5, 1.0, 6, dtype=framework.float64)
    result = framework.cov(x, fweights=repeats, aweights=weights)
    np.testing.assert_allclose(result.numpy(), np.cov(x.numpy(), fweights=repeats.numpy(), aweights=weights.numpy()))


@pytest.mark.parametrize("name", ["cross", "linalg.cross", "linalg.vecdot", "cdist"])
def test_two_tensors_of_different_dtypes_are_refused(name: str) -> None:
    function: Any = framework
    for part in name.split("."):
        function = getattr(function, part)
    x = framework.rand(3, 3)
    assert function(x, x).dtype is framework.float32
    for other in (x.double(), x.long()):
        with pytest.raises(RuntimeError, match="same dtype"):
            function(x, other)
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        function(x, [1.0])


@pytest.mark.parametrize("name, ndims", [("addmm", (2, 2)), ("addmv", (2, 1)), ("baddbmm", (3, 3)), ("addbmm", (3, 3))])
def test_sums_with_products_name_the_argument_that_is_no_tensor(name: str, ndims: tuple[int, int]) -> None:
    good = [framework.ones(1), *[framework.ones((2,) * ndim) for ndim in ndims]]
    assert getattr(framework, name)(*good).numel()
    for position in range(3):
        bad: list[Any] = [*good[:position], None, *good[position + 1 :]]
        with pytest.raises(TypeError, match=rf"{name}\(\): argument .* \(position {position + 1}\) must be Tensor, not NoneType"):
            getattr(framework, name)(*bad)
