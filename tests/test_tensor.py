"""What every tensor can do beside its operations: hooks, kept gradients, copies, its data, NumPy's functions."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import framework


def leaf(*values: float) -> framework.Tensor:
    return framework.tensor(values, requires_grad=True)


def test_hooks_of_leaves_and_of_results_see_and_replace_gradients() -> None:
    x = leaf(1.0, 2.0)
    y = x * 3
    seen: list[Any] = []
    first = y.register_hook(lambda grad: seen.append(grad.tolist()))
    y.register_hook(lambda grad: grad * 10)
    x.register_hook(lambda grad: seen.append(grad.tolist()))
    y.sum().backward(retain_graph=True)
    assert seen == [[1, 1], [30, 30]] and x.grad.tolist() == [30, 30]
    first.remove()
    y.sum().backward()
    assert len(seen) == 3
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        framework.ones(1).register_hook(print)


def test_hooks_of_one_output_of_several_see_its_gradient_only() -> None:
    x = leaf(1.0, 2.0)
    first, second = (x * 1).unbind()
    seen: list[float] = []
    second.register_hook(lambda grad: seen.append(grad.item()))
    second.retain_grad()
    (first * 5 + second * 7).backward()
    assert seen == [7] and second.grad == 7 and second.retains_grad and not first.retains_grad


def test_retain_grad_keeps_the_gradient_of_a_result() -> None:
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [12] and y.retains_grad
    x.retain_grad()
    assert not x.retains_grad
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        framework.ones(1).retain_grad()


def test_post_accumulate_hooks_run_when_the_gradient_is_there() -> None:
    x = leaf(2.0)
    seen: list[Any] = []
    handle = x.register_post_accumulate_grad_hook(lambda tensor: seen.append((tensor is x, tensor.grad.item())))
    (x * 3).backward()
    handle.remove()
    (x * 3).backward()
    assert seen == [(True, 3)]
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 1).register_post_accumulate_grad_hook(print)


def test_requires_grad_and_detach_in_place() -> None:
    x = framework.ones(2)
    assert x.requires_grad_() is x and x.requires_grad
    y = x * 2
    assert y.detach_() is y and y.is_leaf and not y.requires_grad
    assert not x.requires_grad_(False).requires_grad
    with pytest.raises(RuntimeError, match="only Tensors of floating point"):
        framework.ones(2, dtype=framework.int64).requires_grad_()
    with pytest.raises(RuntimeError, match="change requires_grad flags of leaf"):
        (leaf(1.0) * 2).requires_grad_(False)
    with pytest.raises(RuntimeError, match="detach views in-place"):
        (leaf(1.0, 2.0) * 1)[0].detach_()


def test_data_is_the_memory_without_graph_and_version() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    x.data.mul_(3)
    assert x.tolist() == [3, 6] and x._version == 0 and not x.data.requires_grad
    y.sum().backward()  # unnoticed, as in PyTorch
    assert x.grad.tolist() == [6, 12]
    x.data = framework.zeros(3)
    assert x.shape == (3,) and x.requires_grad and x.is_leaf
    with pytest.raises(RuntimeError, match="floating point"):
        x.data = framework.zeros(3, dtype=framework.int64)
    with pytest.raises(TypeError, match="has to be a tensor"):
        x.data = [1.0]


def test_a_view_of_what_came_to_require_grad_requires_it_too() -> None:
    w = leaf(2.0)
    base = framework.zeros(3)
    view = base[1:]
    base.add_(w)
    assert view.requires_grad and not view.is_leaf
    (view * 5).sum().backward()
    assert w.grad.tolist() == [10]


def test_deepcopy_of_leaves_only() -> None:
    x = leaf(1.0, 2.0)
    x.grad = framework.ones(2)
    x.note = [1]  # type: ignore[attr-defined]
    both = copy.deepcopy({"a": x, "b": x})
    twin = both["a"]
    assert twin is both["b"] and twin is not x and twin.requires_grad and twin.is_leaf
    assert twin.data_ptr() != x.data_ptr() and twin.grad is not x.grad and twin.grad.tolist() == [1, 1]
    assert twin.note == [1] and twin.note is not x.note  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


def test_copy_shares_memory() -> None:
    x = leaf(1.0)
    twin = copy.copy(x)
    assert twin is not x and twin.data_ptr() == x.data_ptr() and twin.requires_grad


def test_tensors_travel_between_processes() -> None:
    x = leaf(1.0, 2.0)
    twin = pickle.loads(pickle.dumps(x))
    assert twin.tolist() == [1, 2] and twin.requires_grad and twin.is_leaf
    assert pickle.loads(pickle.dumps(framework.int8)) is framework.int8


def test_the_ordinary_questions() -> None:
    x = framework.zeros(2, 3, dtype=framework.float64)
    assert x.ndim == x.dim() == x.ndimension() == 2 and x.numel() == x.nelement() == 6 and x.size() == (2, 3)
    assert x.itemsize == x.element_size() == 8 and x.nbytes == 48
    assert x.is_floating_point() and x.is_signed() and not x.is_complex()
    assert not (x.is_cuda or x.is_sparse or x.is_quantized or x.is_meta or x.is_inference())
    assert x.get_device() == -1 and framework.is_tensor(x) and not framework.is_tensor(1)
    with framework.inference_mode():
        assert framework.zeros(1).is_inference()
    assert hash(x) == hash(x) and x in {x}
    assert [row.tolist() for row in reversed(framework.arange(2))] == [1, 0]


def test_a_missing_method_names_the_nearest_there_is() -> None:
    x = framework.ones(2)
    with pytest.raises(AttributeError, match=r"Tensor\.unsqueze is not supported; did you mean unsqueeze"):
        x.unsqueze(0)  # type: ignore[attr-defined]
    assert not hasattr(x, "to_sparse") and getattr(x, "names", None) is None


# ---- NumPy's functions -----------------------------------------------------------------------------------------------

X = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.exp(x),
        lambda x: np.add(x, 1),
        lambda x: np.subtract(1.0, x),
        lambda x: np.maximum(x, 2.0),
        lambda x: np.power(x, 2),
        lambda x: np.ones(3) * x,
        lambda x: np.float64(2) / (x + 1),
        lambda x: np.ones((4, 2)) @ x,
        lambda x: np.concatenate([x, x], axis=1),
        lambda x: np.stack([x, x]),
        lambda x: np.sum(x, axis=0, keepdims=True),
        lambda x: np.mean(x),
        lambda x: np.std(x, axis=1, ddof=1),
        lambda x: np.max(x, axis=1),
        lambda x: np.clip(x, 1, 3),
        lambda x: np.transpose(x),
        lambda x: np.reshape(x, (3, 2)),
        lambda x: np.where(X > 2, x, 0.0),
        lambda x: np.expand_dims(x, 0),
        lambda x: np.moveaxis(x, 0, 1),
        lambda x: np.cumsum(x, axis=0),
        lambda x: np.roll(x, 1),
        lambda x: np.flip(x),
        lambda x: np.tril(x),
        lambda x: np.take_along_axis(x, np.array([[0], [2]]), 1),
    ],
)
def test_numpys_functions_give_tensors_and_record(function: Any) -> None:
    x = framework.tensor(X, requires_grad=True)
    result = function(x)
    assert isinstance(result, framework.Tensor) and result.requires_grad
    np.testing.assert_allclose(result.detach(), function(X))


def test_numpy_compares_tensors() -> None:
    x = framework.tensor(X)
    assert framework.equal(X == x, framework.ones(2, 3, dtype=framework.bool))
    assert np.array_equal(x, X) and np.less(x, 3).sum() == 3


def test_functions_without_a_twin_get_arrays_unless_that_loses_a_gradient() -> None:
    x = framework.tensor(X)
    assert isinstance(np.percentile(x, 50), np.floating) and np.histogram(x)[0].sum() == 6
    with pytest.raises(RuntimeError, match=r"Use tensor\.detach\(\)"):
        np.percentile(x.requires_grad_(), 50)


def test_arrays_take_tensors_in_place() -> None:
    array = np.zeros((2, 3))
    array += framework.tensor(X)
    np.testing.assert_array_equal(array, X)
    target = framework.zeros(2, 3, dtype=framework.float64)
    assert np.add(framework.tensor(X), 1, out=target) is target
    np.testing.assert_array_equal(target, X + 1)
    with pytest.raises(RuntimeError, match="requires grad"):
        array += framework.tensor(X, requires_grad=True)


@pytest.mark.parametrize(
    ("match", "call"),
    [
        (r"np\.cbrt is not supported", lambda x: np.cbrt(x)),
        (r"np\.add\.reduce is not supported", lambda x: np.add.reduce(x)),
        (r"np\.exp with where= is not supported", lambda x: np.exp(x, where=X > 1)),
        (r"np\.sum on Tensors takes a, axis, keepdims only, not dtype", lambda x: np.sum(x, dtype=float)),
    ],
)
def test_what_numpy_has_and_we_have_not_is_said(match: str, call: Any) -> None:
    with pytest.raises(TypeError, match=match):
        call(framework.tensor(X))


def test_the_older_constructor_takes_sizes_or_data() -> None:
    assert framework.Tensor(2, 3).shape == (2, 3) and framework.Tensor().shape == (0,)
    made = framework.Tensor([1, 2])
    assert made.dtype is framework.float32 and made.tolist() == [1.0, 2.0]
    assert type(framework.nn.Parameter(made)) is framework.nn.Parameter


def test_switches_keep_what_they_were_told() -> None:
    assert not framework.are_deterministic_algorithms_enabled()
    framework.use_deterministic_algorithms(True)
    assert framework.are_deterministic_algorithms_enabled()
    framework.use_deterministic_algorithms(False)
    framework.set_float32_matmul_precision("high")
    assert framework.get_float32_matmul_precision() == "high"
    framework.set_float32_matmul_precision("highest")
    with pytest.raises(ValueError, match="'low' is not one of 'highest', 'high', 'medium'"):
        framework.set_float32_matmul_precision("low")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sinn", r"framework\.sinn is not supported; did you mean sin"),
        ("complex64", r"framework\.complex64 is not supported: numbers are real here"),
        ("compile", "operations run as they are called"),
        ("autocast", "leave it out"),
        ("LongTensor", r"use framework\.tensor\(data, dtype=framework\.int64\)"),
        ("linalg.eig", r"linalg\.eig is not supported: .* there are eigh"),
        ("special.zetta", r"special\.zetta is not supported"),
        ("optim.Adan", r"optim\.Adan is not supported; did you mean .*Adam"),
        ("utils.data.Dataloader", "did you mean DataLoader"),
    ],
)
def test_a_name_that_is_not_here_says_so_and_what_to_do(name: str, said: str) -> None:
    space, _, last = name.rpartition(".")
    owner = framework
    for part in space.split(".") if space else ():
        owner = getattr(owner, part)
    with pytest.raises(AttributeError, match=said):
        getattr(owner, last)
    assert not hasattr(owner, last)


@pytest.mark.parametrize(
    "use", [lambda: framework.tensor(1j), lambda: framework.ones(2) * 1j, lambda: framework.from_numpy(np.ones(2, complex))]
)
def test_complex_numbers_are_refused_in_words(use: Any) -> None:
    with pytest.raises(TypeError, match="complex numbers are not supported"):
        use()


def test_out_of_another_shape_is_resized() -> None:
    x = framework.arange(6.0).reshape(2, 3)
    empty, address = framework.empty(0), framework.zeros(7)
    assert framework.add(x, 1, alpha=2, out=empty) is empty and empty.tolist() == [[2, 3, 4], [5, 6, 7]]
    before = address.data_ptr()
    with pytest.warns(UserWarning, match=r"exp\(\): An output with one or more elements was resized since it had shape \[7\]"):
        framework.exp(framework.zeros(2, 3), out=address)
    assert address.tolist() == [[1.0] * 3] * 2 and address.data_ptr() == before
    values, indices = framework.empty(0), framework.empty(0, dtype=framework.int64)
    framework.max(x, 1, out=(values, indices))
    assert values.tolist() == [2, 5] and indices.tolist() == [2, 2]
    numbers = framework.empty(0, dtype=framework.float64)
    assert framework.linspace(0, 1, 3, out=numbers, requires_grad=True).tolist() == [0, 0.5, 1] and numbers.requires_grad
    with pytest.raises(RuntimeError, match=r"ones\(\): dtype torch.int64 does not match dtype of out parameter"):
        framework.ones(2, out=framework.empty(0), dtype=framework.int64)
    with pytest.raises(RuntimeError, match=r"add\(\): result type torch.float32 can't be cast to the desired output"):
        framework.add(x, 1, alpha=2, out=framework.zeros(2, 3, dtype=framework.int64))
    for overlapping in (x[0, :1].expand(3), x.reshape(-1)[1:4]):
        with pytest.raises(RuntimeError, match="single memory location"):
            framework.mul(x[0], 2, out=overlapping)
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_out_takes_the_result_and_refuses_what_does_not_fit() -> None:
    x, index = framework.arange(6.0).reshape(2, 3), framework.tensor([[0], [2]])
    out = framework.zeros(2, 1)
    assert framework.gather(x, 1, index, out=out) is out and out.tolist() == [[0.0], [5.0]]
    least, most = framework.zeros(3), framework.zeros(3)
    named = framework.aminmax(x, dim=0, out=(least, most))
    assert named.min is least and most.tolist() == [3.0, 4.0, 5.0]
    with pytest.raises(RuntimeError, match=r"gather\(\): Expected out tensor to have dtype torch.float32, but got torch.float64"):
        framework.gather(x, 1, index, out=out.double())
    with pytest.raises(RuntimeError, match=r"take\(\): out has shape \[3\], but the result has \[2\], and a view of another"):
        framework.take(x, framework.tensor([0, 1]), out=framework.zeros(2, 3)[0])
    with pytest.raises(RuntimeError, match="single memory location"):
        framework.index_select(x, 0, framework.tensor([1, 0]), out=x)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        framework.gather(x.requires_grad_(), 1, index, out=out)
