"""Module: registration, hooks, errors that name the module, state dictionaries."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import numpy as np
import pytest

import framework
from framework import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
        self.head = nn.Linear(3, 1)
        self.register_buffer("calls", framework.zeros(1))

    def forward(self, x: Any) -> Any:
        return self.head(self.features(x))


def test_parameters_are_found_in_order_and_shared_ones_once() -> None:
    model = Net()
    model.again = model.head
    names = ["features.0.weight", "features.0.bias", "head.weight", "head.bias"]
    assert [name for name, _ in model.named_parameters()] == names
    assert list(model.state_dict()) == [
        "calls",
        *names,
        "again.weight",
        "again.bias",
    ]


def test_an_error_names_the_path_of_the_module() -> None:
    model = nn.Sequential(nn.Identity(), nn.ModuleDict({"inner": Net()})["inner"])
    with pytest.raises(RuntimeError) as caught:
        model(framework.zeros(4, 7))
    assert "in module 1.features.0 (Linear)" in str(caught.value)
    assert str(caught.value).count("in module") == 1


def test_an_error_inside_a_hook_still_names_the_module_once() -> None:
    model = Net()

    def refuse(*given: Any) -> None:
        raise ValueError("no")

    model.head.register_forward_hook(refuse)
    with pytest.raises(ValueError, match="no") as caught:
        model(framework.zeros(1, 2))
    assert str(caught.value).splitlines()[-1].strip() == "in module head (Linear)"


def test_full_backward_hooks_see_and_change_gradients() -> None:
    """For y = 3 x with the loss sum(y): grad_output is 1 and grad_input is 3, which the hook doubles."""
    layer = nn.Linear(1, 1, bias=False)
    with framework.no_grad():
        layer.weight.fill_(3.0)
    seen = []

    def hook(module: Any, given: Any, received: Any) -> Any:
        seen.append((module, given[0].item(), received[0].item()))
        return (given[0] * 2,)

    handle = layer.register_full_backward_hook(hook)
    x = framework.ones(1, 1, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [(layer, 3.0, 1.0)]
    assert x.grad.item() == 6.0
    assert layer.weight.grad.item() == 1.0
    handle.remove()
    x.grad = None
    layer(x).sum().backward()
    assert len(seen) == 1 and x.grad.item() == 3.0


def test_backward_pre_hooks_change_what_the_module_receives() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.register_full_backward_pre_hook(lambda module, received: (received[0] * 5,))
    x = framework.ones(1, 1, requires_grad=True)
    layer(x).sum().backward()
    assert layer.weight.grad.item() == 5.0


def test_hooks_without_gradients_change_nothing() -> None:
    layer = nn.Linear(1, 1)
    layer.register_full_backward_hook(lambda *given: None)
    x = framework.ones(1, 1)
    with framework.no_grad():
        assert not layer(x).requires_grad


def test_a_hooked_call_leaves_no_cycle() -> None:
    layer = nn.Linear(1, 1)
    layer.register_full_backward_hook(lambda *given: None)
    x = framework.ones(1, 1, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    node = weakref.ref(y.grad_fn)
    gc.collect()
    gc.disable()
    try:
        del y
        assert node() is None
    finally:
        gc.enable()


def test_state_dict_round_trip() -> None:
    source, target = Net(), Net()
    result = target.load_state_dict(source.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    x = framework.randn(5, 2)
    np.testing.assert_array_equal(source(x).detach().numpy(), target(x).detach().numpy())


def test_a_state_that_does_not_fit_changes_nothing_and_is_described() -> None:
    source, target = Net(), Net()
    state = source.state_dict()
    del state["head.bias"]
    state["head.weight"] = framework.zeros(2, 3)
    state["surplus"] = framework.zeros(1)
    before = {key: value.numpy().copy() for key, value in target.state_dict().items()}
    with pytest.raises(RuntimeError) as caught:
        target.load_state_dict(state)
    message = str(caught.value)
    assert message.startswith("Error(s) in loading state_dict for Net:")
    assert 'Missing key(s) in state_dict: "head.bias". ' in message
    assert 'Unexpected key(s) in state_dict: "surplus". ' in message
    assert "size mismatch for head.weight: copying a param with shape" in message
    for key, value in target.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key])


def test_the_state_shares_memory_and_loading_copies() -> None:
    model = Net()
    state = model.state_dict()
    with framework.no_grad():
        model.head.bias.fill_(7.0)
    assert state["head.bias"].item() == 7.0
    other = Net()
    other.load_state_dict(state)
    with framework.no_grad():
        model.head.bias.fill_(8.0)
    assert other.head.bias.item() == 7.0


def test_deepcopy_is_independent() -> None:
    model = Net()
    copied = copy.deepcopy(model)
    with framework.no_grad():
        copied.head.bias.fill_(5.0)
    assert model.head.bias.item() != 5.0
    assert repr(copied) == repr(model)


def test_casting_keeps_the_parameters_themselves() -> None:
    model = Net()
    before = list(model.parameters())
    model.double()
    assert all(a is b for a, b in zip(before, model.parameters(), strict=True))
    assert {each.dtype for each in model.parameters()} == {framework.float64}
    assert model.calls.dtype is framework.float64
    assert model(framework.zeros(1, 2, dtype=framework.float64)).dtype is framework.float64


def test_replacing_a_submodule_keeps_its_place() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.ReLU())
    model[0] = nn.Sigmoid()
    assert [type(each).__name__ for each in model] == ["Sigmoid", "Tanh", "ReLU"]


def test_training_and_evaluation_reach_every_submodule() -> None:
    model = Net()
    model.eval()
    assert not any(each.training for each in model.modules())
    model.train()
    assert all(each.training for each in model.modules())


def test_a_subclass_that_forgets_its_base() -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.ReLU()

    with pytest.raises(AttributeError, match=r"before Module\.__init__"):
        Forgetful()


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"nn\.Linera is not supported; did you mean .*Linear"):
        nn.Linera  # noqa: B018
    with pytest.raises(
        AttributeError, match=r"nn\.functional\.cross_entropi is not supported; did you mean .*cross_entropy"
    ):
        nn.functional.cross_entropi  # noqa: B018


def test_extra_state_is_part_of_the_state_dict() -> None:
    class Counting(nn.Module):
        count = 0

        def get_extra_state(self) -> int:
            return self.count

        def set_extra_state(self, state: int) -> None:
            self.count = state

    source, target = nn.Sequential(Counting()), nn.Sequential(Counting())
    source[0].count = 3
    state = source.state_dict()
    assert state == {"0._extra_state": 3}
    target.load_state_dict(state)
    assert target[0].count == 3
    with pytest.raises(RuntimeError, match=r"Missing key.*0\._extra_state"):
        target.load_state_dict({})


def test_a_post_hook_may_forgive_missing_keys() -> None:
    layer = nn.Linear(1, 1)
    with pytest.raises(RuntimeError, match="Missing key"):
        layer.load_state_dict({"weight": framework.ones(1, 1)})
    layer.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.remove("bias"))
    layer.load_state_dict({"weight": framework.ones(1, 1)})
    assert layer.weight.item() == 1
    with pytest.raises(RuntimeError, match="Unexpected key"):
        layer.load_state_dict({"weight": framework.ones(1, 1), "other": framework.ones(1)})


def test_to_empty_gives_new_memory_to_the_same_parameters() -> None:
    outer = nn.Sequential(nn.BatchNorm1d(3))
    weight, memory = outer[0].weight, outer[0].weight.data_ptr()
    kept = outer.to_empty(device="cpu", recurse=False)[0].weight.data_ptr()
    assert kept == memory
    assert outer.to_empty(device="cpu") is outer
    assert outer[0].weight is weight
    assert weight.data_ptr() != memory
    assert outer[0].num_batches_tracked.dtype is framework.int64


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda layer: layer.compile(), "leave it out"),
        (lambda layer: layer.bfloat16(), r"use float\(\)"),
        (lambda layer: layer.register_backward_hook(print), "use register_full_backward_hook"),
        (lambda layer: nn.SyncBatchNorm, "use BatchNorm1d"),
        (lambda layer: nn.DataParallel, "call it directly"),
        (lambda layer: nn.utils.prune, "forward pre-hook"),
    ],
)
def test_what_is_not_supported_is_refused_in_words(use: Any, words: str) -> None:
    with pytest.raises((RuntimeError, AttributeError), match=f"is not supported.*{words}"):
        use(nn.Linear(2, 2))


def test_hooks_of_every_module_run_before_a_module_s_own_and_can_be_removed() -> None:
    calls: list[str] = []
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(lambda module, args, result: calls.append("own"))
    hooks = nn.modules.module
    doubled = hooks.register_module_forward_pre_hook(lambda module, args: (args[0] * 2,))
    seen = hooks.register_module_forward_hook(lambda module, args, result: calls.append(type(module).__name__))
    backward = hooks.register_module_full_backward_hook(lambda module, inputs, outputs: (inputs[0] * 10,))
    backward_pre = hooks.register_module_full_backward_pre_hook(lambda module, outputs: (outputs[0] * 3,))
    x = framework.ones(1, 2, requires_grad=True)
    with doubled, seen, backward, backward_pre:
        result = layer(x)
        result.sum().backward()
    assert calls == ["Linear", "own"]
    np.testing.assert_allclose(result.detach().numpy(), nn.functional.linear(2 * x, layer.weight, layer.bias).detach().numpy())
    np.testing.assert_allclose(x.grad.numpy(), 60 * layer.weight.detach().numpy().sum(0, keepdims=True), rtol=1e-5)
    layer(x)
    assert calls == ["Linear", "own", "own"]


def test_calls_are_direct_again_after_the_last_hook_of_every_module() -> None:
    layer = framework.nn.Linear(2, 2)
    first, second = [framework.nn.modules.module.register_module_forward_hook(lambda *_: None) for _ in range(2)]
    first.remove()
    layer(framework.ones(1, 2))
    assert layer._hooked
    second.remove()
    layer(framework.ones(1, 2))
    assert not layer._hooked
