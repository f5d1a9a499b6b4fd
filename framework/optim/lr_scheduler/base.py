"""The base of learning rate schedules."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any

from framework.optim.optimizer import Optimizer
from framework.tensor import Tensor

# A learning rate is a number, or a one-element tensor that is changed in place.
Rate = Any

_EPOCH = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Please use `scheduler.step()` to step the scheduler. With epoch the closed form is used instead of the "
    "chainable form, where there is one."
)


class LRScheduler:
    """Base class of schedules; to write your own, give it a ``get_lr``.

    A schedule is chainable: each step changes the learning rates as they are then, so that several schedules may act
    on one optimizer. It remembers its first learning rates in the groups, under ``"initial_lr"``.

    Args:
        optimizer: Whose learning rates are changed.
        last_epoch: The number of the last step taken; -1 to begin anew.

    Raises:
        TypeError: If ``optimizer`` is none.
        KeyError: If ``last_epoch`` is given, and a group has no ``"initial_lr"``.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(optimizer)
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _own(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler with "
                    "last_epoch >= 0. Load the optimizer's state first, or leave last_epoch out for a new run"
                )
        self.base_lrs: list[Rate] = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        if optimizer._opt_called is None:
            optimizer._opt_called = False
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the learning rates to begin with."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a ``state_dict``, of this schedule or of PyTorch's of the same name.

        The optimizer's own state, with the learning rates, is loaded apart.
        """
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Rate]:
        """The learning rates that this schedule set last, one for each group."""
        return self._last_lr

    def get_lr(self) -> list[Rate]:
        """The learning rates of the step ``last_epoch``, one for each group; for :meth:`step` to call."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr(): a schedule gives its own")

    def step(self, epoch: int | None = None) -> None:
        """Set the learning rates of the next step.

        Args:
            epoch: The number of the step instead of the next one (deprecated).
        """
        if self._step_count == 1 and self.optimizer._opt_called is False:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. "
                "You should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`. "
                "Failure to do this will result in skipping the first value of the learning rate schedule.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed_form = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
        self._set(self._asked(self.get_lr if closed_form is None else closed_form))

    def _asked(self, get_lr: Callable[[], list[Rate]]) -> list[Rate]:
        """What ``get_lr`` says within a step."""
        self._get_lr_called_within_step = True
        try:
            return get_lr()
        finally:
            self._get_lr_called_within_step = False

    def _set(self, values: list[Rate]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            update_value(group, "lr", value)
        self._last_lr: list[Rate] = values_of(self.optimizer, "lr")

    def _check_within_step(self) -> None:
        """Warn of a call of :meth:`get_lr` from outside."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _lrs(self, factor: float | None = None) -> list[Rate]:
        """The learning rates as they are, or times a factor."""
        if factor is None:
            return values_of(self.optimizer, "lr")
        return [group["lr"] * factor for group in self.optimizer.param_groups]


def checked_optimizer(optimizer: Any) -> Optimizer:
    """The optimizer, if it is one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def warn_of_epoch() -> None:
    """Say that ``step(epoch)`` is deprecated."""
    warnings.warn(_EPOCH, UserWarning, stacklevel=3)


def _own(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def values_of(optimizer: Optimizer, key: str) -> list[Any]:
    """An option of all groups; copies of tensors."""
    return [_own(group[key]) for group in optimizer.param_groups]


def update_value(group: dict[str, Any], key: str, value: Any) -> None:
    """Set an option of a group, in place where it is a tensor."""
    if isinstance(group[key], Tensor):
        group[key].fill_(float(value))
    else:
        group[key] = value


def one_per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A list of values, one for each group, from a list or from one value for all.

    Raises:
        ValueError: If the list is of another length.
    """
    groups = optimizer.param_groups
    if not isinstance(value, (list, tuple)):
        value = [value] * len(groups)
    elif len(value) != len(groups):
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {len(groups)}."
        )
    return [_own(each) for each in value]


def function_state(function: Any) -> dict[str, Any] | None:
    """The attributes of a callable object; a plain function has none that could be saved."""
    return None if isinstance(function, types.FunctionType) else dict(function.__dict__)
