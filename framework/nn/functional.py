"""The functions behind the layers, with PyTorch's names and signatures."""

# ruff: noqa: F403  (this is a namespace: each family says what it gives in its __all__)

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.names import unsupported
from framework.ops.activations import *
from framework.ops.adaptive_pooling import *
from framework.ops.attention import *
from framework.ops.batch_normalization import *
from framework.ops.bilinear import *
from framework.ops.convolution import *
from framework.ops.cross_entropy import *
from framework.ops.ctc import *
from framework.ops.distances import *
from framework.ops.dropout import *
from framework.ops.embedding import *
from framework.ops.embedding_losses import *
from framework.ops.folding import *
from framework.ops.grid_sampling import *
from framework.ops.likelihoods import *
from framework.ops.linalg import linear as linear
from framework.ops.losses import *
from framework.ops.normalization import *
from framework.ops.padding import *
from framework.ops.pooling import *
from framework.ops.public import guard as _guard
from framework.ops.resampling import *
from framework.ops.transcendental import sigmoid as sigmoid
from framework.ops.transcendental import tanh as tanh

globals().update(_guard(globals()))

if not TYPE_CHECKING:  # a type checker is to know what there is
    __getattr__ = unsupported("nn.functional", globals())
