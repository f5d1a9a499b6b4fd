"""Every layer that is here, on the samples of PyTorch's own module database: values, derivatives, states, errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
common_modules = pytest.importorskip("torch.testing._internal.common_modules")

import framework  # noqa: E402
from framework import nn  # noqa: E402
from tests.parity.derivatives import Trace, assert_traces_agree, leaves, trace  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

INFOS = {info.module_cls.__name__: info for info in common_modules.module_db}
NOT_HERE = {
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LinearCrossEntropyLoss",
}
LAZY = {name for name in INFOS if name.startswith("Lazy")}  # which test_lazy_layers compares
# PyTorch can't differentiate the derivatives of these.
NO_SECOND_DERIVATIVE = {"CTCLoss", "MultiLabelMarginLoss", "MultiMarginLoss"}
HERE = sorted(set(INFOS) - NOT_HERE - LAZY)
MODES = [(name, True) for name in HERE] + [(name, False) for name in HERE if INFOS[name].train_and_eval_differ]


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """Layers are made in float64."""
    for library in (torch, framework):
        library.set_default_dtype(library.float64)
    yield
    for library in (torch, framework):
        library.set_default_dtype(library.float32)


def samples(name: str, training: bool, errors: bool = False) -> list[Any]:
    """PyTorch's samples for a layer: its arguments and inputs, in float64."""
    info = INFOS[name]
    make = info.module_error_inputs_func if errors else info.module_inputs_func
    if make is None:
        return []
    torch.manual_seed(0)
    return make(info, device="cpu", dtype=torch.float64, requires_grad=not errors, training=training)


def ours(value: Any, memo: dict[int, Any] | None = None) -> Any:
    """What PyTorch was given, made of this library's parts. Tensors become leaves; the same one stays the same."""
    memo = {} if memo is None else memo
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            memo[id(value)] = framework.tensor(value.detach().numpy(), requires_grad=value.requires_grad)
        return memo[id(value)]
    if isinstance(value, torch.dtype):
        return getattr(framework, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return nn.utils.rnn.PackedSequence(*[ours(each, memo) for each in value])
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return encoder_layer(value)
    if callable(value) and getattr(value, "__name__", "") == "gelu":
        return nn.functional.gelu
    if isinstance(value, (tuple, list)):
        return type(value)(ours(each, memo) for each in value)
    return {key: ours(each, memo) for key, each in value.items()} if isinstance(value, dict) else value


def encoder_layer(layer: Any) -> Any:
    """The same layer with the same weights, for ``TransformerEncoder``, which copies it."""
    copy = nn.TransformerEncoderLayer(
        layer.self_attn.embed_dim,
        layer.self_attn.num_heads,
        layer.linear1.out_features,
        layer.dropout.p,
        nn.functional.gelu if layer.activation is torch.nn.functional.gelu else nn.functional.relu,
        batch_first=layer.self_attn.batch_first,
        norm_first=layer.norm_first,
        bias=layer.linear1.bias is not None,
        dtype=framework.float64,
    )
    copy.load_state_dict(ours(dict(layer.state_dict())))
    return copy


def unshared(library: Any, value: Any) -> Any:
    """The same with every floating-point tensor copied, so that a layer may work in place."""
    if isinstance(value, library.nn.utils.rnn.PackedSequence):
        return value
    if isinstance(value, library.Tensor):
        return value.clone() if value.requires_grad else value
    if isinstance(value, dict):
        return {key: unshared(library, each) for key, each in value.items()}
    return type(value)(unshared(library, each) for each in value) if isinstance(value, (tuple, list)) else value


@pytest.mark.parametrize(("name", "training"), MODES, ids=lambda value: str(value))
def test_values_derivatives_and_states(name: str, training: bool) -> None:
    for number, sample in enumerate(samples(name, training)):
        build = sample.constructor_input.kwargs
        args, kwargs = sample.forward_input.args, sample.forward_input.kwargs
        torch.manual_seed(number)
        framework.manual_seed(number)
        theirs = INFOS[name].module_cls(*sample.constructor_input.args, **build).train(training)
        mine = getattr(nn, name)(*ours(sample.constructor_input.args), **ours(build)).train(training)
        where = f"sample {number} ({sample.desc}): {theirs} in {'training' if training else 'evaluation'}"
        assert repr(mine) == repr(theirs), where
        assert list(mine.state_dict()) == list(theirs.state_dict()), where
        for key, value in theirs.state_dict().items():  # from the same seed, nothing copied
            np.testing.assert_allclose(mine.state_dict()[key].numpy(), value.numpy(), rtol=1e-13, atol=1e-15)
        second = name not in NO_SECOND_DERIVATIVE
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the one with second derivatives
            expected = called(torch, theirs, args, kwargs, second)
        actual = called(framework, mine, *ours((args, kwargs)), second)
        assert_traces_agree(actual, expected, where=where)
        for (key, value), other in zip(theirs.state_dict().items(), mine.state_dict().values(), strict=True):
            np.testing.assert_allclose(other.numpy(), value.numpy(), rtol=1e-12, err_msg=f"{key} of {where}")


def called(library: Any, module: Any, args: Any, kwargs: Any, second: bool) -> Trace:
    library.manual_seed(3)  # of dropout
    inputs = {id(each): each for each in leaves((args, kwargs)) if each.requires_grad}
    call = lambda *_: module(*unshared(library, args), **unshared(library, kwargs))
    return trace(library, call, inputs.values(), module.parameters(), second)


WITH_ERRORS = [name for name in HERE if INFOS[name].module_error_inputs_func is not None]


@pytest.mark.parametrize("name", WITH_ERRORS)
def test_wrong_use_is_met_in_pytorchs_words(name: str) -> None:
    for number, sample in enumerate(samples(name, True, errors=True)):
        given = sample.module_error_input
        args, kwargs = ours(given.constructor_input.args), ours(given.constructor_input.kwargs)
        if sample.error_on is common_modules.ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(sample.error_type) as caught:
                getattr(nn, name)(*args, **kwargs)
        else:
            module = getattr(nn, name)(*args, **kwargs)
            with pytest.raises(sample.error_type) as caught:
                module(*ours(given.forward_input.args), **ours(given.forward_input.kwargs))
        assert re.search(sample.error_regex, str(caught.value)), f"sample {number}: {caught.value}"


def test_the_database_has_no_layer_that_was_overlooked() -> None:
    assert {name for name in INFOS if not hasattr(nn, name)} == NOT_HERE
