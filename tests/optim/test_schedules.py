"""Learning rate schedules against their closed forms, and what they have in common."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import cos, pi
from typing import Any

import pytest

import framework
from framework.optim import SGD, lr_scheduler, swa_utils

LR = 0.8
STEPS = 12


def optimizer() -> SGD:
    return SGD([framework.zeros(1, requires_grad=True)], lr=LR, momentum=0.9)


def rates(schedule: Any, steps: int = STEPS, metrics: list[float] | None = None) -> list[float]:
    """The learning rates of a number of steps."""
    found = []
    for step in range(steps):
        found.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step(*([] if metrics is None else [metrics[step]]))
    return found


CLOSED: dict[str, tuple[dict[str, Any], Callable[[int], float]]] = {
    "LambdaLR": ({"lr_lambda": lambda t: 1 / (1 + t)}, lambda t: LR / (1 + t)),
    "MultiplicativeLR": ({"lr_lambda": lambda t: 0.5}, lambda t: LR * 0.5**t),
    "StepLR": ({"step_size": 3, "gamma": 0.5}, lambda t: LR * 0.5 ** (t // 3)),
    "MultiStepLR": ({"milestones": [2, 5, 5], "gamma": 0.1}, lambda t: LR * 0.1 ** ((t >= 2) + 2 * (t >= 5))),
    "ConstantLR": ({"factor": 0.25, "total_iters": 4}, lambda t: LR * (0.25 if t < 4 else 1)),
    "LinearLR": ({"start_factor": 0.2, "total_iters": 4}, lambda t: LR * min(1, 0.2 + 0.2 * t)),
    "ExponentialLR": ({"gamma": 0.9}, lambda t: LR * 0.9**t),
    "PolynomialLR": ({"total_iters": 8, "power": 2}, lambda t: LR * (1 - min(t, 8) / 8) ** 2),
    "CosineAnnealingLR": ({"T_max": 11, "eta_min": 0.1}, lambda t: 0.1 + (LR - 0.1) * (1 + cos(pi * t / 11)) / 2),
    "CosineAnnealingWarmRestarts": (
        {"T_0": 4, "T_mult": 2},
        lambda t: LR * (1 + cos(pi * (t / 4 if t < 4 else (t - 4) / 8))) / 2,
    ),
    "CyclicLR": ({"base_lr": 0.2, "max_lr": 1.0, "step_size_up": 4}, lambda t: 0.2 + 0.8 * (1 - abs(t % 8 / 4 - 1))),
    "OneCycleLR": (
        {"max_lr": 1.0, "total_steps": 13, "pct_start": 5 / 13, "anneal_strategy": "linear", "div_factor": 5},
        lambda t: 0.2 + 0.8 * t / 4 if t <= 4 else 1 - (1 - 0.2e-4) * (t - 4) / 8,
    ),
}


@pytest.mark.parametrize("name", CLOSED)
def test_a_schedule_follows_its_formula(name: str) -> None:
    options, formula = CLOSED[name]
    found = rates(getattr(lr_scheduler, name)(optimizer(), **options))
    assert found == pytest.approx([formula(t) for t in range(STEPS)], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", CLOSED)
def test_a_saved_schedule_continues(name: str) -> None:
    options, _ = CLOSED[name]
    straight = rates(getattr(lr_scheduler, name)(optimizer(), **options))
    first = getattr(lr_scheduler, name)(optimizer(), **options)
    begun = rates(first, 5)
    second = getattr(lr_scheduler, name)(optimizer(), **options)
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert second.get_last_lr() == first.get_last_lr()
    assert begun + rates(second, STEPS - 5) == straight


def test_a_plateau_lowers_the_rate_after_patience_and_cooldown() -> None:
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer(), factor=0.5, patience=1, cooldown=1, threshold=0.0)
    metrics = [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 3.0]
    # Best at 4; two bad steps lower it; then one step of cooldown, and two bad ones again.
    assert rates(schedule, 8, metrics) == [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2]
    assert schedule.get_last_lr() == [0.2]


def test_sequential_and_chained() -> None:
    at = optimizer()
    warmup = lr_scheduler.ConstantLR(at, 0.1, total_iters=100)
    decay = lr_scheduler.ExponentialLR(at, 0.5)
    found = rates(lr_scheduler.SequentialLR(at, [warmup, decay], milestones=[3]), 6)
    assert found == pytest.approx([0.08, 0.08, 0.08, 0.8, 0.4, 0.2])
    at = optimizer()
    both = [lr_scheduler.ConstantLR(at, 0.5, total_iters=2), lr_scheduler.ExponentialLR(at, 0.5)]
    found = rates(lr_scheduler.ChainedScheduler(both, at), 4)
    assert found == pytest.approx([0.4, 0.2, 0.2, 0.1])


def test_a_schedule_that_steps_before_the_optimizer_warns() -> None:
    schedule = lr_scheduler.StepLR(optimizer(), 1)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        schedule.step()
    schedule = lr_scheduler.StepLR(optimizer(), 1)
    schedule.optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule.step()


def test_last_epoch_continues_from_initial_lr() -> None:
    at = optimizer()
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(at, 3, last_epoch=4)
    at.param_groups[0].update(initial_lr=LR, lr=LR * 0.1)
    schedule = lr_scheduler.StepLR(at, 3, last_epoch=4)
    assert schedule.last_epoch == 5
    assert rates(schedule, 2) == pytest.approx([LR * 0.1, LR * 0.01])


# ---- Averages of weights -------------------------------------------------------------------------------------------


def models(values: list[float]) -> Any:
    layer = framework.nn.Linear(1, 1, bias=False)
    for value in values:
        framework.nn.init.constant_(layer.weight, value)
        yield layer


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1.0, 2.0, 3.0]),  # the means of 1; 1 3; 1 3 5
        ({"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()}, [1.0, 2.0, 3.0]),
        ({"avg_fn": swa_utils.get_ema_avg_fn(0.75)}, [1.0, 1.5, 2.375]),
        ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.75)}, [1.0, 1.5, 2.375]),
    ],
)
def test_averaged_weights(options: dict[str, Any], expected: list[float]) -> None:
    found = []
    averaged = swa_utils.AveragedModel(framework.nn.Linear(1, 1, bias=False), **options)
    for model in models([1.0, 3.0, 5.0]):
        averaged.update_parameters(model)
        found.append(float(averaged.module.weight))
    assert found == pytest.approx(expected)
    assert int(averaged.n_averaged) == 3


@pytest.mark.parametrize(("use_buffers", "expected"), [(False, 4.0), (True, 3.0)])
def test_buffers_are_copied_or_averaged(use_buffers: bool, expected: float) -> None:
    model = framework.nn.BatchNorm1d(1)
    averaged = swa_utils.AveragedModel(model, use_buffers=use_buffers)
    for value in (2.0, 4.0):
        model.running_mean.fill_(value)
        averaged.update_parameters(model)
    assert float(averaged.module.running_mean) == expected


def test_update_bn_measures_the_mean_over_all_batches() -> None:
    model = framework.nn.Sequential(framework.nn.BatchNorm1d(1)).eval()
    batches = [framework.tensor([[1.0], [3.0]]), framework.tensor([[5.0], [9.0]])]
    swa_utils.update_bn(batches, model)
    assert float(model[0].running_mean) == pytest.approx((2 + 7) / 2)
    assert float(model[0].running_var) == pytest.approx((2 + 8) / 2)
    assert model[0].momentum == 0.1
    assert not model.training


def test_swalr_anneals_to_its_rate() -> None:
    found = rates(swa_utils.SWALR(optimizer(), swa_lr=0.2, anneal_epochs=4), 7)
    shares = [(1 + cos(pi * min(t, 4) / 4)) / 2 for t in range(7)]
    assert found == pytest.approx([0.2 + 0.6 * share for share in shares])
