"""The benchmark runs, its columns agree, and its figures are complete. How fast anything is, is not judged here."""

import json

import numpy as np
import pytest

import framework
from benchmarks import __main__ as command
from benchmarks import by_hand
from benchmarks.pairs import FRAMEWORK, TORCH, Process, Row, measure
from benchmarks.worker import value_of
from benchmarks.works import WORKS, Setting


def test_command_times_rows_and_writes_json(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "columns_of", lambda options: [FRAMEWORK, command.pairs.BY_HAND])
    file = tmp_path / "results.json"
    command.main(["--quick", "--rows", "mlp,op,memory", "--threads", "1", "--json", str(file)])
    results = json.loads(file.read_text())
    assert results["machine"]["threads"] == 1 and results["machine"]["framework"] == framework.__version__
    assert set(results["rows"]) == {"mlp", "op", "memory"}
    mlp = results["rows"]["mlp"]
    assert all(seconds > 0 for column in mlp["columns"].values() for seconds in column["rounds"])
    assert mlp["columns"]["NumPy by hand"]["disagreement"] < 2e-4
    assert mlp["framework against NumPy by hand"] > 0
    assert 10 < results["rows"]["memory"]["columns"]["framework"]["value"] < 2000
    printed = capsys.readouterr().out
    assert WORKS["mlp"].title in printed and "framework takes" in printed


def test_columns_that_disagree_are_an_error(monkeypatch):
    class Other(Process):
        def ask(self, do, **command):
            answer = super().ask(do, **command)
            return {"values": [value * 1.01 for value in answer["values"]]} if do == "build" else answer

    processes = [Process(FRAMEWORK, 1), Other(command.pairs.FAST, 1)]
    try:
        with pytest.raises(RuntimeError, match="disagree"):
            measure("mlp", processes, 1, 0.001)
        with pytest.raises(RuntimeError, match="KeyError"):
            processes[0].ask("build", work="no such work", steps=1)
    finally:
        for process in processes:
            process.close()


def test_ratio_is_the_median_of_paired_ratios():
    row = Row("mlp", {TORCH.title: [1.0, 2.0, 4.0], FRAMEWORK.title: [0.5, 4.0, 3.0]})
    assert row.ratio(FRAMEWORK.title) == 0.75
    assert row.milliseconds(TORCH.title) == 2000


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_step_by_hand_is_the_frameworks_step(name):
    ours, hand = WORKS[name].build(Setting(framework)), by_hand.build(name, framework)
    losses = np.array([[value_of(ours()), value_of(hand())] for _ in range(3)])
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=1e-4)
    assert losses[2, 0] < losses[0, 0]


@pytest.mark.parametrize("name", [name for name in WORKS if not name.startswith(("chain", "epoch", "cnn", "mlp"))])
def test_every_work_runs_and_repeats_itself(name):
    values = []
    for _ in range(2):
        step = WORKS[name].build(Setting(framework))
        values.append([value_of(step()) for _ in range(2)])
    assert values[0] == values[1]
    assert np.isfinite(values).all()
