"""A step that goes wrong explains itself, and the state before it is kept."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import framework
from framework import nn, optim
from framework.training.checkpoint import load_checkpoint, save_checkpoint
from framework.training.errors import NonFiniteLoss
from framework.training.tasks import WassersteinGAN
from framework.training.trainer import Trainer
from framework.utils.data import DataLoader, TensorDataset


class Logarithm(nn.Module):
    def forward(self, x):
        return (x - 0.25).log()


class SquareRoot(nn.Module):
    """Its gradient at 0 is infinite, and times 0 it is NaN, while its value is fine."""

    def forward(self, x):
        return (x * 0).sqrt() + x


def trainer_of(*layers, batch=None, **options):
    framework.manual_seed(0)
    inputs = framework.rand(64, 4) if batch is None else batch
    data = TensorDataset(inputs, framework.randint(0, 3, (64,)))
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), *layers, nn.Linear(8, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    return Trainer(
        model, optimizer, DataLoader(data, batch_size=16, shuffle=True), loss=nn.CrossEntropyLoss(), **options
    )


def problem_of(trainer):
    with pytest.raises(NonFiniteLoss) as caught:
        trainer.fit()
    return caught.value


def test_the_layer_the_operation_and_what_went_in_are_named():
    error = problem_of(trainer_of(Logarithm()))
    words = str(error)
    assert words.startswith(
        "the loss became nan at step 1 (epoch 1); no update was made from it. First wrong: layer 3 (Logarithm)"
    )
    assert re.search(r"in its operation log\. It got \(16, 8\) from -[\d.]+ to [\d.]+ and gave .* nan", words), words
    assert re.search(r"test_bad_steps\.py, line \d+, in forward", words)


def test_an_overflow_names_the_layer_with_its_weights():
    trainer = trainer_of(nn.Linear(8, 8), nn.ReLU())
    with framework.no_grad():
        trainer.model[3].weight[2, 5] = 3e38
        trainer.model[3].weight[2, 4] = 3e38
        trainer.model[1].weight.fill_(100.0)
    words = str(problem_of(trainer))
    assert "First wrong: layer 3 (Linear)" in words and "inf" in words
    assert "Its weights: weight (8, 8) from" in words and "to 3e+38" in words


def test_a_gradient_that_goes_wrong_names_the_operation():
    words = str(problem_of(trainer_of(SquareRoot())))
    assert words.startswith("the gradients' norm became nan at step 1")
    assert (
        "First wrong, in the backward pass: layer 3 (SquareRoot), in its operation sqrt. For a gradient of (16, 8)"
        in words
    )
    assert "128 inf" in words and re.search(r"line \d+, in forward", words)


def test_weights_and_batches_that_are_not_finite_are_told_as_such():
    trainer = trainer_of()
    with framework.no_grad():
        trainer.model[0].bias[3] = math.nan
    assert "The weights were not finite before this step: 0.bias" in str(problem_of(trainer))
    inputs = framework.rand(64, 4)
    inputs[:, 2] = math.inf
    assert "The batch's inputs are not finite: 16 of 64 values, first in sample 0" in str(
        problem_of(trainer_of(batch=inputs))
    )


class Bomb(nn.Module):
    """Fine for some calls, then infinite."""

    def __init__(self, calls):
        super().__init__()
        self.calls = calls
        self.fuse = calls

    def forward(self, x):
        self.fuse -= 1
        return x * math.inf if self.fuse <= 0 else x


def test_the_state_is_that_before_the_step_and_goes_on_as_if_nothing_had_been():
    """Weights, running statistics, random numbers and the place in the data: the other run never meets the bad step."""
    good = trainer_of(Bomb(1000), epochs=3)
    good.fit()
    bad = trainer_of(Bomb(7), epochs=3)
    error = problem_of(bad)
    assert bad.progress.step == 6
    assert error.state is not None and error.state["progress"]["batch"] == 2
    other = trainer_of(Bomb(1000), epochs=3)
    other.load_state_dict(error.state)
    other.fit()
    for (name, one), two in zip(good.model.state_dict().items(), other.model.state_dict().values(), strict=True):
        assert framework.equal(one, two), name


def test_with_two_optimizers_the_step_of_the_first_is_taken_back():
    framework.manual_seed(0)
    model = nn.Module()
    model.latent = 2
    model.critic = nn.Linear(2, 1)
    model.generator = nn.Sequential(nn.Linear(2, 2), Bomb(6))
    optimizers = {name: optim.Adam(getattr(model, name).parameters()) for name in ("critic", "generator")}
    data = TensorDataset(framework.randn(64, 2))
    trainer = Trainer(model, optimizers, DataLoader(data, batch_size=16), task=WassersteinGAN(critic_steps=1), epochs=1)
    kept = []
    for _ in range(2):
        trainer.update(trainer.next_window())
        kept.append([parameter.detach().clone() for parameter in model.parameters()])
    window = trainer.next_window()
    with pytest.raises(NonFiniteLoss) as caught:
        trainer.update(window)
    for parameter, before in zip(model.parameters(), kept[-1], strict=True):
        assert framework.equal(parameter, before)
    assert caught.value.state["optimizers"]["critic"]["state"]["critic.bias"]["step"].item() == 2


def test_the_command_keeps_the_state_before_the_bad_step_beside_what_was_there(workplace, command):
    command("--config", "small", "--run-dir", "run", "--quiet", "train.epochs=1")
    checkpoint = load_checkpoint(workplace / "run")
    checkpoint.state["model"]["layers.1.weight"][0, 0] = math.nan
    save_checkpoint(workplace / "run" / "last.ckpt", checkpoint.state, checkpoint.config, checkpoint.data)
    poisoned = (workplace / "run" / "last.ckpt").read_bytes()
    status, output, errors = command("--resume", "run", "train.epochs=2")
    assert status == 1 and "Traceback" not in output + errors and len(errors.splitlines()) == 1
    assert "nan at step 9 (epoch 2)" in errors and "layers.1.weight" in errors and "last.ckpt" in errors
    assert (workplace / "run" / "last.ckpt").read_bytes() == poisoned
    before = load_checkpoint(workplace / "run" / "before-bad-step.ckpt")
    assert before.state["progress"]["step"] == 8
    assert np.isnan(before.state["model"]["layers.1.weight"].numpy()).sum() == 1
