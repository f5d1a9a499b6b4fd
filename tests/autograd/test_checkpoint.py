"""Checkpointing: the same values and gradients, computed again, with the same random numbers."""

from __future__ import annotations

import contextlib

import pytest

import framework as torch
from framework.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential, set_checkpoint_early_stop

both = pytest.mark.parametrize("reentrant", [True, False])


def gradients(run, model, x):
    model.zero_grad()
    x.grad = None
    torch.manual_seed(7)
    result = run(x)
    after = torch.rand(1).item()
    result.square().sum().backward()
    return [result, x.grad, *[each.grad for each in model.parameters()]], (after, torch.rand(1).item())


@both
def test_values_gradients_and_random_numbers_are_those_without_it(reentrant):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    x = torch.randn(3, 4, requires_grad=True)
    plain, numbers = gradients(model, model, x)
    for run in (
        lambda x: checkpoint(model, x, use_reentrant=reentrant),
        lambda x: checkpoint_sequential(model, 2, x, use_reentrant=reentrant),
    ):
        again, its_numbers = gradients(run, model, x)
        assert its_numbers == numbers
        for a, b in zip(plain, again, strict=True):
            assert torch.equal(a, b)


@both
def test_without_preserve_rng_state_dropout_differs(reentrant):
    x = torch.ones(1000, requires_grad=True)
    torch.manual_seed(0)
    y = checkpoint(torch.nn.Dropout(0.5), x, use_reentrant=reentrant, preserve_rng_state=False)
    y.sum().backward()
    kept, passed = y != 0, x.grad != 0
    assert 300 < (kept != passed).sum().item() < 700


@both
def test_the_part_runs_once_forward_and_once_backward(reentrant):
    calls = []

    def part(x):
        calls.append(torch.is_grad_enabled())
        return x.exp().sin()

    x = torch.ones(3, requires_grad=True)
    y = checkpoint(part, x, use_reentrant=reentrant)
    assert len(calls) == 1
    (y * 2).sum().backward()
    assert len(calls) == 2 and calls[1] is True


@pytest.mark.filterwarnings("ignore:None of the inputs")  # the inner one, in the outer one's first run
@both
def test_nested_parts(reentrant):
    x = torch.rand(5, dtype=torch.float64, requires_grad=True)

    def inner(x):
        return checkpoint(lambda x: x.exp().sin(), x * 2, use_reentrant=reentrant).tanh()

    checkpoint(inner, x, use_reentrant=reentrant).sum().backward()
    (expected,) = torch.autograd.grad((x * 2).exp().sin().tanh().sum(), x)
    assert torch.equal(x.grad, expected)


def test_derivatives_of_any_order_without_reentrant():
    x = torch.rand(4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False), x)
    assert torch.autograd.gradgradcheck(lambda x: checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False), x)


def test_two_passes_over_one_part():
    x = torch.rand(3, requires_grad=True)
    y = checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False)
    first = torch.autograd.grad(y.sum(), x, retain_graph=True)
    second = torch.autograd.grad(y.sum(), x)
    assert torch.equal(first[0], second[0])


def test_early_stop_leaves_the_rest_out():
    ends = []

    def part(x):
        y = x.exp()  # the last thing that is saved
        ends.append(1)
        return y + 1

    x = torch.ones(2, requires_grad=True)
    checkpoint(part, x, use_reentrant=False).sum().backward()
    assert len(ends) == 1
    with set_checkpoint_early_stop(False):
        checkpoint(part, x, use_reentrant=False).sum().backward()
    assert len(ends) == 3


def test_contexts_for_the_two_runs():
    seen = []

    @contextlib.contextmanager
    def noting(what):
        seen.append(what)
        yield

    x = torch.ones(2, requires_grad=True)
    options = {"use_reentrant": False, "context_fn": lambda: (noting("forward"), noting("again"))}
    checkpoint(torch.exp, x, **options).sum().backward()
    assert seen == ["forward", "again"]


@pytest.mark.parametrize(
    ("then", "message"),
    [
        (lambda x: x.exp().sin().cos(), "Number of tensors saved during forward: 2"),
        (lambda x: x[:1].exp().sin(), r"tensor 0: \[3\] .*float32 in forward, \[1\]"),
        (lambda x: x.double().exp().sin(), "float64 in recomputation"),
    ],
)
def test_a_part_that_changes_is_an_error_not_a_wrong_gradient(then, message):
    runs = []

    def part(x):
        runs.append(1)
        return x.exp().sin() if len(runs) == 1 else then(x)

    y = checkpoint(part, torch.ones(3, requires_grad=True), use_reentrant=False, early_stop=False)
    with pytest.raises(CheckpointError, match=message):
        y.sum().backward()


def test_misuse_is_refused():
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"incompatible with \.grad"):
        torch.autograd.grad(checkpoint(torch.exp, x, use_reentrant=True).sum(), x)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: other"):
        checkpoint(torch.exp, x, use_reentrant=True, other=1)
    with pytest.raises(ValueError, match="context_fn"):
        checkpoint(torch.exp, x, use_reentrant=True, context_fn=lambda: None)
    with pytest.raises(NotImplementedError, match="debug"):
        checkpoint(torch.exp, x, use_reentrant=False, debug=True)
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(torch.exp, x, use_reentrant=False, determinism_check="always")
    with pytest.raises(ValueError, match="segments=3"):
        checkpoint_sequential([torch.exp, torch.sin], 3, x, use_reentrant=False)
