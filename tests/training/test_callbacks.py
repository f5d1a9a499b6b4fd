"""Averaged weights, early stopping, time budgets, watched gradients, schedules, the learning rate finder, progress."""

from __future__ import annotations

import io
import time
import typing

import numpy as np
import pytest

import framework
from framework import nn, optim
from framework.optim import lr_scheduler
from framework.training import build
from framework.training.callbacks import Callback, EarlyStopping, Ema, GradientWatch, TimeBudget
from framework.training.config import load_config
from framework.training.config.optimizers import Optimizers
from framework.training.config.schedulers import Simple
from framework.training.data import ImageAugment, Parts
from framework.training.errors import TrainingError
from framework.training.lr_finder import find_learning_rate
from framework.training.progress import Console, spell_seconds
from framework.training.recording import Lines
from framework.training.schedule import Schedule
from framework.training.trainer import Trainer
from framework.utils.data import DataLoader, IterableDataset, TensorDataset


def trainer_of(*, optimizer=None, dropout=0.0, **options):
    framework.manual_seed(0)
    inputs = framework.randn(60, 4)
    data = TensorDataset(inputs, (inputs.sum(1) > 0).long())
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 2))
    optimizer = (optimizer or (lambda parameters: optim.SGD(parameters, lr=0.1)))(model.parameters())
    loaders = DataLoader(data, batch_size=10, shuffle=True), DataLoader(data, batch_size=25)
    return Trainer(model, optimizer, *loaders, loss=nn.CrossEntropyLoss(), **options)


class Recording(Callback):
    name = "recording"

    def __init__(self):
        self.records, self.events = [], []

    def on_record(self, trainer, record):
        self.records.append(record)

    def on_start(self, trainer):
        self.events.append("start")

    def on_update(self, trainer):
        self.events.append("update")

    def on_evaluation(self, trainer, record, is_best):
        self.events.append("evaluation")

    def on_settled(self, trainer):
        self.events.append("settled")

    def on_end(self, trainer):
        self.events.append("end")


def test_callbacks_are_told_in_order():
    recording = Recording()
    trainer_of(epochs=1, eval_every=4, callbacks=[recording]).fit()
    update = ["update", "settled"]
    assert recording.events == [
        "start", *update * 3, "update", "evaluation", "settled", *update, "update", "evaluation", "settled", "end",
    ]  # fmt: skip


def test_the_average_is_that_of_its_definition_and_is_what_evaluations_judge():
    kept = []

    class Keep(Callback):
        name = "keep"

        def on_update(self, trainer):
            kept.append(trainer.model[0].weight.detach().numpy().copy())

    trainer = trainer_of(epochs=2, callbacks=[Keep(), Ema(0.8)])
    trainer.fit()
    expected = kept[0]
    for weight in kept[1:]:
        expected = 0.8 * expected + 0.2 * weight
    assert trainer.averaged is not None
    np.testing.assert_allclose(trainer.averaged[0].weight.detach().numpy(), expected, rtol=1e-5)
    averaged = trainer.evaluate()["loss"]
    trainer.averaged = None
    assert trainer.evaluate()["loss"] != averaged == trainer.progress.last_test["loss"]


def test_early_stopping_counts_evaluations_without_a_better_one_and_survives_a_resume():
    losses = iter([1.0, 0.9, 0.899, 0.95, 0.91, 0.2])
    stopping = EarlyStopping(patience=3, min_delta=0.01)
    trainer = trainer_of(epochs=10, callbacks=[stopping])
    trainer.evaluate = lambda loader=None: {"loss": next(losses)}
    assert trainer.fit()
    assert trainer.progress.epoch == 5 and "loss has not got better in 3 evaluations" in trainer.stop_reason
    assert (trainer.progress.best, trainer.progress.best_epoch) == (0.899, 3)
    other = trainer_of(epochs=10, callbacks=[EarlyStopping(patience=3, min_delta=0.01)])
    other.load_state_dict(trainer.state_dict())
    assert other.fit() and other.progress.epoch == 5, "a run that ended stays ended"


def test_two_callbacks_that_would_share_a_state_are_told():
    trainer = trainer_of(epochs=1, callbacks=[EarlyStopping(1), EarlyStopping(5)])
    with pytest.raises(ValueError, match="named 'early_stopping'"):
        trainer.state_dict()


def test_a_time_budget_counts_all_sessions():
    trainer = trainer_of(epochs=1000, callbacks=[TimeBudget(0.2 / 60)])
    assert trainer.fit()
    assert 0.2 <= trainer.progress.seconds < 5 and "budget" in trainer.stop_reason
    other = trainer_of(epochs=1000, callbacks=[TimeBudget(0.2 / 60)])
    other.load_state_dict(trainer.state_dict())
    assert other.fit() and other.progress.step == trainer.progress.step


def test_watched_gradients_are_each_layers_norm():
    recording = Recording()
    trainer = trainer_of(steps=1, log_every=1, callbacks=[GradientWatch(), recording])
    trainer.fit()
    (record,) = [each for each in recording.records if each["kind"] == "step"]
    layers = {key: value for key, value in record.items() if key.startswith("grad_norm.")}
    assert set(layers) == {"grad_norm.0", "grad_norm.1", "grad_norm.4"}
    first = trainer.model[0]
    expected = np.sqrt((first.weight.grad.numpy() ** 2).sum() + (first.bias.grad.numpy() ** 2).sum())
    assert layers["grad_norm.0"] == pytest.approx(expected, rel=1e-5)
    assert record["grad_norm"] == pytest.approx(np.sqrt(sum(value**2 for value in layers.values())), rel=1e-5)


def test_step_records_are_means_since_the_last_and_epochs_over_all_samples():
    recording = Recording()
    trainer_of(epochs=2, log_every=4, callbacks=[recording]).fit()
    every = Recording()
    trainer_of(epochs=2, log_every=1, callbacks=[every]).fit()
    single = [record["loss"] for record in every.records if record["kind"] == "step"]
    grouped = [record["loss"] for record in recording.records if record["kind"] == "step"]
    assert grouped == pytest.approx([np.mean(single[0:4]), np.mean(single[4:8]), np.mean(single[8:12])])
    epochs = [record["train_loss"] for record in recording.records if record["kind"] == "epoch"]
    assert epochs == pytest.approx([np.mean(single[:6]), np.mean(single[6:])])
    assert [record["epoch"] for record in recording.records if record["kind"] == "step"] == [1, 2, 2]


def test_throughput_is_samples_by_the_seconds_of_training(monkeypatch):
    """A second for each call of the model: a batch of ten a second, and evaluations don't count."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    recording = Recording()
    trainer = trainer_of(epochs=2, log_every=4, eval_every=3, callbacks=[recording])
    trainer.model.register_forward_hook(lambda *_: now.__setitem__(0, now[0] + 1.0))
    trainer.fit()
    speeds = [record["samples_per_second"] for record in recording.records if record["kind"] in ("step", "epoch")]
    assert speeds == pytest.approx([10.0] * 5)
    assert trainer.progress.seconds == pytest.approx(2 * 6 + 4 * 3)  # two epochs of six batches, four evaluations of three


def test_clipping_by_value_and_by_norm():
    trainer = trainer_of(clip_value=1e-3, clip_norm=2e-3)
    before = [parameter.detach().clone() for parameter in trainer.model.parameters()]
    trainer.update(trainer.next_window())
    moves = [(new.detach() - old).numpy() / 0.1 for new, old in zip(trainer.model.parameters(), before, strict=True)]
    assert max(np.abs(move).max() for move in moves) <= 1.001e-3
    assert np.sqrt(sum((move.astype(np.float64) ** 2).sum() for move in moves)) == pytest.approx(2e-3, rel=2e-2)


# ---- Schedules -----------------------------------------------------------------------------------------------------------


def test_schedules_step_at_their_interval():
    for interval, count in (("step", 12), ("epoch", 2)):
        trainer = trainer_of(epochs=2)
        optimizer = trainer.optimizers[""]
        trainer.schedules = [Schedule(lr_scheduler.ExponentialLR(optimizer, 0.5), interval)]
        trainer.fit()
        assert trainer.lr == pytest.approx(0.1 * 0.5**count)


def test_a_plateau_schedule_is_told_of_evaluations():
    trainer = trainer_of(epochs=4)
    trainer.schedules = [
        Schedule(lr_scheduler.ReduceLROnPlateau(trainer.optimizers[""], factor=0.1, patience=0), "epoch")
    ]
    losses = iter([1.0, 2.0, 3.0, 0.5])
    trainer.evaluate = lambda loader=None: {"loss": next(losses)}
    trainer.fit()
    assert trainer.lr == pytest.approx(0.1 * 0.01)


SCHEDULES = [
    "{name: step, step_size: 2}",
    "{name: multi_step, milestones: [2, 5]}",
    "{name: constant, total_iters: 2}",
    "{name: linear, interval: step}",
    "{name: exponential, gamma: 0.9}",
    "{name: polynomial, interval: step, power: 2}",
    "{name: cosine}",
    "{name: cosine, interval: step, eta_min: 1e-4}",
    "{name: cosine_restarts, T_0: 2}",
    "{name: one_cycle, interval: step, max_lr: 0.1}",
    "{name: cyclic, base_lr: 0.01, max_lr: 0.1, step_size_up: 3}",
    "{name: plateau, patience: 0}",
    "{name: sequential, interval: step, milestones: [4], schedulers: [{name: linear, total_iters: 4}, {name: cosine}]}",
    "{name: chained, schedulers: [{name: constant}, {name: exponential, gamma: 0.5}]}",
]
OPTIMIZER_SETTINGS = {"muon": ["model.hidden=[]"], "lbfgs": ["optimizer.max_iter=2"]}


class Flat(nn.Module):
    """A model whose only parameter is a matrix, which Muon needs."""

    def __init__(self, hidden=(), classes=2):
        super().__init__()
        self.layer = nn.Linear(4, classes, bias=False)

    def forward(self, x):
        return self.layer(x)


def built(tmp_path, *overrides):
    framework.manual_seed(0)
    (tmp_path / "c.yaml").write_text(
        "model: {name: flat}\noptimizer: {name: sgd}\ntrain: {epochs: 4}\ndata: {source: auto, batch_size: 20}\n"
    )
    config, _ = load_config(tmp_path / "c.yaml", overrides, {"flat": Flat})
    inputs = framework.randn(60, 4)
    data = TensorDataset(inputs, (inputs.sum(1) > 0).long())
    parts = Parts("made", data, data, "", {"classes": 2})
    return build.build_trainer(config, {"flat": Flat}, parts, Console(quiet=True))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_of_a_config_runs_and_resumes(tmp_path, schedule):
    straight, first, second = (built(tmp_path, f"scheduler={schedule}") for _ in range(3))
    rates = []
    while not straight.finished:
        straight.update(straight.next_window())
        straight.step_schedules("step")
        rates.append(straight.lr)
        if straight.at_end_of_epoch:
            straight.finish_epoch()
    assert len(set(rates)) > 1 or "plateau" in schedule
    if schedule.startswith(("{name: cosine}", "{name: linear")):
        assert straight.lr == pytest.approx(0.0 if "cosine" in schedule else 1e-3, abs=1e-9), (
            "its length is that of the run"
        )
    framework.manual_seed(0)
    first = built(tmp_path, f"scheduler={schedule}")
    first.steps = 6 if "plateau" in schedule else 5  # the evaluation at its end must be one of the whole run's
    first.fit()
    path = tmp_path / "state.ckpt"
    framework.save(first.state_dict(), path)
    second.load_state_dict(framework.load(path))
    second.fit()
    assert second.lr == straight.lr
    assert framework.equal(second.model.layer.weight, straight.model.layer.weight)


def test_the_list_above_has_every_schedule():
    tags = {each.__struct_config__.tag for each in typing.get_args(Simple)}
    assert {text.split(",")[0].removeprefix("{name: ").rstrip("}") for text in SCHEDULES} == tags | {
        "plateau",
        "sequential",
        "chained",
    }


@pytest.mark.parametrize("name", [each.__struct_config__.tag for each in typing.get_args(Optimizers)])
def test_every_optimizer_of_a_config_learns_and_resumes(tmp_path, name):
    overrides = [f"optimizer={{name: {name}}}", "optimizer.lr=0.05", *OPTIMIZER_SETTINGS.get(name, [])]
    straight, second = built(tmp_path, *overrides), built(tmp_path, *overrides)
    before = straight.evaluate()["loss"]
    framework.manual_seed(7)
    straight.fit()
    assert straight.evaluate()["loss"] < before
    first = built(tmp_path, *overrides)
    first.steps = 5
    framework.manual_seed(7)
    first.fit()
    framework.save(first.state_dict(), tmp_path / "state.ckpt")
    second.load_state_dict(framework.load(tmp_path / "state.ckpt"))
    second.fit()
    assert framework.equal(second.model.layer.weight, straight.model.layer.weight)


def test_float64_holds_everywhere(tmp_path):
    trainer = built(tmp_path, "train.precision=float64")
    trainer.fit()
    assert trainer.model.layer.weight.dtype is framework.float64
    assert trainer.next_window()[0][0].dtype is framework.float64


# ---- The learning rate finder, data, progress --------------------------------------------------------------------------------


def test_the_finder_names_a_rate_that_learns_and_leaves_no_trace():
    trainer = trainer_of(dropout=0.2)
    before = framework.get_rng_state(), [each.clone() for each in trainer.model.state_dict().values()]
    found = find_learning_rate(trainer, updates=60)
    assert 1e-3 < found.suggestion < 1.0
    assert found.rates == sorted(found.rates) and len(found.rates) == len(found.losses)
    assert framework.equal(framework.get_rng_state(), before[0])
    for now, then in zip(trainer.model.state_dict().values(), before[1], strict=True):
        assert framework.equal(now, then)
    assert trainer.lr == 0.1 and trainer.progress.step == 0


def test_augmented_images_are_moved_copies():
    framework.manual_seed(0)
    images = framework.rand(40, 2, 6, 5) + 1
    labels = framework.arange(40)
    moved, kept = ImageAugment(shift=1, flip=0.5)((images, labels))
    assert kept is labels and moved.shape == images.shape
    seen = set()
    for one, other in zip(images.numpy(), moved.numpy(), strict=True):
        candidates = {}
        for flip in (False, True):
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    padded = np.pad(one, ((0, 0), (1, 1), (1, 1)))[:, 1 + down : 7 + down, 1 + right : 6 + right]
                    candidates[flip, down, right] = padded[..., ::-1] if flip else padded
        matches = [key for key, each in candidates.items() if np.array_equal(each, other)]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 10


class Stream(IterableDataset):
    def __iter__(self):
        return iter((framework.ones(4) * i, framework.tensor(i % 2)) for i in range(7))


def test_a_stream_whose_length_is_not_known_has_epochs_too():
    recording = Recording()
    model = nn.Linear(4, 2)
    loader = DataLoader(Stream(), batch_size=2)
    trainer = Trainer(
        model,
        optim.SGD(model.parameters(), lr=1e-3),
        loader,
        loss=nn.CrossEntropyLoss(),
        steps=10,
        callbacks=[recording],
    )
    assert trainer.total_updates == 10
    assert trainer.fit()
    assert [record["step"] for record in recording.records if record["kind"] == "epoch"] == [4, 8]


def test_training_data_without_a_batch_is_told():
    model = nn.Linear(4, 2)
    data = TensorDataset(framework.ones(3, 4), framework.zeros(3).long())
    loader = DataLoader(data, batch_size=4, drop_last=True)
    trainer = Trainer(model, optim.SGD(model.parameters(), lr=1e-3), loader, loss=nn.CrossEntropyLoss(), epochs=1)
    with pytest.raises(TrainingError, match="no batch"):
        trainer.fit()


def test_the_time_to_the_end_is_over_the_whole_run(monkeypatch):
    """Ten of forty updates done at a second each: thirty seconds are left, and evaluations count."""
    stream = io.StringIO()
    trainer = trainer_of(steps=40, eval_every=10, callbacks=[Lines(Console(stream=stream))])
    monkeypatch.setattr(Trainer, "seconds", property(lambda self: float(self.progress.step)))
    trainer.fit()
    lines = stream.getvalue().splitlines()
    assert lines[0].removesuffix("  (best)").endswith("30 s left")
    assert lines[1].removesuffix("  (best)").endswith("20 s left") and "left" not in lines[-1]
    assert "step 10/40" in lines[0] and "epoch 2" in lines[0]
    assert [spell_seconds(each) for each in (42.4, 200, 7500)] == ["42 s", "3:20 min", "2:05 h"]
