"""Weights that are computed anew at each call: with a norm of their own, or divided by their spectral norm.

The newer form of both, which keeps other names in the state dict, is in :mod:`framework.nn.utils.parametrizations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from framework.autograd.grad_mode import no_grad
from framework.nn.parameter import Parameter
from framework.ops.linalg import dot, mv
from framework.ops.normalization import normalize
from framework.ops.norms import vector_norm
from framework.ops.shape import movedim, reshape, t

if TYPE_CHECKING:
    from framework.nn.modules.module import Module
    from framework.tensor import Tensor

M = TypeVar("M", bound="Module")

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


def norm_except(weight: Any, dim: int | None) -> Any:
    """The norm over all dimensions but ``dim``, which stay with size 1; of the whole weight for None."""
    if dim is None:
        return vector_norm(weight)
    ndim = len(weight.shape)
    return vector_norm(weight, 2, tuple([each for each in range(ndim) if each != dim % ndim]), True)


def as_matrix(weight: Any, dim: int) -> Any:
    """The weight as a matrix whose rows belong to the outputs, which are along ``dim``."""
    weight = movedim(weight, dim, 0)
    return reshape(weight, (weight.shape[0], -1))


class _WeightNorm:
    """Before each call of a module: ``weight = weight_g * weight_v / norm(weight_v)``."""

    kind = "weight_norm"

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = dim

    def compute(self, module: Any) -> Tensor:
        """The weight from its parts."""
        v = getattr(module, self.name + "_v")
        result: Tensor = v * (getattr(module, self.name + "_g") / norm_except(v, self.dim))
        return result

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module))


class _SpectralNorm:
    """Before each call of a module: ``weight = weight_orig / sigma``.

    sigma is the largest singular value, u @ weight @ v, with vectors that power iteration makes better at each call in
    training (Miyato et al., 2018).
    """

    kind = "spectral_norm"

    def __init__(self, name: str, iterations: int, dim: int, eps: float) -> None:
        self.name = name
        self.iterations = iterations
        self.dim = dim
        self.eps = eps

    def compute(self, module: Any, iterate: bool) -> Tensor:
        """The weight divided by its largest singular value."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = as_matrix(weight, self.dim)
        if iterate:
            with no_grad():
                for _ in range(self.iterations):
                    v.copy_(normalize(mv(t(matrix), u), dim=0, eps=self.eps))
                    u.copy_(normalize(mv(matrix, v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()  # the next call changes them, perhaps before this one's backward
        result: Tensor = weight / dot(u, mv(matrix, v))
        return result

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module, module.training))


def _check_first(module: Any, name: str, kind: str) -> Tensor:
    """The weight that is to be computed from now on.

    Raises:
        RuntimeError: If it is so already.
        ValueError: If it is no parameter.
    """
    if _find(module, name, kind) is not None:
        raise RuntimeError(f"Cannot register two {kind} hooks on the same parameter {name}")
    weight: Any = getattr(module, name)
    if not isinstance(weight, Parameter):
        raise ValueError(f"{kind}: {name!r} of {module} is no parameter that has been set, but {type(weight).__name__}")
    return weight


def _find(module: Any, name: str, kind: str) -> int | None:
    for key, (hook, _) in (module._forward_pre_hooks or {}).items():
        if getattr(hook, "kind", None) == kind and hook.name == name:
            return key
    return None


def _take_off(module: Any, name: str, kind: str) -> Any:
    key = _find(module, name, kind)
    if key is None:
        raise ValueError(f"{kind} of {name!r} not found in {module}")
    return module._forward_pre_hooks.pop(key)[0]


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Replace a weight by its direction ``<name>_v`` and its norm ``<name>_g`` (Salimans and Kingma, 2016).

    Args:
        module: A layer, which is changed.
        name: Its parameter.
        dim: Each index along this dimension has a norm of its own; None for one norm of all.

    Raises:
        RuntimeError: If it is so already.
    """
    hook = _WeightNorm(name, None if dim == -1 else dim)
    weight = _check_first(module, name, hook.kind)
    delattr(module, name)
    module.register_parameter(name + "_g", Parameter(norm_except(weight.detach(), hook.dim)))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo :func:`weight_norm`: the weight as it is becomes a parameter.

    Raises:
        ValueError: If there is none.
    """
    hook = _take_off(module, name, _WeightNorm.kind)
    weight = hook.compute(module)
    for each in (name, name + "_g", name + "_v"):
        delattr(module, each)
    setattr(module, name, Parameter(weight.detach()))
    return module


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight by its largest singular value, at each call (Miyato et al., 2018).

    The weight becomes the parameter ``<name>_orig``; the singular vectors are buffers ``<name>_u`` and ``<name>_v``.

    Args:
        module: A layer, which is changed.
        name: Its parameter.
        n_power_iterations: How many steps make the singular vectors better at each call in training.
        eps: The least divisor of a vector.
        dim: The dimension of the outputs; by default 0, and 1 for a transposed convolution.

    Raises:
        RuntimeError: If it is so already.
        ValueError: If there are no iterations.
    """
    if n_power_iterations <= 0:
        raise ValueError(
            f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
        )
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    hook = _SpectralNorm(name, n_power_iterations, dim, eps)
    weight = _check_first(module, name, hook.kind)
    with no_grad():
        rows, columns = as_matrix(weight, dim).shape
        u = normalize(weight.new_empty(rows).normal_(), dim=0, eps=eps)
        v = normalize(weight.new_empty(columns).normal_(), dim=0, eps=eps)
    delattr(module, name)
    module.register_parameter(name + "_orig", weight)  # type: ignore[arg-type]
    setattr(module, name, weight.detach())
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo :func:`spectral_norm`: the divided weight becomes a parameter.

    Raises:
        ValueError: If there is none.
    """
    hook = _take_off(module, name, _SpectralNorm.kind)
    weight = hook.compute(module, False)
    for each in (name, name + "_u", name + "_v", name + "_orig"):
        delattr(module, each)
    setattr(module, name, Parameter(weight.detach()))
    return module
