"""Parametrizations of weights: with a norm of their own, or divided by their spectral norm."""

from __future__ import annotations

from typing import Any, TypeVar

from framework.autograd.grad_mode import no_grad
from framework.nn.modules.module import Module
from framework.nn.utils.orthogonal import orthogonal
from framework.nn.utils.parametrize import register_parametrization
from framework.nn.utils.reparametrize import as_matrix, norm_except
from framework.ops.linalg import dot, mv
from framework.ops.normalization import normalize
from framework.ops.shape import t
from framework.tensor import Tensor

M = TypeVar("M", bound=Module)

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Replace a weight by its norm ``original0`` and its direction ``original1`` (Salimans and Kingma, 2016).

    State dicts of ``nn.utils.weight_norm`` load, too.

    Args:
        module: A layer, which is changed.
        name: Its parameter.
        dim: Each index along this dimension has a norm of its own; None for one norm of all.
    """
    register_parametrization(module, name, _WeightNorm(None if dim == -1 else dim), unsafe=True)

    def rename(module: Any, state: Any, prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{name}_{part}" for part in "gv"]
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}parametrizations.{name}.original{i}"] = state.pop(key)

    module.register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        ndim = len(weight.shape)
        if not -ndim <= dim < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if ndim > 1:
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                    vector = normalize(weight.new_empty(size).normal_(), dim=0, eps=eps)
                    self.register_buffer(name, vector)
            self._improve(matrix, 15)

    def _improve(self, matrix: Any, steps: int) -> None:
        """Power iteration towards the first singular vectors, in place."""
        with no_grad():
            for _ in range(steps):
                self._u.copy_(normalize(mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(mv(t(matrix), self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if len(weight.shape) == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._improve(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next call changes them, perhaps before this one's backward
        result: Tensor = weight / dot(u, mv(matrix, v))
        return result

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight by its largest singular value (Miyato et al., 2018), estimated by power iteration.

    Args:
        module: A layer, which is changed.
        name: Its parameter.
        n_power_iterations: How many steps make the singular vectors better whenever the weight is read in training.
        eps: The least divisor of a vector.
        dim: The dimension of the outputs; by default 0, and 1 for a transposed convolution.

    Raises:
        IndexError: If there is no such dimension.
        ValueError: If there are no iterations, or no such parameter.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
