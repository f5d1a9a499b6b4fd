"""A minimal neural-network training framework on NumPy, with its own autograd and PyTorch's names.

>>> import framework as torch
>>> x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x ** 2).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

import warnings as _warnings

# PyTorch is silent where NumPy warns (log of zero, overflow): our own modules' warnings of that kind are switched off.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"framework\.")

from framework import autograd, dtypes, random  # noqa: E402
from framework.autograd.grad_mode import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from framework.device import (  # noqa: E402
    channels_last,
    contiguous_format,
    device,
    layout,
    memory_format,
    preserve_format,
    strided,
)
from framework.dtypes import (  # noqa: E402
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
from framework.dtypes import bool_ as bool  # noqa: E402
from framework.dtypes import float16 as half  # noqa: E402
from framework.dtypes import float32 as float  # noqa: E402
from framework.dtypes import float64 as double  # noqa: E402
from framework.dtypes import int16 as short  # noqa: E402
from framework.dtypes import int32 as int  # noqa: E402
from framework.dtypes import int64 as long  # noqa: E402
from framework.printing import set_printoptions  # noqa: E402
from framework.random import (  # noqa: E402
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from framework.size import Size  # noqa: E402
from framework.tensor import Tensor  # noqa: E402
from framework.version import __version__  # noqa: E402

# isort: split
from framework.ops import families as _families  # noqa: E402

for _family in _families:
    for _name in getattr(_family, "__all__", ()):
        globals()[_name] = getattr(_family, _name)

from framework import nn, optim, utils  # noqa: E402
from framework.saving import load, save  # noqa: E402
