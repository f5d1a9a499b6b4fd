"""The callbacks that make a run's folder: metrics, checkpoints, and a line for the person at each evaluation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from framework.training.callbacks import Callback, Record
from framework.training.checkpoint import numbered_checkpoints, point_to, save_checkpoint
from framework.training.progress import Console, spell_seconds
from framework.training.run_folder import MetricsFile, RunFolder

if TYPE_CHECKING:
    from framework.training.trainer import Trainer

_SHARES = ("accuracy", "precision", "recall", "f1", "exact", "top1", "top2", "top3", "top5", "top10")


class MetricsWriter(Callback):
    """Writes every record into ``metrics.jsonl``.

    Args:
        folder: The run's.
        after_step: When a run is resumed: the step from which it goes on.
    """

    name: ClassVar[str] = "metrics_writer"

    def __init__(self, folder: RunFolder, after_step: int | None = None) -> None:
        self.file = MetricsFile(folder.metrics, after_step)

    def on_record(self, trainer: Trainer, record: Record) -> None:
        self.file.write(record)


class EventsWriter(Callback):
    """Writes every record as TensorBoard events too.

    Args:
        writer: Has ``write(record)`` and ``close()``.
    """

    name: ClassVar[str] = "events_writer"

    def __init__(self, writer: Any) -> None:
        self.writer = writer

    def on_record(self, trainer: Trainer, record: Record) -> None:
        if record["kind"] != "run":
            self.writer.write(record)

    def on_end(self, trainer: Trainer) -> None:
        self.writer.close()


class Checkpoints(Callback):
    """Saves ``checkpoints/step-<n>.ckpt``, of which the newest stay, with ``last.ckpt`` and ``best.ckpt``.

    Args:
        folder: The run's.
        config: The resolved config's text.
        data: What checkpoints tell of the data.
        every: Updates from one to the next; None: one after each evaluation. There is one at the end too.
        keep_last: How many stay.
        metrics: Put on the disk before each checkpoint.
    """

    name: ClassVar[str] = "checkpoints"

    def __init__(
        self,
        folder: RunFolder,
        config: str,
        data: Mapping[str, Any],
        every: int | None = None,
        keep_last: int = 2,
        metrics: MetricsFile | None = None,
    ) -> None:
        self.folder = folder
        self.config = config
        self.data = data
        self.every = every
        self.keep_last = keep_last
        self.metrics = metrics
        self._saved_at: int | None = None
        self._judged = self._improved = False

    def on_start(self, trainer: Trainer) -> None:
        self._saved_at = trainer.progress.step if trainer.progress.step else None
        for unfinished in self.folder.path.glob("**/.*.tmp"):  # of a session that was killed while it wrote
            unfinished.unlink()

    def on_evaluation(self, trainer: Trainer, record: Record, is_best: bool) -> None:
        self._judged, self._improved = True, self._improved or is_best

    def on_settled(self, trainer: Trainer) -> None:
        due = self._judged if self.every is None else trainer.progress.step % self.every == 0
        if due or self._improved:
            self.save(trainer)

    def on_end(self, trainer: Trainer) -> None:
        if trainer.progress.step != self._saved_at:
            self.save(trainer)

    def save(self, trainer: Trainer) -> Path:
        """Save a checkpoint of now, and remove those that are too old."""
        if self.metrics is not None:
            self.metrics.sync()
        path = self.folder.checkpoint(trainer.progress.step)
        save_checkpoint(path, trainer.state_dict(), self.config, self.data)
        if self._improved:
            point_to(self.folder.best, path)
        point_to(self.folder.last, path)
        numbered = numbered_checkpoints(self.folder.path)
        # Newer ones are of a future that this session left when it went back to an older checkpoint.
        own = numbered[numbered.index(path) :]
        for old in {*numbered} - {*own[: self.keep_last]}:
            os.unlink(old)
        self._saved_at = trainer.progress.step
        self._judged = self._improved = False
        return path


class Lines(Callback):
    """Prints a line at each evaluation and epoch."""

    name: ClassVar[str] = "lines"

    def __init__(self, console: Console) -> None:
        self.console = console
        self._test: Record = {}
        self._is_best = False
        self._begun = (0, 0.0)

    def on_start(self, trainer: Trainer) -> None:
        self._begun = (trainer.progress.step, trainer.seconds)

    def on_evaluation(self, trainer: Trainer, record: Record, is_best: bool) -> None:
        self._test, self._is_best = record, is_best
        if trainer.eval_every is not None or trainer.finished:
            self._say(trainer, {})

    def on_record(self, trainer: Trainer, record: Record) -> None:
        if record["kind"] == "epoch" and trainer.eval_every is None:
            self._say(trainer, record)

    def _say(self, trainer: Trainer, epoch: Record) -> None:
        total = trainer.total_updates
        parts = [
            f"epoch {epoch.get('epoch') or self._test.get('epoch')}" + (f"/{trainer.epochs}" if trainer.epochs else "")
        ]
        parts += [f"step {trainer.progress.step:,}" + (f"/{total:,}" if total else "")]
        shown = {"train loss": epoch["train_loss"]} if "train_loss" in epoch else {}
        shown |= {key.replace("_", " "): value for key, value in self._test.items() if key.startswith("test_")}
        parts += [f"{key} {spell_figure(key, value)}" for key, value in shown.items()]
        if "samples_per_second" in epoch:
            parts.append(f"{epoch['samples_per_second']:,.0f} samples/s")
        left = self._time_left(trainer, total)
        self.console.say("  ".join(parts) + left + ("  (best)" if self._is_best else ""))
        self._test, self._is_best = {}, False

    def _time_left(self, trainer: Trainer, total: int | None) -> str:
        """By the mean speed of this session, evaluations and checkpoints included."""
        done = trainer.progress.step - self._begun[0]
        if total is None or done <= 0 or trainer.progress.step >= total:
            return ""
        left = (trainer.seconds - self._begun[1]) / done * (total - trainer.progress.step)
        return f"  {spell_seconds(left)} left"


def spell_figure(name: str, value: float) -> str:
    """A figure as a person reads it: shares in percent, others with four decimals, or digits where they are huge or tiny."""
    if name.endswith(_SHARES):
        return f"{value:.2%}"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.4g}"
