"""Special functions, under the names that PyTorch shares with SciPy."""

from typing import TYPE_CHECKING

from framework.names import unsupported
from framework.ops.public import guard as _guard
from framework.ops.reductions import logsumexp
from framework.ops.rounding import round
from framework.ops.softmax import log_softmax, softmax
from framework.ops.special import (
    digamma,
    entr,
    erf,
    erfc,
    erfcx,
    erfinv,
    i0,
    i0e,
    i1,
    i1e,
    lgamma,
    log_ndtr,
    logit,
    ndtr,
    ndtri,
    polygamma,
    sinc,
    xlog1py,
    xlogy,
)
from framework.ops.special import mvlgamma as multigammaln
from framework.ops.transcendental import exp2, expm1, log1p, sigmoid

expit = sigmoid
gammaln = lgamma
psi = digamma

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
]

globals().update(_guard(globals()))

if not TYPE_CHECKING:  # a type checker is to know what there is
    __getattr__ = unsupported("special", __all__)
