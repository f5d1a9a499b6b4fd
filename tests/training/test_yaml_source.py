"""Files, overrides and `extends`: what is read, and what is told where reading fails."""

from pathlib import Path

import pytest

from framework.training.config import ConfigError, find_config, list_configs
from framework.training.config.optimizers import SGD, Adam
from tests.training.config_cases import GOOD, load, one, problems


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# The command line -------------------------------------------------------------------------------------


def test_overrides_win_and_the_last_one_of_a_key_counts() -> None:
    config = load(
        GOOD,
        "optimizer.lr=0.5",
        "train.epochs=9",
        "train.epochs=7",
        "data.cache= x y ",
        "loss={name: cross_entropy}",
    )
    assert (config.optimizer.lr, config.train.epochs, config.data.cache) == (0.5, 7, "x y")
    assert config.optimizer == SGD(lr=0.5, momentum=0.9)


def test_text_needs_no_quotes_on_the_command_line() -> None:
    config = load(GOOD, "name=007", "data.cache=1e5")
    assert (config.name, config.data.cache) == ("007", "1e5")
    assert load(GOOD, "data.cache=a=b").data.cache == "a=b"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("optimizer.lr", "expected KEY=VALUE, such as optimizer.lr=0.01, got 'optimizer.lr'"),
        ("--lr", "expected KEY=VALUE, such as optimizer.lr=0.01, got '--lr'"),
        ("=1", "expected KEY=VALUE, such as optimizer.lr=0.01, got '=1'"),
        ("a..b=1", "expected KEY=VALUE, such as optimizer.lr=0.01, got 'a..b=1'"),
        ("." * 3000 + "=1", "expected KEY=VALUE, such as optimizer.lr=0.01, got '....."),
        ("lr=0.1", "lr: unknown key: did you mean 'optimizer.lr'?"),
        ("optimizer.lrr=0.1", "optimizer.lrr: unknown key of 'sgd': did you mean 'lr'?"),
        ("optimiser.lr=0.1", "optimiser: unknown key: did you mean 'optimizer'?"),
        ("extends=b.yaml", "extends: unknown key: "),
        ("optimizer.lr=fast", "optimizer.lr: expected a number > 0, got 'fast'"),
        ("optimizer.lr=", "optimizer.lr: expected a number > 0, got null"),
        ("optimizer.lr.x=1", "optimizer.lr: expected a number > 0, got a section"),
        ("optimizer=adam", "optimizer: expected a section with 'name' and its settings, got 'adam'"),
        ("data.cache=[x", "data.cache: not valid YAML: "),
        ("data.cache=\udcff", "data.cache: not valid YAML: the character U+DCFF is not allowed"),
        ("train={epochs: 1, epochs: 2}", "train.epochs: given twice"),
    ],
)
def test_a_bad_override_is_told(override: str, expected: str) -> None:
    assert one(GOOD, override).startswith(f"command line: {expected}")


def test_another_optimizer_starts_from_its_own_defaults() -> None:
    assert load(GOOD, "optimizer.name=adam").optimizer == Adam()
    assert load(GOOD, "optimizer.lr=0.5", "optimizer.name=adam").optimizer == Adam(lr=0.5)
    assert load(GOOD, "optimizer.name=sgd").optimizer == SGD(lr=1e-3, momentum=0.9)
    assert load(GOOD, "optimizer.name=adam", "optimizer.betas=[0, 0.5]").optimizer == Adam(betas=(0.0, 0.5))


# Files that extend files ------------------------------------------------------------------------------


def test_extends_merges_key_by_key_relative_to_the_file() -> None:
    Path("sub").mkdir()
    Path("base.yaml").write_text(GOOD)
    Path("sub/middle.yaml").write_text("extends: ../base.yaml\nseed: 8\n")
    text = "extends: sub/middle\nmodel: {name: mlp, hidden: [3]}\ntrain: {accumulate: 4}\n"
    config = load(text)
    assert (config.name, config.seed) == ("a", 8)
    assert (config.train.epochs, config.train.accumulate) == (2, 4)
    assert config.model.arguments == {"hidden": [3]}
    assert config.optimizer == SGD(lr=1e-3, momentum=0.9)


def test_problems_point_to_the_file_they_stand_in() -> None:
    Path("base.yaml").write_text(GOOD.replace("1e-3", "fast"))
    assert problems("extends: base.yaml\noptimizer: {momentum: 2}\ntrian: {}\n") == [
        "base.yaml:11: optimizer.lr: expected a number > 0, got 'fast'",
        "a.yaml:2: optimizer.momentum: expected a number >= 0 and < 1, got 2",
        "a.yaml:3: trian: unknown key: did you mean 'train'?",
    ]


@pytest.mark.parametrize(
    ("first", "base", "expected"),
    [
        (
            "extends: bass.yaml",
            GOOD,
            "a.yaml:1: extends: bass.yaml: no such config in .: did you mean 'base.yaml'?",
        ),
        (
            "extends: [base]",
            GOOD,
            "a.yaml:1: extends: expected the name of a config file, got the list ['base']",
        ),
        ("extends: !!set x", GOOD, "a.yaml:1: extends: the tag !!set is not supported: write a plain value"),
        ("extends: a.yaml", GOOD, "a.yaml:1: extends: the files extend each other: a.yaml -> a.yaml"),
        (
            "extends: base.yaml",
            "seed: 1\nextends: a.yaml",
            "base.yaml:2: extends: the files extend each other: a.yaml -> base.yaml -> a.yaml",
        ),
        ("extends: base.yaml", "a: [", "base.yaml:1: not valid YAML: "),
        ("extends: base.yaml", "", "base.yaml: expected sections such as "),
    ],
)
def test_a_bad_extends_is_told(first: str, base: str, expected: str) -> None:
    Path("base.yaml").write_text(base)
    assert one(first + "\n").startswith(expected)


# Finding and listing ----------------------------------------------------------------------------------


def test_configs_are_found_in_the_working_folder_first_with_or_without_the_ending(folder: Path) -> None:
    Path("configs").mkdir()
    Path("configs/mnist.yaml").write_text("")
    assert str(find_config("mnist")) == str(find_config("mnist.yaml")) == str(Path("configs/mnist.yaml"))
    Path("mnist").mkdir()  # a folder of that name is no config
    assert str(find_config("mnist")) == str(Path("configs/mnist.yaml"))
    Path("mnist.yaml").write_text("")
    assert str(find_config("mnist")) == "mnist.yaml"
    assert find_config(str(folder / "configs" / "mnist")) == folder / "configs" / "mnist.yaml"


@pytest.mark.parametrize("name", ["mnits", "mnits.yaml"])
def test_an_unknown_config_names_the_nearest_and_lists_what_exists(name: str) -> None:
    Path("configs").mkdir()
    for file in ("mnist.yaml", "spirals.yaml"):
        Path("configs", file).write_text("")
    with pytest.raises(ConfigError) as caught:
        find_config(name)
    words = "no such config in . or configs: did you mean 'mnist.yaml'? (configs: mnist.yaml, spirals.yaml)"
    assert caught.value.problems == [f"{name}: {words}"]


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b", "../..", "a\nb"])
def test_names_that_no_file_can_have_end_in_words(name: str) -> None:
    with pytest.raises(ConfigError, match="no such config"):
        find_config(name)


def test_configs_are_listed_with_their_first_comment() -> None:
    Path("b.yaml").write_text("\n#\n#  Second  \nseed: 1\n# Third\n")
    Path("a.yaml").write_text("seed: 1  # not this\n")
    Path("c.txt").write_text("# no config\n")
    assert list_configs(".") == [("a.yaml", ""), ("b.yaml", "Second")]
    assert list_configs("missing") == []
