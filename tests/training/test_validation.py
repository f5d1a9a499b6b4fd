"""Arguments checked against a signature."""

from pathlib import Path

import pytest

from framework.training.config import (
    load_config,
    name_and_arguments,
)
from tests.training.config_cases import GOOD, load, one, problems


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


MLP = GOOD.replace("name: lenet", "name: mlp").replace("  dropout: 0.1\n", "")


def test_arguments_are_converted_to_the_signature() -> None:
    text = MLP.replace("name: mlp", "name: mlp\n  hidden: [8, 4]\n  scale: [1, 2]\n  hook: [1, {a: b}]")
    assert load(text).model.arguments == {"hidden": [8, 4], "scale": (1, 2), "hook": [1, {"a": "b"}]}
    assert load(GOOD, "model.sizes=[3, 4]").model.arguments == {"dropout": 0.1, "sizes": (3, 4)}


def test_bad_and_missing_arguments() -> None:
    assert one(MLP) == "a.yaml:6: model.hidden: missing: expected a list (of a whole number each)"
    words = "model.scale: expected a whole number or a list (of a whole number each), got 'x'"
    assert one(MLP, "model.hidden=[1]", "model.scale=x") == f"command line: {words}"
    assert one(MLP, "model.hidden=[1, a]") == "command line: model.hidden[1]: expected a whole number, got 'a'"


def test_a_class_is_checked_by_its_constructor_and_never_called() -> None:
    class Net:
        def __init__(self, width: "int", activation: type | None = None, **options: float) -> None:
            raise AssertionError("called")

    models = {"lenet": Net}
    assert problems(GOOD, "model.activation=f", "model.depth=x", models=models) == [
        "command line: model.activation: expected a type (which a config cannot give) or null, got 'f'",
        "a.yaml:6: model.width: missing: expected a whole number",
    ]
    assert load(GOOD, "model.width=3", models=models).model.arguments == {"dropout": 0.1, "width": 3}


def test_without_a_registry_arguments_are_plain_values() -> None:
    Path("a.yaml").write_text(GOOD.replace("dropout: 0.1", "anything: [1, {a: null}]"))
    config, _ = load_config("a.yaml")
    assert config.model.arguments == {"anything": [1, {"a": None}]}


def test_names_and_arguments_to_call() -> None:
    config = load(GOOD)
    assert name_and_arguments(config.model) == ("lenet", {"dropout": 0.1})
    name, arguments = name_and_arguments(config.optimizer)
    assert name == "sgd"
    assert arguments == {
        "lr": 1e-3,
        "momentum": 0.9,
        "dampening": 0.0,
        "weight_decay": 0.0,
        "nesterov": False,
        "maximize": False,
    }
