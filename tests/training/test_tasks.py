"""Every kind of training: it learns, any split of a batch is the same update, and it leaves what a person looks at."""

from __future__ import annotations

import math

import numpy as np
import pytest

import framework
from framework import nn, optim
from framework.training.errors import TrainingError
from framework.training.tasks import (
    Autoencoder,
    Classification,
    LanguageModel,
    Regression,
    WassersteinGAN,
    sample_text,
)
from framework.training.trainer import Trainer
from framework.utils.data import DataLoader, TensorDataset
from models import LSTM


class TinyVAE(nn.Module):
    latent = 2

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 4), nn.Linear(2, 64)

    def decode(self, codes):
        return self.decoder(codes).reshape(-1, 1, 8, 8)

    def forward(self, images):
        mean, log_variance = self.encoder(images.flatten(1)).chunk(2, dim=1)
        codes = mean + framework.randn_like(mean) * (log_variance / 2).exp()
        return self.decode(codes), mean, log_variance


class TinyGAN(nn.Module):
    latent = 3

    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
        self.critic = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))


class MeanAndVariance(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 2))

    def forward(self, x):
        mean, spread = self.body(x).chunk(2, dim=1)
        return mean, spread.exp()


def make(kind, *, batch_size=32, accumulate=1, epochs=3, lr=0.01, **options):
    """A trainer of each kind on small made data, always the same."""
    framework.manual_seed(1)
    count = 96
    if kind == "classification":
        inputs, targets = framework.rand(count, 1, 8, 8), framework.randint(0, 3, (count,))
        inputs[framework.arange(count), 0, targets] += 2
        targets[::7] = -100
        model, data = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), TensorDataset(inputs, targets)
        task = Classification(
            nn.CrossEntropyLoss(weight=framework.tensor([1.0, 2.0, 0.5])), ["accuracy", "per_class", "top2"]
        )
    elif kind == "language_model":
        tokens = framework.arange(count * 9).reshape(count, 9) % 5
        targets = tokens[:, 1:].clone()
        targets[framework.rand(count, 8) < 0.3] = -100
        model, data = LSTM(5, width=8, layers=1), TensorDataset(tokens[:, :8], targets)
        facts = {"characters": list("abcde")}
        task = LanguageModel(nn.CrossEntropyLoss(), ["perplexity", "accuracy", "exact"], facts, prompt="ab", length=20)
    elif kind == "regression":
        x = framework.rand(count, 1) * 4 - 2
        model, data = MeanAndVariance(), TensorDataset(x, x.sin() + 0.1 * framework.randn(count, 1))
        task = Regression(nn.GaussianNLLLoss())
    elif kind == "autoencoder":
        images = (framework.rand(count, 1, 8, 8) > 0.5).float() * framework.rand(count, 1, 1, 1)
        model, data, task = (
            TinyVAE(),
            TensorDataset(images, framework.zeros(count)),
            Autoencoder(nn.BCEWithLogitsLoss()),
        )
    else:
        model, data = TinyGAN(), TensorDataset(framework.randn(count, 2) * 0.1 + 2)
        task = WassersteinGAN(critic_steps=2)
    optimizers = {
        objective.name: optim.Adam(objective.module(model).parameters(), lr=lr, betas=(0.5, 0.9))
        for objective in task.objectives()
    }
    loader = DataLoader(data, batch_size=batch_size)
    return Trainer(
        model,
        optimizers,
        loader,
        DataLoader(data, batch_size=40),
        task,
        epochs=epochs,
        accumulate=accumulate,
        **options,
    )


KINDS = ["classification", "language_model", "regression", "autoencoder", "gan"]


@pytest.mark.parametrize("kind", ["classification", "language_model", "regression"])
@pytest.mark.parametrize("split", [(8, 4), (5, 7), (1, 32)])
def test_any_split_of_a_batch_gives_the_same_update(kind, split):
    """With ignored targets and class weights too: 32 at once against batches of other sizes that make 32 or 35."""
    batch_size, accumulate = split
    whole = make(kind, batch_size=batch_size * accumulate, epochs=1, clip_norm=0.5, lr=1e-3)
    parts = make(kind, batch_size=batch_size, accumulate=accumulate, epochs=1, clip_norm=0.5, lr=1e-3)
    whole.fit(), parts.fit()
    assert whole.progress.step == parts.progress.step
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-4, atol=2e-6)
    for name, value in whole.evaluate().items():
        assert value == pytest.approx(parts.evaluate()[name], rel=1e-4), name


@pytest.mark.parametrize("kind", ["classification", "language_model", "regression", "autoencoder"])
def test_it_learns(kind):
    trainer = make(kind, epochs=40, lr=0.02)
    before = trainer.evaluate()["loss"]
    trainer.fit()
    after = trainer.evaluate()
    assert after["loss"] < (before - 0.3 if kind == "regression" else 0.97 * before)
    if kind == "classification":
        assert after["accuracy"] > 0.9
    if kind == "language_model":
        assert after["perplexity"] == pytest.approx(math.exp(after["loss"])) and after["exact"] > 0.9


def test_the_gan_moves_its_samples_towards_the_data_and_its_penalty_falls():
    trainer = make("gan", epochs=1)
    trainer.fit()
    first = dict(trainer.figures)
    made = next(item.content["made"] for item in trainer.gallery())
    far = np.linalg.norm(made.mean(0) - 2)
    trainer.epochs = 100
    trainer.fit()
    near = np.linalg.norm(next(item.content["made"] for item in trainer.gallery()).mean(0) - 2)
    assert near < far / 4
    assert trainer.figures["penalty"] < first["penalty"]
    assert {"critic_loss", "penalty", "distance", "loss"} <= set(trainer.figures)


def test_the_gradient_penalty_is_that_of_its_definition():
    """A linear critic's gradient is its weight, at any point; the penalty's own gradient follows from it."""
    critic = nn.Linear(2, 1).double()
    weight = critic.weight.detach().numpy()[0]
    real, made = framework.randn(5, 2, dtype=framework.float64), framework.randn(5, 2, dtype=framework.float64)
    penalty = WassersteinGAN().gradient_penalty(critic, real, made)
    norm = np.linalg.norm(weight)
    assert penalty.item() == pytest.approx((norm - 1) ** 2)
    penalty.backward()
    np.testing.assert_allclose(critic.weight.grad.numpy()[0], 2 * (norm - 1) * weight / norm)


def test_an_update_of_the_gan_trains_each_part_by_its_own_loss_alone():
    trainer = make("gan", batch_size=96)
    start = {name: each.detach().clone() for name, each in trainer.model.named_parameters()}
    trainer.update(trainer.next_window())  # the critic's step only
    moved = {name for name, each in trainer.model.named_parameters() if not framework.equal(each, start[name])}
    assert moved and all(name.startswith("critic.") for name in moved)
    trainer.update(
        trainer.next_window() if not trainer.at_end_of_epoch else trainer.finish_epoch() or trainer.next_window()
    )
    moved = {name for name, each in trainer.model.named_parameters() if not framework.equal(each, start[name])}
    assert moved == set(start) - {"critic.2.bias"}, "a difference of the critic's answers does not know its last bias"


def test_the_evidence_lower_bound_is_that_of_its_definition():
    trainer = make("autoencoder", batch_size=96)
    batch = trainer.next_window()[0]
    framework.manual_seed(3)
    result = trainer.task.loss(trainer.model, batch)
    framework.manual_seed(3)
    logits, mean, log_variance = (each.detach().numpy().astype(np.float64) for each in trainer.model(batch[0]))
    x = batch[0].numpy()
    likelihood = (np.logaddexp(0, logits) - x * logits).reshape(96, -1).sum(1)
    divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(1)
    assert result.loss.item() == pytest.approx((likelihood + divergence).mean(), rel=1e-5)
    assert result.figures["divergence"] == pytest.approx(divergence.mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("classification", [("confusion", {"matrix", "labels"}), ("text", None), ("mistakes", None)]),
        ("language_model", [("text", None)]),
        ("regression", [("fit", {"x", "y", "grid", "mean", "deviation"})]),
        ("autoencoder", [("images", {"originals", "reconstructions"}), ("images", {"samples"})]),
        ("gan", [("points", {"real", "made"})]),
    ],
)
def test_what_there_is_to_look_at(kind, expected):
    trainer = make(kind)
    before = framework.get_rng_state()
    items = trainer.gallery()
    assert framework.equal(framework.get_rng_state(), before), "samples come from a stream apart"
    assert [item.kind for item in items] == [kind for kind, _ in expected]
    for item, (_, keys) in zip(items, expected, strict=True):
        assert keys is None or set(item.content) == keys
    if kind == "classification":
        mistakes = items[-1].content
        assert list(mistakes["confidence"]) == sorted(mistakes["confidence"], reverse=True)
        assert (mistakes["target"] != mistakes["predicted"]).all()
        assert mistakes["images"].min() >= 0 and mistakes["images"].max() <= 1
    if kind == "language_model":
        assert items[0].content.startswith("ab") and len(items[0].content) == 22


def test_sampled_text_follows_the_temperature_and_refuses_what_it_does_not_know():
    trainer = make("language_model", epochs=60, lr=0.05)
    trainer.fit()
    facts = trainer.task.facts
    assert sample_text(trainer.model, facts, "a", 9, temperature=0) == "abcdeabcde"
    assert sample_text(trainer.model, facts, "", 4, temperature=0) == "abcde"
    assert sample_text(trainer.model, facts, "c", 3, temperature=100.0, top_k=1) == "cdea"
    generator = framework.Generator().manual_seed(0)
    wild = sample_text(trainer.model, facts, "a", 200, temperature=1e6, generator=generator)
    assert len(set(wild)) == 5 and "abcdeabcde" not in wild
    with pytest.raises(TrainingError, match="'x' 'z'"):
        sample_text(trainer.model, facts, "axz", 1)
    with pytest.raises(
        TrainingError, match=r"Linear has no method generate\(tokens, count, temperature, top_k, generator\)"
    ):
        sample_text(nn.Linear(1, 1), facts, "a", 1)
    with pytest.raises(TrainingError, match="not trained on text"):
        sample_text(trainer.model, {}, "a", 1)

    class Whole(nn.Module):
        """A model of somebody's own, which makes the text in one piece."""

        def generate(self, tokens, count, temperature, top_k, generator):
            return framework.cat([tokens, framework.arange(count).unsqueeze(0)], dim=1)

    assert sample_text(Whole(), facts, "da", 3) == "daabc"


@pytest.mark.parametrize("kind", KINDS)
def test_state_goes_back_and_forth_for_every_kind(kind):
    straight, first, second = make(kind, epochs=2), make(kind, epochs=2), make(kind, epochs=2)
    straight.fit()
    framework.manual_seed(1)
    first = make(kind, epochs=1)
    first.fit()
    second.load_state_dict(first.state_dict())
    second.fit()
    for one, other in zip(straight.model.parameters(), second.model.parameters(), strict=True):
        assert framework.equal(one, other)


def test_a_metric_or_monitor_that_is_not_known_is_told():
    with pytest.raises(TrainingError, match="task classification does not know r2; it knows accuracy, "):
        Classification(nn.CrossEntropyLoss(), ["r2"])
    with pytest.raises(TrainingError, match="monitor: f1 is not among the test figures: loss, mse, r2"):
        make("regression", monitor="f1")


def test_outputs_of_another_shape_than_the_targets_are_told_and_not_broadcast():
    trainer = make("regression")
    with pytest.raises(ValueError, match=r"gives \(5, 1\) for targets of \(5,\)"):
        trainer.task.loss(trainer.model, (framework.ones(5, 1), framework.ones(5)))
    trainer = make("autoencoder")
    with pytest.raises(ValueError, match=r"gives \(5, 1, 8, 8\) for targets of \(5, 64\)"):
        trainer.task.loss(trainer.model, (framework.ones(5, 64), None))


def test_pixels_outside_of_what_the_loss_takes_are_told():
    trainer = make("autoencoder")
    with pytest.raises(TrainingError, match=r"from 0 to 1, but they go from -1 to 1: set data\.normalize=false"):
        trainer.task.loss(trainer.model, (framework.linspace(-1, 1, 64).reshape(1, 1, 8, 8), None))
