"""Train from Python without YAML: a model, an optimizer, loaders, a task and callbacks.

The data are points on two spirals; after a few seconds a small network tells them apart.
"""

from __future__ import annotations

import math

import framework as torch
from framework import nn
from framework.optim.lr_scheduler import CosineAnnealingLR
from framework.training import Callback, Classification, EarlyStopping, Ema, Schedule, Trainer
from framework.utils.data import DataLoader, TensorDataset


def spirals(count: int) -> TensorDataset:
    """Points ``(count, 2)`` on two spirals, with the number of theirs."""
    label = torch.arange(count) % 2
    angle = 3 * math.pi * torch.rand(count).sqrt()
    turn = angle + math.pi * label
    points = torch.stack([turn.cos(), turn.sin()], dim=1) * (angle / 10).unsqueeze(1)
    return TensorDataset(points + 0.01 * torch.randn(count, 2), label)


class PrintEvaluations(Callback):
    """A callback of your own says what it wants to be told of."""

    name = "print_evaluations"

    def on_evaluation(self, trainer, record, is_best):
        star = "  best so far" if is_best else ""
        print(f"epoch {record['epoch']:3}  loss {record['test_loss']:.3f}  accuracy {record['test_accuracy']:.1%}{star}")


def main() -> float:
    torch.manual_seed(0)
    train, test = spirals(1000), spirals(500)
    model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    epochs = 60
    trainer = Trainer(
        model,
        optimizer,
        DataLoader(train, batch_size=100, shuffle=True),
        DataLoader(test, batch_size=500),
        Classification(nn.CrossEntropyLoss(), metrics=["accuracy"]),
        schedules=[Schedule(CosineAnnealingLR(optimizer, T_max=epochs), "epoch")],
        epochs=epochs,
        eval_every=100,
        clip_norm=1.0,
        callbacks=[Ema(0.95), EarlyStopping(patience=4), PrintEvaluations()],
    )
    trainer.fit()
    if trainer.stop_reason:
        print(f"ended after {trainer.progress.step} updates: {trainer.stop_reason}")

    # The whole state is a tree of tensors and plain values: a file from which another process goes on exactly.
    # torch.save(trainer.state_dict(), "spirals.ckpt"); ...; trainer.load_state_dict(torch.load("spirals.ckpt"))
    return trainer.progress.best


if __name__ == "__main__":
    print(f"best accuracy {main():.1%}")
