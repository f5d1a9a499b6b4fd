"""Averages of weights along a training: stochastic weight averaging and exponential moving averages."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from framework.autograd.grad_mode import no_grad
from framework.nn.modules.batchnorm import _BatchNorm
from framework.nn.modules.module import Module
from framework.ops.creation import tensor
from framework.optim.lr_scheduler.base import LRScheduler, Rate, one_per_group
from framework.optim.optimizer import Optimizer
from framework.tensor import Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverage = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """An ``avg_fn``: the average's share ``decay``, the rest from the model.

    Raises:
        ValueError: If ``decay`` is not from 0 to 1.
    """
    _check_decay(decay)

    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """A ``multi_avg_fn``: the same for lists of tensors, in place.

    Raises:
        ValueError: If ``decay`` is not from 0 to 1.
    """
    _check_decay(decay)

    def ema_update(ema_params: Sequence[Tensor], current_params: Sequence[Tensor], num_averaged: Any) -> None:
        with no_grad():
            for ema, current in zip(ema_params, current_params, strict=True):
                if ema.is_floating_point():
                    ema.lerp_(current, 1 - decay)
                else:
                    ema.copy_(ema * decay + current * (1 - decay))

    return ema_update


def get_swa_avg_fn() -> Average:
    """An ``avg_fn``: the mean of all models so far."""

    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_swa_multi_avg_fn() -> MultiAverage:
    """A ``multi_avg_fn``: the same for lists of tensors, in place."""

    def swa_update(
        averaged_params: Sequence[Tensor], current_params: Sequence[Tensor], num_averaged: Any
    ) -> None:
        with no_grad():
            for averaged, current in zip(averaged_params, current_params, strict=True):
                if averaged.is_floating_point():
                    averaged.lerp_(current, float(1 / (num_averaged + 1)))
                else:
                    averaged.copy_(averaged + (current - averaged) / (num_averaged + 1))

    return swa_update


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class AveragedModel(Module):
    """A copy of a model whose weights are averages of the model's.

    The first :meth:`update_parameters` copies the weights, the later ones average.

    Args:
        model: Is copied.
        device: Where to: the CPU.
        avg_fn: ``avg_fn(average, current, number)`` returns the new average of a parameter; the mean by default.
        multi_avg_fn: ``multi_avg_fn(averages, currents, number)`` changes lists of averages in place, instead.
        use_buffers: Whether buffers are averaged too; otherwise they are copied.

    Attributes:
        module: The copy.
        n_averaged: How many models were averaged, as a tensor.

    Raises:
        AssertionError: If both functions are given.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    def _averaged_of(self, model: Module) -> Iterator[Tensor]:
        yield from model.parameters()
        if self.use_buffers:
            yield from model.buffers()

    def update_parameters(self, model: Module) -> None:
        """Take the model's present weights into the average."""
        with no_grad():
            averages = [each.detach() for each in self._averaged_of(self.module)]
            currents = [each.detach() for each in self._averaged_of(model)]
            if int(self.n_averaged) == 0:
                for average, current in zip(averages, currents, strict=True):
                    average.copy_(current)
            elif self.multi_avg_fn is not None:
                for dtype in dict.fromkeys([average.dtype for average in averages]):
                    alike = [number for number, average in enumerate(averages) if average.dtype is dtype]
                    self.multi_avg_fn(
                        [averages[number] for number in alike],
                        [currents[number] for number in alike],
                        self.n_averaged,
                    )
            else:
                avg_fn = self.avg_fn or get_swa_avg_fn()
                for average, current in zip(averages, currents, strict=True):
                    average.copy_(avg_fn(average, current, self.n_averaged))
            if not self.use_buffers:
                for buffer, current in zip(self.module.buffers(), model.buffers(), strict=True):
                    buffer.copy_(current)
            self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Measure the running statistics of batch normalization anew, over all batches of a loader.

    Args:
        loader: Gives inputs, or tuples or lists that begin with them.
        model: Its statistics are replaced; its mode is as before afterwards.
        device: Where to move inputs: the CPU.
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        # Without a momentum every batch has the same weight.
        layer.momentum = None
    try:
        with no_grad():
            for batch in loader:
                inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(inputs if device is None else inputs.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """From each group's learning rate to ``swa_lr`` in ``anneal_epochs`` steps, and then constant.

    Args:
        optimizer: Whose learning rates are changed.
        swa_lr: The learning rate to reach, or a list of one for each group.
        anneal_epochs: The steps that it takes.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        last_epoch: The number of the last step taken; -1 to begin anew.

    Raises:
        ValueError: For an unknown strategy, a negative number of steps, or a list of another length than the groups.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for lr, group in zip(one_per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """Between the learning rate from which the last step came, and ``swa_lr``."""
        self._check_within_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        lrs = []
        for group in self.optimizer.param_groups:
            target = group["swa_lr"]
            start = target if before == 1 else (group["lr"] - before * target) / (1 - before)
            lrs.append(target * now + start * (1 - now))
        return lrs

    def _share(self, step: int) -> float:
        """How much of the way lies behind after this many steps."""
        share = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * share)) / 2 if self._anneal_strategy == "cos" else share
