"""What works on a model's parameters: clipping of gradients, conversion to one vector, computed weights; sequences."""

from typing import TYPE_CHECKING

from framework.names import unsupported
from framework.nn.utils import parametrizations, parametrize, rnn
from framework.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from framework.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from framework.nn.utils.reparametrize import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm
from framework.nn.utils.skip_initialization import skip_init

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]

if not TYPE_CHECKING:  # a type checker is to know what there is
    __getattr__ = unsupported(
        "nn.utils", __all__, {"prune": "mask weights in a forward pre-hook", "stateless": "use func.functional_call"}
    )
