"""The command ``train.py``: runs, evaluation, resume, and what it says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

import framework
from framework.training.checkpoint import load_checkpoint
from framework.training.recording import spell_figure
from framework.training.run_folder import RunFolder

ROOT = Path(__file__).parents[2]


def weights(run: Path, name: str = "last.ckpt") -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in load_checkpoint(run / name).state["model"].items()}


def records(run: Path, kind: str) -> list[dict]:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def test_a_run_leaves_config_metrics_and_checkpoints(workplace, command):
    status, output, errors = command("--config", "small.yaml", "logging.report=true", "logging.csv=true")
    assert (status, errors) == (0, "")
    (run,) = (workplace / "runs").iterdir()
    assert re.fullmatch(r"small-\d{8}-\d{6}", run.name)
    assert sorted(each.name for each in run.iterdir()) == [
        "best.ckpt", "checkpoints", "config.yaml", "environment.json", "gallery", "last.ckpt", "metrics.csv", "metrics.jsonl",
        "model.txt",
        "report.html",
    ]  # fmt: skip
    assert sorted(each.name for each in (run / "checkpoints").iterdir()) == ["step-16.ckpt", "step-8.ckpt"]
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["train"]["epochs"] == 2 and config["model"]["hidden"] == [24]
    steps = [record["step"] for record in records(run, "step")]
    assert steps == [3, 6, 9, 12, 15], "240 images in batches of 32 are 8 updates an epoch, logged every 3"
    epochs = records(run, "epoch")
    assert [record["epoch"] for record in epochs] == [1, 2]
    assert records(run, "run")[0]["data_set"] in output
    evaluations = records(run, "eval")
    assert [(record["step"], record["epoch"]) for record in evaluations] == [(8, 1), (16, 2)]
    best = max(record["test_accuracy"] for record in evaluations)
    assert f"best accuracy   {best:.2%}" in output
    assert f"final accuracy  {evaluations[-1]['test_accuracy']:.2%}" in output
    assert str(run.relative_to(workplace) / "best.ckpt") in output


def test_eval_prints_the_metrics_of_the_checkpoint(workplace, command):
    command("--config", "small", "--run-dir", "run", "--quiet")
    last = records(Path("run"), "eval")[-1]
    status, output, _ = command("--eval", "run/last.ckpt")
    assert status == 0
    assert f"accuracy    {last['test_accuracy']:.2%}" in output
    assert f"test loss   {last['test_loss']:.4f}" in output


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(workplace, command):
    command("--config", "small", "--run-dir", "a")
    command("--config", "small", "--run-dir", "b")
    command("--config", "small", "--run-dir", "c", "seed=4")
    a, b, c = weights(Path("a")), weights(Path("b")), weights(Path("c"))
    assert all(np.array_equal(a[key], b[key]) for key in a)
    assert not any(np.array_equal(a[key], c[key]) for key in a if key.endswith("weight"))


def test_resume_after_an_epoch_ends_with_the_same_bits(workplace, command):
    command("--config", "small", "--run-dir", "straight")
    command("--config", "small", "--run-dir", "resumed", "train.epochs=1")
    status, output, _ = command("--resume", "resumed", "train.epochs=2")
    assert status == 0 and "resuming" in output
    assert yaml.safe_load(Path("resumed/config.yaml").read_text())["train"]["epochs"] == 2
    straight, resumed = weights(Path("straight")), weights(Path("resumed"))
    assert all(np.array_equal(straight[key], resumed[key]) for key in straight)
    assert [record["step"] for record in records(Path("resumed"), "step")] == [3, 6, 9, 12, 15]
    assert [record["epoch"] for record in records(Path("resumed"), "epoch")] == [1, 2]


def test_ctrl_c_saves_exits_with_130_and_resumes_to_the_same_bits(workplace, command):
    command("--config", "small", "--run-dir", "straight", "train.epochs=40")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), "--config", "small", "--run-dir", "run", "train.epochs=40"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    metrics = workplace / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (metrics.exists() and metrics.read_text().count("\n") > 4) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "continue with: python train.py --resume run" in output
    stopped = load_checkpoint(workplace / "run").state["progress"]
    assert 0 < stopped["step"] < 40 * 8
    status, _, _ = command("--resume", "run")
    assert status == 0
    straight, resumed = weights(Path("straight")), weights(Path("run"))
    assert all(np.array_equal(straight[key], resumed[key]) for key in straight)


def test_dry_run_shows_model_and_config_and_leaves_nothing(workplace, command):
    before = sorted(workplace.rglob("*"))
    status, output, _ = command("--config", "small", "--dry-run", "model.hidden=[24, 12]")
    assert status == 0
    assert re.search(r"layers\.1\s+Linear\s+\(N, 24\)\s+18,840", output)
    assert "MLP: 19,270 parameters" in output
    assert yaml.safe_load(output[output.index("name:") :])["model"] == {
        "name": "mlp",
        "hidden": [24, 12],
        "dropout": 0.2,
        "inputs": 784,
        "classes": 10,
        "file": None,
    }
    assert sorted(workplace.rglob("*")) == before


def test_no_arguments_show_help_and_the_configs(workplace, command):
    status, output, _ = command()
    assert status == 0
    assert "--config" in output and "--resume" in output
    assert re.search(r"small\.yaml\s+A small run for tests", output)


def test_a_config_is_found_with_and_without_its_ending_here_or_in_configs(workplace, command):
    for name in ("small", "small.yaml", "configs/small.yaml"):
        assert command("--config", name, "--dry-run")[0] == 0
    (workplace / "here.yaml").write_text((workplace / "configs" / "small.yaml").read_text())
    assert command("--config", "here", "--dry-run")[0] == 0


def test_quiet_prints_the_summary_alone(workplace, command):
    _, output, _ = command("--config", "small", "--quiet", "train.epochs=1")
    assert [line.split("  ")[0] for line in output.splitlines()] == [
        "data set",
        "best accuracy",
        "final loss",
        "final accuracy",
        "time",
        "checkpoints",
    ]


def test_output_that_is_no_terminal_has_plain_lines(workplace, command):
    _, output, errors = command("--config", "small", "train.epochs=1")
    assert "\r" not in output + errors
    assert re.search(
        r"epoch 1/1  step 8/8  train loss \d\.\d{4}  test loss \d\.\d{4}  test accuracy [\d.]+%  [\d,]+ samples/s",
        output,
    )


def test_two_runs_never_share_a_folder(workplace, command):
    command("--config", "small", "train.epochs=1", "--quiet")
    command("--config", "small", "train.epochs=1", "--quiet")
    runs = list((workplace / "runs").iterdir())
    assert len(runs) == 2
    assert all(len(records(run, "epoch")) == 1 for run in runs)


def test_two_processes_never_train_in_one_folder(workplace, command):
    command("--config", "small", "--run-dir", "run", "--quiet", "train.epochs=1")
    before = (workplace / "run" / "metrics.jsonl").read_bytes()
    with RunFolder(Path("run")).held():
        status, _, errors = command("--resume", "run", "train.epochs=2")
    assert status == 1 and "another process is training in this folder" in errors
    assert (workplace / "run" / "metrics.jsonl").read_bytes() == before
    assert command("--resume", "run", "train.epochs=2")[0] == 0


def test_warnings_about_the_data_are_framed(workplace, command):
    status, output, _ = command(
        "--config",
        "small",
        "--dry-run",
        "data={source: auto}",
        "data.download=false",
        "data.folder=nowhere",
    )
    assert status == 0
    warning = [line for line in output.splitlines() if line.startswith("!! ")]
    assert any("built-in digits" in line for line in warning)
    assert any("nowhere" in line for line in warning)


MY_MODEL = """
from framework import nn


class MyNet(nn.Module):
    def __init__(self, width: int, classes: int = 10):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, classes))

    def forward(self, images):
        return self.layers(images)
"""


def test_a_model_of_ones_own_needs_leave_to_run(workplace, command):
    (workplace / "my_model.py").write_text(MY_MODEL + "open('was_run', 'w')\n")
    settings = ("model={file: my_model.py, name: MyNet, width: 8}", "train.epochs=1")
    status, _, errors = command("--config", "small", "--run-dir", "run", *settings)
    assert (status, errors) == (
        2, "command line: model.file: runs a Python file, which only --allow-code on the command line permits\n"
    )  # fmt: skip
    assert not (workplace / "was_run").exists()
    status, _, errors = command("--config", "small", "--run-dir", "run", *settings, "--allow-code")
    assert status == 0, errors
    assert "MyNet" in (workplace / "run" / "model.txt").read_text()
    for mode in ("--eval", "--resume"):
        (workplace / "was_run").unlink()
        status, _, errors = command(mode, "run")
        assert status == 1 and "--allow-code" in errors
        assert not (workplace / "was_run").exists(), "a checkpoint can't make code run either"
        assert command(mode, "run", "--allow-code")[0] == 0
    bad = "model={file: my_model.py, name: MyNet, widht: 8}"
    assert "did you mean 'width'?" in command("--config", "small", bad, "--allow-code")[2]
    bad = "model={file: my_model.py, name: Mynet, width: 8}"
    assert "has no model Mynet; it has MyNet" in command("--config", "small", bad, "--allow-code")[2]
    (workplace / "broken.py").write_text("1 / 0")
    status, _, errors = command("--config", "small", "model={file: broken.py, name: X}", "--allow-code")
    assert status == 2 and "can't be run: ZeroDivisionError" in errors and "Traceback" not in errors


@pytest.mark.parametrize(
    "arguments",
    [[], ["--help"], ["--config", "small"], ["--config", "small", "--dry-run"], ["--config", "nothing"]],
    ids=" ".join,
)
def test_a_reader_that_has_gone_ends_it_quietly(workplace, arguments):
    """As ``| head -1`` does."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        ended = subprocess.run(
            [sys.executable, ROOT / "train.py", *arguments],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    if arguments == ["--config", "nothing"]:  # which writes nothing to where nobody reads
        assert ended.returncode == 2 and "no such config" in ended.stderr
    else:  # argparse has a way of its own with its help
        assert ended.returncode == 141 or (ended.returncode == 0 and arguments in ([], ["--help"]))
        assert ended.stderr == ""


def test_figures_that_are_huge_or_tiny_are_written_short():
    written = {
        0.0: "0.0000",
        0.25: "0.2500",
        123.45678: "123.4568",
        -2.5: "-2.5000",
        1.2345678e35: "1.235e+35",
        2.5e-7: "2.5e-07",
    }
    assert {value: spell_figure("loss", value) for value in written} == written
    assert spell_figure("loss", float("nan")) == "nan"
    assert spell_figure("test_accuracy", 0.9876) == "98.76%"


def test_find_lr_names_a_rate_and_leaves_nothing(workplace, command):
    before = sorted(workplace.rglob("*"))
    status, output, errors = command("--config", "small", "--find-lr")
    assert status == 0, errors
    assert re.search(r"^learning rate [\d.e-]+ \(a tenth .*the config has 0.003$", output.splitlines()[-1])
    assert sorted(workplace.rglob("*")) == before


def test_early_stopping_ema_and_averaged_weights_in_a_run(workplace, command):
    settings = (
        "train={epochs: 50, ema: 0.5, early_stopping: {patience: 1, min_delta: 0.5}}",
        "metrics=[per_class, accuracy]",
    )
    status, output, errors = command("--config", "small", "--run-dir", "run", *settings)
    assert status == 0, errors
    assert re.search(r"ended early +test accuracy has not got better in 1 evaluations", output)
    last = records(Path("run"), "eval")[-1]
    assert {"test_precision", "test_recall", "test_f1", "test_accuracy", "test_loss"} <= set(last)
    _, output, _ = command("--eval", "run")
    assert f"test loss   {last['test_loss']:.4f}" in output, "evaluation is of the averaged weights, as in the run"
    status, output, _ = command("--resume", "run")
    assert status == 0 and records(Path("run"), "eval")[-1]["step"] == last["step"], "a run that ended stays ended"


class TestBadInput:
    """One clear line and a status that is not 0; never a traceback, and nothing half-written."""

    def refused(self, command, *arguments: str) -> str:
        status, output, errors = command(*arguments)
        assert status not in (0, 130), output
        assert "Traceback" not in output + errors
        assert errors.strip()
        return errors

    def test_unknown_config(self, workplace, command):
        errors = self.refused(command, "--config", "smal.yaml")
        assert "smal.yaml" in errors and "small" in errors

    @pytest.mark.parametrize(
        ("override", "expected"),
        [
            ("optimizer.lrr=0.1", "did you mean 'lr'|optimizer.lr"),
            ("optimizer.lr=fast", "number"),
            ("data.batch_size=-1", ">= 1|at least 1"),
            ("model.hidden=[-5]", "-5|negative|hidden"),
            ("model.name=lenett", "lenet"),
            ("optimizer.name=sdg", "sgd"),
            ("train.epochs", "="),
        ],
    )
    def test_bad_settings(self, workplace, command, override, expected):
        errors = self.refused(command, "--config", "small", override)
        assert re.search(expected, errors), errors
        assert not (workplace / "runs").exists()

    def test_a_learning_rate_that_yaml_reads_as_text_is_accepted(self, workplace, command):
        assert command("--config", "small", "--dry-run", "optimizer.lr=1e-3")[0] == 0

    def test_yaml_that_does_not_parse(self, workplace, command):
        (workplace / "configs" / "small.yaml").write_text("model: {name: mlp\noptimizer: [")
        errors = self.refused(command, "--config", "small")
        assert re.search(r"small\.yaml:\d+", errors)

    @pytest.mark.parametrize("damage", ["truncated", "foreign", "counts"])
    def test_damaged_data(self, workplace, command, damage):
        file = workplace / "images.idx"
        if damage == "truncated":
            file.write_bytes(file.read_bytes()[:1000])
        elif damage == "foreign":
            file = file.rename(workplace / "images.idx.gz")
            file.write_bytes(b"this is no gzip file at all")
        else:
            from framework.datasets.idx import write_idx

            write_idx(workplace / "labels.idx", np.zeros(299, np.uint8))
        images = "data.images=" + file.name
        errors = self.refused(command, "--config", "small", images)
        assert file.name in errors
        assert not (workplace / "runs").exists()

    def test_a_checkpoint_of_another_model_names_the_keys(self, workplace, command):
        command("--config", "small", "--run-dir", "run", "--quiet")
        errors = self.refused(command, "--eval", "run", "model.name=lenet")
        assert "features.0.weight" in errors and "layers.1.weight" in errors

    def test_a_file_that_is_no_checkpoint(self, workplace, command):
        framework.save({"weight": framework.ones(3)}, "weights.ckpt")
        assert "weights.ckpt" in self.refused(command, "--eval", "weights.ckpt")
        assert "nothing.ckpt" in self.refused(command, "--eval", "nothing.ckpt")
        assert "configs" in self.refused(command, "--resume", "configs")

    def test_no_place_for_the_run_folder(self, workplace, command):
        (workplace / "runs").write_text("a file where the folder should be")
        assert "runs" in self.refused(command, "--config", "small")
        assert (workplace / "runs").read_text() == "a file where the folder should be"
        (workplace / "full").mkdir()
        (workplace / "full" / "mine.txt").write_text("kept")
        errors = self.refused(command, "--config", "small", "--run-dir", "full")
        assert "full" in errors
        assert [each.name for each in (workplace / "full").iterdir()] == ["mine.txt"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_read_only_folder(self, workplace, command):
        command("--config", "small", "--run-dir", "run", "--quiet", "train.epochs=1")
        before = {each: each.read_bytes() for each in (workplace / "run").rglob("*") if each.is_file()}
        for folder in (workplace / "run", workplace / "run" / "checkpoints"):
            folder.chmod(0o555)
        try:
            errors = self.refused(command, "--resume", "run", "train.epochs=2")
        finally:
            for folder in (workplace / "run", workplace / "run" / "checkpoints"):
                folder.chmod(0o755)
        assert "run" in errors and len(errors.splitlines()) == 1
        assert {each: each.read_bytes() for each in before} == before

    @pytest.mark.parametrize(
        ("moment", "number", "words"),
        [
            ("open", 28, "No space left on device"),
            ("link", 28, "No space left on device"),
            ("replace", 28, "No space left on device"),
            ("open", 30, "Read-only file system"),
            ("open", 13, "Permission denied"),
        ],
    )
    def test_a_disk_that_refuses_at_any_moment_loses_nothing(
        self, workplace, command, monkeypatch, moment, number, words
    ):
        command("--config", "small", "--run-dir", "run", "--quiet", "train.epochs=1")
        before = load_checkpoint(workplace / "run").state["progress"]["step"]
        real = getattr(os, moment)

        def full(*arguments, **options):
            names = [str(each) for each in arguments if isinstance(each, (str, Path))]
            if any(".ckpt" in name for name in names):
                raise OSError(number, words)
            return real(*arguments, **options)

        monkeypatch.setattr(os, moment, full)
        if moment == "link":  # a file system without hard links that is also full
            monkeypatch.setattr(Path, "write_bytes", lambda *arguments: full(".ckpt"))
        errors = self.refused(command, "--resume", "run", "train.epochs=3")
        monkeypatch.undo()
        monkeypatch.chdir(workplace)
        assert words in errors and len(errors.splitlines()) == 1
        assert load_checkpoint(workplace / "run").state["progress"]["step"] >= before
        assert command("--resume", "run", "train.epochs=3")[0] == 0

    def test_a_checkpoint_of_another_version(self, workplace, command):
        framework.save({"format": "framework.training", "version": 1, "state": {}}, "old.ckpt")
        assert "is of checkpoint version 1, and this program reads version 2" in self.refused(
            command, "--eval", "old.ckpt"
        )

    @pytest.mark.parametrize(
        ("overrides", "expected"),
        [
            (["loss={name: nll}"], "loss nll needs log probabilities, .* model mlp gives sum to .* cross_entropy, or"),
            (
                ["task={name: gan}"],
                "model mlp can't be built .* task gan needs a model with the parts critic, generator",
            ),
            (["task={name: autoencoder}"], "are nothing for task autoencoder: "),
            (["task={name: regression}"], "are nothing for task regression: "),
            (["data.augment={shift: 28}"], "data.augment.shift: expected less than the images' 28 pixels, got 28"),
            (["model.hidden=[1000000000000000]"], "can't be built|not enough memory"),
            (["optimizer={name: muon}"], "the optimizer can't be built"),
            (
                ["scheduler={name: one_cycle, max_lr: 0.1, interval: step, pct_start: 0.0625}"],
                "the schedule can't be built: OneCycleLR: pct_start=0.0625 of total_steps=16 is one step",
            ),
            (
                ["scheduler={name: one_cycle, max_lr: 0.1, pct_start: 2}"],
                "scheduler.pct_start: expected a number >= 0 and <= 1",
            ),
            (
                ["loss={name: cross_entropy, weight: [1, 2]}"],
                "loss.weight: the data has 10 classes, but there are 2 weights",
            ),
        ],
    )
    def test_parts_that_do_not_fit(self, workplace, command, overrides, expected):
        errors = self.refused(command, "--config", "small", *overrides)
        assert re.search(expected, errors), errors
        assert len(errors.splitlines()) == 1
        assert not (workplace / "runs").exists()

    def test_a_disk_that_is_full_keeps_the_checkpoint_that_was_there(self, workplace, command, monkeypatch):
        command("--config", "small", "--run-dir", "run", "--quiet", "train.epochs=1")
        before = (workplace / "run" / "last.ckpt").read_bytes()

        def full(handle: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        errors = self.refused(command, "--resume", "run", "train.epochs=3")
        assert "No space left" in errors
        assert (workplace / "run" / "last.ckpt").read_bytes() == before
        assert not [each for each in (workplace / "run").iterdir() if "tmp" in each.name]

    def test_a_loss_that_diverges(self, workplace, command):
        errors = self.refused(
            command,
            "--config",
            "small",
            "--run-dir",
            "run",
            "optimizer.name=sgd",
            "optimizer.lr=1e30",
            "train.epochs=1",
        )
        assert re.search(r"loss became (nan|inf) at step \d+", errors)
