"""A minimal neural-network training framework on NumPy, with its own autograd and PyTorch's names.

>>> import framework as torch
>>> x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x ** 2).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

# ruff: noqa: E402, F403, F401, I001  (a namespace: the imports are its content, and their order matters)

import warnings as _warnings
import typing as _typing

# PyTorch is silent where NumPy warns (log of zero, overflow): our own modules' warnings of that kind are switched off.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"framework\.")

from framework import autograd, dtypes, random
from framework.autograd.anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
from framework.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from framework.device import (
    channels_last,
    contiguous_format,
    device,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from framework.dtypes import (
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)
from framework.dtypes import bool_ as bool
from framework.dtypes import float16 as half
from framework.dtypes import float32 as float
from framework.dtypes import float64 as double
from framework.dtypes import int16 as short
from framework.dtypes import int32 as int
from framework.dtypes import int64 as long
from framework.limits import finfo, iinfo
from framework.printing import set_printoptions
from framework.random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from framework.size import Size
from framework.switches import *
from framework.tensor import Tensor
from framework.version import __version__

# The operations come after Tensor, since `framework.tensor` is to be the function, not the module.
from framework.ops.arranging import *
from framework.ops.broadcasting import *
from framework.ops.comparison import *
from framework.ops.contraction import *
from framework.ops.conversion import *
from framework.ops.creation import *
from framework.ops.decompositions import *
from framework.ops.division import *
from framework.ops.elementwise import *
from framework.ops.extrema import *
from framework.ops.gathering import *
from framework.ops.indexing import *
from framework.ops.joining import *
from framework.ops.layout import *
from framework.ops.linalg import *
from framework.ops.matrix_functions import *
from framework.ops.moments import *
from framework.ops.norms import *
from framework.ops.picking import *
from framework.ops.powers import *
from framework.ops.products import *
from framework.ops.promotion import *
from framework.ops.quantiles import *
from framework.ops.random import *
from framework.ops.rectifiers import *
from framework.ops.reductions import *
from framework.ops.rounding import *
from framework.ops.scans import *
from framework.ops.scatter_reduce import *
from framework.ops.searching import *
from framework.ops.selection import *
from framework.ops.sequences import *
from framework.ops.shape import *
from framework.ops.softmax import *
from framework.ops.solving import *
from framework.ops.sorting import *
from framework.ops.special import *
from framework.ops.splitting import *
from framework.ops.strided import *
from framework.ops.transcendental import *
from framework.ops.writing import *

# Functions of layers that PyTorch offers here too, in the same form.
from framework.ops.adaptive_pooling import adaptive_avg_pool1d
from framework.ops.bilinear import bilinear
from framework.ops.convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from framework.ops.distances import cosine_similarity, pairwise_distance, pdist
from framework.ops.normalization import group_norm, layer_norm, rms_norm
from framework.ops.pooling import avg_pool1d, max_pool1d, max_pool2d, max_pool3d
from framework.ops.resampling import channel_shuffle, pixel_shuffle, pixel_unshuffle

# Their functions take `out=`; the methods of the same name don't.
from framework.ops.checks import creates_into_out as _creates_into_out
from framework.ops.checks import takes_out as _takes_out

for _name in """addbmm all any argmax argmin baddbmm bernoulli bucketize histc logsumexp median mode nanmean nanmedian
    nanquantile nansum norm prod quantile renorm searchsorted tensordot""".split():
    globals()[_name] = _takes_out(globals()[_name], None)
for _name in "addmm addmv cummax cummin index_add index_copy logcumsumexp msort scatter scatter_add sort topk".split():
    globals()[_name] = _takes_out(globals()[_name], True)
for _name in "addr diff ldexp std var".split():
    globals()[_name] = _takes_out(globals()[_name], None, casts=True)
for _name in "arange empty eye full linspace logspace ones rand randint randn randperm zeros".split():
    globals()[_name] = _creates_into_out(globals()[_name])

from framework.ops.public import guard as _guard

globals().update(_guard(globals()))

from framework import backends, cuda, func, linalg, nn, optim, return_types, special, utils
from framework.kernels.threads import get_num_threads, set_num_threads
from framework.saving import load, save

from framework.names import unsupported as _unsupported

_REAL = "numbers are real here"
if not _typing.TYPE_CHECKING:  # a type checker is to know what there is
    __getattr__ = _unsupported(
        "framework",
        globals(),
        {
            "bfloat16": "NumPy has no such type; use float32, or float16 to store",
            **dict.fromkeys(("amp", "autocast"), "operations run in the dtype of their inputs; leave it out"),
            "compile": "operations run as they are called; leave it out",
            "distributed": "a run is one process",
            "fft": _REAL,
            "jit": "operations run as they are called; save with framework.save(module.state_dict(), ...)",
            **dict.fromkeys(("cdouble", "cfloat", "chalf", "complex", "complex128", "complex32", "complex64"), _REAL),
            **{
                f"{name}Tensor": f"use framework.tensor(data, dtype=framework.{kind})"
                for name, kind in (("Float", "float32"), ("Double", "float64"), ("Long", "int64"), ("Int", "int32"))
            },
            **dict.fromkeys(("imag", "polar", "view_as_complex", "view_as_real"), _REAL),
        },
    )
