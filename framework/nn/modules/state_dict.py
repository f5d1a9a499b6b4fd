"""A module's state by dotted name, and back."""

from __future__ import annotations

import functools
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from framework.autograd.grad_mode import no_grad
from framework.nn.parameter import Parameter
from framework.tensor import Tensor

_EXTRA_STATE = "_extra_state"  # the key of what a subclass adds to its state

IncompatibleKeys = namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])


class _IncompatibleKeys(IncompatibleKeys):
    """What ``load_state_dict`` gives back."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateDict:
    """The part of :class:`Module` that gives and takes a state."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers: set[str]
    _state_dict_hooks: dict[int, Callable[..., Any]] | None
    _state_dict_pre_hooks: dict[int, Callable[..., Any]] | None
    _load_state_dict_pre_hooks: dict[int, Callable[..., Any]] | None
    _load_state_dict_post_hooks: dict[int, Callable[..., Any]] | None

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted name, in PyTorch's names and order.

        The tensors share memory with the module's: copy them to keep a snapshot.
        """
        result = OrderedDict() if destination is None else destination
        for hook in list((self._state_dict_pre_hooks or {}).values()):
            hook(self, prefix, keep_vars)
        for name, parameter in self._parameters.items():
            if parameter is not None:
                result[prefix + name] = parameter if keep_vars else parameter.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers:
                result[prefix + name] = buffer if keep_vars else buffer.detach()
        if self._has_extra_state():
            result[prefix + _EXTRA_STATE] = self.get_extra_state()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=result, prefix=prefix + name + ".", keep_vars=keep_vars)
        for hook in list((self._state_dict_hooks or {}).values()):
            hook(self, result, prefix, {})
        return result

    def get_extra_state(self) -> Any:
        """What a subclass adds to its ``state_dict``, under ``_extra_state``; it also defines :meth:`set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called: a module that defines "
            "set_extra_state() defines get_extra_state(), too"
        )

    def set_extra_state(self, state: Any) -> None:
        """Take back what :meth:`get_extra_state` gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called: a module that defines "
            "get_extra_state() defines set_extra_state(), too"
        )

    def _has_extra_state(self) -> bool:
        return type(self).get_extra_state is not StateDict.get_extra_state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy values from a ``state_dict`` into the parameters and buffers.

        Nothing is changed when the state doesn't fit, unless a post-hook might yet forgive missing and unexpected keys.

        Args:
            state_dict: Tensors by dotted name.
            strict: Whether missing and unexpected keys are errors.
            assign: Take the tensors themselves in place of copying their values.

        Raises:
            RuntimeError: With every key and shape that doesn't fit.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        state = OrderedDict(state_dict)
        missing: list[str] = []
        unexpected: list[str] = []
        problems: list[str] = []
        writes: list[Callable[[], None]] = []
        post_hooks: list[Callable[[], Any]] = []
        metadata = {"assign": assign, "writes": writes}

        def load(module: StateDict, prefix: str) -> None:
            # Missing and unexpected keys are always collected; whether they are errors is decided at the end.
            module._load_from_state_dict(state, prefix, metadata, True, missing, unexpected, problems)
            for name, child in module._modules.items():
                if child is not None:
                    load(child, prefix + name + ".")
            if module._load_state_dict_post_hooks:
                incompatible = _IncompatibleKeys(missing, unexpected)
                post_hooks.extend(
                    functools.partial(hook, module, incompatible)
                    for hook in module._load_state_dict_post_hooks.values()
                )

        def check() -> None:
            found = list(problems)
            for title, keys in (("Unexpected", unexpected), ("Missing", missing)) if strict else ():
                if keys:
                    listed = ", ".join(f'"{key}"' for key in keys)
                    found.insert(0, f"{title} key(s) in state_dict: {listed}. ")
            if found:
                raise RuntimeError(
                    "Error(s) in loading state_dict for {}:\n\t{}".format(type(self).__name__, "\n\t".join(found))
                )

        load(self, "")
        if problems or not post_hooks:
            check()
        with no_grad():
            for write in writes:
                write()
        for hook in post_hooks:
            hook()
        check()
        return _IncompatibleKeys(missing, unexpected)

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
        """Check this module's own entries; the writes wait in ``local_metadata["writes"]`` until all has been checked."""
        for hook in list((self._load_state_dict_pre_hooks or {}).values()):
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        persistent = {name: each for name, each in self._buffers.items() if name not in self._non_persistent_buffers}
        for name, own in [*self._parameters.items(), *persistent.items()]:
            key = prefix + name
            if own is None:
                continue
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            value = state_dict[key]
            if isinstance(value, Tensor) and not own.shape and value.shape == (1,):
                value = value[0]  # as numbers were saved by PyTorch 0.3
            if not isinstance(value, Tensor):
                error_msgs.append(
                    f'While copying the parameter named "{key}", expected framework.Tensor or Tensor-like object from '
                    f"checkpoint but received {type(value)}"
                )
            elif value.shape != own.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in current "
                    f"model is {own.shape}."
                )
            elif local_metadata["assign"]:
                local_metadata["writes"].append(functools.partial(self._assign, name, own, value))
            else:
                local_metadata["writes"].append(functools.partial(own.copy_, value))
        key = prefix + _EXTRA_STATE
        extra = self._has_extra_state()
        if extra and key in state_dict:
            local_metadata["writes"].append(functools.partial(self.set_extra_state, state_dict[key]))
        elif extra and strict:
            missing_keys.append(key)
        if strict:
            own_names = {name for name, own in [*self._parameters.items(), *persistent.items()] if own is not None}
            own_names |= {_EXTRA_STATE} if extra else set()
            for key in state_dict:
                if not key.startswith(prefix):
                    continue
                head, dot, _ = key[len(prefix) :].partition(".")
                if head not in (self._modules if dot else own_names) and key not in unexpected_keys:
                    unexpected_keys.append(key)

    def _assign(self, name: str, own: Tensor, value: Tensor) -> None:
        if isinstance(own, Parameter):
            value = value if isinstance(value, Parameter) else Parameter(value, requires_grad=own.requires_grad)
            self._parameters[name] = value
        else:
            self._buffers[name] = value
