"""Automatic differentiation: the primitive mechanism, the graph, the engine and what a user sees of them."""

from typing import TYPE_CHECKING

from framework.autograd import anomaly, function, functional, grad_mode, graph, visualize
from framework.autograd.anomaly import detect_anomaly, set_detect_anomaly
from framework.autograd.function import Function
from framework.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from framework.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from framework.autograd.graph import Variable
from framework.autograd.interface import backward, grad
from framework.names import unsupported

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "anomaly",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "visualize",
]

if not TYPE_CHECKING:  # a type checker is to know what there is
    __getattr__ = unsupported("autograd", __all__)
