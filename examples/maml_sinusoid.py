"""Model-agnostic meta-learning on sinusoids: weights from which one gradient step fits a new curve.

The outer gradient goes through the inner gradient step, so it needs second derivatives: ``create_graph=True``.
Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", 2017.

    python examples/maml_sinusoid.py
"""

from __future__ import annotations

import math

import framework as torch
from framework import Tensor, nn
from framework.func import functional_call

Weights = dict[str, Tensor]
Task = tuple[Tensor, Tensor, Tensor, Tensor]  # inputs and targets to adapt to, inputs and targets to be judged by


def sample_task(generator: torch.Generator, shots: int = 10) -> Task:
    """A sinusoid of random amplitude and phase at random points: four tensors of shape (shots, 1)."""
    amplitude = 0.1 + 4.9 * torch.rand(1, generator=generator)
    phase = math.pi * torch.rand(1, generator=generator)
    points = 10 * torch.rand(2, shots, 1, generator=generator) - 5
    values = amplitude * torch.sin(points - phase)
    return points[0], values[0], points[1], values[1]


def task_loss(model: nn.Module, weights: Weights, inputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.mse_loss(functional_call(model, weights, inputs), targets)


def adapted(
    model: nn.Module, weights: Weights, inputs: Tensor, targets: Tensor, rate: float, create_graph: bool
) -> Weights:
    """The weights after one gradient step on a task; with ``create_graph`` as a function of ``weights``."""
    loss = task_loss(model, weights, inputs, targets)
    gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=create_graph)
    return {name: weight - rate * gradient for (name, weight), gradient in zip(weights.items(), gradients, strict=True)}


def meta_loss(model: nn.Module, weights: Weights, task: Task, rate: float, create_graph: bool = True) -> Tensor:
    """How wrong the adapted weights are on other points of the same curve."""
    inputs, targets, other_inputs, other_targets = task
    return task_loss(model, adapted(model, weights, inputs, targets, rate, create_graph), other_inputs, other_targets)


def train(steps: int = 300, tasks_per_step: int = 5, rate: float = 0.02, seed: int = 0) -> tuple[float, float]:
    """Meta-train a small network; the mean loss on new tasks after one step of adaptation, before and after training."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed + 1)
    model = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
    new_tasks = [sample_task(generator) for _ in range(50)]
    weights = dict(model.named_parameters())

    def judge() -> float:
        return sum(meta_loss(model, weights, task, rate, create_graph=False).item() for task in new_tasks) / len(
            new_tasks
        )

    before = judge()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        for _ in range(tasks_per_step):
            (meta_loss(model, weights, sample_task(generator), rate) / tasks_per_step).backward()
        optimizer.step()
    return before, judge()


if __name__ == "__main__":
    before, after = train()
    print(
        f"mean squared error on new sinusoids after one step of adaptation: {before:.3f} untrained, {after:.3f} meta-trained"
    )
