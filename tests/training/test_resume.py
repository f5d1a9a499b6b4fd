"""Resuming is exact: killed at any moment, a run ends with the bits and the records of one that was never stopped."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from framework.training.checkpoint import load_checkpoint
from framework.training.command import main
from framework.training.run_folder import MetricsFile
from models import MODELS

# Everything that has a state: dropout, shuffles, shifted images, Adam, a schedule, averaged weights, best so far, sums.
SETTINGS = (
    "data.augment={shift: 2}",
    "train={epochs: 6, accumulate: 3, log_every: 2, eval_every: 5, checkpoint_every: 1, ema: 0.9, clip_norm: 1.0}",
    "scheduler={name: sequential, interval: step, milestones: [5], schedulers: [{name: linear}, {name: cosine}]}",
)
MEASURED = ("seconds", "samples_per_second")


def flat(tree, path=""):
    """The leaves of nested containers, by path; arrays as their bytes."""
    if isinstance(tree, dict):
        return {key: leaf for name, each in tree.items() for key, leaf in flat(each, f"{path}/{name}").items()}
    if isinstance(tree, (list, tuple)):
        return {key: leaf for i, each in enumerate(tree) for key, leaf in flat(each, f"{path}/{i}").items()}
    array = tree.numpy() if hasattr(tree, "numpy") else tree
    return {path: array.tobytes() if isinstance(array, np.ndarray) else array}


def end_of(run: Path):
    """All that the last checkpoint and the metrics hold, but for times."""
    state = flat(load_checkpoint(run).state)
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    figures = [{key: value for key, value in record.items() if key not in MEASURED} for record in records]
    return {key: value for key, value in state.items() if not key.endswith("seconds")}, figures


def session(*arguments: str) -> multiprocessing.process.BaseProcess:
    """The command in a process of its own, which is there at once."""
    process = multiprocessing.get_context("fork").Process(
        target=lambda: os._exit(main(MODELS, [*arguments, "--quiet"]))
    )
    process.start()
    return process


def finish(*arguments: str) -> None:
    process = session(*arguments)
    process.join(60)
    assert process.exitcode == 0


def kill_and_resume(kills: int, seed: int, longest: float) -> None:
    """Kill sessions at random moments until that many are killed and the run at hand is finished."""
    finish("--config", "small", "--run-dir", "straight", *SETTINGS)
    expected = end_of(Path("straight"))
    rng, done, number = random.Random(seed), 0, 0
    while done < kills:
        number += 1
        run, killed = Path(f"run{number}"), 0
        while True:
            begun = (run / "last.ckpt").exists()
            if not begun:
                shutil.rmtree(run, ignore_errors=True)
            arguments = ["--resume", str(run)] if begun else ["--config", "small", "--run-dir", str(run), *SETTINGS]
            process = session(*arguments)
            if done + killed < kills:
                time.sleep(rng.uniform(0.0, longest))
                os.kill(process.pid, signal.SIGKILL)
            process.join(60)
            if process.exitcode == 0:
                break
            assert process.exitcode == -signal.SIGKILL, "a resumed run does not fail"
            killed += 1
        done += killed
        state, figures = end_of(run)
        assert [each["step"] for each in figures if each["kind"] == "step"] == [2, 4, 6, 8, 10, 12, 14, 16, 18]
        assert figures == expected[1]
        assert state == expected[0]
        assert not list(run.glob("**/.*.tmp")), "what a killed session left half-written is cleaned up"
        shutil.rmtree(run)


def test_killed_at_random_moments_and_resumed_to_the_same_bits(workplace):
    kill_and_resume(kills=6, seed=0, longest=0.4)


@pytest.mark.slow
def test_killed_twenty_times_at_random_moments_and_resumed_to_the_same_bits(workplace):
    kill_and_resume(kills=20, seed=1, longest=0.5)


def killing_at_the_ninth_call(function):
    calls = itertools.count(1)

    def killing(*arguments, **options):
        if next(calls) == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return killing


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(workplace, monkeypatch):
    finish("--config", "small", "--run-dir", "straight", *SETTINGS)
    for moment in ("fsync", "replace", "link"):
        run = Path(moment)
        monkeypatch.setattr(os, moment, killing_at_the_ninth_call(getattr(os, moment)))
        process = session("--config", "small", "--run-dir", str(run), *SETTINGS)
        monkeypatch.undo()
        monkeypatch.chdir(workplace)
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, moment
        finish("--resume", str(run))
        assert end_of(run) == end_of(Path("straight")), moment


def test_a_damaged_newest_checkpoint_is_reported_and_the_one_before_it_used(workplace, command):
    command("--config", "small", "--run-dir", "straight", "--quiet")
    command("--config", "small", "--run-dir", "run", "--quiet")
    last = Path("run/last.ckpt")
    assert os.path.samefile(last, "run/checkpoints/step-16.ckpt")
    last.write_bytes(last.read_bytes()[:-700])
    status, output, errors = command("--resume", "run")
    assert status == 0, errors
    assert (
        "last.ckpt" in output and "cut short or damaged" in output and "resuming run/checkpoints/step-8.ckpt" in output
    )
    assert end_of(Path("run")) == end_of(Path("straight"))


def test_every_damaged_byte_is_noticed_and_all_damaged_is_an_error(workplace, command):
    command("--config", "small", "--run-dir", "run", "--quiet")
    rng = np.random.default_rng(0)
    for file in {*Path("run").glob("**/*.ckpt")}:
        data = bytearray(file.read_bytes())
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        file.unlink()
        file.write_bytes(data)
    status, output, errors = command("--resume", "run")
    assert status == 1 and output.count("The one before it is used.") == 3
    assert "best.ckpt" in errors and "Traceback" not in errors


def test_going_back_to_an_older_checkpoint_leaves_its_future(workplace, command):
    command("--config", "small", "--run-dir", "run", "--quiet", "train.epochs=3", "train.keep_last=3")
    expected = end_of(Path("run"))
    command("--resume", "run/checkpoints/step-8.ckpt", "train.epochs=2", "--quiet")
    assert sorted(each.name for each in Path("run/checkpoints").iterdir()) == ["step-16.ckpt", "step-8.ckpt"]
    assert max(json.loads(line)["step"] for line in Path("run/metrics.jsonl").read_text().splitlines()) == 16
    command("--resume", "run", "train.epochs=3", "--quiet")
    assert end_of(Path("run")) == expected


@pytest.mark.parametrize("settings", [{"eval_every": 1, "log_every": 1, "checkpoint_every": 2}, {"eval_every": 7}, {}])
def test_watching_does_not_change_the_run(workplace, command, settings):
    """Weights are the same bits for any evaluation, logging and checkpoint interval."""
    common = ("--config", "small", "--quiet", "train.epochs=2", "train.ema=0.9", "metrics=[accuracy, per_class]")
    command(*common, "--run-dir", "usual")
    status, _, errors = command(
        *common, "--run-dir", "other", *(f"train.{key}={value}" for key, value in settings.items())
    )
    assert status == 0, errors
    usual, other = load_checkpoint(Path("usual")).state, load_checkpoint(Path("other")).state
    for part in ("model", "optimizers", "random", "loader"):
        assert flat(usual[part]) == flat(other[part])
    assert flat(usual["callbacks"]) == flat(other["callbacks"])


def test_records_of_lines_that_were_cut_short_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"kind": "step", "step": 1}\n{"kind": "step", "step": 2}\n{"kind": "st')
    MetricsFile(path, after_step=1).write({"kind": "step", "step": 2, "loss": float("inf")})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"kind": "step", "step": 1},
        {"kind": "step", "step": 2, "loss": None},
    ]
