"""Public functions in pickles, and functions of a user's that they call."""

from __future__ import annotations

import pickle
from types import FunctionType
from typing import Any

import pytest

import framework
from tests.ops.test_public import SPACES, F, X


@pytest.mark.parametrize("space", [*SPACES.values(), framework.Tensor], ids=lambda space: space.__name__)
def test_pickles_find_every_function(space: Any) -> None:
    functions = [each for name, each in vars(space).items() if isinstance(each, FunctionType) and name[0] != "_"]
    assert len(functions) > 25
    assert [each for each in functions if pickle.loads(pickle.dumps(each)) is not each] == []


def test_functions_go_by_the_names_that_users_know() -> None:
    known = (framework.sin, framework.gt, framework.linalg.cholesky, F.gelu, F.relu, framework.zeros, framework.Tensor.mul_)
    names = ("sin", "gt", "linalg.cholesky", "nn.functional.gelu", "relu", "zeros", "tensor.Tensor.mul_")
    assert [f"{each.__module__}.{each.__qualname__}" for each in known] == [f"framework.{name}" for name in names]


def test_modules_that_hold_functions_are_pickled() -> None:
    layer = framework.nn.TransformerEncoderLayer(4, 2, 8, activation=F.relu).eval()
    x = framework.randn(3, 4)
    assert pickle.loads(pickle.dumps(layer))(x).tolist() == layer(x).tolist()


@pytest.mark.parametrize("error", [AttributeError, TypeError, ValueError])
def test_errors_of_a_users_own_function_are_passed_on(error: type[Exception]) -> None:
    def distance(a: Any, b: Any) -> Any:
        if error is AttributeError:
            a.foo  # noqa: B018
        raise error("got an unexpected keyword argument 'ancor'")

    with pytest.raises(error, match=r"foo|'ancor'$") as caught:
        F.triplet_margin_with_distance_loss(X, X, X, distance_function=distance)
    assert "distance" in [each.name for each in caught.traceback]
