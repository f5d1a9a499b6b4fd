"""Making tensors and converting them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import framework
from framework import Size


@pytest.mark.parametrize(
    ("data", "dtype", "value"),
    [
        ([1, 2.5], framework.float32, [1, 2.5]),
        ([True, 2], framework.int64, [1, 2]),
        ([True, False], framework.bool, [True, False]),
        (3, framework.int64, 3),
        (np.float64(1.5), framework.float64, 1.5),
        ([np.float32(1.5)], framework.float32, [1.5]),
        (np.arange(3, dtype=np.int16), framework.int16, [0, 1, 2]),
        ([np.ones(2), np.zeros(2)], framework.float64, [[1, 1], [0, 0]]),
        ([framework.tensor(1.0), 2], framework.float32, [1, 2]),
        ([framework.tensor([1]), framework.tensor(2)], framework.int64, [1, 2]),
        ([], framework.float32, []),
        ([[], []], framework.float32, [[], []]),
        (range(3), framework.int64, [0, 1, 2]),
    ],
)
def test_the_dtype_follows_from_the_data(data: Any, dtype: framework.dtype, value: Any) -> None:
    result = framework.tensor(data)
    assert result.dtype is dtype and result.tolist() == value


def test_python_floats_have_the_default_dtype() -> None:
    framework.set_default_dtype(framework.float64)
    try:
        made = [framework.tensor(1.0), framework.zeros(1), framework.arange(0.5), framework.full((1,), 2.0)]
        made.append(framework.rand(1))
        assert {each.dtype for each in made} == {framework.float64}
    finally:
        framework.set_default_dtype(framework.float32)


@pytest.mark.parametrize(
    ("error", "match", "data", "dtype"),
    [
        (ValueError, r"length 2 at dim 1 \(got 1, at position 1\)", [[1, 2], [3]], None),
        (TypeError, "side by side at dim 1", [[1, 2], 3], None),
        (TypeError, "'str'", "abc", None),
        (RuntimeError, "infer dtype of NoneType", [None], None),
        (TypeError, "complex numbers are not supported", 1j, None),
        (ValueError, "Overflow", [2**63], None),
        (ValueError, "Overflow", 2**64, None),
        (RuntimeError, "value 300 cannot be converted to type uint8", [300], framework.uint8),
        (RuntimeError, "cannot be converted to type int64", [math.nan], framework.int64),
        (ValueError, "only one element tensors", [framework.ones(2)], None),
        (TypeError, "NumPy type uint16", np.ones(1, np.uint16), None),
    ],
)
def test_data_that_is_no_tensor(error: type[Exception], match: str, data: Any, dtype: Any) -> None:
    with pytest.raises(error, match=match):
        framework.tensor(data, dtype=dtype)


def test_tensor_copies_and_from_numpy_shares() -> None:
    array = np.zeros(3, np.float32)
    copied, shared = framework.tensor(array), framework.from_numpy(array)
    array[0] = 1
    assert copied[0] == 0 and shared[0] == 1
    shared[1] = 2
    assert array[1] == 2 and shared.numpy()[1] == 2
    assert framework.as_tensor(array).data_ptr() == shared.data_ptr() == framework.asarray(array).data_ptr()
    assert framework.as_tensor(shared) is shared
    assert framework.as_tensor(array, dtype=framework.float64).data_ptr() != shared.data_ptr()
    with pytest.warns(UserWarning, match="copy construct"):
        assert framework.tensor(shared).data_ptr() != shared.data_ptr()


def test_from_numpy_refuses_what_it_cannot_share() -> None:
    with pytest.raises(ValueError, match="negative"):
        framework.from_numpy(np.ones(2)[::-1])
    with pytest.raises(ValueError, match="byte order"):
        framework.from_numpy(np.ones(2, ">f4"))
    with pytest.raises(TypeError, match=r"expected np.ndarray \(got list\)"):
        framework.from_numpy([1])
    frozen = np.ones(2)
    frozen.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        framework.from_numpy(frozen).add_(1)
    with pytest.raises(ValueError, match="can't alias"):
        framework.asarray([1.0], copy=False)


def test_sizes_come_one_by_one_or_together() -> None:
    for make in (framework.zeros, framework.ones, framework.empty, framework.rand, framework.randn):
        assert make(2, 3).shape == make((2, 3)).shape == make(size=[2, 3]).shape == make(Size([2, 3])).shape == (2, 3)
        assert make(()).shape == ()
        with pytest.raises(RuntimeError, match="negative dimension -1"):
            make(2, -1)
        with pytest.raises(TypeError, match="must be tuple of ints"):
            make(2.5)
        with pytest.raises(TypeError, match='missing 1 required positional arguments: "size"'):
            make()
        with pytest.raises(RuntimeError, match="not supported"):
            make(2, device="cuda")
    assert framework.zeros(framework.tensor(2)).shape == (2,)


def test_filled_tensors() -> None:
    assert framework.full((2,), True).dtype is framework.bool and framework.full((2,), 1).dtype is framework.int64
    assert framework.full((), 2.5, dtype=framework.int64).item() == 2
    x = framework.zeros(2, 3, dtype=framework.float64).t()
    for like in (framework.zeros_like(x), framework.ones_like(x), framework.full_like(x, 7), framework.empty_like(x)):
        assert like.dtype is x.dtype and like.stride() == x.stride() and not like.requires_grad
    assert framework.full_like(x, 7).sum() == 42 and framework.ones_like(x, dtype=framework.bool).all()
    assert x.new_zeros(2).dtype is x.new_full((2,), 1).dtype is x.new_tensor([1]).dtype is framework.float64
    assert x.new_ones(2, dtype=framework.int32).dtype is framework.int32 and x.new_empty(3, 1).shape == (3, 1)
    with pytest.raises(TypeError, match="must be Number, not Tensor"):
        framework.full((2,), framework.ones(2))
    with pytest.raises(RuntimeError, match="only Tensors of floating point"):
        framework.zeros(2, dtype=framework.int64, requires_grad=True)


@pytest.mark.parametrize(
    ("arguments", "expected", "dtype"),
    [
        ((5,), [0, 1, 2, 3, 4], framework.int64),
        ((1, 4), [1, 2, 3], framework.int64),
        ((5, 0, -2), [5, 3, 1], framework.int64),
        ((0, 1, 0.25), [0, 0.25, 0.5, 0.75], framework.float32),
        ((2.5,), [0, 1, 2], framework.float32),
        ((3, 3), [], framework.int64),
    ],
)
def test_arange(arguments: tuple[float, ...], expected: list[float], dtype: framework.dtype) -> None:
    result = framework.arange(*arguments)
    assert result.tolist() == expected and result.dtype is dtype


def test_arange_refuses_endless_ranges() -> None:
    for arguments, match in [((0, 5, 0), "nonzero"), ((0, 5, -1), "inconsistent"), ((0, math.inf), "unsupported range")]:
        with pytest.raises(RuntimeError, match=match):
            framework.arange(*arguments)
    with pytest.raises(TypeError, match=r"takes \(end\)"):
        framework.arange()


def test_spaced_numbers_count_from_the_nearer_end() -> None:
    x = framework.linspace(-1, 1, 101, dtype=framework.float64)
    np.testing.assert_allclose(x, np.linspace(-1, 1, 101), atol=1e-15)
    assert framework.equal(x, -x.flip(0)) and x[0] == -1 and x[-1] == 1
    assert framework.linspace(0, 10, 5, dtype=framework.int64).tolist() == [0, 2, 5, 7, 10]
    assert framework.linspace(3, 9, 1).tolist() == [3] and framework.linspace(3, 9, 0).tolist() == []
    np.testing.assert_allclose(framework.logspace(0, 3, 4, base=2), [1, 2, 4, 8])
    with pytest.raises(RuntimeError, match="non-negative"):
        framework.linspace(0, 1, -1)


def test_fixed_matrices() -> None:
    np.testing.assert_array_equal(framework.eye(2, 3), np.eye(2, 3))
    np.testing.assert_array_equal(framework.tril_indices(3, 4, 1), np.stack(np.tril_indices(3, 1, 4)))
    np.testing.assert_array_equal(framework.triu_indices(3, 4, -1), np.stack(np.triu_indices(3, -1, 4)))


# ---- Conversion --------------------------------------------------------------------------------------------------


def test_to_in_all_its_forms() -> None:
    x = framework.tensor([1.5, -2.5])
    other = framework.zeros(1, dtype=framework.int32)
    assert x.to(framework.float32) is x.to("cpu") is x.to(x) is x.float() is x.cpu() is x
    assert x.to(framework.int64).tolist() == [1, -2]
    assert x.to("cpu", framework.int8).dtype is framework.int8
    assert x.to(device=framework.device("cpu"), dtype=framework.float64).dtype is framework.float64
    assert x.to(other).dtype is x.type_as(other).dtype is x.type(framework.int32).dtype is framework.int32
    assert x.to(framework.float32, copy=True) is not x and x.to(x, copy=True).data_ptr() != x.data_ptr()
    assert x.to(framework.float64, False, True).dtype is framework.float64
    assert x.type() == "torch.FloatTensor" and x.type("torch.LongTensor").dtype is framework.int64
    for bad in (("cuda",), (5,)):
        with pytest.raises(RuntimeError):
            x.to(*bad)
    for arguments, options in [((framework.strided,), {}), ((), {"bogus": 1}), ((framework.int8, framework.int8), {})]:
        with pytest.raises(TypeError, match="to\\(\\)"):
            x.to(*arguments, **options)
    with pytest.raises(RuntimeError, match="cuda"):
        x.cuda()


def test_gradients_flow_through_floating_dtypes_only() -> None:
    x = framework.tensor([1.0, 2.0], requires_grad=True)
    (x.double() * framework.tensor([1e-20, 2.0], dtype=framework.float64)).sum().backward()
    assert x.grad.dtype is framework.float32 and x.grad[1] == 2
    assert not x.long().requires_grad and not x.bool().requires_grad
    assert x.half().requires_grad


def test_clone_keeps_the_layout_and_the_graph() -> None:
    x = framework.arange(6.0).reshape(2, 3).requires_grad_()
    assert x.t().clone().stride() == (1, 3) and x.t().clone(memory_format=framework.contiguous_format).stride() == (2, 1)
    x.clone().sum().backward()
    assert x.grad.tolist() == [[1] * 3] * 2


def test_detach_shares_memory_and_the_version() -> None:
    x = framework.ones(3, requires_grad=True)
    y = (x * 2).exp()
    loose = y.detach()
    assert not loose.requires_grad and loose.data_ptr() == y.data_ptr() and loose._base is None
    loose.zero_()
    assert y._version == 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_copy_broadcasts_converts_and_records() -> None:
    w = framework.tensor([1.0, 2.0], requires_grad=True)
    x = framework.zeros(3, 2, dtype=framework.float64)
    assert x.copy_(w) is x and x.requires_grad and repr(x.grad_fn).startswith("<CopyBackwards")
    x.sum().backward()
    assert w.grad.tolist() == [3, 3] and w.grad.dtype is framework.float32
    with pytest.raises(RuntimeError, match="can't be broadcast"):
        framework.zeros(2).copy_(framework.ones(3))
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        framework.zeros(2).copy_(framework.ones(1, 2))


def test_filling_cuts_the_history_and_leaves_zero_gradients() -> None:
    x = framework.ones(2, requires_grad=True)
    y = x * 3
    y.fill_(7.0)
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [0, 0]
    value = framework.tensor(2.0, requires_grad=True)
    framework.zeros(3).fill_(value).sum().backward()
    assert value.grad == 3
    with pytest.raises(RuntimeError, match="0-dimension value tensor"):
        framework.zeros(2).fill_(framework.ones(1))
    with pytest.raises(RuntimeError, match="without overflow"):
        framework.zeros(2, dtype=framework.float16).fill_(1e6)


def test_numpy_and_python_numbers() -> None:
    x = framework.tensor([[1.5]])
    assert x.item() == float(x) == 1.5 and int(x) == 1 and bool(x) and x.tolist() == [[1.5]]
    assert isinstance(framework.tensor(True).item(), bool) and isinstance(framework.tensor(1).item(), int)
    assert x.numpy().base is not None and np.asarray(x, dtype=np.int32).dtype == np.int32
    assert np.array(x, copy=True).base is None
    with pytest.raises(ValueError, match="without a copy"):
        np.array(x, dtype=np.float16, copy=False)
    assert [10, 20, 30][framework.tensor(1)] == 20 and len(framework.zeros(3, 2)) == 3
    assert 1.5 in x and 2 not in x
    for function, error in [(float, ValueError), (int, ValueError), (bool, RuntimeError), (framework.Tensor.item, RuntimeError)]:
        with pytest.raises(error):
            function(framework.zeros(2))
    for index in (framework.tensor(1.0), framework.tensor([1, 2])):
        with pytest.raises(TypeError, match="integer tensors of a single element"):
            [0, 1][index]
    with pytest.raises(TypeError, match="0-d tensor"):
        len(framework.tensor(1))
    with pytest.raises(RuntimeError, match=r"Use tensor\.detach\(\)\.numpy\(\)"):
        framework.zeros(2, requires_grad=True).numpy()
    assert framework.zeros(2, requires_grad=True).numpy(force=True).tolist() == [0, 0]
    with pytest.raises(RuntimeError, match="only supports Tensor or scalar"):
        "a" in x  # noqa: B015


# ---- Sizes, devices, limits ----------------------------------------------------------------------------------------


def test_size_is_a_tuple_with_a_face() -> None:
    size = Size([2, framework.tensor(3)])
    assert size == (2, 3) and repr(size) == "torch.Size([2, 3])" and size.numel() == 6 and Size().numel() == 1
    for made in (size[:1], size + (1,), (1,) + size, size * 2):
        assert type(made) is Size
    assert size[0] == 2 and size + (1,) == (2, 3, 1) and hash(size) == hash((2, 3))
    with pytest.raises(TypeError, match=r"item 1 is 'float'"):
        Size([1, 2.5])
    assert type(framework.zeros(2, 3).shape) is Size and framework.zeros(2, 3).size(-1) == 3


def test_the_only_device_is_the_cpu() -> None:
    device = framework.device
    assert device("cpu") == device(type="cpu") != device("cpu:0") == device("cpu", 0)
    assert repr(device("cpu")) == "device(type='cpu')" and repr(device("cpu:0")) == "device(type='cpu', index=0)"
    assert str(device("cpu:0")) == "cpu:0" and device("cpu") != "cpu" and len({device("cpu"), device("cpu")}) == 1
    assert device(device("cpu")).type == "cpu" and framework.zeros(1).device == device("cpu")
    for bad in ("cuda", "meta", "cpu:1", "cpu:x", "", 0):
        with pytest.raises(RuntimeError):
            device(bad)
    with pytest.raises(TypeError):
        device(None)
    assert repr(framework.strided) == "torch.strided" and framework.zeros(1).layout is framework.strided
    with pytest.raises(RuntimeError, match="pinned memory"):
        framework.zeros(1, pin_memory=True)


def test_limits_of_dtypes() -> None:
    assert framework.finfo(framework.float32).eps == np.finfo(np.float32).eps
    assert framework.finfo().max == np.finfo(np.float32).max and framework.finfo(framework.float16).bits == 16
    assert (framework.iinfo(framework.uint8).min, framework.iinfo(framework.uint8).max) == (0, 255)
    assert repr(framework.iinfo(framework.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    with pytest.raises(TypeError):
        framework.finfo(framework.int32)
    with pytest.raises(TypeError):
        framework.iinfo(framework.float32)
    assert framework.result_type(framework.ones(1, dtype=framework.int32), 1.0) is framework.float32
    assert framework.promote_types(framework.int32, framework.uint8) is framework.int32
    assert framework.can_cast(framework.int32, framework.float16) and not framework.can_cast(framework.float32, framework.int32)
