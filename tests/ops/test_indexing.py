"""Square brackets, reading and writing, against NumPy; and their gradients."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework
from framework.autograd.gradcheck import gradcheck, gradgradcheck

Array = np.ndarray[Any, Any]


@st.composite
def keyed(draw: Any) -> tuple[Array, list[Any], list[Any]]:
    """An array, a basic key, and a key of arrays and slices for the view which that gives."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    basic: list[Any] = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        kind = draw(st.sampled_from(["int", "slice", "full"]))
        if kind == "int":
            basic.append(draw(st.integers(-size, size - 1)))
        elif kind == "slice":
            bound = st.one_of(st.none(), st.integers(-size - 1, size + 1))
            basic.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2]))))
        else:
            basic.append(slice(None))
    for _ in range(draw(st.integers(0, 2))):
        basic.insert(draw(st.integers(0, len(basic))), None)
    if len([part for part in basic if part is not None]) == len(shape) and draw(st.booleans()):
        basic.insert(draw(st.integers(0, len(basic))), ...)
    view = array[(*basic, ...) if ... not in basic else tuple(basic)]
    common = draw(st.sampled_from([(2,), (3,), (2, 3), (1,)]))
    picks: list[Any] = []
    for size in view.shape[: draw(st.integers(0, view.ndim))]:
        kind = draw(st.sampled_from(["full", "indices", "mask"]))
        if kind == "full" or size == 0:
            picks.append(slice(None))
        elif kind == "mask" and not any(isinstance(part, np.ndarray) for part in picks):
            picks.append(np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size))))
            common = (int(picks[-1].sum()),)
        else:
            picks.append(np.array(draw(st.lists(st.integers(-size, size - 1), min_size=6, max_size=6)))[: common[-1]])
            picks[-1] = picks[-1] if len(picks[-1]) == common[-1] else np.resize(picks[-1], common[-1])
    return array, basic, picks


@given(keyed())
@settings(max_examples=300, deadline=None)
def test_reading_is_numpys(case: tuple[Array, list[Any], list[Any]]) -> None:
    array, basic, picks = case
    tensor = framework.tensor(array)
    view = array[(*basic, ...) if ... not in basic else tuple(basic)]
    seen = tensor[tuple(basic)]
    np.testing.assert_array_equal(seen, view)
    assert seen.shape == view.shape and seen._is_view()
    result = seen[tuple(map(_index, picks))]
    np.testing.assert_array_equal(result, view[(*picks, ...)])
    assert result.shape == view[(*picks, ...)].shape


@given(keyed(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_writing_is_numpys(case: tuple[Array, list[Any], list[Any]], with_number: bool) -> None:
    array, basic, picks = case
    tensor = framework.tensor(array)
    view = array[(*basic, ...) if ... not in basic else tuple(basic)]
    value = -1.0 if with_number else -1 - np.arange(view[(*picks, ...)].size, dtype=np.float32).reshape(view[(*picks, ...)].shape)
    before = tensor.clone()
    tensor[tuple(basic)][tuple(map(_index, picks))] = value if with_number else framework.tensor(value)
    view[(*picks, ...)] = value
    np.testing.assert_array_equal(tensor, array)
    assert tensor._version == 1 and before._version == 0


def _index(part: Any) -> Any:
    return framework.tensor(part) if isinstance(part, np.ndarray) else part


X = np.arange(24.0).reshape(2, 3, 4)


def test_an_integer_beside_indices_gives_a_view_first_as_in_pytorch() -> None:
    x = framework.tensor(X)
    assert x[0, :, [0, 1]].shape == (3, 2)  # NumPy's is (2, 3)
    np.testing.assert_array_equal(x[0, :, [0, 1]], X[0][:, [0, 1]])
    assert x[[0, 1], :, [0, 1]].shape == (2, 3) and x[:, [0, 1], [0, 1]].shape == (2, 2)
    assert x[[0, 1], None, [0, 1]].shape == (2, 1, 4)


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        (True, (1, 2, 3, 4)),
        (False, (0, 2, 3, 4)),
        ((0, True), (1, 3, 4)),
        ([], (0, 3, 4)),
        ([True, False], (1, 3, 4)),
        (range(2), (2, 3, 4)),
        (np.array([1, 0, 1]), (3, 3, 4)),
        (np.int64(1), (3, 4)),
        (([0, 1], [0, 2]), (2, 4)),
        ([[0, 1], [0, 2]], (2, 4)),
        ((..., None), (2, 3, 4, 1)),
        ((..., ...), (2, 3, 4)),
        ((), (2, 3, 4)),
    ],
)
def test_other_keys(key: Any, shape: tuple[int, ...]) -> None:
    assert framework.tensor(X)[key].shape == shape


def test_integer_tensors_without_dimensions_are_integers() -> None:
    x = framework.tensor(X)
    row = x[framework.tensor(1)]
    assert row._base is x and framework.equal(row, x[1])
    assert framework.equal(x[framework.tensor(0) : framework.tensor(1)], x[:1])
    assert x[framework.tensor([0, 1], dtype=framework.int32)].shape == (2, 3, 4)


def test_bytes_are_masks_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="use a dtype torch.bool"):
        assert framework.tensor(X)[framework.tensor([0, 1], dtype=framework.uint8)].shape == (1, 3, 4)


@pytest.mark.parametrize(
    ("error", "match", "key"),
    [
        (IndexError, "index 2 is out of bounds for dimension 0 with size 2", 2),
        (IndexError, "index -4 is out of bounds for dimension 1 with size 3", (0, -4)),
        (IndexError, "too many indices for tensor of dimension 3", (0, 0, 0, 0)),
        (ValueError, "step must be greater than zero", slice(None, None, -1)),
        (IndexError, "index 3 is out of bounds for dimension 1", (slice(None), [0, 3])),
        (IndexError, r"shape of the mask \[3\]", [True, False, True]),
        (IndexError, "must be long, int, byte or bool", framework.tensor([0.0])),
        (IndexError, r"broadcast together with shapes \[2\], \[3\]", ([0, 1], [0, 1, 2])),
        (IndexError, r"got str", "a"),
        (IndexError, r"got float", 1.5),
    ],
)
def test_errors_are_of_pytorchs_kind_for_reading_and_writing(error: type[Exception], match: str, key: Any) -> None:
    x = framework.tensor(X)
    with pytest.raises(error, match=match):
        x[key]
    with pytest.raises(error, match=match):
        x[key] = 1.0
    assert x._version == 0


def test_a_tensor_without_dimensions_has_nothing_to_index() -> None:
    with pytest.raises(IndexError, match=r"Use `tensor\.item\(\)`"):
        framework.tensor(1.0)[0]


@pytest.mark.parametrize(
    ("error", "match", "key", "value"),
    [
        (RuntimeError, "can't be broadcast", 0, framework.ones(5)),
        (RuntimeError, r"shape \[5\] cannot be broadcast to indexing result", [0, 1], framework.ones(5).double()),
        (RuntimeError, "dtypes match, got torch.float64 for the destination and torch.int64", [0, 1], framework.ones(4).long()),
        (TypeError, "can't assign a list", 0, [1, 2, 3, 4]),
        (TypeError, "can't assign a ndarray", 0, np.ones(4)),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused_before_anything_is_written(
    error: type[Exception], match: str, key: Any, value: Any
) -> None:
    x = framework.tensor(X)
    with pytest.raises(error, match=match):
        x[key] = value
    np.testing.assert_array_equal(x, X)


def test_written_numbers_are_converted_as_pytorch_does() -> None:
    whole = framework.zeros(2, dtype=framework.int64)
    whole[0], whole[1] = 1.9, framework.tensor(-1.9)
    assert whole.tolist() == [1, -1]
    byte = framework.zeros(2, dtype=framework.uint8)
    byte[0] = -1
    assert byte[0] == 255
    with pytest.raises(RuntimeError, match="without overflow"):
        byte[1] = 256


def test_gradients_of_repeated_indices_add_up() -> None:
    x = framework.tensor(X, requires_grad=True)
    x[[1, 0, 1, 1]].sum().backward()
    np.testing.assert_array_equal(x.grad[:, 0, 0], [1, 3])
    x.grad = None
    (x[:, [0, -1, 2]] * 2).sum().backward()
    np.testing.assert_array_equal(x.grad[0, :, 0], [2, 0, 4])


KEYS: list[Any] = [
    1,
    (slice(None), 0),
    (..., slice(None, None, 2)),
    (None, slice(1, None)),
    [1, 0, 1],
    (slice(None), [2, 0]),
    ([0, 1], [2, 0]),
    ([0, 1], slice(None), [3, 1]),
    (0, slice(None), [0, 3]),
    framework.tensor(X % 5 < 2),
    (slice(None), framework.tensor([True, False, True])),
    ([[0], [1]], [[0, 2]], 1),
]


@pytest.mark.parametrize("key", KEYS)
def test_gradients_of_reading(key: Any) -> None:
    x = framework.randn(2, 3, 4, dtype=framework.float64, requires_grad=True)
    assert gradcheck(lambda x: x[key], (x,)) and gradgradcheck(lambda x: x[key], (x,))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("scalar", [True, False])
def test_gradients_of_writing_reach_both_sides(key: Any, scalar: bool) -> None:
    x = framework.randn(2, 3, 4, dtype=framework.float64, requires_grad=True)
    if isinstance(key, list):
        key = [1, 0]  # of repeated indices one wins: no derivative
    shape = () if scalar else x[key].shape
    value = framework.randn(*shape, dtype=framework.float64, requires_grad=True) if shape else framework.tensor(
        0.5, dtype=framework.float64, requires_grad=True
    )  # fmt: skip

    def write(x: Any, value: Any) -> Any:
        y = x * 2
        y[key] = value * 3
        return y * y

    assert gradcheck(write, (x, value)) and gradgradcheck(write, (x, value))


def test_writing_into_a_view_of_a_view_is_seen_everywhere() -> None:
    w = framework.tensor(2.0, requires_grad=True)
    base = framework.zeros(3, 4)
    row = base[1]
    other = base.t()
    row[2:][1] = w
    assert base[1, 3] == 2 and other[3, 1] == 2 and row.requires_grad and other.requires_grad
    (base.sum() + 10 * other.sum() + 100 * row.sum()).backward()
    assert w.grad == 111


def test_a_leaf_that_requires_grad_refuses_writes_unless_nothing_is_recorded() -> None:
    w = framework.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        w[0] = 1
    with framework.no_grad():
        w[0] = 1
        w[[1, 2]] = 2
    assert w.tolist() == [1, 2, 2] and w.is_leaf and w._version == 2


def test_a_saved_value_that_is_overwritten_is_an_error_and_never_a_wrong_gradient() -> None:
    x = framework.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y[0] = 5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    index = framework.tensor([0, 1])
    picked = x[index]
    index[0] = 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        picked.sum().backward()


def test_lists_and_arrays_of_indices_may_change_afterwards() -> None:
    x = framework.zeros(3, requires_grad=True)
    rows = np.array([0, 0])
    picked = x[rows]
    rows[:] = 2
    picked.sum().backward()
    assert x.grad.tolist() == [2, 0, 0]


def test_augmented_assignment() -> None:
    x = framework.tensor(X)
    x[0] += 1
    x[:, [1, 2]] *= 2
    expected = X.copy()
    expected[0] += 1
    expected[:, [1, 2]] *= 2
    np.testing.assert_array_equal(x, expected)


def test_index_put_adds_up_repeated_indices() -> None:
    x, index = framework.zeros(3), framework.tensor([1, 1, 2])
    assert x.index_put((index,), framework.tensor([1.0, 2.0, 3.0]), accumulate=True).tolist() == [0, 3, 3]
    assert x.index_put_((index,), framework.tensor(7.0)) is x and x.tolist() == [0, 7, 7]
    with pytest.raises(TypeError, match="tuple of Tensors"):
        x.index_put(index, framework.tensor(1.0))


def test_no_warning_is_given_for_ordinary_keys() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = framework.tensor(X)
        x[x > 3] = 0
        assert x[[0, 1], 0].shape == (2, 4)
