"""Layers that learn the size of their input from the first one: then they become the ordinary layer, with its first weights."""

from __future__ import annotations

import warnings
from typing import Any

from framework.autograd.graph import Variable, wrap
from framework.dtypes import dtype as DType
from framework.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, ChannelNorm
from framework.nn.modules.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    _ConvNd,
)
from framework.nn.modules.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from framework.nn.modules.linear import Linear
from framework.nn.modules.module import Module
from framework.nn.parameter import Parameter
from framework.random import fork_rng
from framework.tensor import Tensor

_placeholder: Any = Variable.__dict__["_array"]
_HOW = "the layer learns its shape from its first input; call the model once before"


class UninitializedParameter(Parameter):
    """A parameter of a layer whose input has not been seen: it has no shape yet, and becomes an ordinary one then."""

    __slots__ = ()

    @property
    def _array(self) -> Any:
        """Refused; every operation begins with it."""
        raise ValueError(f"Attempted to use an uninitialized parameter: {_HOW}")

    @_array.setter
    def _array(self, array: Any) -> None:
        _placeholder.__set__(self, array)

    # What there is of it before the first input: a dtype, which casts change, and whether it gets gradients.

    @property
    def data(self) -> Tensor:
        """An empty tensor."""
        return wrap(_placeholder.__get__(self))

    @data.setter
    def data(self, value: Tensor) -> None:
        self._array = value._array

    @property
    def dtype(self) -> DType:
        """The element type that it will have."""
        return self.data.dtype

    @property
    def requires_grad(self) -> bool:
        """Whether gradients will flow to it."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._requires_grad = bool(value)

    @property
    def shape(self) -> Any:
        """Refused."""
        raise RuntimeError(f"Can't access the shape of an uninitialized parameter or buffer: {_HOW}")

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self, **kwargs: Any) -> str:
        return "<UninitializedParameter>"


class _Lazy(Module):
    """An ordinary layer (the next base) without its first argument, the size of its input."""

    becomes: type[Module]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with fork_rng(), warnings.catch_warnings():  # nothing is drawn before the size is known
            warnings.filterwarnings("ignore", "Initializing zero-element tensors is a no-op")
            super().__init__(0, *args, **kwargs)  # type: ignore[call-arg]
        self._arguments = args, kwargs
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = UninitializedParameter(parameter.detach())

    def forward(self, input: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Becomes the ordinary layer for inputs like this one, and calls it."""
        self._become(self._size_of(input))
        return self.forward(input, *args, **kwargs)

    def _size_of(self, input: Tensor) -> int:
        raise NotImplementedError

    def _size_in(self, state: dict[str, Any], prefix: str) -> int | None:
        """The size that a state's weights were made for; None if it has none."""
        raise NotImplementedError

    def _become(self, size: int) -> None:
        args, kwargs = self._arguments
        with fork_rng():
            layer: Any = self.becomes(size, *args, **kwargs)  # type: ignore[call-arg]
        del self._arguments
        own = [each for each in (*self._parameters.values(), *self._buffers.values()) if each is not None]
        if own:  # in the dtype that .double() and the like have made of it since
            layer.to(own[0].dtype)
        layer.reset_parameters()  # draws in that dtype
        for name, parameter in layer._parameters.items():
            mine = self._parameters[name]
            if parameter is not None and mine is not None:
                mine.__class__ = Parameter  # the object stays: an optimizer may know it
                mine._array, mine._version_box = parameter._array, parameter._version_box
        self._buffers.update(layer._buffers)
        for name, value in vars(layer).items():
            if not name.startswith("_") and name != "training":
                self.__dict__[name] = value
        self.__class__ = self.becomes  # type: ignore[assignment]

    def state_dict(self, **kwargs: Any) -> dict[str, Any]:
        """Refused: there is no state before the first input."""
        raise RuntimeError(
            f"{type(self).__name__}.state_dict: the layer has no weights before its first input; call the model once"
        )

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        args = local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        try:
            size = self._size_in(state_dict, prefix)
        except (AttributeError, IndexError):  # no tensor, or one of too few dimensions
            error_msgs.append(
                f"{type(self).__name__} can't tell the size of its input from {prefix}weight: it is no weight of a "
                f"{self.becomes.__name__}"
            )
            return
        if size is None:  # it stays as it is
            own = [*self._parameters.items(), *self._buffers.items()]
            missing_keys += [
                prefix + name for name, each in own if each is not None and name not in self._non_persistent_buffers
            ]
            return
        with fork_rng():  # what is drawn is overwritten
            self._become(size)
        self._load_from_state_dict(state_dict, prefix, *args)


class LazyLinear(_Lazy, Linear):
    """A :class:`Linear` whose ``in_features`` are the last dimension of its first input."""

    becomes = Linear

    def _size_of(self, input: Tensor) -> int:
        return int(input.shape[-1])

    def _size_in(self, state: dict[str, Any], prefix: str) -> int | None:
        weight = state.get(prefix + "weight")
        return None if weight is None else int(weight.shape[1])


class _LazyConv(_Lazy, _ConvNd):
    def _size_of(self, input: Tensor) -> int:
        ndim = len(input.shape)
        if ndim not in (self.dims + 1, self.dims + 2):
            raise RuntimeError(
                f"Expected {self.dims + 1}D (unbatched) or {self.dims + 2}D (batched) input to {type(self).__name__}, but got "
                f"input of size: {input.shape}"
            )
        return int(input.shape[-1 - self.dims])

    def _size_in(self, state: dict[str, Any], prefix: str) -> int | None:
        weight = state.get(prefix + "weight")
        return None if weight is None else int(weight.shape[0] if self.transposed else weight.shape[1] * self.groups)


class _LazyNorm(_Lazy, ChannelNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _size_of(self, input: Tensor) -> int:
        self._check_input_dim(input)
        unbatched = issubclass(self.becomes, (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d)) and len(
            input.shape
        ) == min(self.dims)
        return int(input.shape[0 if unbatched else 1])

    def _size_in(self, state: dict[str, Any], prefix: str) -> int | None:
        found = [state[prefix + name] for name in ("weight", "running_mean") if prefix + name in state]
        return int(found[0].shape[0]) if found else None


class LazyConv1d(_LazyConv, Conv1d):
    """A :class:`Conv1d` whose ``in_channels`` are those of its first input."""

    becomes = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A :class:`Conv2d` whose ``in_channels`` are those of its first input."""

    becomes = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A :class:`Conv3d` whose ``in_channels`` are those of its first input."""

    becomes = Conv3d


class LazyConvTranspose1d(_LazyConv, ConvTranspose1d):
    """A :class:`ConvTranspose1d` whose ``in_channels`` are those of its first input."""

    becomes = ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, ConvTranspose2d):
    """A :class:`ConvTranspose2d` whose ``in_channels`` are those of its first input."""

    becomes = ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, ConvTranspose3d):
    """A :class:`ConvTranspose3d` whose ``in_channels`` are those of its first input."""

    becomes = ConvTranspose3d


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A :class:`BatchNorm1d` whose ``num_features`` are the channels of its first input."""

    becomes = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A :class:`BatchNorm2d` whose ``num_features`` are the channels of its first input."""

    becomes = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A :class:`BatchNorm3d` whose ``num_features`` are the channels of its first input."""

    becomes = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """A :class:`InstanceNorm1d` whose ``num_features`` are the channels of its first input."""

    becomes = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """A :class:`InstanceNorm2d` whose ``num_features`` are the channels of its first input."""

    becomes = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """A :class:`InstanceNorm3d` whose ``num_features`` are the channels of its first input."""

    becomes = InstanceNorm3d
