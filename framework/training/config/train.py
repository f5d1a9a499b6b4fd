"""The sections ``train`` and ``logging``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from framework.training.config.fields import Count, NotNegative, Positive, Section, Text


class EarlyStopping(Section, frozen=True):
    """When a run that no longer gets better ends."""

    patience: Count
    """Evaluations without a better one after which the run ends."""
    min_delta: NotNegative = 0.0
    """How much better counts."""


class Train(Section, frozen=True, kw_only=True):
    """The training loop. A run ends with the first of its limits: epochs, steps, max_minutes, early_stopping."""

    epochs: Count | None = None
    """Passes over the training data; null: no limit, but 5 where steps and max_minutes have none either."""
    steps: Count | None = None
    """Updates; null: no limit."""
    max_minutes: Positive | None = None
    """Minutes of training, over all sessions of the run; null: no limit."""
    early_stopping: EarlyStopping | None = None
    """When a run that no longer gets better ends; null: never."""
    accumulate: Count = 1
    """Batches whose gradients make one update together; 4 of batch 16 update as one of batch 64."""
    clip_norm: Positive | None = None
    """Largest total norm of the gradients at an update; null: no limit."""
    clip_value: Positive | None = None
    """Largest size of an element of the gradients; null: no limit."""
    precision: Literal["float32", "float64"] = "float32"
    """Type of weights and data."""
    ema: Annotated[float, Meta(gt=0, lt=1)] | None = None
    """Decay of an exponential moving average of the weights, which evaluations then judge, such as 0.999; null: none."""
    monitor: Text | None = None
    """The test figure that tells the best evaluation, such as accuracy or loss; null: the task's choice."""
    eval_every: Count | None = None
    """Updates from one evaluation to the next; null: one at the end of each epoch."""
    log_every: Count = 50
    """Updates between two step records in metrics.jsonl."""
    checkpoint_every: Count | None = None
    """Updates from one checkpoint to the next; null: one after each evaluation."""
    keep_last: Count = 2
    """How many of the newest checkpoints stay, beside the best."""


class Logging(Section, frozen=True):
    """Where figures go beside metrics.jsonl."""

    report: bool = True
    """Whether to write report.html at the end."""
    tensorboard: bool = False
    """Whether to write TensorBoard event files; needs the extra viz."""
    csv: bool = False
    """Whether to write metrics.csv at the end."""
    gradient_norms: bool = False
    """Whether step records have the norm of each layer's gradients."""
