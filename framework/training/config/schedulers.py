"""The section ``scheduler``: one class for each of ``framework.optim.lr_scheduler`` that numbers can describe.

A length that is not given is the whole run.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from framework.training.config.fields import Count, CountOrZero, Fraction, NotNegative, Positive, Section

Above: TypeAlias = Annotated[float, Meta(gt=0, le=1)]


class Scheduler(Section, tag_field="name", frozen=True, kw_only=True):
    """How the learning rate goes on."""


class Timed(Scheduler, frozen=True, kw_only=True):
    """A schedule that counts epochs or updates."""

    interval: Literal["epoch", "step"] = "epoch"
    """What its lengths count: epochs, or updates (steps)."""


class StepLR(Timed, tag="step", frozen=True, kw_only=True):
    """Times gamma after every so many."""

    step_size: Count
    """How many epochs or updates."""
    gamma: Positive = 0.1
    """The factor."""


class MultiStepLR(Timed, tag="multi_step", frozen=True, kw_only=True):
    """Times gamma at each milestone."""

    milestones: list[Count]
    """The epochs or updates at which that happens."""
    gamma: Positive = 0.1
    """The factor."""


class ConstantLR(Timed, tag="constant", frozen=True, kw_only=True):
    """A factor for the first time."""

    factor: Fraction = 1 / 3
    """The factor."""
    total_iters: Count = 5
    """When it ends."""


class LinearLR(Timed, tag="linear", frozen=True, kw_only=True):
    """From one factor to another in a line: a warm-up, or a way down."""

    start_factor: Above = 1 / 3
    """The factor to begin with."""
    end_factor: Fraction = 1.0
    """The factor to end with."""
    total_iters: Count | None = None
    """How long it takes."""


class ExponentialLR(Timed, tag="exponential", frozen=True, kw_only=True):
    """Times gamma each time."""

    gamma: Positive
    """The factor."""


class PolynomialLR(Timed, tag="polynomial", frozen=True, kw_only=True):
    """Down to zero as a power of what is left."""

    total_iters: Count | None = None
    """When it is zero."""
    power: Positive = 1.0
    """The power; 1 is a line."""


class CosineLR(Timed, tag="cosine", frozen=True, kw_only=True):
    """Down along half a cosine."""

    T_max: Count | None = None
    """How long it takes."""
    eta_min: NotNegative = 0.0
    """The learning rate to end with."""


class CosineRestartsLR(Timed, tag="cosine_restarts", frozen=True, kw_only=True):
    """Down along half a cosine again and again."""

    T_0: Count
    """How long the first way down takes."""
    T_mult: Count = 1
    """How many times as long each is as the one before."""
    eta_min: NotNegative = 0.0
    """The least learning rate."""


class OneCycleLR(Timed, tag="one_cycle", frozen=True, kw_only=True):
    """Up to the largest learning rate and down to almost nothing, within the whole run (Smith & Topin, 2019)."""

    max_lr: Positive
    """The largest learning rate."""
    total_steps: Count | None = None
    """How long it takes."""
    pct_start: Fraction = 0.3
    """The share that goes up."""
    anneal_strategy: Literal["cos", "linear"] = "cos"
    """The form of the ways."""
    cycle_momentum: bool = True
    """Whether the momentum, or the first of betas, goes the other way."""
    base_momentum: Fraction = 0.85
    """The least momentum."""
    max_momentum: Fraction = 0.95
    """The largest momentum."""
    div_factor: Positive = 25.0
    """The first learning rate is max_lr divided by this."""
    final_div_factor: Positive = 1e4
    """The last learning rate is the first one divided by this."""
    three_phase: bool = False
    """Whether to go down as fast as up, and then to the last learning rate."""


class CyclicLR(Timed, tag="cyclic", frozen=True, kw_only=True):
    """Up and down again and again (Smith, 2017)."""

    base_lr: Positive
    """The least learning rate."""
    max_lr: Positive
    """The largest learning rate."""
    step_size_up: Count = 2000
    """How long a way up takes."""
    step_size_down: Count | None = None
    """How long a way down takes; as long as up unless given."""
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    """How the height goes on: the same, half of it with each cycle, or times gamma."""
    gamma: Positive = 1.0
    """For exp_range."""
    cycle_momentum: bool = True
    """Whether the momentum, or the first of betas, goes the other way."""
    base_momentum: Fraction = 0.8
    """The least momentum."""
    max_momentum: Fraction = 0.9
    """The largest momentum."""


class PlateauLR(Scheduler, tag="plateau", frozen=True, kw_only=True):
    """Times a factor when evaluations no longer get better."""

    factor: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    """The factor."""
    patience: CountOrZero = 10
    """Evaluations without a better one that are allowed."""
    threshold: NotNegative = 1e-4
    """The least that counts as better."""
    threshold_mode: Literal["rel", "abs"] = "rel"
    """Whether that is a share of the best figure or a difference."""
    cooldown: CountOrZero = 0
    """Evaluations after a change in which nothing counts."""
    min_lr: NotNegative = 0.0
    """The least learning rate."""
    eps: NotNegative = 1e-8
    """Smaller changes are left out."""


Simple: TypeAlias = (
    StepLR
    | MultiStepLR
    | ConstantLR
    | LinearLR
    | ExponentialLR
    | PolynomialLR
    | CosineLR
    | CosineRestartsLR
    | OneCycleLR
    | CyclicLR
)


class SequentialLR(Timed, tag="sequential", frozen=True, kw_only=True):
    """Schedules one after another, such as a linear warm-up and a cosine; the interval is that of all of them."""

    schedulers: list[Simple]
    """The schedules in their order; one without a length takes the rest of the run."""
    milestones: list[Count]
    """When the second, the third, ... begins."""

    def __post_init__(self) -> None:
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"{len(self.schedulers)} schedulers have one milestone less between them, got {len(self.milestones)}"
            )
        if sorted(set(self.milestones)) != self.milestones:
            raise ValueError("milestones must grow")


class ChainedLR(Timed, tag="chained", frozen=True, kw_only=True):
    """Schedules whose factors are multiplied; the interval is that of all of them."""

    schedulers: list[Simple]
    """The schedules."""

    def __post_init__(self) -> None:
        if not self.schedulers:
            raise ValueError("chained needs at least one scheduler")


Schedulers: TypeAlias = (
    StepLR
    | MultiStepLR
    | ConstantLR
    | LinearLR
    | ExponentialLR
    | PolynomialLR
    | CosineLR
    | CosineRestartsLR
    | OneCycleLR
    | CyclicLR
    | PlateauLR
    | SequentialLR
    | ChainedLR
)
