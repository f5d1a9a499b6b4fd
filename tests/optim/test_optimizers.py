"""Each optimizer's first steps against its update rule worked out by hand."""

from __future__ import annotations

import warnings
from math import sqrt
from typing import Any

import numpy as np
import pytest

import framework
from framework import optim
from framework.kernels.optimizers import orthogonalize
from framework.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

G1, G2 = 0.5, -0.2  # two steps' gradients


def walk(kind: str, **options: Any) -> list[float]:
    """A parameter that begins at 1, after each of two steps."""
    parameter = framework.tensor([1.0], dtype=framework.float64, requires_grad=True)
    optimizer = getattr(optim, kind)([parameter], **options)
    values = []
    for gradient in (G1, G2):
        parameter.grad = framework.tensor([gradient], dtype=framework.float64)
        optimizer.step()
        values.append(float(parameter))
    return values


def test_sgd() -> None:
    assert walk("SGD", lr=0.1) == pytest.approx([1 - 0.1 * G1, 1 - 0.1 * G1 - 0.1 * G2])
    assert walk("SGD", lr=0.1, maximize=True) == pytest.approx([1 + 0.1 * G1, 1 + 0.1 * (G1 + G2)])
    # The first buffer is the gradient itself; the second 0.9 of it and half of the new one.
    first = 1 - 0.1 * G1
    heavy = walk("SGD", lr=0.1, momentum=0.9, dampening=0.5)
    assert heavy == pytest.approx([first, first - 0.1 * (0.9 * G1 + 0.5 * G2)])
    nesterov = walk("SGD", lr=0.1, momentum=0.9, nesterov=True)
    first = 1 - 0.1 * (G1 + 0.9 * G1)
    assert nesterov == pytest.approx([first, first - 0.1 * (G2 + 0.9 * (0.9 * G1 + G2))])
    assert walk("SGD", lr=0.1, weight_decay=0.3)[0] == pytest.approx(1 - 0.1 * (G1 + 0.3))


def test_adam_and_adamw() -> None:
    b1, b2, lr, eps = 0.9, 0.99, 0.1, 1e-8
    mean = b1 * (1 - b1) * G1 + (1 - b1) * G2
    square = b2 * (1 - b2) * G1**2 + (1 - b2) * G2**2
    second = (mean / (1 - b1**2)) / (sqrt(square / (1 - b2**2)) + eps)
    # At the first step the corrected mean is the gradient, and its square's root the gradient's size.
    first = 1 - lr * G1 / (G1 + eps)
    assert walk("Adam", lr=lr, betas=(b1, b2), eps=eps) == pytest.approx([first, first - lr * second], rel=1e-12)
    decayed = 1 - lr * 0.2 - lr * G1 / (G1 + eps)
    expected = [decayed, decayed * (1 - lr * 0.2) - lr * second]
    options: dict[str, Any] = {"lr": lr, "betas": (b1, b2), "eps": eps, "weight_decay": 0.2}
    assert walk("AdamW", **options) == pytest.approx(expected, rel=1e-12)
    assert walk("Adam", decoupled_weight_decay=True, **options) == pytest.approx(expected, rel=1e-12)
    # With weight decay as part of the gradient the first step is the same, as it has no scale.
    assert walk("Adam", **options)[0] == pytest.approx(first, rel=1e-7)


def test_amsgrad_keeps_the_largest_square() -> None:
    b1, b2, lr, eps = 0.9, 0.1, 0.1, 1e-8
    largest = (1 - b2) * G1**2  # before the correction; the second is 0.0585
    assert largest > b2 * (1 - b2) * G1**2 + (1 - b2) * G2**2
    mean = b1 * (1 - b1) * G1 + (1 - b1) * G2
    second = (mean / (1 - b1**2)) / (sqrt(largest / (1 - b2**2)) + eps)
    got = walk("Adam", lr=lr, betas=(b1, b2), eps=eps, amsgrad=True)
    assert got[1] - got[0] == pytest.approx(-lr * second, rel=1e-12)


def test_rmsprop_adagrad_and_adadelta() -> None:
    eps, square = 1e-6, 0.1 * G1**2
    first = 1 - 0.01 * G1 / (sqrt(square) + eps)
    expected = [first, first - 0.01 * G2 / (sqrt(0.9 * square + 0.1 * G2**2) + eps)]
    assert walk("RMSprop", lr=0.01, alpha=0.9, eps=eps) == pytest.approx(expected, rel=1e-12)
    centered = 1 - 0.01 * G1 / (sqrt(square - (0.1 * G1) ** 2) + eps)
    assert walk("RMSprop", lr=0.01, alpha=0.9, eps=eps, centered=True)[0] == pytest.approx(centered, rel=1e-12)

    first = 1 - 0.1 * G1 / (G1 + eps)
    expected = [first, first - 0.1 / (1 + 0.5) * G2 / (sqrt(G1**2 + G2**2) + eps)]
    assert walk("Adagrad", lr=0.1, lr_decay=0.5, eps=eps) == pytest.approx(expected, rel=1e-12)

    change = sqrt(eps) / sqrt(square + eps) * G1
    first = 1 - 0.5 * change
    second = sqrt(0.1 * change**2 + eps) / sqrt(0.9 * square + 0.1 * G2**2 + eps) * G2
    assert walk("Adadelta", lr=0.5, rho=0.9, eps=eps) == pytest.approx([first, first - 0.5 * second], rel=1e-12)


def test_adamax_nadam_and_radam() -> None:
    b1, b2, lr, eps = 0.9, 0.99, 0.1, 1e-8
    mean = b1 * (1 - b1) * G1 + (1 - b1) * G2
    first = 1 - lr * G1 / (G1 + eps)
    second = first - lr / (1 - b1**2) * mean / max(b2 * G1, abs(G2) + eps)
    assert walk("Adamax", lr=lr, betas=(b1, b2), eps=eps) == pytest.approx([first, second], rel=1e-6)

    mu1, mu2 = (b1 * (1 - 0.5 * 0.96 ** (t * 0.004)) for t in (1, 2))
    # Its product of momenta is held in float32, as in PyTorch; all else is in float64.
    product = float(np.float32(mu1))
    step = (1 - mu1) / (1 - product) * G1 + mu2 / (1 - product * mu2) * (1 - b1) * G1
    assert walk("NAdam", lr=lr, betas=(b1, b2), eps=eps)[0] == pytest.approx(1 - lr * step / (G1 + eps), rel=1e-12)

    # The variance can't be trusted in the first steps: RAdam takes the corrected mean alone.
    expected = [1 - lr * G1, 1 - lr * G1 - lr * mean / (1 - b1**2)]
    assert walk("RAdam", lr=lr, betas=(b1, b2)) == pytest.approx(expected, rel=1e-12)


def test_muon_makes_all_singular_values_alike() -> None:
    rng = np.random.default_rng(0)
    gradient = rng.standard_normal((6, 4)) @ np.diag([10.0, 3.0, 1.0, 0.5])
    parameter = framework.tensor(np.zeros((6, 4)), requires_grad=True)
    parameter.grad = framework.tensor(gradient)
    optim.Muon([parameter], lr=1.0, weight_decay=0.0).step()
    update = -parameter.detach().numpy() / sqrt(6 / 4)
    assert np.linalg.svd(update, compute_uv=False) == pytest.approx([1.0] * 4, abs=0.35)
    left, _, right = np.linalg.svd(gradient, full_matrices=False)
    cosine = (update * (left @ right)).sum() / np.linalg.norm(update) / 2
    assert cosine > 0.97
    with pytest.raises(ValueError, match="only supports 2D parameters"):
        optim.Muon([framework.zeros(3, requires_grad=True)])


@pytest.mark.parametrize("shape", [(1, 6), (3, 3), (5, 7), (9, 6), (2, 40), (30, 13)])
def test_muon_applies_its_polynomial_to_the_singular_values(shape: tuple[int, int]) -> None:
    gradient = np.random.default_rng(1).standard_normal(shape)
    left, singular, right = np.linalg.svd(gradient, full_matrices=False)
    singular /= np.linalg.norm(singular)
    for _ in range(2):
        singular = 3 * singular - 4 * singular**3 + 2 * singular**5
    found = orthogonalize(gradient, (3.0, -4.0, 2.0), 2, 1e-7)
    # A bfloat16 has 8 bits.
    np.testing.assert_allclose(found, left * singular @ right, atol=0.02)


def test_lbfgs_solves_a_quadratic_and_rosenbrocks_valley() -> None:
    matrix = framework.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=framework.float64)
    target = framework.tensor([1.0, -1.0], dtype=framework.float64)
    point = framework.zeros(2, dtype=framework.float64, requires_grad=True)
    optimizer = optim.LBFGS([point], line_search_fn="strong_wolfe", max_iter=40, tolerance_grad=1e-12, tolerance_change=0)

    def quadratic() -> Any:
        optimizer.zero_grad()
        loss = 0.5 * point @ matrix @ point - target @ point
        loss.backward()
        return loss

    optimizer.step(quadratic)
    solution = np.linalg.solve(matrix.numpy(), target.numpy())
    np.testing.assert_allclose(point.detach().numpy(), solution, atol=1e-8)

    valley = framework.tensor([-1.2, 1.0], dtype=framework.float64, requires_grad=True)
    optimizer = optim.LBFGS([valley], line_search_fn="strong_wolfe", max_iter=100, tolerance_change=1e-14)

    def rosenbrock() -> Any:
        optimizer.zero_grad()
        loss = (1 - valley[0]) ** 2 + 100 * (valley[1] - valley[0] ** 2) ** 2
        loss.backward()
        return loss

    optimizer.step(rosenbrock)
    np.testing.assert_allclose(valley.detach().numpy(), [1.0, 1.0], atol=1e-5)
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        optim.LBFGS([{"params": [point]}, {"params": [valley]}])


# ---- What all of them share ----------------------------------------------------------------------------------------


def pair() -> list[framework.Tensor]:
    return [framework.tensor([1.0, 2.0], requires_grad=True), framework.tensor([3.0], requires_grad=True)]


def test_parameters_without_gradient_stay_and_get_no_state() -> None:
    first, second = pair()
    optimizer = optim.Adam([first, second])
    first.grad = framework.ones(2)
    optimizer.step()
    assert second.tolist() == [3.0]
    assert list(optimizer.state_dict()["state"]) == [0]


def test_zero_grad_forgets_or_fills() -> None:
    first, second = pair()
    optimizer = optim.SGD([first, second])
    first.grad = gradient = framework.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert first.grad is gradient
    assert first.grad.tolist() == [0, 0]
    assert second.grad is None
    optimizer.zero_grad()
    assert first.grad is None


def test_a_closure_runs_with_recording_on_and_its_loss_is_returned() -> None:
    first, _ = pair()
    optimizer = optim.SGD([first], lr=0.5)

    def closure() -> Any:
        loss = (first**2).sum()
        loss.backward()
        return loss

    with framework.no_grad():
        assert float(optimizer.step(closure)) == 5.0
    assert first.tolist() == [0.0, 0.0]


def test_groups_take_their_own_options_and_can_be_added() -> None:
    first, second = pair()
    optimizer = optim.SGD([{"params": first, "lr": 1.0}], lr=0.1, momentum=0.5)
    optimizer.add_param_group({"params": [second]})
    assert [(group["lr"], group["momentum"]) for group in optimizer.param_groups] == [(1.0, 0.5), (0.1, 0.5)]
    first.grad, second.grad = framework.ones(2), framework.ones(1)
    optimizer.step()
    assert first.tolist() == [0.0, 1.0]
    assert second.item() == pytest.approx(2.9)
    with pytest.raises(ValueError, match="appear in more than one parameter group"):
        optimizer.add_param_group({"params": [first]})


def test_names_are_kept_beside_the_parameters() -> None:
    layer = framework.nn.Linear(2, 1)
    optimizer = optim.SGD(layer.named_parameters(), lr=0.1)
    state = optimizer.state_dict()
    assert state["param_groups"][0]["param_names"] == ["weight", "bias"]
    assert state["param_groups"][0]["params"] == [0, 1]
    with pytest.raises(ValueError, match="cannot add param group without names"):
        optimizer.add_param_group({"params": [framework.zeros(1, requires_grad=True)]})


def test_hooks_run_around_the_step_and_can_be_removed() -> None:
    first, _ = pair()
    optimizer = optim.SGD([first], lr=1.0)
    seen = []
    before = optimizer.register_step_pre_hook(lambda opt, args, kwargs: seen.append(("before", first.tolist())))
    after = optimizer.register_step_post_hook(lambda opt, args, kwargs: seen.append(("after", first.tolist())))
    first.grad = framework.ones(2)
    optimizer.step()
    before.remove()
    after.remove()
    optimizer.step()
    assert seen == [("before", [1.0, 2.0]), ("after", [0.0, 1.0])]
    optimizer.register_state_dict_post_hook(lambda opt, state: state | {"extra": 1})
    assert optimizer.state_dict()["extra"] == 1
    loaded = []
    optimizer.register_load_state_dict_post_hook(loaded.append)
    optimizer.load_state_dict(optimizer.state_dict())
    assert loaded == [optimizer]


def test_hooks_of_all_optimizers_run_around_their_own() -> None:
    first, second = pair()
    one, other = optim.SGD([first], lr=1.0), optim.Adam([second])
    seen: list[Any] = []
    one.register_step_pre_hook(lambda *_: seen.append("own before"))
    one.register_step_post_hook(lambda *_: seen.append("own after"))
    before = register_optimizer_step_pre_hook(lambda opt, args, kwargs: seen.append(("before", opt)))
    after = register_optimizer_step_post_hook(lambda opt, args, kwargs: seen.append(("after", opt)))
    one.step()
    other.step()
    assert seen == [("before", one), "own before", "own after", ("after", one), ("before", other), ("after", other)]
    before.remove()
    after.remove()
    other.step()
    assert len(seen) == 6


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop"])
def test_a_saved_state_continues_to_the_bit(kind: str, tmp_path: Any) -> None:
    def run(steps: range, values: Any, state: Any) -> tuple[Any, Any]:
        parameter = framework.tensor(values, requires_grad=True)
        optimizer = getattr(optim, kind)([parameter], lr=0.05, **({"momentum": 0.9} if kind == "SGD" else {}))
        if state is not None:
            optimizer.load_state_dict(state)
        for step in steps:
            parameter.grad = framework.tensor(np.sin(start + step))
            optimizer.step()
        return parameter.detach().numpy(), optimizer.state_dict()

    start = np.arange(3, dtype=np.float32)
    straight, _ = run(range(8), start, None)
    values, state = run(range(5), start, None)
    framework.save(state, tmp_path / "optimizer.pt")
    resumed, _ = run(range(5, 8), values, framework.load(tmp_path / "optimizer.pt"))
    assert resumed.tolist() == straight.tolist()


def test_wrong_use_is_refused_in_words() -> None:
    first, second = pair()
    for params, kind, words in [
        ([], ValueError, "optimizer got an empty parameter list"),
        (first, TypeError, "should be an iterable of Tensors or dicts"),
        ([1.0], TypeError, "can only optimize Tensors"),
        ([first * 2], ValueError, "can't optimize a non-leaf Tensor"),
        ([("a", first), second], ValueError, "with/without names"),
    ]:
        with warnings.catch_warnings(), pytest.raises(kind, match=words):  # type: ignore[call-overload]
            optim.SGD(params)
    with pytest.warns(UserWarning, match="a parameter group with duplicate parameters"):
        optim.SGD([first, first])
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        optim.Adam([first], lr=-1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'learning_rate'"):
        optim.Adam([first], learning_rate=1)  # type: ignore[call-arg]
    with pytest.raises(RuntimeError, match="capturable=True is not supported"):
        optim.Adam([first], capturable=True)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optim.SGD([first]).load_state_dict(optim.SGD([{"params": first}, {"params": second}]).state_dict())


def test_a_line_search_goes_on_to_a_decrease_whatever_ends_the_step() -> None:
    # From here a whole first step overshoots: the loss rises from 45.8 to 74.5.
    point = framework.tensor([-1.2, 0.8], dtype=framework.float64, requires_grad=True)
    optimizer = optim.LBFGS([point], line_search_fn="strong_wolfe", tolerance_change=1e3)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (1 - point[0]) ** 2 + 100 * (point[1] - point[0] ** 2) ** 2
        loss.backward()
        return loss

    assert float(optimizer.step(closure)) == pytest.approx(45.8)
    assert float(closure()) < 10
