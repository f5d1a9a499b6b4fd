"""What is no Tensor in a Tensor's place, what is no bool in a flag's, no int in a number's: refused as PyTorch refuses it.

Every function and method of PyTorch's operator database that is here is called with each of its tensors replaced, and each of its
options set to something else.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("expecttest")

import torch

import framework
from tests.parity.operators import Outside, copied, operators

#: In a Tensor's place; an array stands for one of the Tensor's own numbers.
WRONG: dict[str, Any] = {"None": None, "str": "x", "list": [1.0, 2.0], "object": object(), "number": 3.0, "array": None}

#: Where PyTorch refuses with TypeError what is taken here, or here is refused what is taken there; and why.
OTHERWISE = {
    **dict.fromkeys(("trapz", "trapezoid", "cumulative_trapezoid"), "x has None for its default"),
    **dict.fromkeys(("max", "min"), "dim has None for its default"),
    "normal": "(mean, std, size) takes a number for mean; PyTorch has that form too, but not with these samples",
    "repeat_interleave": "repeats has None for its default",
}
#: Options of which PyTorch asks only whether they are true in one function, and insists on bools in another; and the like.
OTHER_OPTIONS = {
    "nn.functional.triplet_margin_loss": "swap",
    "nn.functional.poisson_nll_loss": "full",
    "nn.functional.rrelu": "inplace",
    "nn.functional.softmin": "_stacklevel",
    "nn.functional.multi_margin_loss": "p",
    "nn.functional.multi_head_attention_forward": "training",
    "nn.functional.embedding_bag": "norm_type",
}
OPTIONS = {
    "bool": ("x", 1, 0.5, [True], np.True_),
    "int": (True, "x", 1.0),
    "float": ("x", [1.0]),
}


def kind(error: Exception) -> type[BaseException]:
    return next(each for each in type(error).__mro__ if each.__module__ == "builtins")


def outcome(function: Callable[..., Any], args: Any, kwargs: Any) -> Exception | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(*args, **kwargs)
        except Exception as error:
            return error
    return None


def outcomes(
    theirs: Callable[..., Any], ours: Callable[..., Any], sample: Any, place: int | str, value: Any, count: int | None = None
) -> list[Exception | None]:
    """What both make of the sample with another value in one place, and of its arguments by position only so many.

    Nothing if framework has no such sample.
    """
    errors = []
    for library, function in ((torch, theirs), (framework, ours)):
        try:
            args, kwargs = copied([sample.input, *sample.args], library, []), copied(dict(sample.kwargs), library, [])
        except Outside:
            return []
        if isinstance(place, int):
            args[place] = value
        else:
            kwargs[place] = value
        torch.manual_seed(0), framework.manual_seed(0)
        errors.append(outcome(function, args[:count], kwargs))
    return errors


def forms(name: str) -> Iterator[tuple[str, Any, Any]]:
    """The function of that name, its method and its in-place method, in both libraries."""
    theirs, ours = torch, framework
    for part in name.split("."):
        theirs, ours = getattr(theirs, part, None), getattr(ours, part, None)
    if callable(theirs) and callable(ours):
        yield name, theirs, ours
    if "." not in name:
        for method in (name, name + "_"):
            if callable(getattr(torch.Tensor, method, None)) and callable(vars(framework.Tensor).get(method)):
                yield f"Tensor.{method}", getattr(torch.Tensor, method), getattr(framework.Tensor, method)


def samples(name: str) -> Iterator[Any]:
    """The first sample of each form of call."""
    for op in OPERATORS[name]:
        dtype = torch.float32 if torch.float32 in op.supported_dtypes("cpu") else torch.int64
        seen = set()
        for sample in islice(op.sample_inputs("cpu", dtype), 12):
            form = tuple(type(each).__name__ for each in sample.args), tuple(sorted(sample.kwargs))
            if form not in seen and len(seen) < 3:
                seen.add(form)
                yield sample


OPERATORS: dict[str, list[Any]] = {}
for each in operators():
    if any(forms(each.name)) and not each.name.startswith("__"):
        OPERATORS.setdefault(each.name, []).append(each)


@pytest.mark.parametrize("name", OPERATORS)
def test_what_is_no_tensor_is_refused_with_a_type_error(name: str) -> None:
    problems = []
    for sample in samples(name):
        given = [sample.input, *sample.args]
        for title, theirs, ours in forms(name):
            for place in (*range(title.startswith("Tensor."), len(given)), *sample.kwargs):
                original = given[place] if isinstance(place, int) else sample.kwargs[place]
                if not isinstance(original, torch.Tensor):
                    continue
                for label, wrong in WRONG.items():
                    value = original.detach().numpy().copy() if label == "array" else wrong
                    errors = outcomes(theirs, ours, sample, place, value)
                    if errors and kind(errors[0] or StopIteration()) is TypeError and not isinstance(errors[1], TypeError):
                        problems.append(f"{title} {place} {label}: {errors[0]!r} there, {errors[1]!r} here")
    assert bool(problems) == (name in OTHERWISE), "\n".join(problems)


@pytest.mark.parametrize("name", OPERATORS)
def test_options_of_another_kind_are_refused(name: str) -> None:
    problems = []
    sample = next(samples(name), None)
    for title, theirs, ours in forms(name) if sample else ():
        parameters = list(inspect.signature(inspect.unwrap(ours)).parameters.values())
        for number, parameter in enumerate(parameters):
            if parameter.name == OTHER_OPTIONS.get(name):
                continue
            for wrong in OPTIONS.get(str(parameter.annotation).removesuffix(" | None"), ()):
                errors = outcomes(theirs, ours, sample, parameter.name, wrong, number)
                if not errors:
                    continue
                refused = kind(errors[0] or StopIteration())
                if (refused is TypeError) != isinstance(errors[1], TypeError) and refused in (TypeError, StopIteration):
                    problems.append(f"{title} {parameter.name}={wrong!r}: {errors[0]!r} there, {errors[1]!r} here")
    assert not problems, "\n".join(problems)
