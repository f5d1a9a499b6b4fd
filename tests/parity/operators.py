"""PyTorch's operator database (OpInfo), each operator run by both libraries on the same samples.

For every sample: values, shapes and dtypes of the results; what became of the arguments; first gradients, and in float64 second
ones, with the same random cotangents; the method and the in-place form; and bad inputs, which must be refused with PyTorch's
kind of error. What this can't say of an operator stands in ``EXCEPTIONS``, with the reason.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import framework

Array = np.ndarray[Any, Any]

DTYPES = {"float64": torch.float64, "float32": torch.float32, "int64": torch.int64, "bool": torch.bool}
# Relative and absolute bounds; beside them a share of the largest value, since float32 sums in another order round otherwise.
BOUNDS = {"float64": (1e-7, 1e-7, 1e-12), "float32": (1e-5, 1e-5, 4e-6)}
GRADIENT = 4.0  # how much wider the bounds of gradients are
KNOWN = {torch.float64, torch.float32, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool}

# What is left out of the comparison, and why. "contents": only shapes and dtypes count; "places": which of several equal
# elements an index names is open; "signs": only what the sample itself calls well-defined; "rounding" and "rounding of
# gradients": float32 bounds 25 times as wide.
EXCEPTIONS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("empty", "empty_like", "new_empty"), ("contents", "the contents of the memory are undefined")),
    **dict.fromkeys(
        ("sort", "argsort", "topk", "kthvalue", "median", "nanmedian", "mode", "unique", "unique_consecutive"),
        ("places", "which of several equal elements comes first is unspecified"),
    ),
    **dict.fromkeys(("svd", "linalg.svd", "linalg.eigh"), ("signs", "the signs of singular vectors are arbitrary")),
    "linalg.pinv": ("signs", "whether a singular value of rounding size counts is chance"),
    **dict.fromkeys(("cov", "corrcoef"), ("rounding", "differences of nearly equal sums")),
    "logcumsumexp": ("rounding of gradients", "a long chain of exponentials"),
    **dict.fromkeys(
        (f"nn.functional.{each}_norm" for each in ("layer", "group", "instance", "batch")),
        ("rounding of gradients", "where a single element is normalized the gradient is 0 but for rounding"),
    ),
    "nn.functional.ctc_loss": ("rounding of gradients", "a long chain of exponentials"),
    "nn.functional.grid_sample": ("rounding of gradients", "the gradient jumps at the borders of pixels"),
}
# Where what differs is known, meant, and in the documentation.
DIFFERENCES = {
    "nn.functional.embedding": "`sparse=True` gives the gradient in a dense tensor, with a warning",
    "nn.functional.embedding_bag": "`sparse=True` gives the gradient in a dense tensor, with a warning",
    "linalg.inv_ex": "the result for a singular matrix is NaN, where PyTorch leaves it open",
    "linalg.solve_ex": "the result for a singular matrix is NaN, where PyTorch leaves it open",
    "linalg.cholesky_ex": "the result for a matrix without a factor is NaN, where PyTorch leaves it open",
    "unique": "`sorted=False` sorts all the same",
    "cdist": "every `compute_mode` gives the exact distances",
}


class Outside(Exception):
    """A sample needs what is outside of this comparison: complex numbers, another device, a sparse layout, a generator."""


@dataclass
class Report:
    """What came of comparing one operator."""

    samples: int = 0
    identical: bool = True
    worst: float = 0.0
    problems: list[str] = field(default_factory=list)


def operators() -> list[Any]:
    """The entries that ``framework`` can answer: public, and not only for complex numbers."""
    return [
        op
        for op in op_db
        if not op.name.startswith("_") or op.name.startswith("__")
        if DTYPES.keys() & {str(each).removeprefix("torch.") for each in op.supported_dtypes("cpu")}
    ]


def title(op: Any) -> str:
    """The operator's name, with its variant."""
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


# ---- From one library to the other -------------------------------------------------------------------------------------


def _named(value: Any) -> Any:
    """What has that name here: a dtype, a layout, a memory format."""
    found = getattr(framework, str(value).removeprefix("torch."), None)
    if found is None:
        raise Outside(str(value))
    return found


def copied(value: Any, to: Any, leaves: list[Any]) -> Any:
    """An argument copied for ``torch`` or ``framework``; its floating-point tensors that require grad join ``leaves``."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.dtype not in KNOWN or value.device.type != "cpu":
            raise Outside(f"{value.dtype} {value.layout} {value.device}")
        if value.ndim > 64:
            raise Outside("more dimensions than an array can have")
        array = np.array(value.detach().numpy(force=True), order="K")
        tensor = to.from_numpy(array)
        if value.requires_grad:
            leaves.append(tensor.requires_grad_())
        return tensor
    if isinstance(value, torch.Size):
        return framework.Size(value) if to is framework else value
    if isinstance(value, (list, tuple)):
        parts = [copied(each, to, leaves) for each in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, dict):
        return {key: copied(each, to, leaves) for key, each in value.items()}
    if to is framework and isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
        return _named(value)
    if isinstance(value, types.FunctionType):
        return value if to is torch else rebound(value)
    if isinstance(value, (complex, torch.Generator, torch.nn.Module)):
        raise Outside(type(value).__name__)
    if isinstance(value, torch.device):
        if value.type != "cpu":
            raise Outside(str(value))
        return value if to is torch else "cpu"
    if isinstance(value, slice):
        return slice(*[copied(each, to, leaves) for each in (value.start, value.stop, value.step)])
    return value


def ours(op: Any) -> Callable[..., Any] | None:
    """The operator here, or None if there is none."""
    found = _find(op.name)
    return rebound(op.op) if found is not None and getattr(op.op, "__name__", "") == "<lambda>" else found


def rebound(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the database itself, with this library in the place of PyTorch."""
    if not isinstance(function, types.FunctionType) or "torch" not in function.__globals__:
        return function
    space = {**function.__globals__, "torch": framework}
    same = types.FunctionType(function.__code__, space, None, function.__defaults__, function.__closure__)
    same.__kwdefaults__ = function.__kwdefaults__
    return same


def _find(name: str) -> Any:
    found: Any = framework
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if found is not None else getattr(framework.Tensor, name, None)


# ---- One sample --------------------------------------------------------------------------------------------------------


def tensors(value: Any) -> list[Any]:
    """The tensors and numbers of a nested result, in order."""
    if isinstance(value, (list, tuple)) and not isinstance(value, (torch.Size, framework.Size)):
        return [leaf for each in value for leaf in tensors(each)]
    return [value]


def array(value: Any) -> Array:
    return value.numpy(force=True) if hasattr(value, "detach") else np.asarray(value)


class Comparison:
    """The comparison of one operator in one dtype."""

    def __init__(self, op: Any, dtype: str, report: Report) -> None:
        self.op, self.dtype, self.report = op, dtype, report
        self.exception = EXCEPTIONS.get(op.name, ("", ""))[0]
        self.rng = np.random.default_rng(0)

    def close(self, what: str, found: Any, wanted: Any, gradient: bool = False) -> None:
        """Compare two arrays."""
        a, b = array(found), array(wanted)
        if a.dtype != b.dtype or a.shape != b.shape:
            self.report.problems.append(f"{what}: {a.dtype}{list(a.shape)}, PyTorch {b.dtype}{list(b.shape)}")
            return
        if self.exception == "contents" or np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            return
        self.report.identical &= gradient
        if a.dtype.kind != "f":
            self.report.problems.append(f"{what}: {a.reshape(-1)[:5]}, PyTorch {b.reshape(-1)[:5]}")
            return
        relative, absolute, share = BOUNDS[str(a.dtype)]
        widen = GRADIENT if gradient else 1.0
        if self.exception == "rounding" or (gradient and self.exception == "rounding of gradients"):
            widen *= 25 if a.dtype == np.float32 else 1
        finite = np.abs(b[np.isfinite(b)])
        largest = min(float(finite.max(initial=0)), 1e4)
        with np.errstate(all="ignore"):
            same = (a == b) | (np.isnan(a) & np.isnan(b))
            distance = np.where(same, 0, np.abs(a.astype(np.float64) - b))
            bound = widen * (absolute + relative * np.abs(b) + share * largest)
            # Not below: NaN where PyTorch has a number is a difference too.
            wrong = ~(same | (distance <= bound))
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0])
            self.report.problems.append(
                f"{what}: {int(wrong.sum())} of {wrong.size} differ, at {tuple(map(int, at))} {a[at]}, PyTorch {b[at]}"
            )
        elif not gradient:
            self.report.worst = max(self.report.worst, float(np.max(distance / (np.abs(b) + 1), initial=0)))

    def sample(self, sample: Any, number: int) -> None:
        """Run one sample with both libraries."""
        label = f"{self.dtype} sample {number}"
        here = ours(self.op)
        assert here is not None
        leaves: tuple[list[Any], list[Any]] = ([], [])
        given = (sample.input, *sample.args)
        try:
            calls = [
                (copied(given, to, found), copied(sample.kwargs, to, found))
                for to, found in zip((torch, framework), leaves, strict=True)
            ]
        except Outside:
            return
        try:
            wanted = self._call(torch, self.op.op, *calls[0])
        except Exception:
            return  # the database has samples that PyTorch itself refuses here
        self.report.samples += 1
        try:
            found = self._call(framework, here, *calls[1])
        except Exception as error:
            self.report.problems.append(f"{label}: {type(error).__name__}: {error}")
            return
        compared = (wanted, found)
        if self.exception == "signs":
            compared = (sample.output_process_fn_grad(wanted), sample.output_process_fn_grad(found))
        self.results(label, compared[1], compared[0])
        for a, b in zip(tensors(list(calls[1])), tensors(list(calls[0])), strict=True):
            if isinstance(b, torch.Tensor):
                self.close(f"{label}, an argument afterwards", a, b)
        if leaves[0] and not self.report.problems and self.op.supports_autograd:
            self.gradients(label, sample)

    def results(self, label: str, found: Any, wanted: Any) -> None:
        ours, theirs = tensors(found), tensors(wanted)
        if len(ours) != len(theirs):
            self.report.problems.append(f"{label}: {len(ours)} results, PyTorch {len(theirs)}")
            return
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if isinstance(b, torch.Tensor) and b.dtype not in KNOWN:
                continue
            if isinstance(b, torch.Tensor) and not isinstance(a, framework.Tensor):
                self.report.problems.append(f"{label}, result {i}: {type(a).__name__}, PyTorch a Tensor")
            elif isinstance(b, (torch.dtype, torch.device)):
                if str(a) != str(b):
                    self.report.problems.append(f"{label}, result {i}: {a}, PyTorch {b}")
            elif self.exception != "places" or array(b).dtype.kind == "f" or array(b).shape != array(a).shape:
                self.close(f"{label}, result {i}", a, b)

    def _call(self, library: Any, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        library.manual_seed(42)  # as some entries do themselves
        return function(*args, **kwargs)

    def gradients(self, label: str, sample: Any) -> None:
        """First gradients, and in float64 second ones, through the function that the sample says is differentiable."""
        found: list[list[Any]] = []
        second = self.dtype == "float64" and bool(self.op.supports_gradgrad)
        draws: list[Array] = []
        for library, function in ((torch, self.op.op), (framework, ours(self.op))):
            leaves: list[Any] = []
            args, kwargs = copied((sample.input, *sample.args), library, leaves), copied(sample.kwargs, library, leaves)
            try:
                library.manual_seed(42)
                wrapper = self.op.gradcheck_wrapper if library is torch else rebound(self.op.gradcheck_wrapper)
                result = sample.output_process_fn_grad(wrapper(function, *args, **kwargs))
                outputs = [each for each in tensors(result) if hasattr(each, "requires_grad") and each.requires_grad]
                if not outputs:
                    found.append([])
                    continue
                used = 0
                vectors = []
                for each in outputs:
                    if used == len(draws):
                        draws.append(self.rng.standard_normal(tuple(each.shape)))
                    vectors.append(library.from_numpy(np.asarray(draws[used])).to(each.dtype))
                    used += 1
                first = library.autograd.grad(outputs, leaves, vectors, create_graph=second, allow_unused=True)
                every = list(first)
                ways = [each for each in first if each is not None and each.requires_grad]
                if second and ways:
                    seeds = []
                    for each in ways:
                        if used == len(draws):
                            draws.append(self.rng.standard_normal(tuple(each.shape)))
                        seeds.append(library.from_numpy(np.asarray(draws[used])).to(each.dtype))
                        used += 1
                    every += library.autograd.grad(ways, leaves, seeds, allow_unused=True)
            except Exception as error:
                if library is torch:
                    return
                self.report.problems.append(f"{label}, gradient: {type(error).__name__}: {error}")
                return
            shaped = [
                np.zeros(tuple(leaf.shape), str(leaf.dtype).removeprefix("torch.")) if each is None else each
                for each, leaf in zip(every, leaves * 2, strict=False)
            ]
            found.append(shaped)
        theirs, own = found
        for i, longer in enumerate(max(theirs, own, key=len)):
            zero = 0 * array(longer)
            a, b = (array(side[i]) if i < len(side) else zero for side in (own, theirs))
            if i >= len(leaves):  # a second derivative that PyTorch has as NaN, at kinks, says nothing
                a = np.where(np.isnan(b), b, a)
            self.close(f"{label}, gradient {i}", a, b, gradient=True)

    def forms(self, sample: Any, number: int) -> None:
        """The method and the in-place method give what the function gives."""
        here = ours(self.op)
        for variant in (self.op.method_variant, self.op.inplace_variant):
            name = getattr(variant, "__name__", "")
            method = getattr(framework.Tensor, name, None)
            if variant is None or method is None or not isinstance(sample.input, torch.Tensor):
                continue
            try:
                calls = [
                    (copied((sample.input.detach(), *sample.args), framework, []), copied(sample.kwargs, framework, []))
                    for _ in range(2)
                ]
                theirs, more = copied((sample.input.detach(), *sample.args), torch, []), copied(sample.kwargs, torch, [])
                with torch.no_grad():
                    torch.manual_seed(42)
                    variant(*theirs, **more)
            except Exception:
                continue
            with framework.no_grad():
                wanted = self._call(framework, here, *calls[0])
                try:
                    found = self._call(framework, method, *calls[1])
                except Exception as error:
                    self.report.problems.append(f"{self.dtype} {name} {number}: {type(error).__name__}: {error}")
                    continue
            if variant is self.op.inplace_variant:
                if found is not calls[1][0][0]:
                    self.report.problems.append(f"{name} doesn't return the tensor itself")
                wanted = wanted.to(found.dtype)
            for a, b in zip(tensors(found), tensors(wanted), strict=True):
                if not np.array_equal(array(a), array(b), equal_nan=array(a).dtype.kind == "f"):
                    self.report.problems.append(f"{name} {number}: the method gives something else than the function")


def refusals(op: Any) -> Iterator[str]:
    """Bad inputs that PyTorch refuses and this library takes, or refuses with another kind of error."""
    here = ours(op)
    assert here is not None
    if op.error_inputs_func is None:
        return
    for number, bad in enumerate(op.error_inputs("cpu")):
        sample = bad.sample_input
        calls = []
        try:
            for to in (torch, framework):
                args, kwargs = copied((sample.input, *sample.args), to, []), copied(sample.kwargs, to, [])
                # With memory of its own, which can be resized; but it may be one of the inputs.
                if isinstance(kwargs.get("out"), to.Tensor):
                    kwargs["out"] = kwargs["out"].clone()
                inputs = sample.input if isinstance(sample.input, (tuple, list)) else (sample.input,)
                owns = args[0] if isinstance(sample.input, (tuple, list)) else args[:1]
                for given, own in zip(inputs, owns, strict=True):
                    if isinstance(given, torch.Tensor) and given is sample.kwargs.get("out"):
                        kwargs["out"] = own
                calls.append((args, kwargs))
        except Outside:
            continue
        try:
            op.op(*calls[0][0], **calls[0][1])
        except Exception as error:
            kind = type(error)
        else:
            continue
        try:
            here(*calls[1][0], **calls[1][1])
        except (kind, NotImplementedError):
            continue
        except Exception as error:
            yield f"bad input {number}: {type(error).__name__}: {error}; PyTorch {kind.__name__}"
        else:
            yield f"bad input {number}: taken; PyTorch {kind.__name__}"


def compare(op: Any, samples: int | None) -> Report:
    """Compare one operator on at most that many samples a dtype, spread over the database's (None: on all)."""
    report = Report()
    supported = op.supported_dtypes("cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, dtype in DTYPES.items():
            if dtype not in supported:
                continue
            wants = name.startswith("float") and dtype in op.supported_backward_dtypes("cpu") and op.supports_autograd
            torch.manual_seed(0)
            np.random.seed(0)
            try:
                drawn = op.sample_inputs("cpu", dtype, requires_grad=wants)
                every = list(islice(drawn, None if samples is None else 8 * samples))
            except Exception:
                continue  # the database's generator of samples doesn't serve this dtype
            step = 1 if samples is None else max(1, len(every) // samples)
            comparison = Comparison(op, name, report)
            for number in range(0, len(every), step)[:samples]:
                comparison.sample(every[number], number)
                if number < 2 * step and name in ("float64", "int64"):
                    comparison.forms(every[number], number)
        report.problems += refusals(op)
    return report
