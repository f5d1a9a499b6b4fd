"""Random programs of views and in-place writes: the gradient is the derivative of what was computed, or an error."""

from __future__ import annotations

import random

import numpy as np
import pytest

import framework as torch

WORDS = ("modified by an inplace operation", "single memory location")


def program(x, seed):
    """Views of one tensor, written to from each other and from ``x``; everything that there is at the end, summed up."""
    choose = random.Random(seed)
    base = x * 1.5
    views = [base]
    results = []
    for _ in range(choose.randrange(2, 7)):
        what = choose.choice(["view", "write", "write", "read"])
        if what == "view":
            views.append(view_of(base, choose))
        elif what == "write":
            target, other = choose.choice(views), choose.choice(views)
            write(target, other if target.shape == other.shape else other.mean(), choose)
        else:
            view = choose.choice(views)
            results.append((view * choose.choice([1.0, view])).sin().sum())
    return sum(results) + base.sin().sum() + views[-1].cos().sum()


def view_of(base, choose):
    i, j = choose.randrange(3), choose.randrange(3)
    kinds = {
        "row": lambda: base[i],
        "columns": lambda: base[:, :j],
        "transposed": lambda: base.t(),
        "transposed rows": lambda: base.t()[1:],
        "first rows": lambda: base[:-1],
        "last rows": lambda: base[1:],
        "flat": lambda: base.view(9),
        "diagonal": lambda: base.diagonal(),
        "element": lambda: base[i, j],
    }
    return kinds[choose.choice(list(kinds))]()


def write(target, other, choose):
    kinds = {
        "multiply": lambda: target.mul_(other),
        "add": lambda: target.add_(other),
        "square": lambda: target.mul_(target),
        "sigmoid": lambda: target.sigmoid_(),
        "divide": lambda: target.div_(other * other + 1),
        "copy": lambda: target.copy_(other),
        "sine": lambda: target.sin_(),
    }
    kinds[choose.choice(list(kinds))]()
    target.sin_()  # so that numbers stay small


def outcome(seed):
    """What comes of the program: ``agrees`` with differences, or the refusal."""
    numbers = np.random.default_rng(seed).uniform(0.5, 1.5, (3, 3))
    x = torch.tensor(numbers, requires_grad=True)
    try:
        (gradient,) = torch.autograd.grad(program(x, seed), x)
    except RuntimeError as error:
        assert any(words in str(error) for words in WORDS), error
        return "refused"
    expected = np.zeros((3, 3))
    for index in np.ndindex(3, 3):
        for sign in (1, -1):
            shifted = numbers.copy()
            shifted[index] += sign * 1e-6
            expected[index] += sign * program(torch.tensor(shifted), seed).item() / 2e-6
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-5, atol=1e-6, err_msg=f"program {seed}")
    return "agrees"


@pytest.mark.parametrize("block", range(4))
def test_gradients_through_writes_are_right_or_refused(block):
    outcomes = [outcome(seed) for seed in range(100 * block, 100 * block + 100)]
    assert outcomes.count("agrees") > 50  # most are computed


def test_a_write_keeps_what_its_own_formula_reads_from_the_same_memory():
    x = torch.ones(3, dtype=torch.float64, requires_grad=True)

    def overlapping(x):
        y = (x * 2).repeat(2, 1)
        y[:, 1:].mul_(y[:, :-1])  # reads what it overwrites, which is not refused of views with gaps
        return y

    def neighbours(x):
        y = x * 1
        a, b = y[0], y[1]
        a.mul_(b)
        b.add_(a)  # changes what the line before has read
        return y

    assert torch.autograd.gradcheck(overlapping, x)
    assert torch.autograd.gradcheck(neighbours, x)


def test_a_checkpoint_notices_a_write_to_what_it_saved():
    x = torch.ones(3, requires_grad=True)

    def part(x):
        y = x * 2
        z = y.exp().sin() * y
        y.add_(1)
        return z + y

    y = torch.utils.checkpoint.checkpoint(part, x, use_reentrant=False, early_stop=False)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


RIGHT = {
    "index_add_": lambda y: y.index_add_(0, torch.tensor([1, 2]), y[::2]),
    "scatter_add_": lambda y: y.scatter_add_(0, torch.tensor([0, 0]), y[1::2]),
    "masked_fill_": lambda y: y.masked_fill_(y > 1, 0.5),
    "assignment of overlapping views": lambda y: y.__setitem__(slice(None, None, 2), y[::3]),
    "addcmul_": lambda y: y.addcmul_(y, y),
    "addcdiv_": lambda y: y[:2].addcdiv_(y[2:], y[1:3] + 3),
    "lerp_, clamp_, pow_": lambda y: y.lerp_(y.flip(0), 0.3).clamp_(0.2, 1.5).pow_(2),
    "copy_, div_": lambda y: y.copy_(y.flip(0)).div_(y.sum() + 1),
    "sub_, mul_ of overlapping views": lambda y: y[::2].sub_(y[::3]).mul_(y[::3]),
}
REFUSED = {
    "index_copy_": lambda y: y.index_copy_(0, torch.tensor([3, 2]), y[:2] * y[1:3]),
    "assignment by index": lambda y: y.__setitem__(torch.tensor([0, 1]), y[torch.tensor([2, 3])] * y[:2]),
    "addmm_": lambda y: y.view(2, 2).addmm_(y.view(2, 2), y.view(2, 2)),
}


def written(write):
    def function(x):
        y = x * 2
        write(y)
        return y.sin()

    return function


@pytest.mark.parametrize("name", RIGHT)
def test_a_write_that_reads_the_same_memory_has_the_right_gradient(name):
    x = torch.tensor([0.2, 0.35, 0.7, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(written(RIGHT[name]), x)


@pytest.mark.parametrize("name", REFUSED)
def test_a_write_to_what_an_operation_before_it_has_saved_is_refused(name):
    x = torch.tensor([0.2, 0.35, 0.7, 0.9], dtype=torch.float64, requires_grad=True)
    y = written(REFUSED[name])(x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def shifted(method):
    return lambda x: method(x[1:], x[:-1])


PARTLY_THE_SAME = {
    "shifted": shifted(lambda part, other: part.mul_(other)),
    "by keyword": shifted(lambda part, other: part.add_(other=other)),
    "operator": shifted(lambda part, other: part.__iadd__(other)),
    "second of three": shifted(lambda part, other: part.addcmul_(torch.ones(8), other)),
    "one element": lambda x: x.sub_(x[0]),
    "one row": lambda x: x.view(3, 3).sub_(x.view(3, 3)[0]),
    "other order": lambda x: x.view(3, 3).mul_(x.view(3, 3).t()),
    "detached": shifted(lambda part, other: part.add_(other.detach())),
    "copied": shifted(lambda part, other: part.copy_(other)),
    "assigned": lambda x: x.__setitem__(slice(1, None), x[:-1]),
    "scattered": lambda x: x.scatter_(0, torch.arange(9), x),
    "put": lambda x: x.index_put_((torch.tensor([0]),), x[1:2]),
    "assigned by index": lambda x: x.__setitem__(torch.tensor([0]), x[1:2]),
}


@pytest.mark.parametrize("case", PARTLY_THE_SAME)
def test_reading_a_part_of_what_is_written_is_refused_and_changes_nothing(case):
    x = torch.arange(9.0)
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        PARTLY_THE_SAME[case](x)
    assert x.tolist() == list(range(9)) and x._version == 0


def test_reading_what_is_written_itself_or_memory_beside_it_is_allowed():
    x = torch.arange(6.0)
    x.mul_(x).add_(x.view(6))
    assert x.tolist() == [0, 2, 8, 18, 32, 50]
    x[:3].sub_(x[3:])
    assert x.tolist() == [-18, -30, -42, 18, 32, 50]
    x[::2].add_(x[1::2])
    assert x.tolist() == [-48, -30, -24, 18, 82, 50]
    x[1:3] = x[0]
    x.masked_fill_(x > 0, x[0])
    assert x.tolist() == [-48] * 6
    matrix = torch.arange(9.0).view(3, 3)
    matrix[:, 0] = matrix[:, 1]
    matrix[0].addmv_(matrix, torch.ones(3))
    assert matrix.tolist() == [[5, 14, 24], [4, 4, 5], [7, 7, 8]]
