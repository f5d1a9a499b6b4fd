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

from framework import autograd, dtypes  # noqa: E402
from framework.autograd.grad_mode import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
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
from framework.tensor import Tensor  # noqa: E402, I001  (before the operations: `tensor` is a function among them)
from framework.ops import *  # noqa: E402, F403
