"""The training loop: accumulation, evaluation, state."""

from __future__ import annotations

import numpy as np
import pytest

import framework
from framework import nn, optim
from framework.training.errors import NonFiniteLoss
from framework.training.tasks import Classification
from framework.training.trainer import Trainer
from framework.utils.data import DataLoader, TensorDataset


def make_trainer(
    batch_size: int, accumulate: int, *, samples: int = 150, optimizer=optim.SGD, dropout: float = 0.0, **options
):
    framework.manual_seed(0)
    inputs, targets = framework.randn(samples, 6), framework.randint(0, 3, (samples,))
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3))
    data = TensorDataset(inputs, targets)
    return Trainer(
        model,
        optimizer(model.parameters(), lr=0.1),
        DataLoader(data, batch_size=batch_size),
        DataLoader(data, batch_size=40),
        Classification(nn.CrossEntropyLoss()),
        epochs=1,
        accumulate=accumulate,
        **options,
    )


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize("samples", [128, 150, 145])  # the last group is whole, has fewer batches, has a smaller batch
def test_four_batches_of_16_update_like_one_of_64(samples, clip_norm):
    whole = make_trainer(64, 1, samples=samples, clip_norm=clip_norm)
    split = make_trainer(16, 4, samples=samples, clip_norm=clip_norm)
    assert whole.fit() and split.fit()
    assert whole.progress.step == split.progress.step == -(-samples // 64)
    for one, other in zip(whole.model.parameters(), split.model.parameters(), strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=2e-6, atol=2e-7)


def test_evaluation_records_no_graph_and_gives_the_modes_back():
    trainer = make_trainer(64, 1, dropout=0.5)
    trainer.model.train()
    trainer.model[3].eval()  # a part that the user froze
    seen = []
    trainer.model.register_forward_hook(
        lambda module, args, output: seen.append(
            (output.requires_grad, output.grad_fn, output.is_inference(), module[2].training)
        )
    )
    first, second = trainer.evaluate(), trainer.evaluate()
    assert seen and set(seen) == {(False, None, True, False)}
    assert first == second, "dropout is off"
    assert [module.training for module in trainer.model] == [True, True, True, False]
    assert trainer.model.training
    assert all(parameter.grad is None for parameter in trainer.model.parameters())


def test_evaluation_takes_no_random_numbers_from_training():
    trainer = make_trainer(64, 1, dropout=0.5)
    trainer.test_loader = DataLoader(trainer.test_loader.dataset, batch_size=40, shuffle=True)
    before = framework.get_rng_state()
    trainer.evaluate()
    assert framework.equal(framework.get_rng_state(), before)


def test_metrics_are_means_over_samples_where_the_last_batch_is_smaller():
    trainer = make_trainer(64, 1)
    inputs, targets = trainer.test_loader.dataset.tensors
    with framework.no_grad():
        scores = trainer.model(inputs)
    metrics = trainer.evaluate()
    assert metrics["loss"] == pytest.approx(nn.functional.cross_entropy(scores, targets).item(), rel=1e-5)
    assert metrics["accuracy"] == pytest.approx(np.mean(scores.numpy().argmax(1) == targets.numpy()))


def test_a_loss_that_is_not_finite_stops_before_the_update():
    trainer = make_trainer(64, 1)
    trainer.train_loader.dataset.tensors[0][100, 0] = float("inf")
    before = [parameter.detach().clone() for parameter in trainer.model.parameters()]
    trainer.update([(trainer.train_loader.dataset.tensors[0][:64], trainer.train_loader.dataset.tensors[1][:64])])
    after_good = [parameter.detach().clone() for parameter in trainer.model.parameters()]
    assert not framework.equal(before[0], after_good[0])
    with pytest.raises(NonFiniteLoss, match=r"step 2 .*first in sample 36 of the batch"):
        trainer.update(
            [(trainer.train_loader.dataset.tensors[0][64:128], trainer.train_loader.dataset.tensors[1][64:128])]
        )
    for parameter, kept in zip(trainer.model.parameters(), after_good, strict=True):
        assert framework.equal(parameter, kept)


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam])
def test_state_goes_by_parameter_name(optimizer):
    trainer = make_trainer(
        50,
        1,
        optimizer=lambda parameters, lr: optimizer(
            parameters, lr=lr, **({"momentum": 0.9} if optimizer is optim.SGD else {})
        ),
    )
    trainer.fit()
    state = trainer.state_dict()
    assert set(state["optimizers"][""]["state"]) == {name for name, _ in trainer.model.named_parameters()}

    other = make_trainer(50, 1)
    reordered = list(other.model.parameters())[::-1]
    other.optimizers[""] = (
        optim.SGD(reordered, lr=0.1, momentum=0.9) if optimizer is optim.SGD else optim.Adam(reordered, lr=0.1)
    )
    other.load_state_dict(state)
    batch = (framework.ones(4, 6), framework.tensor([0, 1, 2, 0]))
    trainer.update([batch])
    other.update([batch])
    for one, two in zip(trainer.model.parameters(), other.model.parameters(), strict=True):
        np.testing.assert_allclose(one.detach().numpy(), two.detach().numpy(), rtol=1e-6, atol=1e-7)
