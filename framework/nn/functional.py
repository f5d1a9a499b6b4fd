"""The functions behind the layers, with PyTorch's names and signatures."""

# ruff: noqa: F403  (this is a namespace: each family says what it gives in its __all__)

from __future__ import annotations

from typing import Any

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
from framework.ops.resampling import *
from framework.ops.transcendental import sigmoid as sigmoid
from framework.ops.transcendental import tanh as tanh


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    from difflib import get_close_matches  # only when something went wrong

    near = get_close_matches(name, [each for each in globals() if not each.startswith("_")], n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise AttributeError(f"nn.functional.{name} is not supported{hint}")
