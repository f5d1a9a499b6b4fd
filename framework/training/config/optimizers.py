"""The section ``optimizer``: one class for each of ``framework.optim``, with its defaults."""

from __future__ import annotations

from typing import Literal, TypeAlias

from framework.training.config.fields import Count, Decay, Fraction, NotNegative, Positive, Section

Betas: TypeAlias = tuple[Decay, Decay]


class Optimizer(Section, tag_field="name", frozen=True):
    """What makes an update of gradients."""


class SGD(Optimizer, tag="sgd", frozen=True):
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
    maximize: bool = False
    """Make the loss large instead of small."""

    def __post_init__(self) -> None:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError("nesterov needs a momentum > 0 and no dampening")


class Adam(Optimizer, tag="adam", frozen=True):
    """Adam (Kingma & Ba, 2015)."""

    lr: Positive = 1e-3
    """Learning rate."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: NotNegative = 1e-8
    """Added to the denominator, against division by zero."""
    weight_decay: NotNegative = 0.0
    """L2 penalty: this times the weight is added to its gradient."""
    amsgrad: bool = False
    """Divide by the largest mean square so far (Reddi et al., 2018)."""
    maximize: bool = False
    """Make the loss large instead of small."""
    decoupled_weight_decay: bool = False
    """Shrink the weights themselves, as adamw does."""


class AdamW(Optimizer, tag="adamw", frozen=True):
    """Adam whose weight decay shrinks the weights themselves (Loshchilov & Hutter, 2019)."""

    lr: Positive = 1e-3
    """Learning rate."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: NotNegative = 1e-8
    """Added to the denominator, against division by zero."""
    weight_decay: NotNegative = 1e-2
    """A weight shrinks by lr times this at each update."""
    amsgrad: bool = False
    """Divide by the largest mean square so far (Reddi et al., 2018)."""
    maximize: bool = False
    """Make the loss large instead of small."""


class Adadelta(Optimizer, tag="adadelta", frozen=True):
    """Adadelta (Zeiler, 2012)."""

    lr: Positive = 1.0
    """Factor of the change."""
    rho: Fraction = 0.9
    """Decay of the running means."""
    eps: NotNegative = 1e-6
    """Added under both roots."""
    weight_decay: NotNegative = 0.0
    """L2 penalty: this times the weight is added to its gradient."""
    maximize: bool = False
    """Make the loss large instead of small."""


class Adagrad(Optimizer, tag="adagrad", frozen=True):
    """Adagrad (Duchi et al., 2011)."""

    lr: Positive = 1e-2
    """Learning rate."""
    lr_decay: NotNegative = 0.0
    """At step t the learning rate is lr / (1 + (t - 1) * lr_decay)."""
    weight_decay: NotNegative = 0.0
    """L2 penalty: this times the weight is added to its gradient."""
    initial_accumulator_value: NotNegative = 0.0
    """What the sum of squares begins with."""
    eps: NotNegative = 1e-10
    """Added to the denominator, against division by zero."""
    maximize: bool = False
    """Make the loss large instead of small."""


class Adamax(Optimizer, tag="adamax", frozen=True):
    """Adam with the largest gradient in place of the mean square (Kingma & Ba, 2015)."""

    lr: Positive = 2e-3
    """Learning rate."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running mean of the gradient and of its largest size."""
    eps: NotNegative = 1e-8
    """Added to the gradient's size, against division by zero."""
    weight_decay: NotNegative = 0.0
    """L2 penalty: this times the weight is added to its gradient."""
    maximize: bool = False
    """Make the loss large instead of small."""


class NAdam(Optimizer, tag="nadam", frozen=True):
    """Adam with Nesterov's momentum (Dozat, 2016)."""

    lr: Positive = 2e-3
    """Learning rate."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: NotNegative = 1e-8
    """Added to the denominator, against division by zero."""
    weight_decay: NotNegative = 0.0
    """L2 penalty: this times the weight is added to its gradient."""
    momentum_decay: NotNegative = 4e-3
    """How fast the momentum grows to its full size."""
    decoupled_weight_decay: bool = False
    """Shrink the weights themselves instead of adding a penalty."""
    maximize: bool = False
    """Make the loss large instead of small."""


class RAdam(Optimizer, tag="radam", frozen=True):
    """Adam that is rectified in its first steps (Liu et al., 2020)."""

    lr: Positive = 1e-3
    """Learning rate."""
    betas: Betas = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: NotNegative = 1e-8
    """Added to the denominator, against division by zero."""
    weight_decay: NotNegative = 0.0
    """L2 penalty: this times the weight is added to its gradient."""
    decoupled_weight_decay: bool = False
    """Shrink the weights themselves instead of adding a penalty."""
    maximize: bool = False
    """Make the loss large instead of small."""


class RMSprop(Optimizer, tag="rmsprop", frozen=True):
    """RMSprop (Tieleman & Hinton, 2012)."""

    lr: Positive = 1e-2
    """Learning rate."""
    alpha: Fraction = 0.99
    """Decay of the running mean of the squared gradient."""
    eps: NotNegative = 1e-8
    """Added to the denominator, against division by zero."""
    weight_decay: NotNegative = 0.0
    """L2 penalty: this times the weight is added to its gradient."""
    momentum: NotNegative = 0.0
    """Share of the last change that is kept."""
    centered: bool = False
    """Divide by an estimate of the standard deviation instead (Graves, 2013)."""
    maximize: bool = False
    """Make the loss large instead of small."""


class Muon(Optimizer, tag="muon", frozen=True):
    """Momentum made orthogonal (Jordan, 2024); for models whose parameters are all matrices."""

    lr: Positive = 1e-3
    """Learning rate."""
    weight_decay: NotNegative = 0.1
    """A weight shrinks by lr times this at each update."""
    momentum: Decay = 0.95
    """Decay of the running mean of the gradient."""
    nesterov: bool = True
    """Look one step ahead."""
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)
    """Of the polynomial that is iterated to make the momentum orthogonal."""
    eps: Positive = 1e-7
    """The least norm to divide by."""
    ns_steps: Count = 5
    """How often the polynomial is applied."""
    adjust_lr_fn: Literal["original", "match_rms_adamw"] | None = None
    """How the learning rate follows a matrix's shape; match_rms_adamw takes learning rates of adamw."""


class LBFGS(Optimizer, tag="lbfgs", frozen=True):
    """L-BFGS; for small models and whole-data batches, as one update evaluates the loss many times."""

    lr: Positive = 1.0
    """The first step to try along a direction."""
    max_iter: Count = 20
    """The largest number of iterations in an update."""
    max_eval: Count | None = None
    """The largest number of evaluations in an update; by default max_iter * 5 // 4."""
    tolerance_grad: NotNegative = 1e-7
    """Stop when no element of the gradient is larger."""
    tolerance_change: NotNegative = 1e-9
    """Stop when loss or weights change by less."""
    history_size: Count = 100
    """How many changes are kept."""
    line_search_fn: Literal["strong_wolfe"] | None = None
    """How to choose the step's length; null: steps of lr."""


Optimizers: TypeAlias = SGD | Adam | AdamW | Adadelta | Adagrad | Adamax | NAdam | RAdam | RMSprop | Muon | LBFGS
