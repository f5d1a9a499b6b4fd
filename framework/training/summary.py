"""A model's table: its layers, their output shapes, their parameters."""

from __future__ import annotations

from typing import Any

from framework.autograd.grad_mode import inference_mode
from framework.nn import Module
from framework.tensor import Tensor


def summarize(model: Module, example: Tensor) -> str:
    """The layers of a model with their output shapes and parameter counts, as a text table.

    Args:
        model: Any module.
        example: An input for one forward pass, in evaluation mode and without recording; its first dimension, the batch, is
            shown as N.
    """
    rows: list[tuple[str, str, str, str]] = []
    handles = []
    for path, module in model.named_modules():
        if path and not list(module.children()):
            handles.append(module.register_forward_hook(_recorder(path, rows)))
    training = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with inference_mode():
            output = model(example)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in training.items():
            module.training = mode
    rows.append(("output", "", _shape(output), ""))
    table = _align([("layer", "kind", "output shape", "parameters"), *rows])
    total = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    closing = f"{type(model).__name__}: {total:,} parameters" + (
        f", {trained:,} of them trained" if trained != total else ""
    )
    return f"{table}\n{closing}"


def _recorder(path: str, rows: list[tuple[str, str, str, str]]) -> Any:
    def record(module: Module, args: Any, output: Any) -> None:
        count = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        rows.append((path, type(module).__name__, _shape(output), f"{count:,}" if count else "-"))

    return record


def _shape(output: Any) -> str:
    if isinstance(output, Tensor):
        return "(" + ", ".join(["N", *(str(size) for size in output.shape[1:])]) + ")"
    if isinstance(output, (tuple, list)):
        return ", ".join(_shape(each) for each in output)
    return type(output).__name__


def _align(rows: list[tuple[str, str, str, str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        "  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3].rjust(widths[3])]).rstrip() for row in rows
    ]
    return "\n".join([lines[0], "-" * (sum(widths) + 6), *lines[1:]])
