"""What a config may say: its typed schema, and how files and overrides become a checked ``Config``.

    config, source = load_config(find_config("mnist"), ["optimizer.lr=0.01"], {"model": MODELS})

A line of text under a field is its documentation; it also stands in the JSON schema, for editors.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct, field

from framework.training.validation import REST, Checker, check_arguments
from framework.training.yaml_source import (
    ConfigError,
    KeyPath,
    Located,
    Place,
    find_config,
    list_configs,
    merge,
    problem,
    read_config,
    read_overrides,
    to_yaml,
)

__all__ = [
    "SGD",
    "Adam",
    "Config",
    "ConfigError",
    "CrossEntropy",
    "Data",
    "IdxFiles",
    "Model",
    "Source",
    "Train",
    "dump",
    "find_config",
    "json_schema",
    "list_configs",
    "load_config",
    "name_and_arguments",
]

Registries: TypeAlias = Mapping[str, Mapping[str, Callable[..., Any]]]

Count: TypeAlias = Annotated[int, Meta(ge=1)]
Positive: TypeAlias = Annotated[float, Meta(gt=0)]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0)]
Fraction: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Decay: TypeAlias = Annotated[float, Meta(ge=0, lt=1)]
Text: TypeAlias = Annotated[str, Meta(min_length=1)]
RunName: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$(?!\n)",
        max_length=100,
        extra={"words": "a short name of letters, digits, '_', '-' and '.', which names the run's folder"},
    ),
]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the config whose keys are all known."""


class IdxFiles(Section, frozen=True):
    """A pair of IDX files, .gz or not, whose samples are split by counts: the first train, the next test."""

    images: Text
    """File of the images, (N, rows, columns) bytes."""
    labels: Text
    """File of the labels, (N,) bytes."""
    train_count: Count
    """Samples to train on, from the start of the files."""
    test_count: Count
    """Samples to test on, those that follow."""


class Data(Section, frozen=True):
    """What to train and test on."""

    source: Literal["auto", "mnist", "digits", "idx"] = "auto"
    """mnist: the real files or an error; digits: images that the project draws itself; auto: MNIST where it
    can be had, else digits; idx: the files that data.idx names."""
    folder: Text = "data/mnist"
    """Folder of MNIST's four files (.gz or not), where a download is put too."""
    download: bool = True
    """Whether mnist and auto may download MNIST where the folder does not have it."""
    cache: Text = "data/digits"
    """Folder where the built-in digits are kept once they are drawn."""
    idx: IdxFiles | None = None
    """The files for source idx."""
    batch_size: Count = 64
    """Samples in a training batch."""
    eval_batch_size: Count = 500
    """Samples in an evaluation batch; only speed and memory depend on it."""

    def __post_init__(self) -> None:
        if self.source == "idx" and self.idx is None:
            raise ValueError("source idx needs data.idx, with images, labels, train_count and test_count")
        if self.source != "idx" and self.idx is not None:
            raise ValueError(f"data.idx is read by source idx only, and data.source is {self.source}")


class Model(Section, frozen=True):
    """The network, by its name in the registry; every other key is an argument of its constructor."""

    name: Text
    """Name of the model, such as lenet or mlp."""
    arguments: Annotated[dict[str, Any], REST] = field(default_factory=dict)
    """The constructor's keyword arguments, which stand beside the name."""


class CrossEntropy(Section, tag_field="name", tag="cross_entropy", frozen=True):
    """Softmax cross entropy against class indices."""

    label_smoothing: Fraction = 0.0
    """Share of the target that is spread evenly over all classes."""


class SGD(Section, tag_field="name", tag="sgd", frozen=True):
    """Stochastic gradient descent."""

    lr: Positive = 1e-3
    """Learning rate."""
    momentum: Decay = 0.0
    """Share of the last step's direction that is kept."""
    dampening: Fraction = 0.0
    """Share of the new gradient that momentum leaves out."""
    weight_decay: NotNegative = 0.0
    """L2 penalty: this times the weight is added to its gradient."""
    nesterov: bool = False
    """Nesterov's momentum, which looks one step ahead."""

    def __post_init__(self) -> None:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError("nesterov needs a momentum > 0 and no dampening")


class Adam(Section, tag_field="name", tag="adam", frozen=True):
    """Adam (Kingma & Ba, 2015)."""

    lr: Positive = 1e-3
    """Learning rate."""
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: NotNegative = 1e-8
    """Added to the denominator, against division by zero."""
    weight_decay: NotNegative = 0.0
    """L2 penalty: this times the weight is added to its gradient."""
    amsgrad: bool = False
    """Divide by the largest mean square so far (Reddi et al., 2018)."""


class Train(Section, frozen=True):
    """The training loop."""

    epochs: Count = 5
    """Passes over the training data; each ends with an evaluation and a checkpoint."""
    accumulate: Count = 1
    """Batches whose gradients make one update together; 4 of batch 16 update as one of batch 64."""
    clip_norm: Positive | None = None
    """Largest total norm of the gradients at an update; null: no limit."""
    log_every: Count = 50
    """Updates between two lines in metrics.jsonl, next to the line of each epoch."""


class Config(Section, kw_only=True, frozen=True):
    """The settings of a training run."""

    name: RunName = "run"
    """First part of the run folder's name; the config file's name unless given."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    """Seed of the initial weights, the shuffles and dropout: the same seed gives the same run."""
    data: Data = field(default_factory=Data)
    """What to train and test on."""
    model: Model
    """The network and its constructor's arguments."""
    loss: CrossEntropy = field(default_factory=CrossEntropy)
    """What training makes small."""
    optimizer: SGD | Adam
    """How the weights follow their gradients."""
    train: Train = field(default_factory=Train)
    """The training loop."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a loaded config's values were written, for problems that show only when they are used."""

    root: Located

    def problem(self, path: str, words: str) -> str:
        """``configs/mnist.yaml:9: data.idx.images: no such file``, from the last two parts."""
        keys: KeyPath = tuple(path.split("."))
        at = self.root
        for key in keys:
            if not isinstance(at.value, dict) or key not in at.value:
                break
            at = at.value[str(key)]
        return problem(at.place, keys, words)


def load_config(
    file: str | Path, overrides: Sequence[str] = (), registries: Registries | None = None
) -> tuple[Config, Source]:
    """A YAML file with command-line overrides, checked against the schema.

    Args:
        file: The config file; files it ``extends`` are read from beside it.
        overrides: ``optimizer.lr=0.01``-style texts; they win over the file.
        registries: For sections with free arguments (``model``), the callables by name; arguments are checked
            against the signature of the one that is named.

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
    arguments = _registered_arguments(root.value, registries or {}, problems)
    if problems:
        raise ConfigError(problems)
    for section, converted in arguments.items():
        named = msgspec.structs.replace(getattr(config, section), arguments=converted)
        config = msgspec.structs.replace(config, **{section: named})
    return config, Source(root)


def _registered_arguments(
    sections: dict[str, Located], registries: Registries, problems: list[str]
) -> dict[str, dict[str, Any]]:
    """The arguments of each registry's section, converted to the signature of what the section names."""
    result = {}
    for section, registry in registries.items():
        at = sections.get(section)
        name = at.value.get("name") if at is not None and isinstance(at.value, dict) else None
        if at is None or name is None or not isinstance(name.value, str):
            continue  # the schema has told
        if name.value not in registry:
            Checker(problems).unknown_name(name, sorted(registry), (section, "name"))
            continue
        assert isinstance(at.value, dict)
        given = {key: item for key, item in at.value.items() if key != "name"}
        function = registry[name.value]
        result[section] = check_arguments(given, function, at, (section,), problems)
    return result


def name_and_arguments(section: Model | CrossEntropy | SGD | Adam) -> tuple[str, dict[str, Any]]:
    """What a section names in its registry, and the keyword arguments to call it with."""
    if isinstance(section, Model):
        return section.name, dict(section.arguments)
    return str(section.__struct_config__.tag), msgspec.structs.asdict(section)


def dump(config: Config) -> str:
    """The whole config as YAML, defaults included; it loads back to an equal config."""
    data = msgspec.to_builtins(config)
    data["model"].update(data["model"].pop("arguments"))
    return to_yaml(data)


def json_schema() -> dict[str, Any]:
    """The JSON schema of a config file, for editors: what msgspec makes of the types, with each field's text.

    Nothing is required in it, since a file may leave to another what it ``extends``.
    """
    schema = msgspec.json.schema(Config)
    docs = _field_docs()
    for name, definition in schema["$defs"].items():
        definition.pop("required", None)
        for key, entry in definition["properties"].items():
            if (name, key) in docs:
                entry["description"] = docs[name, key]
            if "anyOf" in entry:  # null last, whatever msgspec's version
                entry["anyOf"].sort(key=lambda kind: kind == {"type": "null"})
    extends = {
        "type": "string",
        "description": "A config file, beside this one, whose values this one changes.",
    }
    root, model = schema["$defs"]["Config"], schema["$defs"]["Model"]
    root["properties"] = {"extends": extends, **root["properties"]}
    del model["properties"]["arguments"]
    model["additionalProperties"] = True
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _field_docs() -> dict[tuple[str, str], str]:
    """The text under each field of this module's classes, which Python itself does not keep."""
    docs = {}
    for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for declared, below in itertools.pairwise(node.body):
            match declared, below:
                case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                    docs[node.name, key] = " ".join(text.split())
    return docs
