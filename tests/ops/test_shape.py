"""Shapes, orders of dimensions, broadcasting and memory layout, against NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framework

X = np.arange(24.0).reshape(2, 3, 4)


@st.composite
def reshapes(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """A shape, a permutation of its dimensions, and another shape with as many elements."""
    shape = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 4]), max_size=4)))
    order = tuple(draw(st.permutations(range(len(shape)))))
    rest, target = math.prod(shape), []
    while rest > 1 and draw(st.booleans()):
        factor = draw(st.sampled_from([n for n in range(1, rest + 1) if rest % n == 0]))
        target.append(factor)
        rest //= factor
    return shape, order, (*target, rest)


@given(reshapes())
@settings(max_examples=200, deadline=None)
def test_a_reshape_is_a_view_exactly_where_numpy_makes_one(
    case: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
) -> None:
    shape, order, target = case
    array = np.arange(math.prod(shape), dtype=np.float32).reshape(shape).transpose(order)
    tensor = framework.from_numpy(array)
    result = tensor.reshape(target)
    np.testing.assert_array_equal(result.numpy(), array.reshape(target))
    if array.size:
        shares = np.may_share_memory(array.reshape(target), array)
        assert np.may_share_memory(result.numpy(), array) == shares
        assert (result._base is tensor) == shares
        if shares:
            assert tensor.view(target).data_ptr() == tensor.data_ptr()
        else:
            with pytest.raises(RuntimeError, match=r"Use \.reshape"):
                tensor.view(target)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.view(6, 4),
        lambda x: x.reshape(24),
        lambda x: x.permute(2, 0, 1),
        lambda x: x.transpose(0, 2),
        lambda x: x.mT,
        lambda x: x.unsqueeze(1),
        lambda x: x[None, :1].squeeze(0),
        lambda x: x.expand(2, 2, 3, 4)[1],
        lambda x: x.flatten(1),
        lambda x: x.unflatten(2, (2, 2)),
        lambda x: x.movedim(0, -1),
        lambda x: x.narrow(1, 1, 2),
        lambda x: x.select(2, 3),
        lambda x: x.split(2, 1)[0],
        lambda x: x.chunk(2)[1],
        lambda x: x.unbind(1)[2],
        lambda x: x.diagonal(),
        lambda x: x.unfold(2, 2, 2),
        lambda x: x.as_strided((2, 2), (1, 3)),
        lambda x: x[..., 1:, 0],
    ],
)
def test_views_share_memory_and_the_version_counter(view: Any) -> None:
    x = framework.tensor(X)
    seen = view(x)
    assert seen._is_view() and seen._base is x
    seen.mul_(-1)
    np.testing.assert_array_equal(seen.numpy(), view(framework.tensor(x.numpy())).numpy())
    assert (x.numpy() < 0).any() or (x.numpy() == 0).all()
    assert x._version == seen._version == 1


def test_strides_and_offsets_are_counted_in_elements() -> None:
    x = framework.tensor(X, dtype=framework.float32)
    assert x.stride() == (12, 4, 1) and x.mT.stride() == (12, 1, 4) and x.stride(-1) == 1
    assert x[1, 2:].storage_offset() == 20 and x.storage_offset() == 0
    assert x[1].data_ptr() - x.data_ptr() == 48
    assert framework.zeros(0, 3).stride() == (3, 1)
    assert x.is_contiguous() and not x.mT.is_contiguous()
    assert x.contiguous() is x and x.mT.contiguous().stride() == (12, 3, 1)


def test_channels_last_is_an_order_in_memory_not_a_shape() -> None:
    x = framework.arange(120.0).reshape(2, 3, 4, 5)
    last = x.contiguous(memory_format=framework.channels_last)
    assert last.shape == x.shape and last.stride() == (60, 1, 15, 3)
    assert last.is_contiguous(memory_format=framework.channels_last) and not last.is_contiguous()
    assert framework.equal(last, x)
    assert last.clone().stride() == last.stride() and framework.zeros_like(last).stride() == last.stride()
    with pytest.raises(RuntimeError, match="rank 4"):
        x[0].contiguous(memory_format=framework.channels_last)


def test_an_expanded_tensor_takes_no_memory_and_refuses_writes() -> None:
    row = framework.zeros(3)
    wide = row.expand(4, 3)
    assert wide.stride() == (0, 1)
    with pytest.raises(RuntimeError, match="single memory location"):
        wide.add_(1)
    wide[0] = 1  # one row is a tensor like any other
    assert row.tolist() == [1, 1, 1]
    assert wide.clone().stride() == (3, 1)


@given(st.lists(st.lists(st.sampled_from([1, 2, 3]), max_size=3), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_broadcasting_is_numpys(shapes: list[list[int]]) -> None:
    tensors = [framework.ones(shape) for shape in shapes]
    try:
        expected = np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        with pytest.raises(RuntimeError, match="must match the size"):
            framework.broadcast_tensors(*tensors)
        return
    assert framework.broadcast_shapes(*shapes) == expected
    assert all(each.shape == expected for each in framework.broadcast_tensors(*tensors))


def test_in_place_views_change_the_tensor_itself() -> None:
    x = framework.tensor(X, requires_grad=True)
    y = x * 2
    assert y.unsqueeze_(0) is y and y.shape == (1, 2, 3, 4)
    assert y.squeeze_(0).transpose_(0, 2).shape == (4, 3, 2)
    y.sum().backward()
    assert framework.equal(x.grad, framework.full_like(x, 2))
    with pytest.raises(RuntimeError, match="leaf Variable"):
        x.unsqueeze_(0)


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (RuntimeError, r"shape '\[5\]' is invalid for input of size 24", lambda x: x.reshape(5)),
        (RuntimeError, "only one dimension can be inferred", lambda x: x.reshape(-1, -1)),
        (RuntimeError, "ambiguous", lambda x: x[:0].reshape(0, -1)),
        (IndexError, r"range of \[-3, 2\], but got 3", lambda x: x.transpose(0, 3)),
        (RuntimeError, "duplicate dims", lambda x: x.permute(0, 0, 1)),
        (RuntimeError, "len\\(dims\\) = 2", lambda x: x.permute(0, 1)),
        (RuntimeError, "<= 2 dimensions", lambda x: x.t()),
        (RuntimeError, "batches of matrices", lambda x: x[0, 0].mT),
        (RuntimeError, "non-singleton dimension 2", lambda x: x.expand(2, 3, 5)),
        (RuntimeError, "number of sizes provided", lambda x: x.expand(3, 4)),
        (RuntimeError, "multiply up", lambda x: x.unflatten(0, (3, 2))),
        (RuntimeError, "cannot come after", lambda x: x.flatten(2, 1)),
        (RuntimeError, "repeated dim", lambda x: x.movedim((0, 0), (1, 2))),
        (RuntimeError, "exceeds dimension size", lambda x: x.narrow(0, 1, 2)),
        (IndexError, "start out of range", lambda x: x.narrow(0, 3, 0)),
        (RuntimeError, "maximum size for tensor at dimension 2 is 4", lambda x: x.unfold(2, 5, 1)),
        (RuntimeError, "only contiguous", lambda x: x.mT.as_strided((2,), (1,))),
        (RuntimeError, "reach out of", lambda x: x.as_strided((25,), (1,))),
    ],
)
def test_errors_say_what_was_asked_and_what_is_wrong(error: type[Exception], match: str, call: Any) -> None:
    with pytest.raises(error, match=match):
        call(framework.tensor(X))


def test_bytes_can_be_seen_as_another_dtype() -> None:
    x = framework.tensor([1.0, -2.0])
    assert x.view(framework.int32).tolist() == np.array([1.0, -2.0], np.float32).view(np.int32).tolist()
    assert x.view(framework.uint8).shape == (8,)
    with pytest.raises(RuntimeError, match="no gradient"):
        x.requires_grad_().view(framework.int32)
