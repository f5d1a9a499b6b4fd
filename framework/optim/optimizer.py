"""The base of all optimizers: parameter groups, hooks, ``state_dict`` in PyTorch's structure."""

from __future__ import annotations

import copy
import functools
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.autograd.grad_mode import enable_grad
from framework.autograd.graph import RemovableHandle, Variable, wrap
from framework.dtypes import float64, get_default_dtype
from framework.tensor import Tensor

#: What ``params`` may be: parameters, ``(name, parameter)`` pairs, or dictionaries of options with ``"params"``.
Parameters = Any
Closure = Callable[[], Any]


#: Hooks of every optimizer's steps.
_global_pre_hooks: dict[int, Callable[..., Any]] = {}
_global_post_hooks: dict[int, Callable[..., Any]] = {}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before every step of every optimizer, before the optimizer's own hooks.

    It may return other ``(args, kwargs)``, as that of :meth:`Optimizer.register_step_pre_hook`.
    """
    return RemovableHandle(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after every step of every optimizer, after the optimizer's own hooks."""
    return RemovableHandle(_global_post_hooks, hook)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a class's ``step`` so that its hooks run around the outermost call."""

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._opt_called is False:
            self._opt_called = True
        if self._stepping or not (
            self._step_pre_hooks or self._step_post_hooks or _global_pre_hooks or _global_post_hooks
        ):
            return step(self, *args, **kwargs)
        self._stepping = True
        try:
            given: tuple[Any, ...] = (self, *args)
            for hook in [*_global_pre_hooks.values(), *self._step_pre_hooks.values()]:
                changed = hook(self, given, kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"a step pre-hook must return None or a tuple of (new_args, new_kwargs), got {changed}."
                    )
                given, kwargs = changed
            result = step(*given, **kwargs)
            for hook in [*self._step_post_hooks.values(), *_global_post_hooks.values()]:
                hook(self, given, kwargs)
        finally:
            self._stepping = False
        return result

    return hooked


class Optimizer:
    """Base class of optimizers; to write your own, give it a ``step``.

    Args:
        params: Parameters, or ``(name, parameter)`` pairs, or dictionaries with ``"params"`` and options of their own.
        defaults: The options of groups that don't give their own.

    Attributes:
        param_groups: The options of each group, with its parameters under ``"params"``. May be changed at any time.
        state: What is remembered of each parameter.

    Raises:
        TypeError: If ``params`` is a single tensor, or holds something else than tensors.
        ValueError: If it is empty, or a parameter is in two groups or is no leaf.
    """

    # Whether a step was taken since the first learning rate scheduler came; None without one.
    _opt_called: bool | None = None
    _stepping = False

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, Variable):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {type(params).__name__}"
            )
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])  # type: ignore[method-assign]

    def _make_hooks(self) -> None:
        self._step_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._step_post_hooks: dict[int, Callable[..., Any]] = {}
        self._state_dict_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._state_dict_post_hooks: dict[int, Callable[..., Any]] = {}
        self._load_state_dict_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._load_state_dict_post_hooks: dict[int, Callable[..., Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_step_pre_hooks" not in self.__dict__:
            self._make_hooks()

    # ---- Parameters ------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own. The dictionary becomes the group.

        Raises:
            TypeError: If the group is no dictionary, or holds something else than tensors.
            ValueError: If a parameter is in another group already or is no leaf.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors "
                "in sets will change between runs. Please use a list instead."
            )
        members: list[Any] = [params] if isinstance(params, Variable) else list(params)
        names = [member[0] for member in members if isinstance(member, tuple)]
        if names:
            if len(names) != len(members):
                raise ValueError(
                    "all optimizer params should be with/without names. Some param names are missing"
                )
            members = [member[1] for member in members]
            param_group["param_names"] = names
        for member in members:
            if not isinstance(member, Variable):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(member).__name__}"
                )
            if not (member.is_leaf or member.retains_grad):  # type: ignore[attr-defined]
                raise ValueError("can't optimize a non-leaf Tensor")
        if len(set(members)) != len(members):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "leave the second one out, it is updated twice in a step",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                which = "with" if "param_names" in param_group else "without"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {which} names to the optimizer"
                )
            if not set(group["params"]).isdisjoint(members):
                raise ValueError("some parameters appear in more than one parameter group")
        param_group["params"] = members
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        refuse_unsupported(param_group)
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter._grad
                if gradient is None:
                    continue
                if set_to_none:
                    parameter._grad = None
                    continue
                if gradient.grad_fn is not None:
                    gradient.detach_()
                else:
                    gradient.requires_grad_(False)
                gradient.zero_()

    def step(self, closure: Closure | None = None) -> Any:
        """Update the parameters that have a gradient.

        Args:
            closure: Computes the loss anew, with its gradients, and returns it; called first, with recording on.

        Returns:
            What the closure returned, or None.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no step(): a subclass of Optimizer gives its own"
        )

    # ---- State -----------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state and the options, with parameters numbered in order; the tensors are the optimizer's own."""
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        position = 0
        for group in self.param_groups:
            # One that is twice in its group has the number of its last place there, as in PyTorch.
            for parameter in group["params"]:
                numbers[id(parameter)] = position
                position += 1
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(parameter)] for parameter in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, Variable) else key: each for key, each in self.state.items()
        }
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in list(self._state_dict_post_hooks.values()):
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a ``state_dict``, of this optimizer or of PyTorch's of the same name. Tensors are copied.

        Options that it lacks, as one of an older version may, stay as they are.

        Raises:
            ValueError: If the groups differ in number or size.
        """
        state_dict = state_dict.copy()
        for hook in list(self._load_state_dict_pre_hooks.values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)}, and the optimizer has {len(self.param_groups)}"
            )
        for number, (own, other) in enumerate(zip(self.param_groups, saved, strict=True)):
            if len(own["params"]) != len(other["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {number} has {len(other['params'])} parameters there and {len(own['params'])} here"
                )
        by_number = {
            number: parameter
            for own, other in zip(self.param_groups, saved, strict=True)
            for parameter, number in zip(own["params"], other["params"], strict=True)
        }
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                state[by_number[key]] = _converted(value, by_number[key]._array.dtype)
            else:
                state[key] = copy.deepcopy(value)
        groups = []
        for own, other in zip(self.param_groups, saved, strict=True):
            options = copy.deepcopy({key: value for key, value in other.items() if key != "params"})
            kept = {key: value for key, value in own.items() if key in self.defaults or key == "param_names"}
            groups.append({**kept, **options, "params": own["params"]})
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in list(self._load_state_dict_post_hooks.values()):
            hook(self)

    # ---- Hooks -----------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before every step; it may return other ``(args, kwargs)``.

        ``args`` begins with the optimizer itself.
        """
        return RemovableHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after every step."""
        return RemovableHandle(self._step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` before :meth:`state_dict` collects anything."""
        return RemovableHandle(self._state_dict_pre_hooks, hook, prepend=prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on what :meth:`state_dict` returns; it may return another one."""
        return RemovableHandle(self._state_dict_post_hooks, hook, prepend=prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before loading, on a shallow copy; it may return another one."""
        return RemovableHandle(self._load_state_dict_pre_hooks, hook, prepend=prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(optimizer)`` after loading."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook, prepend=prepend)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for number, group in enumerate(self.param_groups):
            text += f"\nParameter Group {number}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"


def evaluate(closure: Closure | None) -> Any:
    """What the closure returns, called with recording on; None without one."""
    if closure is None:
        return None
    with enable_grad():
        return closure()


def scalar_state(value: float) -> Tensor:
    """A count or product of a parameter's state: 0-dimensional, float64 only where that is the default dtype."""
    return wrap(np.array(value, np.float64 if get_default_dtype() is float64 else np.float32))


def _converted(value: Any, dtype: np.dtype[Any], name: Any = None) -> Any:
    """A copy of a state value; tensors other than step counts are of the parameter's dtype."""
    if isinstance(value, Variable):
        return wrap(np.array(value._array, value._array.dtype if name == "step" else dtype))
    if isinstance(value, dict):
        return {key: _converted(each, dtype, key) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_converted(each, dtype) for each in value])
    return copy.deepcopy(value)


_TITLES = {"lr": "learning rate", "eps": "epsilon value"}


def check_options(
    *,
    foreach: bool | None = None,
    fused: bool | None = None,
    below_one: tuple[float, ...] = (),
    **values: Any,
) -> None:
    """Check what optimizers have in common.

    Args:
        foreach, fused: How PyTorch computes an update. They change nothing here, but exclude each other.
        below_one: Decays, from 0 up to but not 1.
        **values: Must not be negative; a tensor must have one element.

    Raises:
        ValueError: For a value out of range.
        RuntimeError: For ``fused`` with ``foreach``.
    """
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    for name, value in values.items():
        if isinstance(value, Variable) and value._array.size != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
        if not value >= 0.0:
            raise ValueError(f"Invalid {_TITLES.get(name, name + ' value')}: {value}")
    for position, beta in enumerate(below_one):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {position}: {beta}")


def refuse_unsupported(group: dict[str, Any]) -> None:
    """Refuse options that only make sense elsewhere.

    Raises:
        RuntimeError: For ``differentiable`` or ``capturable``.
    """
    if group.get("differentiable"):
        raise RuntimeError(
            "differentiable=True is not supported: updates happen in place and are not recorded; "
            "to differentiate through an update, write it with tensor operations"
        )
    if group.get("capturable"):
        raise RuntimeError("capturable=True is not supported: it is for CUDA graphs; leave it out")
