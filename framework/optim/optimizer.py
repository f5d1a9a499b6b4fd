"""The base of all optimizers: parameter groups, state, hooks, ``state_dict`` in PyTorch's structure.

A subclass gives its state's names and a kernel that updates one array in place. Parameters are updated in *blocks*: a
large parameter is a block of its own; small ones are gathered into one flat array, so that a model with many small
parameters costs few NumPy calls.
"""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from framework.autograd.grad_mode import enable_grad
from framework.autograd.graph import RemovableHandle, Variable, bump_version, wrap
from framework.tensor import Tensor

Array = np.ndarray[Any, Any]

#: Parameters of fewer elements are gathered into one block.
SMALL = 16384

required: Any = object()


class Block:
    """Parameters that are updated together.

    Attributes:
        parameters: The tensors.
        gradients: The gradient arrays of the last call, one for each parameter.
        values, gradient: What the kernel works on: the parameter's own arrays, or flat copies of several.
        state: The optimizer's arrays by name, like ``values``; the per-parameter state tensors are views of them.
        scratch: Arrays like ``values`` for intermediate results.
    """

    def __init__(
        self, parameters: list[Tensor], names: tuple[str, ...], states: list[dict[str, Any]], scratch: int
    ) -> None:
        self.parameters = parameters
        self.single = len(parameters) == 1
        self.state: dict[str, Array] = {}
        if self.single:
            (parameter,) = parameters
            self.values = parameter._array
            self.gradient: Array = self.values
            for name in names:
                self.state[name] = states[0][name]._array
        else:
            dtype = parameters[0]._array.dtype
            size = sum(parameter._array.size for parameter in parameters)
            self.values = np.empty(size, dtype)
            self.gradient = np.empty(size, dtype)
            for name in names:
                flat = self.state[name] = np.concatenate([state[name]._array.ravel() for state in states])
                for state, part in zip(states, self._parts(flat), strict=True):
                    # The state keeps its place in the user's hands: the same tensor, now on a part of the block.
                    state[name]._array = part
            self.parts = self._parts(self.values)
        self.scratch = [np.empty_like(self.values) for _ in range(scratch)]

    def _parts(self, flat: Array) -> list[Array]:
        """A view of a flat array for each parameter."""
        parts, start = [], 0
        for parameter in self.parameters:
            array = parameter._array
            parts.append(flat[start : start + array.size].reshape(array.shape))
            start += array.size
        return parts

    def gather(self) -> None:
        """Bring the parameters' values and gradients to where the kernel works."""
        if self.single:
            (parameter,) = self.parameters
            self.values = parameter._array
            self.gradient = parameter._grad._array  # type: ignore[union-attr]
        else:
            np.concatenate([each._grad._array.ravel() for each in self.parameters], out=self.gradient)  # type: ignore[union-attr]
            np.concatenate([each._array.ravel() for each in self.parameters], out=self.values)

    def scatter(self) -> None:
        """Write the new values back."""
        if not self.single:
            for parameter, part in zip(self.parameters, self.parts):  # noqa: B905  (same length by construction)
                parameter._array[...] = part
        for parameter in self.parameters:
            bump_version(parameter)


class Optimizer:
    """Base class of optimizers.

    Args:
        params: Parameters, or ``(name, parameter)`` pairs, or dictionaries with ``"params"`` and options of their own.
        defaults: The options of groups that don't give their own.

    Raises:
        TypeError: If ``params`` is a single tensor, or holds something else than tensors.
        ValueError: If it is empty, or a parameter appears twice or is no leaf.
    """

    #: The names of the per-parameter arrays that a kernel keeps, of the parameters' shapes.
    state_names: tuple[str, ...] = ()
    #: How many arrays of the parameters' shapes a kernel needs for intermediate results.
    scratch = 1

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._step_pre_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
        self._step_post_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._blocks: dict[tuple[int, ...], list[Block]] = {}
        if isinstance(params, Variable):
            raise TypeError(
                f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {type(params)}"
            )
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own.

        Raises:
            TypeError: If the group is no dictionary, or holds something else than tensors.
            ValueError: If a parameter appears twice, is no leaf, or an option without default is missing.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        params = group["params"]
        if isinstance(params, Variable):
            members: list[Any] = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will "
                "change between runs. Please use a list instead."
            )
        else:
            members = list(params)
        named = [member for member in members if isinstance(member, tuple)]
        if named and len(named) != len(members):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        if named:
            group["param_names"] = [name for name, _ in members]
            members = [parameter for _, parameter in members]
        for member in members:
            if not isinstance(member, Variable):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(member).__name__}"
                )
            if not member.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        if len(set(members)) != len(members):
            raise ValueError(
                "optimizer contains a parameter group with duplicate parameters: each parameter may appear once"
            )
        taken = {parameter for other in self.param_groups for parameter in other["params"]}
        if not taken.isdisjoint(members):
            raise ValueError("some parameters appear in more than one parameter group")
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            group.setdefault(name, default)
        group["params"] = members
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter._grad
                if gradient is None:
                    continue
                if set_to_none:
                    parameter._grad = None
                else:
                    gradient.detach_()
                    gradient.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        Args:
            closure: Computes the loss anew and returns it; called first, with recording on.

        Returns:
            What the closure returned, or None.
        """
        for hook in self._step_pre_hooks.values():
            hook(self, (closure,), {})
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter._grad is not None]
            if parameters:
                self._update_group(group, parameters)
        for hook in self._step_post_hooks.values():
            hook(self, (closure,), {})
        return loss

    # ---- What a subclass gives -----------------------------------------------------------------------------------------

    def names_for(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The per-parameter state arrays that this group's options need."""
        return self.state_names

    def begin(self, parameter: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The first state of a parameter: zeros under each name."""
        return {name: wrap(np.zeros_like(parameter._array)) for name in self.names_for(group)}

    def update(self, group: dict[str, Any], block: Block, first: dict[str, Any]) -> None:
        """Change ``block.values`` in place.

        Args:
            group: The options.
            block: Values, gradient, state and scratch arrays.
            first: The state of the block's first parameter, for what is no array and the same for all.
        """
        raise NotImplementedError

    def advance(self, state: dict[str, Any]) -> None:
        """Count a step in the state of one parameter."""

    def block_key(self, parameter: Tensor) -> Any:
        """What parameters must agree in to be updated together, beside dtype and options."""
        return None

    # ---- Blocks --------------------------------------------------------------------------------------------------------

    def _update_group(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        key = tuple(map(id, parameters))
        blocks = self._blocks.get(key)
        if blocks is None or self._outdated(blocks, group):
            blocks = self._blocks[key] = self._make_blocks(group, parameters)
        for block in blocks:
            for parameter in block.parameters:
                self.advance(self.state[parameter])
            block.gather()
            self.update(group, block, self.state[block.parameters[0]])
            block.scatter()

    def _outdated(self, blocks: list[Block], group: dict[str, Any]) -> bool:
        """Whether the state tensors were replaced since the blocks were made, or other ones are needed now."""
        names = self.names_for(group)
        for block in blocks:
            if tuple(block.state) != names:
                return True
            for name, array in block.state.items():
                for parameter in block.parameters:
                    part = self.state[parameter].get(name)
                    if part is None or (part._array is not array and part._array.base is not array):
                        return True
            if len({self.block_key(parameter) for parameter in block.parameters}) > 1:
                return True
        return False

    def _make_blocks(self, group: dict[str, Any], parameters: list[Tensor]) -> list[Block]:
        names = self.names_for(group)
        gathered: dict[Any, list[Tensor]] = {}
        blocks = []
        # Only one set of blocks holds a parameter's state at a time.
        self._blocks = {key: kept for key, kept in self._blocks.items() if not set(key) & set(map(id, parameters))}
        for parameter in parameters:
            state = self.state[parameter]
            if any(state.get(name) is None for name in names):
                for name, value in self.begin(parameter, group).items():
                    if state.get(name) is None:
                        state[name] = value
            if parameter._array.size >= SMALL:
                blocks.append(Block([parameter], names, [state], self.scratch))
            else:
                gathered.setdefault((parameter._array.dtype, self.block_key(parameter)), []).append(parameter)
        for members in gathered.values():
            blocks.append(Block(members, names, [self.state[each] for each in members], self.scratch))
        return blocks

    # ---- State ---------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state and options, with parameters numbered in order; the tensors are the optimizer's own."""
        numbers: dict[Tensor, int] = {}
        groups = []
        for group in self.param_groups:
            for parameter in group["params"]:
                numbers.setdefault(parameter, len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[parameter] for parameter in group["params"]]
            groups.append(packed)
        state = {numbers[key] if isinstance(key, Variable) else key: value for key, value in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a ``state_dict``, of this optimizer or of PyTorch's of the same name. Tensors are copied.

        Raises:
            ValueError: If the groups differ in number or size.
        """
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        for own, other in zip(self.param_groups, saved, strict=True):
            if len(own["params"]) != len(other["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
                )
        by_number = {
            number: parameter
            for own, other in zip(self.param_groups, saved, strict=True)
            for parameter, number in zip(own["params"], other["params"], strict=True)
        }
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            parameter = by_number.get(key)
            if parameter is None:
                state[key] = copy.deepcopy(value)
            else:
                state[parameter] = {name: self._loaded(parameter, name, each) for name, each in value.items()}
        groups = []
        for own, other in zip(self.param_groups, saved, strict=True):
            group = copy.deepcopy({key: value for key, value in other.items() if key != "params"})
            groups.append({**group, "params": own["params"]})
        self.state, self.param_groups, self._blocks = state, groups, {}

    @staticmethod
    def _loaded(parameter: Tensor, name: str, value: Any) -> Any:
        """A copy of a state value, in the parameter's dtype if it is a floating-point tensor other than a step count."""
        if not isinstance(value, Tensor):
            return copy.deepcopy(value)
        array = np.array(value._array)
        if name != "step" and array.dtype.kind == "f" and parameter._array.dtype.kind == "f":
            array = array.astype(parameter._array.dtype)
        return wrap(array)

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before every step."""
        return RemovableHandle(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after every step."""
        return RemovableHandle(self._step_post_hooks, hook)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key not in ("params", "param_names")]
        return "\n".join([*lines, ")"])


def check_options(*, differentiable: bool = False, capturable: bool = False, **values: Any) -> None:
    """Refuse options that are negative or not supported.

    Raises:
        ValueError: For a negative value.
        RuntimeError: For an option that only makes sense elsewhere.
    """
    if differentiable:
        raise RuntimeError(
            "differentiable=True is not supported: write the update with tensor operations instead (see examples/)"
        )
    if capturable:
        raise RuntimeError("capturable=True is not supported: it is for CUDA graphs")
    titles = {
        "lr": "learning rate",
        "eps": "epsilon value",
        "weight_decay": "weight_decay value",
        "momentum": "momentum value",
    }
    for name, value in values.items():
        if isinstance(value, Variable) and value._array.size != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
        if not value >= 0.0:
            raise ValueError(f"Invalid {titles.get(name, name)}: {value}")
