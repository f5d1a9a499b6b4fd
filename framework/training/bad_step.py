"""What to say of a step whose loss or gradient is not finite: it is made again, and watched layer by layer."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
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
    """A layer's call: what went in, what came out, and the operations between."""

    def __init__(self, name: str, module: nn.Module, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.name = name
        self.module = module
        self.inputs = describe(inputs)
        self.outputs = outputs
        self.finite_in = all(map(is_finite, inputs)) and all(map(is_finite, module.parameters(recurse=False)))
        self.finite_out = all(map(is_finite, outputs))
        self.nodes = nodes_behind([each.grad_fn for each in outputs], {each.grad_fn for each in inputs})

    def __str__(self) -> str:
        kind = type(self.module).__name__
        return f"layer {self.name} ({kind})" if self.name else f"the model ({kind})"


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
        found = _first_wrong(model, objective, batch)
        if found:
            return found + _ADVICE
    return (
        "Made again, every layer's values and gradients are finite: only their sum over the batches is too large for its type. "
        "Try train.precision=float64." + _ADVICE
    )


def _first_wrong(model: nn.Module, objective: Objective, batch: Batch) -> str:
    """Where a batch's loss or gradients first go wrong, in words; empty where they don't."""
    calls: list[_Call] = []
    handles = []
    for name, module in model.named_modules():

        def note(module: nn.Module, inputs: Any, outputs: Any, name: str = name) -> None:
            calls.append(_Call(name, module, tensors_in(inputs), tensors_in(outputs)))

        handles.append(module.register_forward_hook(note))
    try:
        with framework.autograd.detect_anomaly(check_nan=False):
            loss = objective.loss(model, batch).loss
    finally:
        for handle in handles:
            handle.remove()
    return _wrong_forward(calls, loss) or _wrong_backward(calls, loss)


def _wrong_forward(calls: Sequence[_Call], loss: Tensor) -> str:
    """The innermost first layer that gave what is not finite for finite inputs, and its operation."""
    node = loss.grad_fn and anomaly.first_non_finite(loss.grad_fn)
    inside = f", in its operation {operation(node)}" if node else ""
    for call in calls:
        if call.finite_in and not call.finite_out:
            return (
                f"First wrong: {call}{inside}. It got {call.inputs} and gave {describe(call.outputs)}. "
                f"Its weights: {weights_of(call.module)}.{_place(node)}"
            )
    if is_finite(loss):
        return ""
    got = describe(calls[-1].outputs if calls else ())
    return f"First wrong: the loss itself{inside}. It got {got}.{_place(node)}"


def _wrong_backward(calls: Sequence[_Call], loss: Tensor) -> str:
    """The first operation whose gradient is not finite for a finite one, and the innermost layer that it belongs to."""
    found: list[tuple[Any, str]] = []
    handles = []
    for node in nodes_behind([loss.grad_fn], set()):

        def note(inputs: Any, outputs: Any, node: Any = node) -> None:
            made, given = tensors_in(inputs), tensors_in(outputs)
            if not found and all(map(is_finite, given)) and not all(map(is_finite, made)):
                found.append((node, f"For a gradient of {describe(given)} it gave {describe(made)}"))

        handles.append(node.register_hook(note))
    try:
        loss.backward()
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        return ""
    node, words = found[0]
    call = next((each for each in calls if node in each.nodes), None)
    where = f"{call}, in its " if call is not None else "the loss, in its "
    got = f" The layer got {call.inputs}. Its weights: {weights_of(call.module)}." if call is not None else ""
    return f"First wrong, in the backward pass: {where}operation {operation(node)}. {words}.{got}{_place(node)}"


def nodes_behind(roots: Iterable[Any], ends: set[Any]) -> set[Any]:
    """The recorded operations from some back to others, which are left out."""
    found: set[Any] = set()
    stack = [root for root in roots if root is not None]
    while stack:
        node = stack.pop()
        if node not in found and node not in ends:
            found.add(node)
            stack += [behind for behind, _ in node.next_functions if behind is not None]
    return found


def operation(node: Any) -> str:
    """An operation's name, as it is written in code: ``log`` of ``LogBackward0``."""
    return str(node.name()).partition("Backward")[0].lower()


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
