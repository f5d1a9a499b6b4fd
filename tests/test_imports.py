"""The structure of the package: imports run downwards, and ``import framework`` is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "framework").rglob("*.py"))
}

# From the top down: what stands on one line may import what stands on it and below.
FLOORS = [
    ["framework.training"],
    ["framework"],
    ["framework.saving", "framework.func"],
    ["framework.datasets"],
    ["framework.utils"],
    ["framework.optim"],
    ["framework.nn"],
    ["framework.tensor"],
    ["framework.numpy_protocol", "framework.linalg", "framework.special"],
    ["framework.ops", "framework.printing"],
    ["framework.autograd", "framework.random", "framework.limits"],
    ["framework.kernels", "framework.dtypes", "framework.serialization"],
    [
        "framework.return_types",
        "framework.size",
        "framework.device",
        "framework.cuda",
        "framework.backends",
        "framework.names",
        "framework.warning",
        "framework.switches",
        "framework.version",
    ],
]


def is_type_checking(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_of(tree):
    """The modules that running a file imports, inside functions too; what only the type checker sees is left out."""
    found = set()
    stack = [tree]
    while stack:
        node = stack.pop()
        if is_type_checking(node):
            stack.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
        stack.extend(ast.iter_child_nodes(node))
    return {name for name in found if name in MODULES}


@pytest.fixture(scope="module")
def graph():
    return {name: imports_of(ast.parse(path.read_text(encoding="utf-8"))) for name, path in MODULES.items()}


def test_the_import_graph_has_no_cycle(graph):
    done, path = set(), []

    def visit(name):
        if name in path:
            pytest.fail("a cycle of imports: " + " -> ".join([*path[path.index(name) :], name]))
        if name not in done:
            path.append(name)
            for each in sorted(graph[name]):
                # A package's own namespace gathers its modules, which don't import it.
                visit(each)
            path.pop()
            done.add(name)

    for name in graph:
        visit(name)


def floor_of(name):
    """The floor of the longest prefix that is listed."""
    best = None
    for number, names in enumerate(FLOORS):
        for each in names:
            exact = each == "framework"
            if (name == each or (not exact and name.startswith(each + "."))) and (best is None or len(each) > best[0]):
                best = (len(each), number)
    assert best is not None, f"{name} stands on no floor: add it to FLOORS"
    return best[1]


def test_imports_run_downwards(graph):
    up = [
        f"{name} imports {each}"
        for name, targets in graph.items()
        for each in sorted(targets)
        if floor_of(each) < floor_of(name)
    ]
    assert up == []


def loaded_by(statement):
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout.split()
    )


def test_import_framework_needs_numpy_alone():
    loaded = loaded_by("import framework")
    foreign = {"yaml", "tqdm", "msgspec", "matplotlib", "PIL", "numba", "safetensors", "torch", "tensorboardX", "scipy"}
    assert loaded & foreign == set()
    assert not any(name.startswith(("framework.training", "framework.datasets")) for name in loaded)
    assert "multiprocessing.pool" not in loaded
