"""Properties that hold for any shape, layout and key, against NumPy: views of views, broadcasting, reading and writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import framework
from tests.ops.test_indexing import keyed

Array = np.ndarray[Any, Any]
bounded = settings(max_examples=120, deadline=None, derandomize=True)


def counted(shape: tuple[int, ...]) -> Array:
    return np.arange(1.0, np.prod(shape) + 1).reshape(shape)


def diagonal(array: Array) -> Array:
    """NumPy's diagonal of the last two dimensions, which may be written to."""
    view = np.diagonal(array, 0, -2, -1)
    view.flags.writeable = True
    return view


Step = tuple[str, Callable[[framework.Tensor], framework.Tensor], Callable[[Array], Array]]


@st.composite
def chains(draw: Any) -> tuple[tuple[int, ...], list[Step]]:
    """A shape, and steps that each take a view: a name, how it is done here, and how in NumPy."""
    shape = tuple(draw(st.lists(st.integers(0, 4), min_size=1, max_size=4)))
    view, steps = counted(shape), []
    for _ in range(draw(st.integers(1, 5))):
        step = draw(st.sampled_from(["swap", "slice", "pick", "unsqueeze", "squeeze", "permute", "diagonal", "flatten"]))
        dims = view.ndim
        if step == "unsqueeze":
            at = draw(st.integers(-dims - 1, dims))
            steps.append((step, lambda t, at=at: t.unsqueeze(at), lambda a, at=at: np.expand_dims(a, at)))
        elif not dims:
            continue
        elif step == "swap":
            i, j = draw(st.integers(-dims, dims - 1)), draw(st.integers(-dims, dims - 1))
            steps.append((step, lambda t, i=i, j=j: t.transpose(i, j), lambda a, i=i, j=j: a.swapaxes(i, j)))
        elif step == "permute":
            order = draw(st.permutations(range(dims)))
            steps.append((step, lambda t, order=order: t.permute(*order), lambda a, order=order: a.transpose(order)))
        elif step == "slice":
            dim, start = draw(st.integers(0, dims - 1)), draw(st.integers(0, 2))
            key = (*(slice(None),) * dim, slice(start, None, draw(st.integers(1, 3))))
            steps.append((step, lambda t, key=key: t[key], lambda a, key=key: a[key]))
        elif step == "pick" and view.shape[0]:
            place = draw(st.integers(-view.shape[0], view.shape[0] - 1))
            steps.append((step, lambda t, place=place: t[place], lambda a, place=place: a[place, ...]))
        elif step == "squeeze":
            steps.append((step, lambda t: t.squeeze(), np.squeeze))
        elif step == "diagonal" and dims >= 2:
            steps.append((step, lambda t: t.diagonal(0, -2, -1), diagonal))
        elif step == "flatten" and view.flags.c_contiguous:
            steps.append((step, lambda t: t.view(-1) if t.numel() else t, lambda a: a.reshape(-1) if a.size else a))
        else:
            continue
        view = steps[-1][2](view)
    return shape, steps


@given(chains())
@bounded
def test_a_chain_of_views_shows_and_changes_what_numpys_does(case: tuple[tuple[int, ...], list[Step]]) -> None:
    shape, steps = case
    array = counted(shape)
    tensor = framework.tensor(array)
    view, seen = array, tensor
    for _, here, there in steps:
        view, seen = there(view), here(seen)
        assert seen.shape == view.shape
        np.testing.assert_array_equal(seen.numpy(), view)
    view *= -2
    seen.mul_(-2)
    np.testing.assert_array_equal(tensor.numpy(), array)


@given(chains())
@bounded
def test_the_gradient_of_a_chain_of_views_lies_where_the_elements_lay(case: tuple[tuple[int, ...], list[Step]]) -> None:
    shape, steps = case
    tensor = framework.tensor(counted(shape), requires_grad=True)
    places, seen = np.arange(np.prod(shape)).reshape(shape), tensor
    for _, here, there in steps:
        places, seen = there(places), here(seen)
    weights = counted(places.shape)
    framework.autograd.backward(seen, framework.tensor(weights))
    wanted = np.zeros(int(np.prod(shape)))
    wanted[places] = weights
    assert tensor.grad is not None
    np.testing.assert_array_equal(tensor.grad.numpy(), wanted.reshape(shape))


def pick(value: Any, basic: list[Any], picks: list[Any]) -> Any:
    here = isinstance(value, framework.Tensor)
    made = [framework.tensor(part) if here and isinstance(part, np.ndarray) else part for part in picks]
    return value[(*basic, ...) if ... not in basic else tuple(basic)][(*made, ...)]


@given(keyed())
@bounded
def test_the_gradient_of_reading_adds_up_where_elements_were_read(case: tuple[Array, list[Any], list[Any]]) -> None:
    array, basic, picks = case
    tensor = framework.tensor(array, requires_grad=True)
    places = pick(np.arange(array.size).reshape(array.shape), basic, picks)
    read = pick(tensor, basic, picks)
    weights = counted(places.shape).astype(np.float32)
    framework.autograd.backward(read, framework.tensor(weights))
    wanted = np.zeros(array.size, np.float32)
    np.add.at(wanted, places, weights)
    assert tensor.grad is not None
    np.testing.assert_array_equal(tensor.grad.numpy(), wanted.reshape(array.shape))


@given(keyed(), st.booleans())
@bounded
def test_the_gradient_of_writing_goes_to_what_was_written(case: tuple[Array, list[Any], list[Any]], number: bool) -> None:
    array, basic, picks = case
    places = pick(np.arange(array.size).reshape(array.shape), basic, picks)
    if len(np.unique(places)) < places.size:
        return  # of several values for one element, which is written is open
    base = framework.tensor(array, requires_grad=True)
    value = framework.tensor(np.ones(() if number else places.shape, np.float32), requires_grad=True)
    written = base.clone()
    view = written[(*basic, ...) if ... not in basic else tuple(basic)]
    view[tuple([framework.tensor(part) if isinstance(part, np.ndarray) else part for part in picks] or [...])] = value
    weights = counted(array.shape).astype(np.float32)
    framework.autograd.backward(written, framework.tensor(weights))
    kept = weights.reshape(-1).copy()
    kept[places] = 0
    assert base.grad is not None and value.grad is not None
    np.testing.assert_array_equal(base.grad.numpy(), kept.reshape(array.shape))
    of_value = weights.reshape(-1)[places]
    np.testing.assert_allclose(value.grad.numpy(), of_value.sum() if number else of_value, rtol=1e-6)


BINARY: list[tuple[Any, Any]] = [
    (framework.add, np.add),
    (framework.sub, np.subtract),
    (framework.mul, np.multiply),
    (framework.maximum, np.maximum),
    (framework.eq, np.equal),
    (framework.lt, np.less),
    (lambda a, b: framework.where(a > b, a, b), np.maximum),
]


@given(
    arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0),
    st.sampled_from(BINARY),
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8]),
    st.lists(st.sampled_from(["plain", "turned", "every other"]), min_size=2, max_size=2),
)
@bounded
def test_operands_of_any_layout_broadcast_as_in_numpy(
    shapes: arrays.BroadcastableShapes, operation: tuple[Any, Any], dtype: Any, layouts: list[str]
) -> None:
    here, there = operation
    operands = []
    for shape, layout in zip(shapes.input_shapes, layouts, strict=True):
        values = np.asarray(counted(shape) % 7, dtype)
        if layout == "turned":
            values = np.array(values.T, order="C").T
        elif layout == "every other":
            values = np.stack([values, values], -1)[..., 0]
        operands.append(values)
    found, wanted = here(*map(framework.from_numpy, operands)), there(*operands)
    assert found.shape == shapes.result_shape and found.numpy().dtype == wanted.dtype
    np.testing.assert_array_equal(found.numpy(), wanted)


@given(st.data())
@bounded
def test_pieces_joined_again_are_the_whole(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    array = counted(shape)
    tensor = framework.tensor(array)
    size = data.draw(st.integers(1, shape[dim]))
    pieces = tensor.split(size, dim)
    for piece, wanted in zip(pieces, np.split(array, range(size, shape[dim], size), dim), strict=True):
        np.testing.assert_array_equal(piece.numpy(), wanted)
    np.testing.assert_array_equal(framework.cat(list(pieces), dim).numpy(), array)
    stacked = framework.stack(list(tensor.unbind(dim)), dim)
    np.testing.assert_array_equal(stacked.numpy(), array)


@given(st.data())
@bounded
def test_flat_places_are_written_as_by_numpys_put(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    array = counted(shape)
    place = st.integers(-array.size, array.size - 1)
    places = np.array(data.draw(st.lists(place, max_size=5, unique_by=lambda i: i % array.size)), np.int64)
    values = -counted(places.shape)
    found = framework.tensor(array).put_(framework.tensor(places), framework.tensor(values))
    np.put(array, places, values)
    np.testing.assert_array_equal(found.numpy(), array)
    np.testing.assert_array_equal(found.take(framework.tensor(places)).numpy(), array.take(places))


@st.composite
def masked_or_broadcast(draw: Any) -> tuple[Array, tuple[Any, ...]]:
    """An array, and a key with a mask over several dimensions or with index arrays that broadcast, slices around or between."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=4)))
    start = draw(st.integers(0, len(shape) - 1))
    width = draw(st.integers(1, len(shape) - start))
    steps = [slice(None, None, draw(st.integers(1, 2))) for _ in shape]
    if draw(st.booleans()):
        inside: Any = [draw(arrays.arrays(bool, shape[start : start + width]))]
    else:
        forms = draw(arrays.mutually_broadcastable_shapes(num_shapes=width, max_dims=2, max_side=3, min_side=1)).input_shapes
        sizes = shape[start : start + width]
        inside = [
            draw(arrays.arrays(np.int64, form, elements=st.integers(-size, size - 1)))
            for form, size in zip(forms, sizes, strict=True)
        ]
        if width > 2 and draw(st.booleans()):
            inside[1] = slice(None)  # a slice between them puts their dimensions first
    return counted(shape), (*steps[:start], *inside, *steps[start + width :])


@given(masked_or_broadcast(), st.booleans())
@bounded
def test_masks_of_several_dimensions_and_index_arrays_that_broadcast(case: tuple[Array, tuple[Any, ...]], write: bool) -> None:
    array, key = case
    tensor, places = framework.tensor(array), np.arange(array.size).reshape(array.shape)[key]
    own = tuple([framework.tensor(part) if isinstance(part, np.ndarray) else part for part in key])
    found = tensor[own]
    assert found.shape == array[key].shape
    np.testing.assert_array_equal(found.numpy(), array[key])
    values = -counted(places.shape)
    if write and len(np.unique(places)) == places.size:
        tensor[own] = framework.tensor(values)
        array[key] = values
        np.testing.assert_array_equal(tensor.numpy(), array)
    elif write and not any(isinstance(part, slice) for part in key) and array[key].size:
        tensor.index_put_(own, framework.tensor(values), accumulate=True)
        np.add.at(array, key, values)
        np.testing.assert_array_equal(tensor.numpy(), array)


@given(st.data())
@bounded
def test_gather_and_scatter_add_with_repeated_indices_are_numpys(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    picked = list(shape)
    picked[dim] = data.draw(st.integers(0, 5))
    index = data.draw(arrays.arrays(np.int64, tuple(picked), elements=st.integers(0, shape[dim] - 1)))
    array, source = counted(shape), counted(tuple(picked))
    tensor = framework.tensor(array, requires_grad=True)
    found = tensor.gather(dim, framework.tensor(index))
    np.testing.assert_array_equal(found.detach().numpy(), np.take_along_axis(array, index, dim))
    framework.autograd.backward(found, framework.tensor(source))
    places = list(np.indices(picked))
    places[dim] = index
    added = np.zeros(shape)
    np.add.at(added, tuple(places), source)
    assert tensor.grad is not None
    np.testing.assert_array_equal(tensor.grad.numpy(), added)
    total = tensor.detach().clone().scatter_add_(dim, framework.tensor(index), framework.tensor(source))
    np.testing.assert_array_equal(total.numpy(), array + added)
