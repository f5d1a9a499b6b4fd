"""Write ``docs/conformance.md``: how each public name compares with PyTorch.

    python -m tests.parity.conformance          # measures everything, which takes a few minutes
    python -m tests.parity.conformance --names  # measures only names that are new here or have gone

What the operator database knows is measured (see ``operators.py``); of other names the page says
whether a parity test of their own holds them against PyTorch.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch

import framework
from tests.parity.operators import DIFFERENCES, EXCEPTIONS, Report, compare, operators, ours

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
SAMPLES = 5  # an operator and dtype

SPACES = {
    "torch": "torch",
    "torch.Tensor": "Tensor",
    "torch.linalg": "linalg",
    "torch.special": "special",
    "torch.autograd": "autograd",
    "torch.nn": "nn",
    "torch.nn.functional": "nn.functional",
    "torch.nn.init": "nn.init",
    "torch.nn.utils": "nn.utils",
    "torch.optim": "optim",
    "torch.optim.lr_scheduler": "optim.lr_scheduler",
    "torch.optim.swa_utils": "optim.swa_utils",
    "torch.utils.data": "utils.data",
}
# PyTorch's back ends and inner parts, which stand among its public names.
INNER = re.compile(
    r"cudnn|mkldnn|miopen|fbgemm|quantize|^q_|qscheme|^sym_|^sparse_|_sparse|autocast|^native_|^import_ir|^parse_|^merge_type"
    r"|^unify_type|batch_norm_|fake_quant|int_repr|vulkan|^is_x|^is_m|^is_ipu|_indices_copy|^row_ind|^col_ind|^crow|^ccol"
)

STATUSES = {
    "identical": "bit for bit the same on all samples",
    "within tolerance": "in float64 to a relative 1e-7, in float32 to 1e-5 and 4e-6 of the largest element",
    "documented difference": "for the reason given",
    "held by a test of its own": "compared with PyTorch by another test in `tests/parity`",
    "there, not compared": "present under that name; no test holds it against PyTorch",
    "not supported": "asking for it raises an AttributeError that says so",
}


def reach(root: Any, path: str) -> Any:
    """The attribute at a dotted path."""
    for part in path.split(".") if path else ():
        root = getattr(root, part)
    return root


def public(space: Any) -> set[str]:
    """The names of functions, classes and attributes that a namespace offers."""
    names = getattr(space, "__all__", None) if inspect.ismodule(space) and space is not torch else None
    names = [name for name in dir(space) if not name.startswith("_")] if names is None else list(names)
    found = set()
    for name in names:
        value = inspect.getattr_static(space, name, None)
        foreign = getattr(value, "__module__", "") or ""
        if inspect.ismodule(value) or foreign.split(".")[0] in ("typing", "collections", "typing_extensions"):
            continue
        if space is torch and not callable(value):
            continue
        found.add(name)
    return found


def names() -> dict[str, dict[str, bool]]:
    """For each namespace every public name of PyTorch's and of ours, and whether we have it."""
    result = {}
    for label, path in SPACES.items():
        theirs, own = reach(torch, label.partition(".")[2]), reach(framework, path.removeprefix("torch"))
        wanted = {name for name in public(theirs) if not INNER.search(name)}
        mine = {name for name in public(own) if hasattr(theirs, name)}
        result[label] = {name: _has(own, name) for name in sorted(wanted | mine)}
    return result


def _has(space: Any, name: str) -> bool:
    return inspect.getattr_static(space, name, None) is not None


@cache
def _other_tests() -> str:
    """The text of the parity tests that don't go by the database."""
    folder = Path(__file__).parent
    apart = ("conformance.py", "operators.py", "test_operators.py", "test_conformance.py")
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.py")) if path.name not in apart)


def measured(wanted: set[str] | None) -> dict[str, list[tuple[str, Report]]]:
    """The reports on the operators that are there, by the names that they have; on those with a wanted name only, if given."""
    result: dict[str, list[tuple[str, Report]]] = defaultdict(list)
    for op in operators():
        called = {op.name, *[alias.name for alias in op.aliases]}
        lasts = {each.rpartition(".")[2] for each in called}
        if ours(op) is not None and (wanted is None or lasts & {each.rstrip("_") for each in wanted}):
            report = compare(op, SAMPLES)
            for name in called:
                result[name].append((op.name, report))
    return result


def status(label: str, name: str, there: bool, reports: dict[str, list[tuple[str, Report]]]) -> tuple[str, str]:
    """A name's status and what is to be said about it."""
    if not there:
        return "not supported", ""
    prefix = label.partition(".")[2]
    qualified = f"{prefix}.{name}" if prefix and prefix != "Tensor" else name
    found = reports.get(qualified) or reports.get(qualified.rstrip("_")) if prefix in ("", "Tensor") else reports.get(qualified)
    if not found and prefix == "":
        found = reports.get(f"nn.functional.{name}")
    if found:
        operator = found[0][0]
        problems = [problem for _, report in found for problem in report.problems]
        if problems:
            raise RuntimeError(f"{operator} differs from PyTorch: {problems[0]}")
        if operator in DIFFERENCES:
            return "documented difference", DIFFERENCES[operator]
        if EXCEPTIONS.get(operator, ("",))[0] in ("contents", "places", "signs"):
            return "documented difference", EXCEPTIONS[operator][1]
        if any(report.samples for _, report in found):
            same = all(report.identical for _, report in found)
            return ("identical" if same else "within tolerance"), ""
    if re.search(rf"\b{re.escape(name)}\b", _other_tests()):
        return "held by a test of its own", ""
    return "there, not compared", ""


def page(before: dict[str, dict[str, tuple[str, str]]]) -> Iterator[str]:
    """The lines of the page; what it said before stays for names of which as much is there."""
    kept = {
        (label, name): before[label][name]
        for label, known in names().items()
        for name, there in known.items()
        if name in before.get(label, {}) and (before[label][name][0] != "not supported") == there
    }
    every = {(label, name) for label, known in names().items() for name in known}
    reports = measured({name for _, name in every - kept.keys()} if before else None)
    count = sum(ours(op) is not None for op in operators())
    yield "# Conformance with PyTorch"
    yield ""
    yield f"How each public name compares with PyTorch {torch.__version__.partition('+')[0]}, on the CPU. Written by"
    yield "`python -m tests.parity.conformance`; please don't edit by hand."
    yield ""
    yield from _wrapped(
        f"{count} entries of PyTorch's own operator database (OpInfo) run in both libraries on the same samples: values, "
        "shapes, dtypes, what becomes of the arguments, first gradients, second gradients in float64, methods and in-place "
        "forms, and bad inputs, which must be refused with PyTorch's kind of error. "
        "`python -m pytest tests/parity/test_operators.py` does so on two samples an operator and dtype, with `-m slow` on "
        "all of them."
    )
    yield ""
    yield "The words mean:"
    yield ""
    for word, meaning in STATUSES.items():
        yield f"- **{word}**: {meaning}."
    yield ""
    yield "Not listed are PyTorch's names for back ends, quantized, sparse and traced tensors, none of which are supported."
    for label, known in names().items():
        groups: dict[str, list[str]] = defaultdict(list)
        reasons: dict[str, str] = {}
        for name, there in known.items():
            word, reason = kept.get((label, name)) or status(label, name, there, reports)
            groups[word].append(name)
            if reason:
                reasons[name] = reason
        yield ""
        yield f"## {label}"
        for word in STATUSES:
            if groups[word]:
                yield ""
                yield f"### {word.capitalize()} ({len(groups[word])})"
                yield ""
                if word == "documented difference":
                    yield from (f"- `{name}`: {reasons[name]}" for name in groups[word])
                else:
                    yield from _wrapped(", ".join(f"`{name}`" for name in groups[word]))


def _wrapped(text: str, width: int = 120) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def listed() -> dict[str, dict[str, tuple[str, str]]]:
    """What the page says: for each namespace its names, with their status and what is said of it."""
    result: dict[str, dict[str, tuple[str, str]]] = {}
    label = word = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            label = line[3:]
            result[label] = {}
        elif line.startswith("### "):
            word = line[4:].rpartition(" (")[0].lower()
        elif label and line.startswith("- `"):
            result[label][line.split("`")[1]] = (word, line.partition("`: ")[2])
        elif label and line.startswith("`"):
            result[label].update(dict.fromkeys(re.findall(r"`([^`]+)`", line), (word, "")))
    return result


if __name__ == "__main__":
    PAGE.write_text("\n".join(page(listed() if "--names" in sys.argv[1:] else {})) + "\n")
    print(f"written: {PAGE}: {sum(map(len, listed().values()))} names")
