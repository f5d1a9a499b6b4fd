"""The command line of ``train.py``."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import framework
from framework.datasets import ImageData
from framework.training.build import Models, build_data, build_loaders, build_loss, build_model, build_optimizer
from framework.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from framework.training.config import Config, ConfigError, dump, find_config, list_configs, load_config
from framework.training.errors import TrainingError
from framework.training.progress import Console
from framework.training.run_folder import MetricsFile, RunFolder
from framework.training.summary import summarize
from framework.training.trainer import Trainer

CONFIGS = Path("configs")
INTERRUPTED = 130


def main(models: Models, arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        models: The models that a config can name.
        arguments: The command line; ``sys.argv`` by default.

    Returns:
        The exit status: 0, 1 for a run that failed, 2 for a request that can't be met, 130 after Ctrl-C.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    console = Console(options.quiet)
    try:
        if options.eval is not None:
            return evaluate(Path(options.eval), options.overrides, models, console)
        if options.resume is not None:
            return resume(Path(options.resume), options.overrides, models, console)
        if options.config is None:
            parser.print_help()
            return 2 if options.overrides or options.dry_run else 0
        file = find_config(options.config, [Path("."), CONFIGS])
        config, _ = load_config(file, options.overrides, {"model": models})
        run_dir = None if options.run_dir is None else Path(options.run_dir)
        return dry_run(config, models, console) if options.dry_run else train(config, models, console, run_dir)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    listed = "".join(f"\n  {name:20} {description}" for name, description in list_configs(CONFIGS))
    parser = argparse.ArgumentParser(
        prog="train.py",
        description="Train a network from a YAML config, evaluate a checkpoint, or continue a run.",
        epilog=f"configs:{listed or ' none in the folder configs/'}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--config", metavar="NAME", help="a config file, here or in configs/, with or without .yaml")
    what.add_argument(
        "--eval",
        metavar="CHECKPOINT",
        help="evaluate a checkpoint, or the last one of a run's folder, on the test data",
    )
    what.add_argument(
        "--resume", metavar="RUN_OR_CHECKPOINT", help="continue a run from its last checkpoint, or from the one given"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="build everything, print the model and the resolved config, train nothing",
    )
    parser.add_argument("--run-dir", metavar="FOLDER", help="the run's folder; runs/<name>-<time> by default")
    parser.add_argument("--quiet", action="store_true", help="print only warnings and the summary")
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="change a setting of the config, such as optimizer.lr=0.01"
    )
    return parser


def train(config: Config, models: Models, console: Console, run_dir: Path | None = None) -> int:
    """A new run."""
    images = _data(config, console)
    framework.manual_seed(config.seed)
    trainer = build_trainer(config, models, images, console)
    folder = RunFolder.create(config.name, dump(config), run_dir)
    console.say(f"training {config.model.name} on {_describe(images)}; run folder {folder.path}")
    return _fit(trainer, config, images, folder, console)


def resume(path: Path, overrides: Sequence[str], models: Models, console: Console) -> int:
    """Continue a run in its own folder, from its last checkpoint or a given one."""
    checkpoint = load_checkpoint(path)
    config = _stored_config(checkpoint, overrides, models)
    images = _data(config, console)
    _check_data_set(checkpoint, images)
    trainer = build_trainer(config, models, images, console)
    _load_state(trainer, checkpoint, config)
    folder = RunFolder(checkpoint.path.parent)
    done = trainer.progress
    console.say(f"resuming {checkpoint.path} after step {done.step} (epoch {done.epoch} of {config.train.epochs} done)")
    if done.epoch >= config.train.epochs:
        console.say(
            f"all {config.train.epochs} epochs are done; to train longer add train.epochs={config.train.epochs * 2}"
        )
    return _fit(trainer, config, images, folder, console, after_step=done.step)


def evaluate(path: Path, overrides: Sequence[str], models: Models, console: Console) -> int:
    """Print the test metrics of a checkpoint."""
    checkpoint = load_checkpoint(path)
    config = _stored_config(checkpoint, overrides, models)
    images = _data(config, console)
    trainer = build_trainer(config, models, images, console)
    _load_weights(trainer, checkpoint, config)
    metrics = trainer.evaluate()
    console.always(f"checkpoint  {checkpoint.path}")
    console.always(f"data set    {_describe(images)}")
    if images.name != checkpoint.data_set:
        console.always(f"            (trained on {checkpoint.data_set})")
    console.always(f"test loss   {metrics['loss']:.4f}")
    console.always(f"accuracy    {metrics['accuracy']:.2%}")
    return 0


def dry_run(config: Config, models: Models, console: Console) -> int:
    """Build everything, print the model and the config, train nothing."""
    images = _data(config, console)
    framework.manual_seed(config.seed)
    trainer = build_trainer(config, models, images, console)
    height, width = images.train_images.shape[1:]
    console.always(f"# data: {_describe(images)}")
    console.always(summarize(trainer.model, framework.zeros(1, 1, height, width)))
    console.always()
    console.always(dump(config).rstrip())
    return 0


def build_trainer(config: Config, models: Models, images: ImageData, console: Console) -> Trainer:
    """Everything a run consists of, but its folder."""
    model = build_model(config, models, images)
    train_loader, test_loader = build_loaders(images, config.data)
    return Trainer(
        model,
        build_optimizer(config, model),
        build_loss(config),
        train_loader,
        test_loader,
        epochs=config.train.epochs,
        accumulate=config.train.accumulate,
        clip_norm=config.train.clip_norm,
        log_every=config.train.log_every,
        console=console,
    )


class Recorder:
    """Writes a run's metrics and checkpoints, and prints a line for each epoch."""

    def __init__(
        self, folder: RunFolder, config: Config, images: ImageData, console: Console, after_step: int | None
    ) -> None:
        self.folder = folder
        self.config = dump(config)
        self.data_set = images.name
        self.console = console
        self.metrics = MetricsFile(folder.metrics, after_step)
        if after_step is None:
            self.metrics.write({"kind": "run", "step": 0, "data_set": self.data_set, "seed": config.seed})

    def on_step(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Write the step's record."""
        self.metrics.write(record)

    def on_epoch(self, trainer: Trainer, record: dict[str, Any], is_best: bool) -> None:
        """Write the epoch's record and the checkpoints."""
        self.metrics.write(record)
        self.save(self.folder.last, trainer)
        if is_best:
            self.save(self.folder.best, trainer)
        self.console.say(
            f"epoch {record['epoch']}/{trainer.epochs}  train loss {record['train_loss']:.4f}  "
            f"test loss {record['test_loss']:.4f}  "
            f"test accuracy {record['test_accuracy']:.2%}  {record['samples_per_second']:,.0f} samples/s"
            + ("  (best)" if is_best else "")
        )

    def save(self, path: Path, trainer: Trainer) -> None:
        """Write a checkpoint."""
        save_checkpoint(path, trainer.state_dict(), self.config, self.data_set)


def _fit(
    trainer: Trainer,
    config: Config,
    images: ImageData,
    folder: RunFolder,
    console: Console,
    after_step: int | None = None,
) -> int:
    recorder = Recorder(folder, config, images, console, after_step)
    trainer.callbacks.append(recorder)
    try:
        with _stop_on_interrupt(trainer, console):
            finished = trainer.fit()
    except TrainingError as error:
        kept = f" The last good checkpoint is {folder.last}." if folder.last.exists() else ""
        raise TrainingError(f"{error}{kept}") from error
    if not finished:
        recorder.save(folder.last, trainer)
        console.always(f"interrupted after step {trainer.progress.step}; the state is saved in {folder.last}")
        console.always(f"continue with: python train.py --resume {folder.path}")
        return INTERRUPTED
    _print_summary(trainer, images, folder, console)
    return 0


def _print_summary(trainer: Trainer, images: ImageData, folder: RunFolder, console: Console) -> None:
    progress = trainer.progress
    final = trainer.last_test
    assert progress.best is not None
    console.always(f"data set        {_describe(images)}")
    console.always(f"best accuracy   {progress.best:.2%} (epoch {progress.best_epoch})")
    if final is not None:
        console.always(f"final accuracy  {final['accuracy']:.2%}")
    console.always(f"time            {progress.seconds:.1f} s for {progress.step} updates")
    console.always(f"checkpoints     {folder.best} (best), {folder.last} (last)")


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


def _data(config: Config, console: Console) -> ImageData:
    images = build_data(config.data, console.say, console.bars)
    if images.notes:
        console.warn(images.notes)
    return images


def _describe(images: ImageData) -> str:
    return f"{images.name} ({len(images.train_images):,} training and {len(images.test_images):,} test images)"


def _stored_config(checkpoint: Checkpoint, overrides: Sequence[str], models: Models) -> Config:
    """The config in a checkpoint, with the overrides of this call."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(checkpoint.config, encoding="utf-8")
        try:
            return load_config(file, overrides, {"model": models})[0]
        except ConfigError as error:
            raise TrainingError(
                f"the config in {checkpoint.path}: {str(error).replace(str(file), 'config')}"
            ) from error


def _check_data_set(checkpoint: Checkpoint, images: ImageData) -> None:
    if images.name != checkpoint.data_set:
        raise TrainingError(
            f"{checkpoint.path} was trained on {checkpoint.data_set}, but the data found now is {images.name}: "
            "supply the same data, or start a new run"
        )


def _load_weights(trainer: Trainer, checkpoint: Checkpoint, config: Config) -> None:
    try:
        trainer.model.load_state_dict(checkpoint.state["model"])
    except RuntimeError as error:
        lines = " ".join(str(error).split())
        raise TrainingError(f"{checkpoint.path} does not fit model {config.model.name}: {lines}") from error


def _load_state(trainer: Trainer, checkpoint: Checkpoint, config: Config) -> None:
    _load_weights(trainer, checkpoint, config)
    try:
        trainer.load_state_dict(checkpoint.state)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{checkpoint.path} can't be resumed with this config: {' '.join(str(error).split())}"
        ) from error
