"""L-BFGS."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.autograd.graph import Variable, bump_version, wrap
from framework.optim.line_search import Point, strong_wolfe
from framework.optim.optimizer import Closure, Optimizer, Parameters, check_options, evaluate

Array = np.ndarray[Any, Any]


class LBFGS(Optimizer):
    """L-BFGS (Nocedal, 1980): quasi-Newton steps from the last changes of the gradient.

    One step is up to ``max_iter`` iterations and calls the closure many times. There is one parameter group, and
    ``history_size`` pairs of vectors as large as all parameters are kept.

    Args:
        params: Parameters.
        lr: The first step to try along a direction.
        max_iter: The largest number of iterations in a step.
        max_eval: The largest number of evaluations in a step; by default ``max_iter * 5 // 4``.
        tolerance_grad: Stop when no element of the gradient is larger.
        tolerance_change: Stop when loss or parameters change by less.
        history_size: How many changes are kept.
        line_search_fn: ``"strong_wolfe"``, or None for steps of ``lr``.

    Raises:
        ValueError: For a negative learning rate, an empty history, and several groups.
    """

    def __init__(
        self,
        params: Parameters,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_options(lr=lr)
        if history_size < 1:
            raise ValueError(f"Invalid history_size value: {history_size}")
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Closure | None = None) -> Any:
        """Minimize for up to ``max_iter`` iterations.

        Args:
            closure: Clears the gradients, computes the loss with its gradients, and returns it.

        Returns:
            The loss at the beginning.

        Raises:
            TypeError: Without a closure.
        """
        if closure is None:
            raise TypeError("LBFGS.step() needs a closure that computes the loss anew and returns it")
        if len(self.param_groups) != 1:
            raise RuntimeError(f"LBFGS expects one parameter group, but there are {len(self.param_groups)}")
        (group,) = self.param_groups
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported, not {group['line_search_fn']!r}")
        lr = float(group["lr"])
        # There is one state for all parameters; it stands with the first.
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = evaluate(closure)
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        gradient = self._gradient()
        if _largest(gradient) <= group["tolerance_grad"]:
            return first_loss

        direction = _plain(state.get("d"))
        step = _plain(state.get("t"))
        last_gradient = _plain(state.get("prev_flat_grad"))
        last_loss = state.get("prev_loss")
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction = -gradient
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
                step = min(1.0, 1.0 / np.abs(gradient).sum()) * lr
            else:
                self._remember(state, gradient - last_gradient, direction * step, group["history_size"])
                shares = state.setdefault("al", [])
                shares += [None] * (group["history_size"] - len(shares))
                direction = _quasi_newton(state, gradient)
                step = lr
            last_gradient, last_loss = gradient, loss
            slope = gradient.dot(direction)
            if slope > -group["tolerance_change"]:
                break

            spent = 0
            if group["line_search_fn"] is not None:
                start = Point(0, loss, gradient, slope)
                limit = group["max_eval"] - evaluations
                found, spent = self._search(closure, direction, step, start, limit)
                step, loss, gradient = found.step, found.loss, found.gradient
                self._move(step, direction)
            else:
                self._move(step, direction)
                # After the last iteration nobody would look at the loss.
                if iteration != group["max_iter"]:
                    loss = float(evaluate(closure))
                    gradient = self._gradient()
                    spent = 1
            evaluations += spent
            state["func_evals"] += spent
            if (
                evaluations >= group["max_eval"]
                or (spent and _largest(gradient) <= group["tolerance_grad"])
                or _largest(direction * step) <= group["tolerance_change"]
                or abs(loss - last_loss) < group["tolerance_change"]
            ):
                break

        for name in ("old_dirs", "old_stps", "ro", "H_diag"):
            state.setdefault(name, None)
        state.update(d=_wrapped(direction), t=_wrapped(step))
        state.update(prev_flat_grad=_wrapped(last_gradient), prev_loss=last_loss)
        return first_loss

    def _search(
        self, closure: Closure, direction: Array, step: Any, start: Point, limit: int
    ) -> tuple[Point, int]:
        """The best point along the direction; the parameters stay where they are."""
        here = [parameter._array.copy() for parameter in self.param_groups[0]["params"]]

        def probe(step: Any) -> Point:
            self._move(step, direction)
            loss = float(evaluate(closure))
            gradient = self._gradient()
            for parameter, values in zip(self.param_groups[0]["params"], here, strict=True):
                parameter._array[...] = values
            return Point(step, loss, gradient, gradient.dot(direction))

        return strong_wolfe(probe, step, start, _largest(direction), limit)

    def _gradient(self) -> Array:
        """All gradients as one array; zeros for a parameter without."""
        return np.concatenate(
            [
                np.zeros_like(parameter._array) if parameter._grad is None else parameter._grad._array
                for parameter in self.param_groups[0]["params"]
            ],
            axis=None,
        )

    def _move(self, step: Any, direction: Array) -> None:
        """Add ``step * direction`` to the parameters."""
        begin = 0
        for parameter in self.param_groups[0]["params"]:
            values = parameter._array
            values += step * direction[begin : begin + values.size].reshape(values.shape)
            begin += values.size
            bump_version(parameter)

    @staticmethod
    def _remember(state: dict[str, Any], change: Array, step: Array, history_size: int) -> None:
        """Keep a change of the gradient with the step that brought it, unless the curvature is not positive."""
        curvature = change.dot(step)
        if not curvature > 1e-10:
            return
        kept = (state["old_dirs"], state["old_stps"], state["ro"])
        for each in kept:
            del each[: max(0, len(each) + 1 - history_size)]
        for each, value in zip(kept, (change, step, 1.0 / curvature), strict=True):
            each.append(wrap(value))
        state["H_diag"] = wrap(curvature / change.dot(change))


def _quasi_newton(state: dict[str, Any], gradient: Array) -> Array:
    """Minus the approximate inverse Hessian times the gradient, in two loops over the history."""
    changes, steps, inverse_curvatures = state["old_dirs"], state["old_stps"], state["ro"]
    shares = state["al"]
    direction = -gradient
    for number in reversed(range(len(steps))):
        shares[number] = wrap(steps[number]._array.dot(direction) * _plain(inverse_curvatures[number]))
        direction -= shares[number]._array * changes[number]._array
    direction *= _plain(state["H_diag"])
    for number in range(len(steps)):
        share = changes[number]._array.dot(direction) * _plain(inverse_curvatures[number])
        direction += (shares[number]._array - share) * steps[number]._array
    return direction


def _largest(array: Array) -> Any:
    """The largest absolute value."""
    return np.abs(array).max()


def _plain(value: Any) -> Any:
    """A tensor of the state as an array, a 0-dimensional one as a scalar."""
    return value._array[()] if isinstance(value, Variable) else value


def _wrapped(value: Any) -> Any:
    """An array or scalar as a tensor for the state; plain numbers as they are."""
    return wrap(np.asarray(value)) if isinstance(value, (np.ndarray, np.generic)) else value
