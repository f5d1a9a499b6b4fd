"""What operations refuse when a user calls them: what is no Tensor, what is no flag, names that are not there."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import framework

F = framework.nn.functional
SPACES = {"": framework, "nn.functional.": F, "linalg.": framework.linalg, "special.": framework.special}
X = framework.tensor([1.0, 2.0, 3.0])
WRONG = ("None", "str", "object", "array", "matrix")
OTHERS = {"int": 1, "float": 1.0, "str": "sum", "Sequence[int]": (1,)}


def of_a_tensor() -> list[Any]:
    """The functions whose first argument is a tensor."""
    found = []
    for prefix, space in SPACES.items():
        for name, value in vars(space).items():
            if isinstance(value, FunctionType) and name[0] != "_" and ".ops." in inspect.unwrap(value).__module__:
                first = next(iter(inspect.signature(value).parameters.values()), None)
                if first is not None and first.name in ("input", "self", "A", "query") and name != "cholesky_solve":
                    found.append(pytest.param(value, id=prefix + name))
    return found


@pytest.mark.parametrize("function", of_a_tensor())
@pytest.mark.parametrize("wrong", [None, "x", object(), np.ones(3), np.ones((2, 2), int)], ids=WRONG)
def test_the_first_argument_is_a_tensor(function: Callable[..., Any], wrong: Any) -> None:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    rest = [
        OTHERS.get(str(each.annotation), 1 if each.name == "high" else X)
        for each in parameters
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    given = {each.name: X for each in parameters if each.default is each.empty and each.kind is each.KEYWORD_ONLY}
    with pytest.raises(TypeError):
        function(wrong, *rest, **given)


def test_there_are_hundreds_of_them() -> None:
    assert len(of_a_tensor()) > 330


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: framework.isin(3, None), "both numbers"),
        (lambda: framework.sin(np.ones(3)), r"sin\(\): argument 'input' \(position 1\) .* from_numpy"),
        (lambda: framework.add(X, np.ones(3)), r"add\(\): argument 'other' \(position 2\) must be Tensor, .* from_numpy"),
        (lambda: X.add(np.ones(3)), r"'other' \(position 1\)"),
        (lambda: X.mul_(np.ones(3)), "from_numpy"),
        (lambda: X.gather(0, [1]), r"gather\(\): argument 'index' must be Tensor, not list"),
        (lambda: framework.bmm(None, X), r"bmm\(\): argument 'input' \(position 1\) must be Tensor, not NoneType"),
        (lambda: framework.cat([X, np.ones(3)]), r"cat\(\): expected Tensor as element 1 .* numpy.ndarray"),
        (lambda: F.linear(X, np.ones((3, 3))), r"linear\(\): argument 'weight' \(position 2\)"),
        (lambda: F.batch_norm(X[None], [0.0], None), "expected a Tensor"),
        (lambda: X.sum(0, keepdim="x"), r"sum\(\): argument 'keepdim' \(position 2\) must be bool, not str"),
        (lambda: X.sum(0, 1), "must be bool, not int"),
        (lambda: X.sum(0, np.True_), "must be bool, not numpy.bool"),
        (lambda: X.std(0, unbiased=1), "'unbiased'.* must be bool, not int"),
        (lambda: F.dropout(X, 0.5, "x"), "'training'.* must be bool, not str"),
        (lambda: framework.zeros(3, requires_grad="x"), "'requires_grad' must be bool, not str"),
        (lambda: X.softmax(True), "must be int, not bool"),
        (lambda: X.sum(dim=True), "must be int or tuple of ints, not bool"),
        (lambda: X.unsqueeze(True), "must be int, not bool"),
        (lambda: X.chunk(True), r"'chunks' \(position 1\) must be int, not bool"),
        (lambda: F.layer_norm(X, (3,), eps=[1.0]), "'eps'.* must be float, not list"),
        (lambda: framework.sum(X, dims=0), "unexpected keyword argument 'dims'; did you mean 'dim'"),
        (lambda: F.softmax(X, dimension=0), "did you mean 'dim'|unexpected keyword"),
        (lambda: X.topk(1, larges=True), "did you mean 'largest'"),
    ],
)
def test_the_words(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call()


def test_numbers_of_numpys_are_numbers() -> None:
    assert framework.add(X, np.float64(1)).tolist() == X.add(np.int64(1)).tolist() == [2.0, 3.0, 4.0]
    assert X.masked_fill(X > 2, np.float32(7)).tolist() == [1.0, 2.0, 7.0]
    assert X.sum(np.int64(0)).item() == X.sum(dim=np.int64(0)).item() == 6.0
    assert framework.tensor(np.float64(1)).dtype is framework.float64
    with pytest.raises(TypeError, match="must be Tensor, not float"):
        framework.maximum(X, np.float64(3))


def test_integer_arrays_without_dimensions_are_ints() -> None:
    one, two = np.array(1), np.array(2, np.uint8)
    assert X.flip(np.array(0)).tolist() == [3.0, 2.0, 1.0]
    assert X.repeat(one, two).shape == (1, 6)
    assert X.reshape(np.array(3), one).triu(two).tolist() == X.reshape(3, 1).triu(2).tolist()
    assert framework.eye(two, m=one).tolist() == [[1.0], [0.0]]
    assert X.narrow(0, one, two).tolist() == X.narrow(dim=np.array(0), start=one, length=two).tolist() == [2.0, 3.0]
    for _ in range(2):  # the second call knows the types
        assert X.topk(two).values.tolist() == [3.0, 2.0]
        assert X.topk(k=two).values.tolist() == [3.0, 2.0]
    for wrong in (lambda: X.topk(np.array(2.0)), lambda: X.topk(np.array([2])), lambda: X.add(two), lambda: X.pow(two)):
        with pytest.raises(TypeError):
            wrong()


def test_keywords_of_numpys_are_taken() -> None:
    assert X.sum(axis=0, keepdims=True).tolist() == [6.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: F.upsample(X[None, None], 2),
        lambda: F.softmax(X),
        lambda: F.mse_loss(X, X[:1]),
        lambda: framework.std(X[:1]),
        lambda: framework.sin(X, out=framework.zeros(2)),
        lambda: framework.sort(X, out=(framework.zeros(1), framework.zeros(1).long())),
        lambda: X[framework.ones(3, dtype=framework.uint8)],
        lambda: F.dropout2d(X[None]),
    ],
)
def test_warnings_name_the_users_line(call: Callable[[], Any]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert {each.filename for each in caught if each.category is UserWarning} == {__file__}


@pytest.mark.parametrize(
    "call",
    [
        lambda: X.clamp(min=1e300),
        lambda: F.hardtanh(X.half(), -1e6, 1e6),
        lambda: F.leaky_relu(X, 1e39),
        lambda: framework.lerp(X, X, 1e300),
        lambda: framework.addcmul(X, X, X, value=1e39),
        lambda: framework.where(X > 0, 1e300, X),
        lambda: X.half() ** 1e6,
        lambda: framework.linspace(0, 1e39, 3),
    ],
)
def test_numbers_beyond_the_range_of_the_dtype_are_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError, match=r"cannot be converted to type float.* without overflow"):
        call()


def test_a_number_counts_in_float32_beside_float16() -> None:
    half = framework.tensor([1000.0, 60000.0]).half()
    assert (half * 1.0004).tolist() == [1000.5, 60032.0]
    assert (half / 1e6).tolist() == [float(np.float16(0.001)), float(np.float16(0.06))]
    half[0] = 1e6
    assert half[0].item() == float("inf")


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda x: x.zero_(), [[0.0] * 3] * 3),
        (lambda x: x.fill_(2), [[2.0] * 3] * 3),
    ],
)
def test_what_may_be_written_into_an_expanded_tensor(write: Callable[[Any], Any], expected: Any) -> None:
    row = X.clone()
    expanded = row.expand(3, 3)
    assert write(expanded).tolist() == expected
    assert row.tolist() == expected[0]
    with pytest.raises(RuntimeError, match="single memory location"):
        expanded.add_(1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: F.adaptive_avg_pool2d(framework.ones(1, 1, 4, 4).long(), 2),
        lambda: F.adaptive_max_pool1d(framework.ones(1, 1, 4).long(), 2),
        lambda: F.unfold(framework.ones(1, 1, 4, 4).long(), 2),
        lambda: F.fold(framework.ones(1, 4, 9).int(), (4, 4), 2),
        lambda: framework.cholesky_solve(framework.ones(2, 2).long(), framework.eye(2).long()),
    ],
)
def test_integers_are_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(NotImplementedError, match=r"not implemented for torch\.int"):
        call()


def test_a_factor_and_a_right_side_of_one_dtype() -> None:
    with pytest.raises(RuntimeError, match="same dtype"):
        framework.cholesky_solve(framework.ones(2, 2), framework.eye(2).double())


def test_what_utils_lacks_is_said() -> None:
    with pytest.raises(AttributeError, match=r"utils\.tensorboard is not supported: the training command"):
        framework.utils.tensorboard  # noqa: B018


@pytest.mark.parametrize("number", [0.33337, framework.tensor(0.33337), framework.tensor(0.33337).double()])
def test_a_single_number_counts_in_float32_beside_float16(number: Any) -> None:
    x = framework.arange(64).half().requires_grad_()
    wide, factor = x.detach().float(), np.float32(0.33337)
    for result, expected in ((x * number, wide * factor), (x / number, wide / factor)):
        assert result.dtype is framework.float16
        np.testing.assert_array_equal(result.detach().numpy(), expected.numpy().astype(np.float16))
    (x * number * wide.half()).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), (wide * factor).numpy().astype(np.float16))


@pytest.mark.parametrize("dtype", [framework.float32, framework.float16, framework.int64, framework.bool])
@pytest.mark.parametrize("number", [10**30, 2**64, -(2**63) - 1])
def test_integers_beyond_64_bits(number: int, dtype: Any) -> None:
    x = framework.ones(2, dtype=dtype)
    calls = [
        lambda: x * number,
        lambda: number + x,
        lambda: x < number,
        lambda: framework.fmod(x, number),
        lambda: framework.full((2,), number, dtype=dtype),
        lambda: framework.add(x, x, alpha=number),
        lambda: framework.clamp(x, min=number),
    ]
    for call in calls:
        with pytest.raises(OverflowError, match="beyond 64 bits"):
            call()
    assert (framework.ones(2) * 2**63).tolist() == [2.0**63] * 2


def test_products_beyond_float16_give_gradients_without_nan() -> None:
    x = framework.tensor([0, 300, 300, 2, 300], dtype=framework.float16, requires_grad=True)
    framework.cumprod(x, 0).sum().backward()
    assert x.grad[1:].tolist() == [0.0] * 4


@pytest.mark.parametrize(
    "call",
    [
        lambda x: F.interpolate(x, scale_factor=2),
        lambda x: F.grid_sample(x, framework.zeros(1, 2, 2, 2, dtype=x.dtype), align_corners=False),
        lambda x: F.max_pool1d(x[0], 2),
        lambda x: F.max_unpool2d(x[..., :1, :1], framework.zeros(1, 3, 1, 1).long(), 2),
        lambda x: F.conv_transpose2d(x, x),
        lambda x: F.avg_pool2d(x, 2),
        lambda x: F.local_response_norm(x, 2),
        lambda x: F.glu(x),
        lambda x: F.prelu(x, x[0, 0, 0, :1]),
        lambda x: F.nll_loss(x[0, 0], framework.zeros(4).long()),
    ],
)
def test_layers_refuse_integers(call: Callable[[Any], Any]) -> None:
    with pytest.raises(NotImplementedError, match=r"not implemented for torch\.int32"):
        call(framework.ones(1, 3, 4, 4, dtype=framework.int32))


@pytest.mark.parametrize(
    "call",
    [lambda x: F.max_pool2d(x, 2), lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"), lambda x: F.conv2d(x, x)],
)
def test_layers_refuse_bools(call: Callable[[Any], Any]) -> None:
    with pytest.raises(NotImplementedError, match=r"not implemented for bool"):
        call(framework.ones(1, 3, 4, 4, dtype=framework.bool))


def test_pivots_are_int32() -> None:
    with pytest.raises(RuntimeError, match="pivots should be a Tensor of scalar type"):
        framework.linalg.lu_solve(framework.eye(2), framework.tensor([1, 2]), framework.ones(2, 1))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("import framework.utils.tensorboard", r"utils\.tensorboard is not supported: tensorboardX"),
        ("from framework.utils import tensorboard", r"utils\.tensorboard is not supported: tensorboardX"),
        ("from framework.utils.tensorboard import SummaryWriter", r"utils\.tensorboard is not supported: tensorboardX"),
        ("import framework.cuda.amp", r"cuda\.amp is not supported: operations run in the dtype"),
        ("from framework.cuda.amp import autocast", r"cuda\.amp is not supported: operations run in the dtype"),
        ("from framework.cuda import amp", r"cuda\.amp is not supported: operations run in the dtype"),
    ],
)
def test_the_import_of_what_is_not_there_says_so(statement: str, words: str) -> None:
    with pytest.raises(ImportError, match=words):
        exec(statement, {})


@pytest.mark.parametrize("change", ["squeeze_", "t_", "unsqueeze_", "transpose_"])
def test_expanded_tensors_take_another_shape(change: str) -> None:
    rest = {"unsqueeze_": (0,), "transpose_": (0, 1)}.get(change, ())
    row = framework.tensor([1.0, 2.0, 3.0], requires_grad=True)
    changed = (row * 1).expand(2, 3)
    expected = getattr(changed.detach().clone(), change[:-1])(*rest)
    assert getattr(changed, change)(*rest) is changed
    assert changed.tolist() == expected.tolist()
    (changed * expected).sum().backward()
    assert row.grad.tolist() == [2.0, 4.0, 6.0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: F.conv2d(framework.ones(2, 0, 4, 4), framework.ones(3, 0, 2, 2)), "weight has no elements"),
        (lambda: F.conv2d(framework.ones(2, 3, 4, 4), framework.ones(2, 3, 0, 2)), "weight has no elements"),
        (lambda: F.conv_transpose2d(framework.ones(2, 3, 4, 4), framework.ones(3, 0, 2, 2)), "weight has no elements"),
        (lambda: F.conv2d(framework.ones(2, 3, 0, 4), framework.ones(2, 3, 2, 2), padding=1), "Only zero batch"),
        (lambda: F.conv2d(framework.ones(3, 0, 4), framework.ones(2, 3, 2, 2), padding=1), "Only zero batch"),
        (lambda: F.conv_transpose2d(framework.ones(2, 3, 0, 4), framework.ones(3, 2, 2, 2)), "Only zero batch"),
    ],
)
def test_convolutions_of_nothing_are_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        call()


def test_convolutions_of_no_images() -> None:
    assert F.conv2d(framework.ones(0, 3, 4, 4), framework.ones(2, 3, 2, 2)).shape == (0, 2, 3, 3)
    assert F.conv_transpose2d(framework.ones(0, 3, 4, 4), framework.ones(3, 2, 2, 2)).shape == (0, 2, 5, 5)
