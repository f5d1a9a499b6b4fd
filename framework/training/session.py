"""What ``train.py`` can be asked for: a new run, a run continued, an evaluation, a look beforehand."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import framework
from framework.nn import Module
from framework.training.build import Models, build_trainer, example, open_model_file, resolve_model
from framework.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from framework.training.config import Config, ConfigError, Source, dump, load_config, with_model_arguments
from framework.training.consistency import misfits, missing, no_such_file
from framework.training.data import Parts, load_parts
from framework.training.environment import describe_environment
from framework.training.errors import NonFiniteLoss, TrainingError
from framework.training.gallery import Gallery
from framework.training.lr_finder import find_learning_rate
from framework.training.progress import Console, spell_seconds
from framework.training.recording import Checkpoints, EventsWriter, Lines, MetricsWriter, spell_figure
from framework.training.report import EventWriter, write_csv, write_report
from framework.training.run_folder import BEFORE_BAD_STEP, CONFIG, ENVIRONMENT, GALLERY, MODEL, RunFolder
from framework.training.summary import summarize
from framework.training.trainer import Trainer

INTERRUPTED = 130


@dataclass
class Request:
    """What all of them are given.

    Attributes:
        models: The models that a config can name; a user's own joins them.
        overrides: ``optimizer.lr=0.01``-style changes of the config.
        console: Where to print.
        allow_code: Whether ``model.file`` may be run.
    """

    models: Models
    overrides: Sequence[str]
    console: Console
    allow_code: bool = False
    opened: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def load(self, file: Path) -> Config:
        """A config file with the overrides, whose sections go together, and for which all is there.

        Raises:
            ConfigError: With a line for every problem there is.
        """
        config, source = self._checked(file)
        problems = [source.problem(path, words) for path, words in missing(config, file.parent)]
        if problems:
            raise ConfigError(problems)
        return config

    def _checked(self, file: Path) -> tuple[Config, Source]:
        opened = partial(self._open, file.parent) if self.allow_code else None
        config, source = load_config(file, self.overrides, self.models, opened)
        problems = [source.problem(path, words) for path, words in misfits(config)]
        if problems:
            raise ConfigError(problems)
        return config, source

    def _open(self, folder: Path, file: str, name: str) -> Callable[..., Any]:
        if not Path(file).is_file():
            raise ConfigError([no_such_file(file, folder)])
        self.opened[name] = open_model_file(file, name)
        return self.opened[name]

    def load_stored(self, checkpoint: Checkpoint) -> Config:
        """The config in a checkpoint, with the overrides; the data's files need not be there."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "config.yaml"
            file.write_text(checkpoint.config, encoding="utf-8")
            try:
                return self._checked(file)[0]
            except ConfigError as error:
                words = str(error).replace(str(file), "config")
                raise TrainingError(f"the config in {checkpoint.path}: {words}") from error

    def prepare(self, config: Config) -> tuple[Trainer, Parts, Config]:
        """The trainer of a config, its data, and the config with the model's sizes filled in."""
        parts = load_parts(config.data, self.console.say, self.console.bars)
        if parts.notes:
            self.console.warn(parts.notes)
        models = {**self.models, **self.opened}
        dtype = getattr(framework, config.train.precision)
        framework.set_default_dtype(dtype)
        framework.manual_seed(config.seed)
        trainer = build_trainer(config, models, parts, self.console)
        return trainer, parts, with_model_arguments(config, resolve_model(config, models, parts.sizes))


def train(request: Request, file: Path, run_dir: Path | None = None) -> int:
    """A new run."""
    with _default_dtype_kept():
        trainer, parts, config = request.prepare(request.load(file))
        folder = RunFolder.create(config.name, dump(config), run_dir)
        described = {**describe_environment(), "data_set": parts.description(), "data_fingerprint": parts.fingerprint}
        folder.write(ENVIRONMENT, json.dumps(described, indent=1) + "\n")
        folder.write(MODEL, _table(trainer, parts))
        request.console.say(f"training {config.model.name} on {parts.description()}; run folder {folder.path}")
        with folder.held():
            return _fit(trainer, config, parts, folder, request.console)


def resume(request: Request, path: Path) -> int:
    """Continue a run in its own folder, from its newest whole checkpoint or a given one."""
    console = request.console
    checkpoint = load_checkpoint(path, console.warn)
    with _default_dtype_kept():
        trainer, parts, config = request.prepare(request.load_stored(checkpoint))
        if parts.fingerprint != checkpoint.data["fingerprint"]:
            raise TrainingError(
                f"{checkpoint.path} was trained on {checkpoint.data['name']} ({checkpoint.data['fingerprint']}), but the data "
                f"found now is {parts.name} ({parts.fingerprint}): supply the same data, or start a new run"
            )
        _load_state(trainer, checkpoint, config)
        done = trainer.progress
        console.say(f"resuming {checkpoint.path} after step {done.step} (epoch {done.epoch} of {trainer.epochs} done)")
        if trainer.finished:
            limit = f"train.epochs={trainer.epochs * 2}" if trainer.epochs else f"train.steps={done.step * 2}"
            console.say(f"all updates are done; to train longer add {limit}")
        folder = RunFolder(checkpoint.run)
        with folder.held():
            folder.write(CONFIG, dump(config))  # with the overrides of this session
            return _fit(trainer, config, parts, folder, console, after_step=done.step)


def evaluate(request: Request, path: Path) -> int:
    """Print the test figures of a checkpoint."""
    console = request.console
    checkpoint = load_checkpoint(path, console.warn)
    with _default_dtype_kept():
        trainer, parts, config = request.prepare(request.load_stored(checkpoint))
        load_weights(trainer.model, checkpoint, config)
        figures = trainer.evaluate()
    console.always(f"checkpoint  {checkpoint.path}")
    console.always(f"data set    {parts.description()}")
    if parts.fingerprint != checkpoint.data["fingerprint"]:
        console.always(f"            (trained on {checkpoint.data['name']})")
    for name, value in figures.items():
        console.always(f"{'test loss' if name == 'loss' else name.replace('_', ' '):10}  {spell_figure(name, value)}")
    return 0


def dry_run(request: Request, file: Path) -> int:
    """Build everything, print the model and the config, train nothing."""
    with _default_dtype_kept():
        trainer, parts, config = request.prepare(request.load(file))
        console = request.console
        console.always(f"# data: {parts.description()}")
        console.always(_table(trainer, parts))
        console.always(dump(config).rstrip())
    return 0


def find_rate(request: Request, file: Path) -> int:
    """Try growing learning rates, and name a good one."""
    with _default_dtype_kept():
        trainer, _, config = request.prepare(request.load(file))
        found = find_learning_rate(trainer)
    console = request.console
    width = max(found.losses) - min(found.losses) or 1.0
    for rate, loss in list(zip(found.rates, found.losses, strict=True))[:: max(1, len(found.rates) // 25)]:
        console.always(
            f"{rate:10.2e}  loss {spell_figure('loss', loss):>9}  {'█' * round(40 * (loss - min(found.losses)) / width)}"
        )
    console.always(
        f"learning rate {found.suggestion:.2g} (a tenth of the one with the least loss); the config has {config.optimizer.lr:g}"
    )
    return 0


# ---- A session of a run --------------------------------------------------------------------------------------------------


def _fit(
    trainer: Trainer, config: Config, parts: Parts, folder: RunFolder, console: Console, after_step: int | None = None
) -> int:
    metrics = MetricsWriter(folder, after_step)
    told = {
        "name": parts.name,
        "fingerprint": parts.fingerprint,
        "sizes": dict(parts.sizes),
        "facts": dict(parts.facts),
    }
    saver = Checkpoints(folder, dump(config), told, config.train.checkpoint_every, config.train.keep_last, metrics.file)
    trainer.callbacks += [metrics, *_events(config, folder, after_step), Lines(console), saver]
    if after_step is None:
        start = {"kind": "run", "step": 0, "epoch": 0, "seconds": 0.0, "data_set": parts.name, "seed": config.seed}
        size = sum(parameter.numel() for parameter in trainer.model.parameters())
        metrics.on_record(trainer, start | {"task": trainer.task.name, "parameters": size})
    try:
        with _stop_on_interrupt(trainer, console):
            finished = trainer.fit()
    except NonFiniteLoss as error:
        kept = folder.path / BEFORE_BAD_STEP
        assert error.state is not None
        save_checkpoint(kept, error.state, dump(config), told)
        raise TrainingError(f"{error} The state before that step is {kept}.{_last_good(folder)}") from error
    except TrainingError as error:
        raise TrainingError(f"{error}{_last_good(folder)}") from error
    if not finished:
        console.always(f"interrupted after step {trainer.progress.step}; the state is saved in {folder.last}")
        console.always(f"continue with: python train.py --resume {folder.path}")
        return INTERRUPTED
    gallery = Gallery(folder.path / GALLERY)
    console.say(f"making the gallery {gallery.folder}")
    for item in trainer.gallery():
        gallery.add(item, trainer.progress.step)
    if config.logging.csv:
        write_csv(folder.path)
    report = write_report(folder.path) if config.logging.report else None
    _print_summary(trainer, parts, folder, report, console)
    return 0


def _events(config: Config, folder: RunFolder, after_step: int | None) -> list[EventsWriter]:
    return [EventsWriter(EventWriter(folder.path, after_step))] if config.logging.tensorboard else []


def _last_good(folder: RunFolder) -> str:
    return f" The last good checkpoint is {folder.last}." if folder.last.exists() else ""


def _print_summary(trainer: Trainer, parts: Parts, folder: RunFolder, report: Path | None, console: Console) -> None:
    progress, name = trainer.progress, trainer.monitor
    rows = [("data set", parts.description())]
    if trainer.stop_reason:
        rows.append(("ended early", trainer.stop_reason))
    if progress.best is not None:
        rows.append((f"best {name}", f"{spell_figure(name, progress.best)} (epoch {progress.best_epoch})"))
    for key, value in progress.last_test.items():
        rows.append((f"final {key.replace('_', ' ')}", spell_figure(key, value)))
    rows.append(("time", f"{spell_seconds(progress.seconds)} for {progress.step:,} updates"))
    rows.append(("checkpoints", f"{folder.best} (best), {folder.last} (last)"))
    if report is not None:
        rows.append(("report", str(report)))
    width = max(len(key) for key, _ in rows)
    for key, words in rows:
        console.always(f"{key:{width}}  {words}")


def _table(trainer: Trainer, parts: Parts) -> str:
    """The model's table; of a task with several networks that of each."""
    inputs = trainer._prepared([example(parts)])[0]
    if any(objective.part for objective in trainer.objectives):
        noise = framework.zeros(1, getattr(trainer.model, "latent", 1))
        examples = {"generator": noise}
        tables = []
        for objective in trainer.objectives:
            table = summarize(objective.module(trainer.model), examples.get(objective.part, inputs))
            tables.append(f"{objective.part}\n{table}")
        return "\n\n".join(tables) + "\n"
    return summarize(trainer.model, inputs) + "\n"


@contextmanager
def _default_dtype_kept() -> Iterator[None]:
    before = framework.get_default_dtype()
    try:
        yield
    finally:
        framework.set_default_dtype(before)


@contextmanager
def _stop_on_interrupt(trainer: Trainer, console: Console) -> Iterator[None]:
    """The first Ctrl-C lets the current update finish, so that a whole state can be saved; the second stops at once."""

    def handle(number: int, frame: Any) -> None:
        if trainer.stop_requested:
            raise KeyboardInterrupt
        trainer.stop_requested = True
        console.always("\nstopping after this update (Ctrl-C again: at once, without saving)")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def load_weights(model: Module, checkpoint: Checkpoint, config: Config) -> None:
    """Give a model the weights that evaluations judge.

    Raises:
        TrainingError: If they don't fit it.
    """
    try:
        model.load_state_dict(checkpoint.judged_weights)
    except RuntimeError as error:
        raise _misfit(checkpoint, config, error) from error


def _load_state(trainer: Trainer, checkpoint: Checkpoint, config: Config) -> None:
    try:
        trainer.model.load_state_dict(checkpoint.state["model"])
    except RuntimeError as error:
        raise _misfit(checkpoint, config, error) from error
    try:
        trainer.load_state_dict(checkpoint.state)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{checkpoint.path} can't be resumed with this config: {' '.join(str(error).split())}"
        ) from error


def _misfit(checkpoint: Checkpoint, config: Config, error: RuntimeError) -> TrainingError:
    return TrainingError(f"{checkpoint.path} does not fit model {config.model.name}: {' '.join(str(error).split())}")
