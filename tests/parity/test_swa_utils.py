"""Averaged models and their schedule against PyTorch, over 50 steps in float64."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

import framework  # noqa: E402

STEPS = 50


def network(library):
    """With weights, running statistics, and a count; the same in both libraries."""
    rng = np.random.default_rng(0)
    nn = library.nn
    model = nn.Sequential(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), nn.Tanh(), nn.Flatten(), nn.Linear(9, 2)).double()
    state = {
        name: library.tensor(rng.standard_normal(tuple(value.shape))) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    state["1.running_var"] = state["1.running_var"] ** 2
    model.load_state_dict(state)
    return model


def batches(library, count=1):
    rng = np.random.default_rng(1)
    return [library.tensor(rng.standard_normal((5, 2, 4))) for _ in range(count)]


def numbers(module):
    return {name: np.array(value.detach().numpy(), np.float64) for name, value in module.state_dict().items()}


def assert_close(ours, theirs):
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


AVERAGES = {
    "the default": lambda swa: {},
    "swa": lambda swa: {"avg_fn": swa.get_swa_avg_fn()},
    "swa, all at once": lambda swa: {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
    "ema": lambda swa: {"avg_fn": swa.get_ema_avg_fn()},
    "a faster ema": lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.7)},
    "ema, all at once": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.7)},
    "of the user's own": lambda swa: {"avg_fn": lambda average, current, number: average * 0.5 + current / (number + 2)},
}


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("average", AVERAGES)
def test_averages_along_a_training_agree(average, use_buffers):
    if use_buffers and average == "swa, all at once":
        pytest.skip("PyTorch can't average the integer count of batches in this way")

    def run(library):
        model = network(library)
        swa = library.optim.swa_utils
        averaged = swa.AveragedModel(model, use_buffers=use_buffers, **AVERAGES[average](swa))
        optimizer = library.optim.SGD(model.parameters(), lr=0.1)
        found = []
        for number, inputs in enumerate(batches(library, STEPS)):
            optimizer.zero_grad()
            (model(inputs) ** 2).mean().backward()
            optimizer.step()
            averaged.update_parameters(model)
            if number % 7 == 0:
                found.append(numbers(averaged))
        # A state dict crosses to a new one, which goes on.
        other = swa.AveragedModel(model, use_buffers=use_buffers, **AVERAGES[average](swa))
        other.load_state_dict(averaged.state_dict())
        other.update_parameters(model)
        outputs = other.eval()(batches(library)[0]).detach().numpy()
        return [*found, numbers(other), {"outputs": outputs}]

    for ours, theirs in zip(run(framework), run(torch), strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("form", ["tensors", "tuples", "lists"])
@pytest.mark.parametrize("training", [True, False])
def test_statistics_measured_anew_agree(momentum, form, training):
    def run(library):
        model = network(library).train(training)
        model[1].momentum = momentum
        loader = batches(library, 4)
        if form != "tensors":
            loader = [(tuple if form == "tuples" else list)([each, 1]) for each in loader]
        library.optim.swa_utils.update_bn(loader, model)
        assert model.training is training and model[1].momentum == momentum
        return numbers(model)

    assert_close(run(framework), run(torch))


def test_a_model_without_batch_norm_is_left_alone():
    for library in (framework, torch):
        library.optim.swa_utils.update_bn(iter([]), library.nn.Linear(2, 2))


def test_the_schedule_in_a_whole_training_agrees():
    def run(library):
        model = network(library)
        optimizer = library.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
        first = library.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
        then = library.optim.swa_utils.SWALR(optimizer, swa_lr=0.05, anneal_epochs=8)
        averaged = library.optim.swa_utils.AveragedModel(model)
        rates = []
        for number, inputs in enumerate(batches(library, STEPS)):
            optimizer.zero_grad()
            (model(inputs) ** 2).mean().backward()
            optimizer.step()
            if number > 30:
                averaged.update_parameters(model)
                then.step()
            else:
                first.step()
            rates.append(optimizer.param_groups[0]["lr"])
        library.optim.swa_utils.update_bn(batches(library, 3), averaged)
        return {"rates": rates, **numbers(averaged)}

    assert_close(run(framework), run(torch))


@pytest.mark.parametrize("average", ["a faster ema", "ema, all at once"])
def test_a_copy_averages_by_itself(average):
    def run(library):
        swa = library.optim.swa_utils
        averaged = swa.AveragedModel(network(library), use_buffers=True, **AVERAGES[average](swa))
        averaged.update_parameters(network(library))
        other = copy.deepcopy(averaged)
        model = network(library)
        model.load_state_dict({name: value * 2 for name, value in model.state_dict().items()})
        other.update_parameters(model)
        return numbers(averaged) | {f"other {name}": value for name, value in numbers(other).items()}

    assert_close(run(framework), run(torch))


WRONG = {
    "both averages": lambda t, swa: swa.AveragedModel(network(t), avg_fn=max, multi_avg_fn=max),
    "a decay above one": lambda t, swa: swa.get_ema_avg_fn(1.5),
    "a decay below zero": lambda t, swa: swa.get_ema_multi_avg_fn(-0.5),
    "another model": lambda t, swa: twice(swa.AveragedModel(t.nn.Linear(2, 2)), t.nn.Linear(3, 2)),
}


def twice(averaged, model):
    for _ in range(2):
        averaged.update_parameters(model)


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_met_alike(case):
    kinds = []
    for library in (framework, torch):
        with pytest.raises(Exception) as caught:
            WRONG[case](library, library.optim.swa_utils)
        kinds.append((caught.type, re.split(r"\(|\.", str(caught.value))[0] if case != "another model" else ""))
    assert kinds[0] == kinds[1]
