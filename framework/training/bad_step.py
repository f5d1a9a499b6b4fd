"""What to say of a step whose loss or gradient is not finite: it is made again, and watched layer by layer."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import framework
from framework import nn
from framework.autograd import anomaly
from framework.optim import LBFGS, Optimizer
from framework.tensor import Tensor
from framework.training.tasks import Batch, Objective

_ADVICE = " A smaller optimizer.lr, a warm-up or train.clip_norm=1 may help."


class BadStep(Exception):
    """A loss or a gradient is not finite.

    Args:
        what: ``"loss"`` or ``"gradient"``.
        value: What it is.
    """

    def __init__(self, what: str, value: float) -> None:
        super().__init__(f"{what} {value}")
        self.what = what
        self.value = value


class Snapshot:
    """What an update changes before its last check: a state to go back to.

    Random numbers and buffers (running statistics) always; weights and optimizers only where an update makes more than one step
    before it is known to be good, since otherwise nothing has changed them.
    """

    def __init__(self, model: nn.Module, optimizers: Mapping[str, Optimizer]) -> None:
        self.model = model
        self.optimizers = optimizers
        self.random = framework.get_rng_state()
        self.buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
        self.weights: list[tuple[Tensor, Tensor]] = []
        self.states: dict[str, Any] = {}
        if len(optimizers) > 1 or any(isinstance(each, LBFGS) for each in optimizers.values()):
            self.weights = [(parameter, parameter.detach().clone()) for parameter in model.parameters()]
            self.states = {name: copy.deepcopy(each.state_dict()) for name, each in optimizers.items()}

    def restore(self) -> None:
        """Go back."""
        with framework.no_grad():
            for tensor, kept in (*self.buffers, *self.weights):
                tensor.copy_(kept)
        for name, state in self.states.items():
            self.optimizers[name].load_state_dict(state)
        framework.set_rng_state(self.random)


class _Call:
    """A layer's call: what went in and what came out."""

    def __init__(self, name: str, module: nn.Module, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.name = name
        self.module = module
        self.inputs = describe(inputs)
        self.outputs = outputs
        self.finite_in = all(map(is_finite, inputs)) and all(map(is_finite, module.parameters(recurse=False)))
        self.finite_out = all(map(is_finite, outputs))

    def __str__(self) -> str:
        return (
            f"layer {self.name} ({type(self.module).__name__})"
            if self.name
            else f"the model ({type(self.module).__name__})"
        )


def explain(model: nn.Module, objective: Objective, window: Sequence[Batch]) -> str:
    """Make the update's losses and gradients again under anomaly detection, and say where they first go wrong."""
    for name, parameter in model.named_parameters():
        if not is_finite(parameter):
            return f"The weights were not finite before this step: {name} is {describe([parameter])}."
    for batch in window:
        for part, tensor in zip(("inputs", "targets"), batch, strict=False):
            if not is_finite(tensor):
                bad = ~np.isfinite(tensor.numpy())
                sample = int(np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))[0])
                return (
                    f"The batch's {part} are not finite: {int(bad.sum()):,} of {bad.size:,} values, first in sample {sample} of "
                    f"the batch ({describe([tensor])})."
                )
    model.zero_grad()
    for batch in window:
        calls, result_loss, words = _watched(model, objective, batch)
        found = words or _first_bad(calls, result_loss)
        if found:
            return found + _ADVICE
    gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    bad_names = [name for name, gradient in gradients.items() if not is_finite(gradient)]
    if bad_names:
        return f"The gradients of {', '.join(bad_names[:5])} overflow: {describe([gradients[bad_names[-1]]])}.{_ADVICE}"
    return (
        "Made again, every layer's values are finite: their sum is too large for its type. Try train.precision=float64."
    )


def _watched(model: nn.Module, objective: Objective, batch: Batch) -> tuple[list[_Call], Tensor, str]:
    """A batch's loss and gradients, with every layer's call; words where backward itself fails."""
    calls: list[_Call] = []
    handles = []
    for name, module in model.named_modules():

        def note(module: nn.Module, inputs: Any, outputs: Any, name: str = name) -> None:
            calls.append(_Call(name, module, tensors_in(inputs), tensors_in(outputs)))

        handles.append(module.register_forward_hook(note))
    words = ""
    try:
        with framework.autograd.detect_anomaly():
            loss = objective.loss(model, batch).loss
            if is_finite(loss):
                try:
                    loss.backward()
                except RuntimeError as error:
                    words = _backward_words(error, model, calls)
    finally:
        for handle in handles:
            handle.remove()
    return calls, loss, words


def _first_bad(calls: Sequence[_Call], loss: Tensor) -> str:
    """The innermost first layer that gave what is not finite for finite inputs, and its operation."""
    node = loss.grad_fn and anomaly.first_non_finite(loss.grad_fn)
    operation = f"operation {node.name()}" if node else ""
    for call in calls:
        if call.finite_in and not call.finite_out:
            inside = f", in its {operation}" if operation else ""
            return (
                f"First wrong: {call}{inside}. It got {call.inputs} and gave {describe(call.outputs)}. "
                f"Its weights: {weights_of(call.module)}.{_place(node)}"
            )
    if not is_finite(loss):
        last = calls[-1].outputs if calls else ()
        inside = f", in its {operation}" if operation else ""
        return f"First wrong: the loss itself{inside}. It got {describe(last)}.{_place(node)}"
    return ""


def _backward_words(error: RuntimeError, model: nn.Module, calls: Sequence[_Call]) -> str:
    """What anomaly detection said of the backward pass, and the layer whose weights have such gradients."""
    lines = str(error).splitlines()
    first = lines[0].split(". ")[0].split(" Traceback of")[0]
    code = next((f" ({line.strip()})" for line in reversed(lines[1:]) if line.strip()), "")
    reached = [call for call in calls if any(each.grad is not None for each in call.module.parameters(recurse=False))]
    layer = f" Gradients were finite back to {reached[0]}, which got {reached[0].inputs}." if reached else ""
    return f"First wrong, in the backward pass: {first}{code}.{layer}"


def _place(node: Any) -> str:
    place = ((node.extras or {}).get("place") or []) if node is not None else []
    if not place:
        return ""
    file, line, function = place[-1]
    return f" It was called in {file}, line {line}, in {function}."


def is_finite(tensor: Tensor) -> bool:
    """Whether all values are; always so for whole numbers."""
    return not tensor.is_floating_point() or bool(np.isfinite(tensor.detach().numpy()).all())


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors of nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [tensor for each in value for tensor in tensors_in(each)] if isinstance(value, (tuple, list)) else []


def weights_of(module: nn.Module) -> str:
    """The ranges of a layer's own parameters."""
    own = [f"{name} {describe([each])}" for name, each in module.named_parameters(recurse=False)]
    return ", ".join(own) or "none"


def describe(tensors: Sequence[Tensor]) -> str:
    """The shapes and ranges of tensors: ``(64, 10) from -3.2 to 1.5, 4 nan, 2 inf``."""
    words = []
    for tensor in tensors:
        values = tensor.detach().numpy()
        shape = f"({', '.join(map(str, values.shape))})"
        finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values.reshape(-1)
        text = (
            f"{shape} from {finite.min():.4g} to {finite.max():.4g}" if finite.size else f"{shape} with no finite value"
        )
        for word, count in (("nan", np.isnan(values).sum()), ("inf", np.isinf(values).sum())):
            text += f", {int(count):,} {word}" if count else ""
        words.append(text)
    return "; ".join(words) or "nothing"
