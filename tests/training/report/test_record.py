import json

import numpy as np
import pytest

from framework.training.errors import TrainingError
from framework.training.report.record import RunRecord, format_figure, format_seconds

from .conftest import STEPS, curve


def test_panels_hold_the_recorded_figures(make_run):
    panels = {panel.key: panel for panel in RunRecord.read(make_run("a")).panels()}
    assert list(panels) == ["loss", "accuracy", "lr"]
    assert [each.label for each in panels["loss"].curves] == ["each update", "test"]
    steps = np.array(panels["loss"].curves[0].steps)
    assert len(steps) == STEPS
    np.testing.assert_allclose(panels["loss"].curves[0].values, curve(steps))
    assert panels["accuracy"].curves[0].values == [0.9, 0.8]


def test_best_is_the_least_loss_and_the_greatest_accuracy(make_run):
    figures = {figure: rest for figure, *rest in RunRecord.read(make_run("a")).figures()}
    assert figures["accuracy"] == [0.8, 0.9, 100]
    assert figures["loss"] == [curve(200) + 0.05, curve(200) + 0.05, 200]


def test_time_and_settings(make_run):
    run = RunRecord.read(make_run("a"))
    assert run.seconds == STEPS / 2
    assert run.last_step == STEPS
    assert run.settings() == {"name": "a", "model.name": "mlp", "model.hidden": "[3, 4]", "optimizer.lr": "0.01"}


def test_a_checkpoint_stands_for_its_folder(make_run):
    folder = make_run("a")
    (folder / "last.ckpt").touch()
    assert RunRecord.read(folder / "last.ckpt").path == folder


def test_what_is_damaged_is_noted_and_the_rest_is_there(make_run):
    folder = make_run("a")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "step", "ste')
    (folder / "gallery" / "fit.npz").write_bytes(b"no archive")
    (folder / "environment.json").write_text("{")
    run = RunRecord.read(folder)
    assert len(run.steps) == STEPS
    assert len(run.gallery) == 7
    assert [note.split(":")[0] for note in run.notes] == ["metrics.jsonl, line 204", "environment.json", "gallery"]


def test_values_that_are_no_numbers_are_left_out_of_curves(make_run):
    folder = make_run("a")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "step", "step": 201, "loss": float("nan"), "note": "text", "flag": True}) + "\n")
    panels = {panel.key: panel for panel in RunRecord.read(folder).panels()}
    assert list(panels) == ["loss", "accuracy", "lr"]
    assert len(panels["loss"].curves[0].values) == STEPS


def test_a_gallery_reaches_no_file_outside_of_it(make_run, tmp_path):
    folder = make_run("a")
    (tmp_path / "secret.txt").write_text("secret")
    entry = {"kind": "text", "title": "t", "file": "../../secret.txt"}
    (folder / "gallery" / "index.json").write_text(json.dumps([entry]))
    run = RunRecord.read(folder)
    assert run.gallery == []
    assert "outside of the gallery" in run.notes[0]


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(TrainingError, match=r"is not the folder of a run: config.yaml and metrics.jsonl are expected"):
        RunRecord.read(tmp_path)


def test_figures_are_written_as_people_read_them():
    assert format_figure("accuracy", 0.98765) == "98.77%"
    assert format_figure("loss", 0.0123456) == "0.01235"
    assert format_figure("samples_per_second", 12345.6) == "12,346"
    assert format_figure("loss", 1.23456e35) == "1.235e+35"
    assert [format_seconds(each) for each in (4.25, 200, 7500)] == ["4.2 s", "3 min 20 s", "2 h 05 min"]
