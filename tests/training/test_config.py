"""The config: good input comes out typed, bad input ends in one clear line for each problem, all at once."""

import inspect
import json
import random
import re
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from framework.training import build
from framework.training.config import (
    ConfigError,
    Model,
    dump,
    json_schema,
    list_configs,
    load_config,
)
from framework.training.config import root as config_root
from framework.training.config.data import Auto, Data, Idx
from framework.training.config.losses import Losses
from framework.training.config.optimizers import SGD, Optimizers
from framework.training.config.schedulers import Schedulers
from framework.training.config.tasks import Tasks
from framework.training.config.train import Logging, Train
from framework.training.data import SOURCES
from models import MODELS as SHIPPED
from tests.training.config_cases import CONFIGS, GOOD, IDX, MODELS, load, one, problems


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# What is accepted -------------------------------------------------------------------------------------


def test_a_good_file_becomes_typed_values_with_defaults() -> None:
    config = load(GOOD)
    assert config.name == "a"
    assert config.seed == 3
    assert config.data.batch_size == 16
    assert config.data.cache == "data/digits"
    assert config.model == Model("lenet", {"dropout": 0.1})
    assert config.optimizer == SGD(lr=1e-3, momentum=0.9)
    assert config.train.epochs == 2
    assert config.train.clip_norm is None


@pytest.mark.parametrize("text", ["1e-3", "0.001", "1E-3", ".001", "1.0e-3", "+1e-3", "!!float 1e-3"])
def test_numbers_in_every_spelling(text: str) -> None:
    assert load(GOOD.replace("1e-3", text)).optimizer.lr == 0.001
    assert load(GOOD, f"optimizer.lr={text}").optimizer.lr == 0.001


def test_whole_numbers_serve_where_numbers_are_expected() -> None:
    config = load(GOOD, "optimizer.lr=1", "model.dropout=0")
    assert (config.optimizer.lr, type(config.optimizer.lr)) == (1.0, float)
    assert type(config.model.arguments["dropout"]) is float


@pytest.mark.parametrize(("text", "value"), [("0x10", 16), ("0o17", 15), ("010", 10), ("+7", 7)])
def test_whole_numbers_as_in_yaml_1_2(text: str, value: int) -> None:
    assert load(GOOD.replace("seed: 3", f"seed: {text}")).seed == value


@pytest.mark.parametrize("text", ["no", "on", "1:30", "2024-01-02", "y", "null_", "1_000", "~/data"])
def test_words_that_yaml_1_1_turns_into_something_else_stay_text(text: str) -> None:
    assert load(GOOD.replace("batch_size: 16", f"cache: {text}")).data.cache == text


def test_anchors_and_aliases() -> None:
    config = load(GOOD.replace("batch_size: 16", "batch_size: &n 16\n  eval_batch_size: *n"))
    assert config.data.eval_batch_size == 16


def test_byte_order_mark_and_windows_line_ends() -> None:
    assert load(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()) == load(GOOD)


# Problems in the file ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("lr: 1e-3", "lr: fast", "a.yaml:11: optimizer.lr: expected a number > 0, got 'fast'"),
        ("lr: 1e-3", "lr: '1e-3'", "a.yaml:11: optimizer.lr: expected a number > 0, got '1e-3'"),
        ("lr: 1e-3", "lr: -1", "a.yaml:11: optimizer.lr: expected a number > 0, got -1"),
        ("lr: 1e-3", "lr: 0", "a.yaml:11: optimizer.lr: expected a number > 0, got 0"),
        ("lr: 1e-3", "lr: .nan", "a.yaml:11: optimizer.lr: expected a finite number, got nan"),
        ("lr: 1e-3", "lr: -.inf", "a.yaml:11: optimizer.lr: expected a finite number, got -inf"),
        ("lr: 1e-3", "lr: 1e999", "a.yaml:11: optimizer.lr: expected a finite number, got inf"),
        ("lr: 1e-3", "lr: true", "a.yaml:11: optimizer.lr: expected a number > 0, got true"),
        ("lr: 1e-3", "lr:", "a.yaml:11: optimizer.lr: expected a number > 0, got null"),
        ("lr: 1e-3", "lr: [1]", "a.yaml:11: optimizer.lr: expected a number > 0, got the list [1]"),
        ("lr: 1e-3", "lr: {a: 1}", "a.yaml:11: optimizer.lr: expected a number > 0, got a section"),
        ("0.9", "1.0", "a.yaml:12: optimizer.momentum: expected a number >= 0 and < 1, got 1.0"),
        ("epochs: 2", "epochs: -2", "a.yaml:14: train.epochs: expected a whole number >= 1 or null, got -2"),
        ("epochs: 2", "epochs: 2.5", "a.yaml:14: train.epochs: expected a whole number >= 1 or null, got 2.5"),
        ("epochs: 2", "epochs: true", "a.yaml:14: train.epochs: expected a whole number >= 1 or null, got true"),
        ("batch_size: 16", "batch_size: 0", "a.yaml:5: data.batch_size: expected a whole number >= 1, got 0"),
        ("batch_size: 16", "normalize: no", "a.yaml:5: data.normalize: expected true or false, got 'no'"),
        ("batch_size: 16", "cache: 7", "a.yaml:5: data.cache: expected text that is not empty, got 7"),
        ("batch_size: 16", "cache: ''", "a.yaml:5: data.cache: expected text that is not empty, got ''"),
        (
            "source: digits",
            "source: digit",
            "a.yaml:4: data.source: expected one of auto, mnist, digits, idx, fashion_mnist, cifar10, text, shakespeare, "
            "built_in_text, addition, spirals, curve, mixture, got 'digit': did you mean 'digits'?",
        ),
        (
            "momentum",
            "momentun",
            "a.yaml:12: optimizer.momentun: unknown key of 'sgd': did you mean 'momentum'?",
        ),
        ("batch_size", "Batch_Size", "a.yaml:5: data.Batch_Size: unknown key of 'digits': did you mean 'batch_size'?"),
        ("seed: 3", "lr: 3", "a.yaml:2: lr: unknown key: did you mean 'optimizer.lr'?"),
        ("seed: 3", "epoch: 3", "a.yaml:2: epoch: unknown key: did you mean 'train.epochs'?"),
        (
            "  momentum: 0.9",
            "  betas: [0.9, 0.99]",
            "a.yaml:12: optimizer.betas: unknown key of 'sgd': "
            "the keys here are lr, momentum, dampening, weight_decay, nesterov, maximize",
        ),
        (
            "name: sgd",
            "name: sdg",
            "a.yaml:10: optimizer.name: expected one of sgd, adam, adamw, adadelta, adagrad, adamax, nadam, radam, "
            "rmsprop, muon, lbfgs, got 'sdg': did you mean 'sgd'?",
        ),
        ("  name: sgd\n", "", "a.yaml:9: optimizer.name: missing: expected one of sgd, adam, adamw, "),
        (
            "  momentum: 0.9",
            "  nesterov: true",
            "a.yaml:9: optimizer: nesterov needs a momentum > 0 and no dampening",
        ),
        (
            "name: lenet",
            "name: lenett",
            "a.yaml:7: model.name: expected one of lenet, mlp, got 'lenett': did you mean 'lenet'?",
        ),
        ("  name: lenet\n", "", "a.yaml:6: model.name: missing: expected text that is not empty"),
        (
            "dropout: 0.1",
            "droput: 0.1",
            "a.yaml:8: model.droput: unknown key of 'lenet': did you mean 'dropout'?",
        ),
        ("dropout: 0.1", "dropout: much", "a.yaml:8: model.dropout: expected a number, got 'much'"),
        ("dropout: 0.1", "dropout: .nan", "a.yaml:8: model.dropout: expected a finite number, got nan"),
        ("dropout: 0.1", "sizes: [3, x]", "a.yaml:8: model.sizes[1]: expected a whole number, got 'x'"),
        (
            "dropout: 0.1",
            "sizes: [3, 3, 3]",
            "a.yaml:8: model.sizes: expected a list of 2 values (a whole number, a whole number), "
            "got the list [3, 3, 3]",
        ),
        ("train:\n  epochs: 2", "train: 5", "a.yaml:13: train: expected a section with epochs, steps, "),
        ("train:\n  epochs: 2", "train:", "a.yaml:13: train: expected a section with epochs, steps, "),
        (
            "source: digits",
            "source: auto\n  images: x",
            "a.yaml:5: data.images: unknown key of 'auto': the keys here are batch_size, eval_batch_size, ",
        ),
        ("seed: 3", "name: a/../b", "a.yaml:2: name: expected a short name of letters, digits, "),
        ("seed: 3", "name: 'a\\n'", "a.yaml:2: name: expected a short name of letters, digits, "),
        (
            "seed: 3",
            "seed: -1",
            "a.yaml:2: seed: expected a whole number >= 0 and <= 9223372036854775807, got -1",
        ),
        ("seed: 3", "seed: " + "9" * 99, "a.yaml:2: seed: expected a whole number >= 0 and <= "),
        ("seed: 3", "seed: 0x" + "f" * 9999, "a.yaml:2: seed: a number of more than 100 digits"),
        ("seed: 3", "seed: !!int abc", "a.yaml:2: seed: 'abc' is no !!int"),
        ("seed: 3", "seed: !!bool yes", "a.yaml:2: seed: 'yes' is no !!bool"),
        (
            "seed: 3",
            "seed: !!python/name:os.system",
            "a.yaml:2: seed: the tag !!python/name:os.system is not sup",
        ),
        (
            "seed: 3",
            "seed: !!binary aGk=",
            "a.yaml:2: seed: the tag !!binary is not supported: write a plain",
        ),
        ("seed: 3", "seed: 3\nseed: 4", "a.yaml:3: seed: given twice, first on line 2"),
        ("seed: 3", "? [1, 2]\n: 3", "a.yaml:2: a key must be a word, here it is a list or a section"),
        ("seed: 3", '"a\\nb": 3', "a.yaml:2: 'a\\nb': unknown key: the keys here are name, seed, "),
        ("seed: 3", '"": 3', "a.yaml:2: '': unknown key: the keys here are name, seed, "),
        ("seed: 3", "7: 3", "a.yaml:2: 7: unknown key: the keys here are name, seed, "),
        (
            "seed: 3",
            "<<: {seed: 3}",
            "a.yaml:2: <<: merge keys are not supported: use 'extends: other.yaml'",
        ),
        (
            "batch_size: 16",
            'cache: "a\\0b"',
            "a.yaml:5: data.cache: the text holds a character that no file",
        ),
        (
            "batch_size: 16",
            'cache: "\\ud800"',
            "a.yaml:5: data.cache: the text holds a character that no file",
        ),
        ("seed: 3", "seed: " + "[" * 60 + "]" * 60, "a.yaml:2: seed[0][0]: nested more than 50 deep"),
    ],
)
def test_a_bad_value_or_key_is_told_with_its_line_and_path(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    message = one(GOOD.replace(old, new, 1))
    assert message.startswith(expected)
    assert expected.endswith((" ", ",", "sup", "plain", "file")) or message == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a.yaml: expected sections such as 'model:' and 'optimizer:', but the file is empty"),
        (
            "# only a comment\n",
            "a.yaml: expected sections such as 'model:' and 'optimizer:', but the file is empty",
        ),
        (
            "- 1\n- 2\n",
            "a.yaml: expected sections such as 'model:' and 'optimizer:', but got the list [1, 2]",
        ),
        ("hello", "a.yaml: expected sections such as 'model:' and 'optimizer:', but got 'hello'"),
        ("!!set {a}", "a.yaml: the tag !!set is not supported: write a plain value"),
        ("a:\n\tb: 1\n", "a.yaml:2: not valid YAML: a tab where only spaces may stand: indent with spaces"),
        ("a: 1\n  b: 2\n", "a.yaml:2: not valid YAML: mapping values are not allowed here"),
        ("a: [1, 2\nb: 3\n", "a.yaml:2: not valid YAML: expected ',' or ']', but got ':'"),
        ("a: 'x\n", "a.yaml:2: not valid YAML: found unexpected end of stream"),
        ("a: *b\n", "a.yaml:1: not valid YAML: found undefined alias 'b'"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2: not valid YAML: but found another document"),
        ("seed: 1\nname: \x07\n", "a.yaml:2: not valid YAML: the character U+0007 is not allowed"),
        ("a: " + "[" * 5000, "a.yaml: not valid YAML: nested too deep"),
        ('a: "\\UFFFFFFFF"', "a.yaml: not valid YAML: "),
        (b"seed: 1\n\xff\xfe", "a.yaml:2: not UTF-8 text (byte 0xff)"),
        ("seed: 1".encode("utf-16"), "a.yaml:1: not UTF-8 text (byte 0xff)"),
    ],
)
def test_a_file_that_is_no_config_is_told_in_one_line(text: str | bytes, expected: str) -> None:
    assert one(text).startswith(expected)


def test_aliases_that_multiply_or_hold_themselves_end_in_words() -> None:
    bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    assert any("more than 10000 values, aliases (*) written out" in line for line in problems(bomb))
    assert any("nested more than 50 deep" in line for line in problems(GOOD + "x: &x [*x]\n"))


def test_all_problems_are_told_at_once() -> None:
    text = GOOD.replace("1e-3", "fast").replace("epochs: 2", "epochs: 0").replace("seed", "sed")
    assert problems(text.replace("lenet", "lenett"), "train.accumulate=0", "foo") == [
        "command line: expected KEY=VALUE, such as optimizer.lr=0.01, got 'foo'",
        "a.yaml:2: sed: unknown key: did you mean 'seed'?",
        "a.yaml:11: optimizer.lr: expected a number > 0, got 'fast'",
        "a.yaml:14: train.epochs: expected a whole number >= 1 or null, got 0",
        "command line: train.accumulate: expected a whole number >= 1, got 0",
        "a.yaml:7: model.name: expected one of lenet, mlp, got 'lenett': did you mean 'lenet'?",
    ]


def test_required_sections_are_named() -> None:
    assert problems("seed: 1\n") == [
        "a.yaml: model: missing: expected a section with name, file",
        "a.yaml: optimizer: missing: expected a section whose name is one of sgd, adam, adamw, adadelta, adagrad, adamax, "
        "nadam, radam, rmsprop, muon, lbfgs",
    ]


def test_a_file_that_cannot_be_read(folder: Path) -> None:
    for name in ("missing.yaml", str(folder)):
        with pytest.raises(ConfigError, match="cannot be read: "):
            load_config(name)


# Data files named in the config -----------------------------------------------------------------------


def test_a_source_takes_its_own_settings_and_needs_those_without_a_default() -> None:
    config = load(GOOD, *IDX, "data.test_count=20")
    assert config.data == Idx(images="i.gz", labels="l.gz", train_count=80, test_count=20, batch_size=16)
    assert one(GOOD, *IDX) == "a.yaml:3: data.test_count: missing: expected a whole number >= 1"
    message = one(GOOD, "data.images=i.gz")
    assert message.startswith("command line: data.images: unknown key of 'digits': the keys here are batch_size, ")


def test_another_source_starts_afresh_but_for_the_batches() -> None:
    Path("base.yaml").write_text(GOOD.replace("  batch_size: 16", "  batch_size: 16\n  cache: c\n  normalize: false"))
    config = load("extends: base.yaml\ndata: {source: auto}\n")
    assert config.data == Auto(batch_size=16)
    assert load("extends: base.yaml\nname: x\n").data.cache == "c"


# Writing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["no", "1e-3", "1:30", "007", "null", "a: b # c", "é\u2028ß", " x ", "'", "x" * 300, "- a", "~", "0o7"],
)
def test_a_dump_loads_back_to_the_same_config(text: str) -> None:
    config = load(
        GOOD,
        "model.sizes=[1, 2]",
        "optimizer.lr=1e-7",
        "seed=9223372036854775807",
        *IDX,
        "data.test_count=20",
    )
    config = msgspec.structs.replace(config, data=msgspec.structs.replace(config.data, images=text))
    assert load(dump(config)) == config
    assert yaml.safe_load(dump(config))["data"]["images"] == text, "other YAML readers see the same text"


def test_the_dump_names_every_setting() -> None:
    assert dump(load(GOOD)).startswith("name: a\nseed: 3\ntask:\n  name: classification\ndata:\n  source: digits\n")
    assert "  clip_norm: null\n" in dump(load(GOOD))
    assert "  betas: [0.9, 0.999]\n" in dump(load(GOOD, "optimizer.name=adam"))


def test_later_problems_can_name_where_a_value_was_written() -> None:
    Path("a.yaml").write_text(GOOD)
    _, source = load_config("a.yaml", ["data.cache=x"])
    assert source.problem("model.dropout", "too much") == "a.yaml:8: model.dropout: too much"
    assert source.problem("data.cache", "full") == "command line: data.cache: full"
    assert source.problem("data.normalize", "a default") == "a.yaml:3: data.normalize: a default"
    assert source.problem("loss", "a default") == "a.yaml: loss: a default"


# The JSON schema and the shipped files ----------------------------------------------------------------


WRITE_SCHEMA = "import json; from framework.training.config import json_schema as s; print(json.dumps(s(), indent=2))"


def test_the_shipped_json_schema_is_current() -> None:
    written = (CONFIGS / "schema.json").read_text(encoding="utf-8")
    current = json.dumps(json_schema(), indent=2) + "\n"
    assert written == current, f'run: python -c "{WRITE_SCHEMA}" > configs/schema.json'


def test_every_key_of_the_json_schema_is_described() -> None:
    for name, definition in json_schema()["$defs"].items():
        assert definition["description"], name
        for key, entry in definition["properties"].items():
            tag = "enum" in entry and len(entry["enum"]) == 1
            assert tag or len(entry["description"]) > 7, (name, key)


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.name)
def test_shipped_configs_load_and_describe_themselves(file: Path) -> None:
    config, _ = load_config(file)
    assert config.name == file.stem
    assert dict(list_configs(CONFIGS))[file.name]
    assert "$schema=schema.json" in file.read_text(encoding="utf-8")


def defaults_of(function: Any) -> dict[str, Any]:
    return {name: each.default for name, each in inspect.signature(function).parameters.items()}


# Options that only say how PyTorch computes, or that are refused anyway.
NOT_FOR_CONFIGS = {"params", "foreach", "fused", "capturable", "differentiable", "optimizer", "last_epoch"}


@pytest.mark.parametrize("section", typing.get_args(Optimizers), ids=lambda each: each.__name__)
def test_optimizers_have_the_settings_and_defaults_of_framework_optim(section: Any) -> None:
    known = defaults_of(build.OPTIMIZERS[section.__struct_config__.tag])
    own = msgspec.structs.asdict(section())
    assert set(own) == set(known) - NOT_FOR_CONFIGS
    assert {key: known[key] for key in own} == own


@pytest.mark.parametrize(
    "section", [each for each in typing.get_args(Schedulers) if each.__name__ not in ("SequentialLR", "ChainedLR")],
    ids=lambda each: each.__name__,
)  # fmt: skip
def test_schedulers_have_the_settings_and_defaults_of_framework_optim(section: Any) -> None:
    known = defaults_of(build.SCHEDULERS[section.__struct_config__.tag])
    own = {field.encode_name: field.default for field in msgspec.structs.fields(section)}
    own.pop("interval", None)
    # mode follows what is monitored, functions can't be written, and a run knows its own length.
    assert set(known) - set(own) <= NOT_FOR_CONFIGS | {"mode", "scale_fn", "scale_mode", "epochs", "steps_per_epoch"}
    for key, value in own.items():
        assert value in (known[key], None) or known[key] is inspect.Parameter.empty, key


def test_every_name_of_the_schema_is_in_its_registry() -> None:
    def tags(union: Any) -> set[str]:
        return {each.__struct_config__.tag for each in typing.get_args(union)}

    assert tags(Optimizers) == set(build.OPTIMIZERS)
    assert tags(Schedulers) == set(build.SCHEDULERS) | {"sequential", "chained"}
    assert tags(Losses) == set(build.LOSSES) == {loss for _, losses in build.TASKS.values() for loss in losses}
    assert tags(Tasks) == set(build.TASKS)
    assert set(typing.get_args(Data)) == set(SOURCES)
    hint = typing.get_type_hints(config_root.Config)["metrics"]
    offered = set(typing.get_args(typing.get_args(typing.get_args(hint)[0])[0]))
    assert offered == {name for task, _ in build.TASKS.values() for name in task.known_metrics}


@pytest.mark.parametrize("module", sorted((Path(config_root.__file__).parent).glob("*.py")), ids=lambda each: each.stem)
def test_the_schema_imports_nothing_that_could_run(module: Path) -> None:
    modules = re.findall(r"^(?:from|import) (framework\S*)", module.read_text(encoding="utf-8"), re.MULTILINE)
    allowed = ("framework.training.config", "framework.training.validation", "framework.training.yaml_source")
    assert all(each.startswith(allowed) for each in modules)


def test_the_documentation_names_everything_that_can_be_named() -> None:
    text = (CONFIGS.parent / "docs" / "config.md").read_text(encoding="utf-8")
    for union in (Optimizers, Schedulers, Losses, Tasks):
        for section in typing.get_args(union):
            assert f"`{section.__struct_config__.tag}`" in text, section
    for section in (Train, Logging):
        for setting in msgspec.structs.fields(section):
            assert setting.encode_name in text, setting.encode_name
    shown = text[text.index("extends: mnist.yaml") : text.index("```\n\n`extends` merges")]
    Path("mnist.yaml").write_text((CONFIGS / "mnist.yaml").read_text(encoding="utf-8"))
    assert load(shown, models=SHIPPED).train.early_stopping is not None


# Fuzz -------------------------------------------------------------------------------------------------


JUNK = [
    "null", "true", "-1", "0", "1e400", ".nan", "fast", "''", "[]", "{}", "[1, [2]]", "{a: {b: 1}}",
    "!!int x", "!x y", "*x", "&x 1", "&x [*x]", "|", ">-", "'", '"\\q"', "@", "`", "%", "? a", "- a",
    "a: b", "<<: 1", "\t", "\0", "\x85", "\ufeff", "\u2028", "0x", "1:2", "!!timestamp 2024-99-99",
    "9" * 5000, "\\", "#", "---", "...", "%YAML 9.9", "=",
]  # fmt: skip


RICH = (
    GOOD
    + """\
  accumulate: 2
  clip_norm: 1.0
  precision: float64
  ema: 0.99
  early_stopping:
    patience: 3
  eval_every: 10
  checkpoint_every: 5
  max_minutes: 2.5
task:
  name: classification
loss:
  name: cross_entropy
  weight: [1, 2, 3]
scheduler:
  name: sequential
  interval: step
  milestones: [10]
  schedulers:
    - name: linear
      total_iters: 10
    - name: cosine
metrics: [accuracy, top5]
logging:
  csv: true
"""
)


def mutate(text: str, rng: random.Random) -> bytes:
    lines = text.split("\n")
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines))
        key, colon, _ = lines[at].partition(":")
        match rng.randrange(9):
            case 0:
                del lines[at]
            case 1:
                lines.insert(rng.randrange(len(lines)), lines[at])
            case 2:
                lines[at] = lines[at].replace(rng.choice("aeilmnorst"), rng.choice("xyz_- "), 1)
            case 3 | 4:
                lines[at] = f"{key}{colon} {rng.choice(JUNK)}"
            case 5:
                lines[at] = rng.choice([" ", "  ", "\t", "- ", "? ", "#"]) + lines[at]
            case 6:
                lines[at] = lines[at].strip()
            case 7:
                lines[at] = f"{key}: {''.join(chr(rng.randrange(0x2100)) for _ in range(5))}"
            case 8:
                lines = lines[: at + 1]
        lines = lines or [""]
    data = bytearray("\n".join(lines).encode())
    if rng.random() < 0.2:
        data = data[: rng.randrange(len(data) + 1)]
    if rng.random() < 0.2 and data:
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def test_mutated_configs_load_or_end_in_words() -> None:
    rng = random.Random(0)
    loaded = 0
    texts = [GOOD, RICH, (CONFIGS / "mnist.yaml").read_text(encoding="utf-8")]
    for _ in range(900):
        data = mutate(rng.choice(texts), rng)
        Path("a.yaml").write_bytes(data)
        try:
            config, _ = load_config("a.yaml", models=MODELS)
        except ConfigError as error:
            assert error.problems, data
            for problem in error.problems:
                assert problem.startswith("a.yaml"), (problem, data)
                assert len(problem.splitlines()) == 1, (problem, data)
                assert len(problem) < 400, (problem, data)
        else:
            loaded += 1
            assert load(dump(config)) == config, data
    assert 40 < loaded < 860, "the mutations should neither all break nor all pass"


def test_mutated_overrides_load_or_end_in_words() -> None:
    rng = random.Random(1)
    keys = [
        "optimizer.lr",
        "data.cache",
        "model.dropout",
        "train",
        "seed",
        "model.sizes",
        "extends",
        "data.images",
    ]
    for _ in range(300):
        override = f"{rng.choice(keys)}={rng.choice(JUNK)}"
        cut = rng.randrange(len(override)) if rng.random() < 0.3 else len(override)
        try:
            load(GOOD, override[:cut])
        except ConfigError as error:
            assert error.problems, override
            assert all(problem.startswith("command line: ") for problem in error.problems), error.problems
