"""Optimizers that update each element by itself, in blocks.

A subclass names its state and gives a kernel that updates flat arrays in place. Parameters are updated in *blocks*:
a large parameter is a block of its own, updated where it lies; small ones are gathered into one flat array, so that
a model with many small parameters costs few NumPy calls. The state of a gathered parameter is a view of its block's.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from framework.autograd.graph import Variable, wrap
from framework.dtypes import from_numpy_dtype
from framework.optim.optimizer import Closure, Optimizer, Parameters, evaluate, scalar_state
from framework.tensor import Tensor

Array = np.ndarray[Any, Any]

#: Parameters of fewer elements are gathered: copying them costs less than the calls of an update of their own.
SMALL = 16384


class Block:
    """Parameters that are updated together.

    Attributes:
        parameters: The tensors.
        values, gradient: Flat arrays to work on: the parameter's own memory, or copies of several.
        state: The optimizer's flat arrays by name; the per-parameter state tensors are views of them.
        scalars: The 0-dimensional state by name: an array of one element a parameter, all equal.
        fresh: Whether the coming step is the first with this state.
    """

    def __init__(
        self,
        parameters: list[Tensor],
        states: list[dict[str, Any]],
        names: tuple[str, ...],
        scalar_names: tuple[str, ...],
        fresh: bool,
    ) -> None:
        self.parameters = parameters
        self.states = states
        self.names = names
        self.fresh = fresh
        self.arrays = arrays = [parameter._array for parameter in parameters]
        self.shapes = [array.shape for array in arrays]
        self.direct = len(arrays) == 1 and arrays[0].flags.c_contiguous
        if self.direct:
            self.values = arrays[0].reshape(-1)
        else:
            self.values = np.empty(sum([array.size for array in arrays]), arrays[0].dtype)
            self.gradient: Array = np.empty_like(self.values)
            # Flat views, where all have one, are brought together in half the time.
            flat = all([array.flags.c_contiguous for array in arrays])
            self.sources = [array.reshape(-1) for array in arrays] if flat else arrays
            self.axis = 0 if flat else None
            self.parts = self._parts(self.values)
        self.state: dict[str, Array] = {}
        self.scalars: dict[str, Array] = {}
        #: What must still be so at the next step: each state holds this tensor under the name, on this view.
        self.kept: list[tuple[dict[str, Any], str, Tensor, Array]] = []
        for name in names:
            own = [state[name]._array for state in states]
            self.state[name] = own[0].reshape(-1) if self.direct else np.concatenate(own, axis=None)
            self._keep(name, self._parts(self.state[name]))
        for name in scalar_names:
            self.scalars[name] = np.array([state[name]._array for state in states])
            self._keep(name, [self.scalars[name][number, ...] for number in range(len(states))])

    def _keep(self, name: str, views: list[Array]) -> None:
        """Move the state tensors of that name onto views of the block's array."""
        for state, view in zip(self.states, views, strict=True):
            tensor = state[name]
            tensor._array = view
            self.kept.append((state, name, tensor, view))

    def _parts(self, flat: Array) -> list[Array]:
        """A view of a flat array for each parameter."""
        parts, start = [], 0
        for array in self.arrays:
            parts.append(flat[start : start + array.size].reshape(array.shape))
            start += array.size
        return parts

    def is_current(self, all_states: dict[Tensor, dict[str, Any]], names: tuple[str, ...]) -> bool:
        """Whether this block still fits: nobody replaced a parameter's memory, its state, or a part of it."""
        if self.names != names:
            return False
        for parameter, array in zip(self.parameters, self.arrays):  # noqa: B905  (same length by construction)
            if parameter._array is not array:
                return False
        for parameter, state in zip(self.parameters, self.states):  # noqa: B905
            if all_states.get(parameter) is not state:
                return False
        try:
            for state, name, tensor, view in self.kept:
                if state[name] is not tensor or tensor._array is not view:
                    return False
        except KeyError:
            return False
        if len(self.parameters) > 1:
            for scalars in self.scalars.values():
                values = scalars.tolist()
                if values.count(values[0]) != len(values):
                    return False
        return True

    def gather(self) -> None:
        """Bring gradients, and the values of several parameters, to where the kernel works."""
        gradients = [parameter._grad._array for parameter in self.parameters]  # type: ignore[union-attr]
        if [gradient.shape for gradient in gradients] != self.shapes:
            raise RuntimeError(
                "a parameter's gradient has another shape than the parameter, whose data was replaced; "
                "call zero_grad() and backward() again before step()"
            )
        if self.direct:
            self.gradient = gradients[0].reshape(-1)
        else:
            np.concatenate(gradients, axis=None, out=self.gradient)
            np.concatenate(self.sources, axis=self.axis, out=self.values)

    def count_step(self) -> float:
        """Add one to the step count, and return it."""
        steps = self.scalars["step"]
        steps += 1
        return float(steps[0])

    def scatter(self) -> None:
        """Write the new values back, and count the change."""
        if not self.direct:
            for array, part in zip(self.arrays, self.parts):  # noqa: B905
                array[...] = part
        for parameter in self.parameters:
            version = parameter._version_box
            if version is not None:
                version[0] += 1


class BlockOptimizer(Optimizer):
    """Base of optimizers whose update is elementwise."""

    #: The names of the 0-dimensional state: a step count, mostly.
    scalar_names: tuple[str, ...] = ("step",)

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        self._blocks: dict[tuple[int, ...], list[Block]] = {}
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._blocks = {}

    def step(self, closure: Closure | None = None) -> Any:
        """Update the parameters that have a gradient.

        Args:
            closure: Computes the loss anew, with its gradients, and returns it; called first, with recording on.

        Returns:
            What the closure returned, or None.
        """
        loss = evaluate(closure)
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter._grad is not None]
            if not parameters:
                continue
            blocks = self._blocks_of(group, parameters)
            for block in blocks:
                block.gather()
                self.update(group, block)
                block.scatter()
            for block in blocks:
                block.fresh = False
        return loss

    # ---- What a subclass gives -------------------------------------------------------------------------------

    def array_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the state arrays, of the parameters' shapes, that a group's options need."""
        raise NotImplementedError

    def first_value(self, name: str) -> float:
        """What a new state array is filled with, or a new scalar is."""
        return 0.0

    def update(self, group: dict[str, Any], block: Block) -> None:
        """Change ``block.values`` and the state in place."""
        raise NotImplementedError

    # ---- Blocks ----------------------------------------------------------------------------------------------

    def complete(self, parameter: Tensor, group: dict[str, Any]) -> bool:
        """Give a parameter the state that it lacks; whether it lacked any.

        Raises:
            RuntimeError: If there is state of another shape or dtype.
        """
        state = self.state[parameter]
        array = parameter._array
        fresh = False
        for name in self.scalar_names:
            value = state.get(name)
            if not isinstance(value, Variable):
                state[name] = scalar_state(self.first_value(name) if value is None else float(value))
        for name in self.array_names(group):
            tensor = state.get(name)
            if tensor is None:
                fresh = True
                state[name] = wrap(np.full(array.shape, self.first_value(name), array.dtype))
            elif tensor._array.shape != array.shape or tensor._array.dtype != array.dtype:
                raise RuntimeError(
                    f"{type(self).__name__}: the state {name!r} of a parameter of shape {list(array.shape)} and dtype "
                    f"{from_numpy_dtype(array.dtype)} has shape {list(tensor._array.shape)} and dtype "
                    f"{from_numpy_dtype(tensor._array.dtype)}. State loaded for another model? After a change of "
                    "dtype, optimizer.load_state_dict(optimizer.state_dict()) converts the state."
                )
            elif not tensor._array.flags.c_contiguous:
                tensor._array = np.ascontiguousarray(tensor._array)
        return fresh

    def _blocks_of(self, group: dict[str, Any], parameters: list[Tensor]) -> list[Block]:
        """The blocks of these parameters: the last step's if nothing has changed."""
        key = tuple(map(id, parameters))
        blocks = self._blocks.get(key)
        names = self.array_names(group)
        if blocks is None or not all([block.is_current(self.state, names) for block in blocks]):
            if len(set(key)) < len(key):
                # One that is in the group twice is updated twice, one after the other.
                return [block for each in parameters for block in self._blocks_of(group, [each])]
            # State lies in one set of blocks at a time.
            self._blocks = {ids: kept for ids, kept in self._blocks.items() if set(ids).isdisjoint(key)}
            blocks = self._blocks[key] = self._make_blocks(group, parameters, names)
        return blocks

    def _make_blocks(
        self, group: dict[str, Any], parameters: list[Tensor], names: tuple[str, ...]
    ) -> list[Block]:
        has_state = bool(names or self.scalar_names)
        # Parameters on the same memory must be updated one after the other.
        apart = _overlap([parameter._array for parameter in parameters])
        gathered: dict[Any, list[Tensor]] = {}
        for parameter in parameters:
            array = parameter._array
            if not array.flags.writeable:
                raise RuntimeError(
                    f"{type(self).__name__}: a parameter of shape {list(array.shape)} is on read-only memory; "
                    "make the parameter of a clone() of it"
                )
            fresh = has_state and self.complete(parameter, group)
            scalars = [self.state[parameter][name]._array for name in self.scalar_names]
            alone = id(parameter) if apart or array.size >= SMALL else None
            key = (array.dtype, alone, fresh, *[(scalar.dtype, float(scalar)) for scalar in scalars])
            gathered.setdefault(key, []).append(parameter)
        blocks = []
        for (_, _, fresh, *_), members in gathered.items():
            states = [self.state[member] for member in members] if has_state else []
            blocks.append(Block(members, states, names, self.scalar_names, fresh))
        return blocks


def _overlap(arrays: list[Array]) -> bool:
    """Whether two of the arrays may share memory."""
    bounds = sorted([np.lib.array_utils.byte_bounds(array) for array in arrays if array.size])
    return any([end > start for (_, end), (start, _) in itertools.pairwise(bounds)])
