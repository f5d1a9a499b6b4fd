"""What is wrong with a config that its schema allows, as far as that can be told before the data and the model are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from framework.training.build import TASKS, wrong_weights
from framework.training.config import Config, name_and_arguments
from framework.training.config.data import Curve, Idx, ImageSource, TextFile
from framework.training.report import tensorboard
from framework.training.tasks import Autoencoder, Classification, LanguageModel, Regression, Task

# What a task can judge outputs by; of the inputs alone the others make their own targets.
_TARGETS: dict[type[Task], tuple[str, ...]] = {
    Classification: ("class indices", "tokens"),
    LanguageModel: ("tokens",),
    Regression: ("numbers", "class indices", "tokens"),
}
_RANGES = {
    "bce": "numbers from 0 to 1",
    "bce_with_logits": "numbers from 0 to 1",
    "poisson_nll": "counts",
    "soft_margin": "-1 and 1",
}


def misfits(config: Config) -> Iterator[tuple[str, str]]:
    """The key path of each setting that doesn't fit the others, and why."""
    task, _ = name_and_arguments(config.task)
    source, _ = name_and_arguments(config.data)
    kind, losses = TASKS[task]
    needed, given = _TARGETS.get(kind), config.data.targets
    if needed is not None and given not in needed:
        words = f"gives {given} as targets" if given else "has no targets"
        yield "data.source", f"{source} {words}, but task {task} needs {' or '.join(needed)}"
    yield from _loss_misfits(config, task, kind, losses)
    chosen = kind.usual_metrics if config.metrics is None else config.metrics
    unknown = [each for each in chosen if each not in kind.known_metrics]
    if unknown:
        known = ", ".join(kind.known_metrics) or "none"
        yield "metrics", f"task {task} does not know {', '.join(unknown)}; it knows {known}"
    else:
        figures = ["loss", *(figure for each in chosen for figure in kind.known_metrics[each]().compute())]
        monitor = config.train.monitor or kind.monitor
        if monitor not in figures:
            yield "train.monitor", f"{monitor} is not among the test figures: {', '.join(figures)}"


def _loss_misfits(config: Config, task: str, kind: type[Task], losses: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if config.loss is None:
        return
    if not losses:
        yield "loss", f"task {task} has losses of its own: leave out the section loss"
        return
    name, arguments = name_and_arguments(config.loss)
    if name not in losses:
        yield "loss.name", f"task {task} takes one of {', '.join(losses)}, got {name}"
    elif kind is Autoencoder and name in _RANGES and isinstance(config.data, ImageSource) and config.data.normalize:
        yield "loss.name", f"{name} needs inputs that are {_RANGES[name]}: set data.normalize=false"
    elif kind is Regression and name in _RANGES and isinstance(config.data, Curve):
        yield "loss.name", f"{name} needs targets that are {_RANGES[name]}, and those of the curve are any numbers"
    words = wrong_weights(arguments.get("weight"), config.data.known_classes)
    if words:
        yield "loss.weight", words


def missing(config: Config, folder: Path) -> Iterator[tuple[str, str]]:
    """The key path of each file of the user's own and each package that isn't there, with words.

    Args:
        config: Of a new run.
        folder: Where its file lies.
    """
    data = config.data
    names = {Idx: ("images", "labels"), TextFile: ("file",)}.get(type(data), ())
    for name in names:
        file: str = getattr(data, name)
        if not Path(file).exists():
            yield f"data.{name}", no_such_file(file, folder)
    if config.logging.tensorboard and not tensorboard.available():
        yield "logging.tensorboard", tensorboard.MISSING


def no_such_file(file: str, folder: Path) -> str:
    """Says so, and names the file if it is there compressed or not, or lies in the config's folder."""
    path = Path(file)
    other = path.with_suffix("") if path.suffix == ".gz" else path.with_name(path.name + ".gz")
    near = next((each for each in (other, folder / path, folder / other) if each.is_file()), None)
    where = "" if path.is_absolute() else f"; paths count from the folder where the command runs, {Path.cwd()}"
    return f"no such file: {file}{where}" + (f": did you mean {near}?" if near is not None else "")
