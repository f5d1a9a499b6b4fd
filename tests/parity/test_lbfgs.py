"""L-BFGS against PyTorch on known landscapes, in float64: every evaluation of every step."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

import framework  # noqa: E402


def rosenbrock(library, x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def beale(library, x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def narrow(library, x, y):
    return 1e2 * x**2 + y**2 + x * y


def quartic(library, x, y):
    return (x - 1) ** 4 + (y + 2) ** 4


def kinked(library, x, y):
    return library.abs(x - 1) + library.abs(y) * 3


def flat(library, x, y):
    return library.exp(-(x**2) - y**2 / 4) * -1


LANDSCAPES = [rosenbrock, beale, narrow, quartic, kinked, flat]
OPTIONS = [
    {"max_iter": 5},
    {"max_iter": 1, "lr": 0.1},
    {"lr": 0.01, "history_size": 2, "max_iter": 6},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_iter": 1},
    {"line_search_fn": "strong_wolfe", "max_iter": 0},
    {"line_search_fn": "strong_wolfe", "max_eval": 1},
    {"line_search_fn": "strong_wolfe", "max_eval": 3},
    {"line_search_fn": "strong_wolfe", "lr": 1e-3, "max_iter": 4},
    {"line_search_fn": "strong_wolfe", "lr": 1e3, "max_iter": 4},
    {"line_search_fn": "strong_wolfe", "history_size": 1},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-2},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e3},
    {"line_search_fn": "strong_wolfe", "tolerance_change": 1e-3},
    {"line_search_fn": "strong_wolfe", "tolerance_change": 1e3},
    {"tolerance_change": 1e-2, "max_iter": 9, "lr": 0.01},
    {"max_eval": 2, "lr": 0.01},
]


def walk(library, landscape, options, steps=8):
    """Where the loss was asked for, what it was, and the state after each step."""
    x, y = [library.nn.Parameter(library.tensor([value], dtype=library.float64)) for value in (-1.2, 0.8)]
    optimizer = library.optim.LBFGS([x, y], **options)
    places, counts = [], []

    def closure():
        optimizer.zero_grad()
        loss = landscape(library, x, y).sum()
        loss.backward()
        places.append([x.item(), y.item(), loss.item()])
        return loss

    for number in range(steps):
        if number == 5:
            optimizer.param_groups[0]["lr"] *= 0.5
        loss = optimizer.step(closure)
        state = optimizer.state[optimizer.param_groups[0]["params"][0]]
        counts.append([len(places), state["func_evals"], state["n_iter"], loss.item() == places[0][2]])
    return np.array(places), counts


@pytest.mark.parametrize(("landscape", "options"), list(itertools.product(LANDSCAPES, OPTIONS)), ids=str)
def test_every_evaluation_agrees(landscape, options):
    with np.errstate(all="ignore"):
        (ours, counts), (theirs, expected) = [walk(library, landscape, options) for library in (framework, torch)]
    # Later, near a minimum or a kink, differences of losses are rounding, and the search interpolates by them.
    begin = slice(0, 16)
    np.testing.assert_allclose(ours[begin], theirs[begin], rtol=1e-9, atol=1e-12)
    assert [each for each in counts if each[0] <= 16] == [each for each in expected if each[0] <= 16]
    assert counts[0] == expected[0]


def network(library, options, dtype, steps):
    rng = np.random.default_rng(0)
    model = library.nn.Sequential(library.nn.Linear(4, 6), library.nn.Tanh(), library.nn.Linear(6, 1)).to(dtype)
    model.load_state_dict(
        {name: library.tensor(rng.standard_normal(tuple(value.shape))) for name, value in model.state_dict().items()}
    )
    frozen = library.nn.Parameter(library.ones(3, dtype=dtype))
    inputs, targets = [library.tensor(rng.standard_normal(shape)).to(dtype) for shape in ((20, 4), (20, 1))]
    optimizer = library.optim.LBFGS([*model.parameters(), frozen], **options)
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = ((model(inputs) - targets) ** 2).mean()
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    assert frozen.tolist() == [1, 1, 1]
    return losses


@pytest.mark.parametrize("options", [OPTIONS[0], OPTIONS[3], OPTIONS[7], OPTIONS[11]], ids=str)
def test_a_network_with_an_unused_parameter_agrees(options):
    ours, theirs = [network(library, options, library.float64, 4) for library in (framework, torch)]
    np.testing.assert_allclose(ours[:25], theirs[:25], rtol=1e-9)


def test_a_parameter_twice_warns_and_counts_twice():
    def run(library):
        x, y = [library.nn.Parameter(library.tensor([value], dtype=library.float64)) for value in (-1.2, 0.8)]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            optimizer = library.optim.LBFGS([x, x, y], lr=0.1, max_iter=3)

        def closure():
            optimizer.zero_grad()
            loss = beale(library, x, y).sum()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        return [x.item(), y.item()], [(each.category, str(each.message)[:60]) for each in caught]

    (ours, warned), (theirs, expected) = run(framework), run(torch)
    assert warned == expected and len(warned) == 1
    assert ours == pytest.approx(theirs, rel=1e-9)
