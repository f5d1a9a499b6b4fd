"""The whole config, and how files and overrides become a checked one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, field

from framework.training.config.data import Auto, Data
from framework.training.config.fields import RunName, Section, Text
from framework.training.config.losses import Losses
from framework.training.config.optimizers import Optimizers
from framework.training.config.schedulers import Schedulers
from framework.training.config.tasks import Classification, Tasks
from framework.training.config.train import Logging, Train
from framework.training.validation import REST, Checker, check_arguments
from framework.training.yaml_source import (
    ConfigError,
    KeyPath,
    Located,
    Place,
    merge,
    problem,
    read_config,
    read_overrides,
    to_yaml,
)

Constructors: TypeAlias = Mapping[str, Callable[..., Any]]

# Arguments of a model's constructor that the data set gives where the config does not.
FROM_DATA = frozenset({"channels", "image_size", "classes", "vocabulary", "context", "inputs", "outputs"})


class Model(Section, frozen=True):
    """The network, by its name in the registry; every other key is an argument of its constructor."""

    name: Text
    """Name of the model, such as lenet or mlp; with file, that of the class in it."""
    arguments: Annotated[dict[str, Any], REST] = field(default_factory=dict)
    """The constructor's keyword arguments, which stand beside the name."""
    file: Text | None = None
    """A Python file of your own that has the model; it is run only with --allow-code."""


class Config(Section, kw_only=True, frozen=True):
    """The settings of a training run."""

    name: RunName = "run"
    """First part of the run folder's name; the config file's name unless given."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    """Seed of the initial weights, the shuffles and dropout: the same seed gives the same run."""
    task: Tasks = field(default_factory=Classification)
    """What is trained and how it is judged."""
    data: Data = field(default_factory=Auto)
    """What to train and test on."""
    model: Model
    """The network and its constructor's arguments."""
    loss: Losses | None = None
    """What training makes small; null: the task's usual loss."""
    optimizer: Optimizers
    """How the weights follow their gradients."""
    scheduler: Schedulers | None = None
    """How the learning rate goes on; null: it stays."""
    train: Train = field(default_factory=Train)
    """The training loop."""
    metrics: (
        list[
            Literal[
                "accuracy",
                "top2",
                "top3",
                "top5",
                "top10",
                "per_class",
                "exact",
                "perplexity",
                "mse",
                "mae",
                "r2",
                "distance",
            ]
        ]
        | None
    ) = None
    """What evaluations measure beside the loss; null: the task's usual figures."""
    logging: Logging = field(default_factory=Logging)
    """Where figures go beside metrics.jsonl."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a loaded config's values were written, for problems that show only when they are used."""

    root: Located

    def problem(self, path: str, words: str) -> str:
        """``configs/mnist.yaml:9: data.images: no such file``, from the last two parts."""
        keys: KeyPath = tuple(path.split("."))
        at = self.root
        for key in keys:
            if not isinstance(at.value, dict) or key not in at.value:
                break
            at = at.value[str(key)]
        return problem(at.place, keys, words)


def load_config(
    file: str | Path,
    overrides: Sequence[str] = (),
    models: Constructors | None = None,
    open_model: Callable[[str, str], Callable[..., Any]] | None = None,
) -> tuple[Config, Source]:
    """A YAML file with command-line overrides, checked against the schema.

    Args:
        file: The config file; files it ``extends`` are read from beside it.
        overrides: ``optimizer.lr=0.01``-style texts; they win over the file.
        models: The models that a config can name; arguments are checked against the signature of the one named.
        open_model: Gives the constructor of a name in a Python file; without it ``model.file`` is refused, since a config
            must not run code unasked.

    Raises:
        ConfigError: With a line for every problem there is.
    """
    file = Path(file)
    problems: list[str] = []
    given = read_overrides(overrides, problems)
    root = read_config(file, problems)
    if root is None:
        raise ConfigError(problems)
    root = merge(root, given)
    assert isinstance(root.value, dict)
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", file.stem)[:100].lstrip("-.") or "run"
    root.value.setdefault("name", Located(stem, Place(str(file))))
    config = Checker(problems, Config).convert(root, Config)
    arguments = _model_arguments(root.value.get("model"), models, open_model, problems)
    if problems:
        raise ConfigError(problems)
    if arguments is not None:
        config = with_model_arguments(config, arguments)
    train = config.train
    if train.epochs is train.steps is train.max_minutes is None:
        config = msgspec.structs.replace(config, train=msgspec.structs.replace(train, epochs=5))
    return config, Source(root)


def _model_arguments(
    at: Located | None,
    models: Constructors | None,
    open_model: Callable[[str, str], Callable[..., Any]] | None,
    problems: list[str],
) -> dict[str, Any] | None:
    """The arguments of the model's constructor, converted to its signature; None without a registry to check them against."""
    if at is None or not isinstance(at.value, dict):
        return None  # the schema has told
    name, file = at.value.get("name"), at.value.get("file")
    if name is None or not isinstance(name.value, str):
        return None
    if file is not None and file.value is not None:
        if not isinstance(file.value, str):
            return None
        if open_model is None:
            words = "runs a Python file, which only --allow-code on the command line permits"
            problems.append(problem(file.place, ("model", "file"), words))
            return None
        try:
            constructor = open_model(file.value, name.value)
        except ConfigError as error:
            problems += [problem(file.place, ("model", "file"), words) for words in error.problems]
            return None
    elif models is None:
        return None
    elif name.value not in models:
        Checker(problems).unknown_name(name, sorted(models), ("model", "name"))
        return None
    else:
        constructor = models[name.value]
    given = {key: item for key, item in at.value.items() if key not in ("name", "file")}
    return check_arguments(given, constructor, at, ("model",), problems, FROM_DATA)


def with_model_arguments(config: Config, arguments: Mapping[str, Any]) -> Config:
    """The config with other arguments of the model."""
    model = msgspec.structs.replace(config.model, arguments=dict(arguments))
    return msgspec.structs.replace(config, model=model)


def name_and_arguments(section: Any) -> tuple[str, dict[str, Any]]:
    """What a section names in its registry, and the keyword arguments to call it with."""
    if isinstance(section, Model):
        return section.name, dict(section.arguments)
    return str(section.__struct_config__.tag), msgspec.structs.asdict(section)


def dump(config: Config) -> str:
    """The whole config as YAML, defaults included; it loads back to an equal config."""
    data = msgspec.to_builtins(config)
    data["model"].update(data["model"].pop("arguments"))
    return to_yaml(data)
