"""Sections of a config that don't go together are told when it is read."""

import sys

import pytest


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["loss={name: mse}"],
            "command line: loss.name: task classification takes one of cross_entropy, nll, multi_margin, got mse",
        ),
        (["metrics=[r2]"], "command line: metrics: task classification does not know r2; it knows accuracy, "),
        (
            ["train.monitor=f1"],
            "command line: train.monitor: f1 is not among the test figures: loss, accuracy",
        ),
        (["metrics=[top2]"], "train.monitor: accuracy is not among the test figures: loss, top2"),
        (
            ["task={name: gan}", "loss={name: mse}", "metrics=[]", "train.monitor=loss"],
            "command line: loss: task gan has losses of its own: leave out the section loss",
        ),
        (
            ["task={name: language_model}"],
            r"configs/small.yaml:4: data.source: idx gives class indices as targets, but task language_model needs tokens",
        ),
        (
            ["data={source: curve}"],
            "data.source: curve gives numbers as targets, but task classification needs class indices or tokens",
        ),
        (
            ["data={source: mixture}"],
            "data.source: mixture has no targets, but task classification needs class indices or tokens",
        ),
        (
            ["task={name: autoencoder}", "loss={name: bce}"],
            "loss.name: bce needs inputs that are numbers from 0 to 1: set data.normalize=false",
        ),
        (
            ["task={name: regression}", "data={source: curve}", "loss={name: soft_margin}"],
            "loss.name: soft_margin needs targets that are -1 and 1, and those of the curve are any numbers",
        ),
        (
            ["data={source: spirals}", "loss={name: nll, weight: [1, 2]}"],
            "loss.weight: the data has 3 classes, but there are 2 weights",
        ),
        (
            ["data={source: cifar10}", "loss={name: nll, weight: [1, 2]}"],
            "loss.weight: the data has 10 classes, but there are 2 weights",
        ),
    ],
)
def test_sections_that_do_not_go_together_before_the_data_is_asked_for(
    workplace, command, monkeypatch, overrides, expected
):
    monkeypatch.setattr("framework.training.session.load_parts", lambda *arguments: pytest.fail("data was loaded"))
    status, output, errors = command("--config", "small", *overrides)
    assert (status, output) == (2, "")
    assert expected in errors and len(errors.splitlines()) == 1, errors
    assert not (workplace / "runs").exists()


def test_files_that_are_not_there_are_told_with_the_place_where_they_were_looked_for(workplace, command, monkeypatch):
    here = f"paths count from the folder where the command runs, {workplace}"
    beside = workplace / "configs"
    (workplace / "images.idx").rename(beside / "images.idx")
    (workplace / "labels.idx").rename(workplace / "labels.idx.gz")
    (beside / "model.py").write_text("raise SystemExit")
    expected = [
        f"configs/small.yaml:5: data.images: no such file: images.idx; {here}: did you mean configs/images.idx?",
        f"configs/small.yaml:6: data.labels: no such file: labels.idx; {here}: did you mean labels.idx.gz?",
    ]
    assert command("--config", "small") == (2, "", "\n".join(expected) + "\n")
    status, _, errors = command("--config", "small", "model={file: model.py, name: X}", "--allow-code")
    assert (status, errors) == (
        2,
        f"command line: model.file: no such file: model.py; {here}: did you mean configs/model.py?\n",
    )
    status, _, errors = command(
        "--config", "small", "data={source: text, file: /nowhere/a.txt}", "task.name=language_model"
    )
    assert (status, errors) == (2, "command line: data.file: no such file: /nowhere/a.txt\n")


def test_paths_count_from_the_folder_where_the_command_runs(workplace, command):
    """From that of the config, too, once the run has written it into its own."""
    assert command("--config", "configs/small.yaml", "--run-dir", "runs/a", "--quiet")[0] == 0
    assert command("--config", "runs/a/config.yaml", "--run-dir", "runs/b", "--quiet")[0] == 0


def test_a_package_that_is_missing_is_told_before_anything_is_made(workplace, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    words = (
        "logging.tensorboard: needs tensorboardX, which is not installed: python -m pip install tensorboardX, or set"
    )
    status, output, errors = command("--config", "small", "logging.tensorboard=true")
    assert (status, output) == (2, "") and words in errors
    assert not (workplace / "runs").exists()
