"""Pictures: what is drawn is the graph that is there, and the gradients on it are those that flowed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import framework as torch
from framework.autograd import visualize

DOC = Path(__file__).parents[2] / "docs" / "autograd.md"


@pytest.fixture
def line():
    x, w, b = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0, 1.0))
    y = x * w
    z = y + b
    return {"x": x, "w": w, "b": b, "y": y, "z": z}


def arrows(text):
    """The arrows of a Mermaid text, as (from, gradient, to) in labels."""
    labels = dict(re.findall(r"(\w+)\(?\[\"(.*?)\"\]", text))
    found = re.findall(r"(\w+) -->(?:\|\"(.*?)\"\|)? (\w+)", text)
    return {(labels[start], label, labels[end]) for start, label, end in found}


def test_the_backward_graph_has_the_gradients_on_its_edges_after_backward(line):
    picture = visualize.Picture(line["z"], line)
    assert ("AddBackward0", "", "MulBackward0") in arrows(picture.mermaid())
    line["z"].backward(torch.tensor(2.0))
    assert arrows(picture.mermaid()) == {
        ("grad_output = 2.0", "", "AddBackward0"),
        ("AddBackward0", "grad = 2.0", "MulBackward0"),
        ("AddBackward0", "grad = 2.0", "AccumulateGrad(b)"),
        ("MulBackward0", "grad = 6.0", "AccumulateGrad(x)"),
        ("MulBackward0", "grad = 4.0", "AccumulateGrad(w)"),
    }


def test_the_forward_pass_shows_operations_names_and_values(line):
    text = visualize.mermaid(line["z"], line, forward=True)
    forward = arrows(text.split("subgraph bwd")[0])
    assert forward == {
        ("x = 2.0", "", "Mul"),
        ("w = 3.0", "", "Mul"),
        ("Mul", "", "y = 6.0"),
        ("y = 6.0", "", "Add"),
        ("b = 1.0", "", "Add"),
        ("Add", "", "z = 7.0"),
    }


def test_graphviz_draws_the_same_arrows(line):
    picture = visualize.Picture(line["z"], line)
    line["z"].backward()
    text = picture.graphviz(forward=True)
    labels = dict(re.findall(r'(\w+) \[label="(.*?)", shape', text))
    found = re.findall(r'(\w+) -> (\w+)(?: \[label="(.*?)"\])?', text)
    assert {(labels[start], label, labels[end]) for start, end, label in found} == arrows(picture.mermaid(forward=True))
    assert text.count("{") == text.count("}")


def test_a_module_gives_its_parameters_names_and_shapes():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    loss = model(torch.ones(5, 3)).sum()
    picture = visualize.Picture(loss, model)
    loss.backward()
    drawn = arrows(picture.mermaid(forward=True))
    assert ("0.weight (4, 3)", "", "Addmm") in drawn
    assert ("AddmmBackward0", "grad (4, 3)", "AccumulateGrad(0.weight)") in drawn


def test_a_broadcast_gradient_is_shown_in_its_input_s_shape():
    bias = torch.ones(1, requires_grad=True)
    result = (torch.ones(3) * bias).sum()
    picture = visualize.Picture(result, {"bias": bias})
    result.backward()
    assert ("MulBackward0", "grad = [3.0]", "AccumulateGrad(bias)") in arrows(picture.mermaid())


def test_an_output_among_several_and_a_shared_input():
    x = torch.tensor([3.0, 1.0], requires_grad=True)
    values, _ = x.sort()
    result = (values * values).sum()
    picture = visualize.Picture(result, {"x": x, "values": values})
    result.backward()
    assert ("SortBackward0", "grad = [6.0, 2.0]", "AccumulateGrad(x)") in arrows(picture.mermaid(forward=True))


def test_what_cannot_be_drawn_is_refused(line):
    with pytest.raises(RuntimeError, match="no graph to draw"):
        visualize.mermaid(torch.ones(1))
    with pytest.raises(ValueError, match="more than 2 nodes"):
        visualize.mermaid(line["z"], max_nodes=2)
    with pytest.raises(ValueError, match="direction must be"):
        visualize.mermaid(line["z"], direction="up")


def test_removed_hooks_leave_the_picture_as_it_is(line):
    picture = visualize.Picture(line["z"], line)
    picture.remove()
    line["z"].backward()
    assert not picture.gradients


def test_the_picture_in_the_documentation_is_what_its_code_draws():
    text = DOC.read_text(encoding="utf-8")
    code, drawn = re.search(r"<!-- picture -->\n```python\n(.*?)```\n\n```mermaid\n(.*?)```", text, re.S).groups()
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DOC.parents[1])
    assert run.stdout.strip() == drawn.strip()
