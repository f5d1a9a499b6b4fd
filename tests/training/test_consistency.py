"""Sections of a config that don't go together are told when it is read."""

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
