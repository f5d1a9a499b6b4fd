"""Every operator of PyTorch's database that is there gives what PyTorch gives; and the comparison would see if not."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("expecttest")

import framework
from framework.ops import transcendental
from tests.parity.operators import compare, operators, ours, title

HERE = [pytest.param(op, id=title(op)) for op in operators() if ours(op) is not None]
# All their samples need what is outside of the comparison.
WITHOUT_SAMPLES = {"nn.functional.triplet_margin_with_distance_loss": "a Module of PyTorch's as an argument"}

# What is refused in words for some samples where PyTorch gives something.
REFUSED = {
    "index_reduce.prod": "second derivatives are not supported where a factor is zero",
    "scatter_reduce.prod": "second derivatives are not supported where a factor is zero",
}


def check(op: Any, samples: int | None) -> None:
    report = compare(op, samples)
    words = REFUSED.get(title(op))
    problems = [each for each in report.problems if words is None or words not in each]
    assert not problems, "\n".join(problems[:10])
    assert report.samples or title(op) in WITHOUT_SAMPLES


@pytest.mark.parametrize("op", HERE)
def test_operators_give_what_pytorch_gives(op: Any) -> None:
    check(op, 2)


@pytest.mark.slow
@pytest.mark.parametrize("op", HERE)
def test_operators_give_what_pytorch_gives_on_all_samples(op: Any) -> None:
    check(op, None)


def test_there_are_as_many_operators_as_before() -> None:
    assert len(HERE) >= 520


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda input: transcendental.tanh(input) * (1 + 1e-4), "differ"),
        (lambda input: transcendental.tanh(input).double(), "PyTorch float32"),
        (lambda input: transcendental.tanh(input).detach() + 0 * input, "gradient"),
        (lambda input: transcendental.tanh(input) + (0.1 * (input - input.detach()) ** 2), "gradient 1"),
        (lambda input: input.detach().zero_(), "an argument afterwards"),
    ],
)
def test_the_comparison_sees_a_wrong_value_dtype_gradient_second_gradient_or_argument(
    wrong: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tanh = next(op for op in operators() if op.name == "tanh")
    monkeypatch.setattr(framework, "tanh", wrong)
    assert any(said in problem for problem in compare(tanh, 2).problems)


def test_the_comparison_sees_a_bad_input_taken_or_refused_with_another_error(monkeypatch: pytest.MonkeyPatch) -> None:
    gather = next(op for op in operators() if op.name == "gather")
    real = framework.gather

    def careless(*args: Any, **kwargs: Any) -> Any:
        try:
            return real(*args, **kwargs)
        except RuntimeError:
            return None

    def confused(*args: Any, **kwargs: Any) -> Any:
        try:
            return real(*args, **kwargs)
        except RuntimeError as error:
            raise KeyError from error

    for wrong, said in ((careless, "taken; PyTorch RuntimeError"), (confused, "KeyError: ; PyTorch RuntimeError")):
        monkeypatch.setattr(framework, "gather", wrong)
        assert any(said in problem for problem in compare(gather, 2).problems)
