"""Activation functions. Those with ``inplace`` change their input where it is True, and return it."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework import random
from framework.autograd.grad_mode import recording
from framework.autograd.graph import Variable, array_of
from framework.autograd.inplace import assign, check_writable, inplace as in_place
from framework.autograd.primitive import primitive
from framework.dtypes import from_numpy_dtype
from framework.kernels import activations as kernels
from framework.kernels.masking import blend, keep, keep_unless
from framework.ops.checks import only_floats, require_tensors
from framework.ops.dims import wrap_dim
from framework.ops.elementwise import abs, sub
from framework.ops.joining import narrow
from framework.ops.selection import clamp, keep_where, maximum, select
from framework.ops.shape import reshape
from framework.ops.softmax import softmax
from framework.ops.transcendental import exp, sigmoid, tanh
