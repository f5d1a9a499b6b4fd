"""The state from which a run goes on exactly, with optimizer state keyed by parameter name, and states to go back to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import framework
from framework import nn
from framework.optim import LBFGS, Optimizer


@dataclass
class Progress:
    """How far a run has come; part of its checkpoints.

    Attributes:
        epoch: Finished epochs.
        batch: Batches taken in the current epoch.
        step: Updates made.
        best: The monitored test figure of the best evaluation, or None before the first.
        best_step, best_epoch: When it was reached.
        judged_at: The step of the last evaluation; -1 before the first.
        last_test: Its figures.
        seconds: Wall-clock time over all sessions of the run, up to the state that holds it.
        samples: Samples trained on in the current epoch.
        epoch_seconds: Time of the current epoch's updates, evaluations left out.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None
    best_step: int = 0
    best_epoch: int = 0
    seconds: float = 0.0
    samples: int = 0
    epoch_seconds: float = 0.0
    judged_at: int = -1
    last_test: dict[str, float] = field(default_factory=dict)


def named_optimizer_state(optimizer: Optimizer, model: nn.Module) -> dict[str, Any]:
    """The optimizer's ``state_dict`` with parameter names in place of positions."""
    names = _names_by_position(optimizer, model)
    state = optimizer.state_dict()
    return {
        "state": {names[position]: dict(values) for position, values in state["state"].items()},
        "param_groups": [
            {**group, "params": [names[position] for position in group["params"]]} for group in state["param_groups"]
        ],
    }


def positional_optimizer_state(named: dict[str, Any], optimizer: Optimizer, model: nn.Module) -> dict[str, Any]:
    """The inverse of :func:`named_optimizer_state`, for this optimizer's order of parameters.

    Raises:
        RuntimeError: If a parameter has no entry, the groups divide them otherwise, or the order matters and is another.
    """
    names = _names_by_position(optimizer, model)
    positions = {name: position for position, name in names.items()}
    own_groups = optimizer.state_dict()["param_groups"]
    saved_groups = named["param_groups"]
    saved = {name for group in saved_groups for name in group["params"]}
    if saved != set(positions):
        missing, surplus = sorted(set(positions) - saved), sorted(saved - set(positions))
        raise RuntimeError(f"the optimizer's state is of other parameters: missing {missing}, unexpected {surplus}")
    if len(own_groups) != len(saved_groups):
        raise RuntimeError(f"the optimizer has {len(own_groups)} parameter groups, its saved state {len(saved_groups)}")
    groups = []
    for number, (own, group) in enumerate(zip(own_groups, saved_groups, strict=True)):
        own_names = [names[position] for position in own["params"]]
        if set(own_names) != set(group["params"]):
            raise RuntimeError(f"the optimizer's group {number} has other parameters than that of its saved state")
        if isinstance(optimizer, LBFGS) and own_names != group["params"]:
            raise RuntimeError("LBFGS keeps one vector of all parameters: its state does not fit another order of them")
        groups.append({**group, "params": own["params"]})
    return {
        "state": {positions[name]: values for name, values in named["state"].items()},
        "param_groups": groups,
    }


def _names_by_position(optimizer: Optimizer, model: nn.Module) -> dict[int, str]:
    names = {parameter: name for name, parameter in model.named_parameters()}
    every = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return {position: names[parameter] for position, parameter in enumerate(every)}


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Inside: ``inference_mode`` and the model in evaluation mode; afterwards every module's mode as it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with framework.inference_mode():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def random_stream_apart(seed: int) -> Iterator[None]:
    """Inside, random numbers come from a stream of this seed; afterwards from where they came before, as if nothing was drawn."""
    before = framework.get_rng_state()
    framework.manual_seed(seed)
    try:
        yield
    finally:
        framework.set_rng_state(before)
