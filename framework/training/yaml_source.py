"""Config files and command-line overrides as plain values that remember where they were written.

Only text is read here: no tag makes an object, nothing is imported or run, and what cannot be read is
noted as a problem with its file, line and key, so that all of them can be told at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import yaml

KeyPath: TypeAlias = tuple[str | int, ...]

# Far above any real config; they end alias bombs and values nested into themselves early.
MAX_VALUES: Final = 10_000
MAX_DEPTH: Final = 50
MAX_DIGITS: Final = 100


class ConfigError(ValueError):
    """A config that cannot be used; ``problems`` holds one line for each thing that is wrong with it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(" ".join(problem.splitlines()) for problem in problems))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class Place(NamedTuple):
    """Where a value was written; no line where the source has none."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


COMMAND_LINE: Final = Place("command line")


class Unreadable:
    """Stands for a value whose problem has been noted already."""

    def __repr__(self) -> str:
        return "?"


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where it was written."""

    value: bool | int | float | str | Unreadable | list[Located] | dict[str, Located] | None
    place: Place
    text: str | None = None
    """As it was typed on the command line, where the shell takes the quotes that would make it text."""

    def plain(self) -> Any:
        """The value alone, in ordinary dicts and lists."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def problem(place: Place, path: KeyPath, words: str) -> str:
    """One line of an error: ``configs/mnist.yaml:12: optimizer.lr: expected a number``."""
    return f"{place}: {spell(path)}: {words}" if path else f"{place}: {words}"


def spell(path: KeyPath) -> str:
    """``('optimizer', 'betas', 1)`` as ``optimizer.betas[1]``; keys that are no plain words are quoted."""
    parts = [f"[{key}]" if isinstance(key, int) else "." + _word(key) for key in path]
    return "".join(parts).lstrip(".")


def _word(key: str) -> str:
    return key if re.fullmatch(r"[\w<>-]+", key) else shorten(repr(key))


def shorten(text: str, width: int = 60) -> str:
    """The text's beginning where it is longer than a line of an error should be."""
    return text if len(text) <= width else text[: width - 3] + "..."


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The name that was probably meant, if one is at least that close (from 0 to 1)."""
    by_lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else None


# YAML ---------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Reads plain words as YAML 1.2 does: ``1e-3`` is a number, ``no`` and ``1:30`` are text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own class attribute)


_TAG: Final = "tag:yaml.org,2002:"
_WORDS: Final = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
)
for _kind, _pattern, _first in _WORDS:
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), list(_first))


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or 1.2 would read as something else, and keeps lists on one line."""


_Dumper.add_implicit_resolver(_TAG + "float", re.compile(rf"(?:{_WORDS[2][1]})\Z"), list("-+.0123456789"))
_Dumper.add_implicit_resolver(_TAG + "int", re.compile(rf"(?:{_WORDS[1][1]})\Z"), list("-+0123456789"))
for _sequence in (list, tuple):
    _Dumper.add_representer(
        _sequence,
        lambda dumper, items: dumper.represent_sequence(_TAG + "seq", items, flow_style=True),
    )


def to_yaml(data: dict[str, Any]) -> str:
    """YAML text of plain values, in their order, that reads back to the same values."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def _integer(text: str) -> int:
    base = {"0x": 16, "0o": 8}.get(text[:2].lower(), 10)
    return int(text, base)


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _number(text: str) -> float:
    return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))


_SCALARS: Final[dict[str, Callable[[str], Any]]] = {
    _TAG + "null": lambda text: None,
    _TAG + "bool": _boolean,
    _TAG + "int": _integer,
    _TAG + "float": _number,
    _TAG + "str": str,
}


class _Builder:
    """Turns PyYAML's nodes into located values and notes what no config may hold."""

    def __init__(self, file: str, problems: list[str]) -> None:
        self.file = file
        self.problems = problems
        self.values = 0

    def place(self, node: yaml.Node) -> Place:
        on_command_line = self.file == COMMAND_LINE.file
        return COMMAND_LINE if on_command_line else Place(self.file, node.start_mark.line + 1)

    def refuse(self, place: Place, path: KeyPath, words: str) -> Located:
        self.problems.append(problem(place, path, words))
        return Located(Unreadable(), place)

    def build(self, node: yaml.Node, path: KeyPath, place: Place) -> Located:
        self.values += 1
        if self.values > MAX_VALUES:
            if self.values == MAX_VALUES + 1:
                return self.refuse(place, path, f"more than {MAX_VALUES} values, aliases (*) written out")
            return Located(Unreadable(), place)
        if len(path) > MAX_DEPTH:
            return self.refuse(place, path[:3], f"nested more than {MAX_DEPTH} deep")
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return Located(self._mapping(node, path), place)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            items = [self.build(item, (*path, i), self.place(item)) for i, item in enumerate(node.value)]
            return Located(items, place)
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            return self._scalar(node, path, place)
        tag = shorten(node.tag.replace(_TAG, "!!"))
        return self.refuse(place, path, f"the tag {tag} is not supported: write a plain value")

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath, place: Place) -> Located:
        text: str = node.value
        kind = node.tag.removeprefix(_TAG)
        if kind in ("int", "float") and len(text) > MAX_DIGITS:
            return self.refuse(place, path, f"a number of more than {MAX_DIGITS} digits")
        if "\0" in text or re.search("[\ud800-\udfff]", text):
            return self.refuse(place, path, "the text holds a character that no file name or file can hold")
        try:
            value = _SCALARS[node.tag](text)
        except (ValueError, KeyError):
            return self.refuse(place, path, f"{shorten(repr(text))} is no !!{kind}")
        return Located(value, place, text if place is COMMAND_LINE and node.style is None else None)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Located]:
        result: dict[str, Located] = {}
        for key_node, value_node in node.value:
            place = self.place(key_node)
            key = key_node.value
            if not isinstance(key, str):
                self.refuse(place, path, "a key must be a word, here it is a list or a section")
            elif key == "<<":
                self.refuse(place, (*path, key), "merge keys are not supported: use 'extends: other.yaml'")
            elif key in result:
                first = result[key].place.line
                words = "given twice" if first is None else f"given twice, first on line {first}"
                self.refuse(place, (*path, key), words)
            else:
                result[key] = self.build(value_node, (*path, key), place)
        return result


def parse_yaml(text: str, file: str, problems: list[str], path: KeyPath = ()) -> Located | None:
    """The values of one YAML document, or None if it does not parse; problems are appended."""
    line: int | None = None
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        words = " ".join(part for part in (error.problem, error.context) if part)
        if "'\\t'" in words:
            words = "a tab where only spaces may stand: indent with spaces"
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        words = f"the character U+{error.character:04X} is not allowed"
    except RecursionError:
        words = "nested too deep"
    except (ValueError, OverflowError) as error:  # PyYAML lets these out of bad escapes such as "\UFFFFFFFF"
        words = str(error)
    else:
        place = COMMAND_LINE if file == COMMAND_LINE.file else Place(file)
        if node is None:
            return Located(None, place)
        return _Builder(file, problems).build(node, path, place)
    where = COMMAND_LINE if file == COMMAND_LINE.file else Place(file, line)
    problems.append(problem(where, path, f"not valid YAML: {words}"))
    return None


# Files and overrides ------------------------------------------------------------------------------------


def find_config(name: str, folders: Sequence[str | Path] = (".", "configs")) -> Path:
    """The config file called ``name``, with or without ``.yaml``, in the first folder that has it.

    Raises:
        ConfigError: No folder has it; the error names the nearest and lists those that exist.
    """
    for folder in folders:
        for candidate in (Path(folder) / name, Path(folder) / f"{name}.yaml"):
            if _is_file(candidate):
                return candidate
    known = sorted({file.name for folder in folders for file in _yaml_files(folder)})
    guess = nearest(name, known) or nearest(f"{name}.yaml", known)
    places = " or ".join(str(Path(folder)) for folder in folders)
    words = f"no such config in {places}" + (f": did you mean {guess!r}?" if guess else "")
    raise ConfigError([f"{shorten(name)}: {words} (configs: {', '.join(known) or 'none'})"])


def list_configs(folder: str | Path = "configs") -> list[tuple[str, str]]:
    """``(file name, description)`` of every config in a folder; the description is the first comment line."""
    return [(file.name, _first_comment(file)) for file in _yaml_files(folder)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that the file system does not even take
        return False


def _yaml_files(folder: str | Path) -> list[Path]:
    try:
        return sorted(file for file in Path(folder).iterdir() if file.suffix == ".yaml" and file.is_file())
    except OSError:
        return []


def _first_comment(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return next((line.strip("# \t") for line in lines if line.startswith("#") and line.strip("# \t")), "")


def read_config(file: Path, problems: list[str], chain: tuple[Path, ...] = ()) -> Located | None:
    """A file's values over those of the files it extends, or None if one cannot be read."""
    try:
        data = file.read_bytes()
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.append(f"{Place(str(file), line)}: not UTF-8 text (byte 0x{data[error.start]:02x})")
        return None
    root = parse_yaml(text, str(file), problems)
    if root is None or isinstance(root.value, Unreadable):
        return None
    if not isinstance(root.value, dict):
        found = "the file is empty" if root.value is None else f"got {show(root)}"
        problems.append(f"{file}: expected sections such as 'model:' and 'optimizer:', but {found}")
        return None
    extends = root.value.pop("extends", None)
    if extends is None:
        return root
    base = _read_base(file, extends, problems, (*chain, file))
    return None if base is None else merge(base, root)


def _read_base(file: Path, extends: Located, problems: list[str], chain: tuple[Path, ...]) -> Located | None:
    if not isinstance(extends.value, str):
        if not isinstance(extends.value, Unreadable):
            words = f"expected the name of a config file, got {show(extends)}"
            problems.append(problem(extends.place, ("extends",), words))
        return None
    try:
        base = find_config(extends.value, [file.parent])
    except ConfigError as error:
        problems += [problem(extends.place, ("extends",), words) for words in error.problems]
        return None
    if base.resolve() in [link.resolve() for link in chain]:
        circle = " -> ".join(str(link) for link in (*chain, base))
        problems.append(problem(extends.place, ("extends",), f"the files extend each other: {circle}"))
        return None
    return read_config(base, problems, chain)


def read_overrides(overrides: Sequence[str], problems: list[str]) -> Located:
    """``optimizer.lr=0.01``-style overrides as one tree; a later one wins over an earlier one."""
    tree = Located({}, COMMAND_LINE)
    for override in overrides:
        key, equals, text = override.partition("=")
        path = key.strip().split(".")
        if not equals or not all(path) or len(path) > MAX_DEPTH:
            words = f"expected KEY=VALUE, such as optimizer.lr=0.01, got {shorten(repr(override))}"
            problems.append(problem(COMMAND_LINE, (), words))
            continue
        value = parse_yaml(text, COMMAND_LINE.file, problems, tuple(path))
        if value is not None:
            for name in reversed(path):
                value = Located({name: value}, COMMAND_LINE)
            tree = merge(tree, value, restart=False)
    return tree


_OF_ALL_SOURCES: Final = ("batch_size", "eval_batch_size", "workers")


def merge(base: Located, over: Located, *, restart: bool = True, depth: int = 0) -> Located:
    """``base`` with the values of ``over``, key by key.

    With ``restart``, a section whose ``name`` or ``source`` changes starts afresh: SGD's momentum is nothing to Adam. Only
    how batches are made stays with another data source.
    """
    old, new = base.value, over.value
    if not isinstance(old, dict) or not isinstance(new, dict):
        return over
    for key in ("name", "source"):
        if restart and depth == 1 and key in old and key in new and old[key].value != new[key].value:
            old = {kept: old[kept] for kept in _OF_ALL_SOURCES if key == "source" and kept in old}
    merged = dict(old)
    for key, item in new.items():
        merged[key] = merge(old[key], item, restart=restart, depth=depth + 1) if key in old else item
    return Located(merged, base.place if over.place is COMMAND_LINE else over.place)


def show(located: Located) -> str:
    """A value as the words after "got"."""
    value = located.value
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return shorten(f"the list {located.plain()}")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return shorten(repr(value))
