"""What a user sees of the graph: leaves and nodes, saved values, hooks and their order, edges, and backward's rules."""

from __future__ import annotations

import re

import numpy as np
import pytest

import framework as torch


@pytest.fixture
def x():
    return torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


# ---- A first walk through autograd -----------------------------------------------------------------------------------------


def test_requires_grad_spreads_from_inputs_to_results():
    plain, weight = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.5], requires_grad=True)
    assert not plain.requires_grad and weight.requires_grad
    assert not (plain * 2).requires_grad and (plain * weight).requires_grad
    assert plain.requires_grad_() is plain and plain.requires_grad


def test_leaves_have_no_node_and_results_have_one():
    w, b = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([0.1], requires_grad=True)
    y = w.sum() + b
    assert w.is_leaf and w.grad_fn is None and not y.is_leaf
    assert re.fullmatch(r"<AddBackward0 object at 0x[0-9a-f]+>", repr(y.grad_fn))
    (left, zero), (right, _) = y.grad_fn.next_functions
    assert left.name() == "SumBackward0" and zero == 0 and right.variable is b
    y.backward()
    assert repr(w.grad) == "tensor([1., 1.])" and repr(b.grad) == "tensor([1.])"


def test_gradients_print_as_in_pytorch():
    x, w, b = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0, 1.0))
    (x * w + b).backward()
    assert [repr(each.grad) for each in (x, w, b)] == ["tensor(3.)", "tensor(2.)", "tensor(1.)"]
    v = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (v**2).backward(gradient=torch.tensor([1.0, 1.0, 1.0]))
    assert repr(v.grad) == "tensor([2., 4., 6.])"
    t = torch.tensor(2.0, requires_grad=True)
    (slope,) = torch.autograd.grad(t**3, t, create_graph=True)
    assert repr(slope) == "tensor(12., grad_fn=<MulBackward0>)" and t.grad is None
    assert repr(torch.autograd.grad(slope, t)) == "(tensor(12.),)"


def test_detached_tensors_share_memory_but_no_history(x):
    y = x * 2
    d = y.detach()
    d[0] = 9
    assert y.tolist() == [9, 4, 6] and d.is_leaf and not d.requires_grad and y._version == d._version == 1
    assert y.detach_() is y and y.is_leaf
    with pytest.raises(RuntimeError, match="detach views"):
        (x * 1)[0].detach_()


# ---- Nodes -----------------------------------------------------------------------------------------------------------------


def test_nodes_keep_notes_and_identity(x):
    y = x * 2
    y.grad_fn.metadata["note"] = "mine"
    assert y.grad_fn.metadata == {"note": "mine"} and y.grad_fn is y.grad_fn
    assert isinstance(y.grad_fn, torch.autograd.graph.Node)


def test_saved_values_can_be_read_until_they_are_freed(x):
    w = torch.tensor([4.0, 5.0, 6.0], requires_grad=True)
    y = x * w
    assert y.grad_fn._saved_self is x and y.grad_fn._saved_other is w
    assert {"_saved_self", "_saved_other"} <= set(dir(y.grad_fn))
    exponential = x.exp()
    assert exponential.grad_fn._saved_result.grad_fn is exponential.grad_fn
    assert (x @ w).grad_fn._saved_mat2 is w and x.sum().grad_fn._saved_self_sym_sizes == (3,)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="freed"):
        _ = y.grad_fn._saved_self
    with pytest.raises(AttributeError, match="what it saved: _saved_"):
        _ = x.exp().grad_fn._saved_exponent


# ---- Hooks -----------------------------------------------------------------------------------------------------------------


def test_hooks_run_in_their_order(x):
    order = []
    y = x * 2
    y.retain_grad()
    y.grad_fn.register_hook(lambda inputs, outputs: order.append("node, after"))
    y.grad_fn.register_prehook(lambda outputs: order.append("node, before"))
    y.register_hook(lambda grad: order.append("tensor"))
    y.register_hook(lambda grad: grad * 10)
    accumulator = y.grad_fn.next_functions[0][0]
    accumulator.register_hook(lambda inputs, outputs: order.append("leaf's node, after"))
    accumulator.register_prehook(lambda outputs: order.append("leaf's node, before"))
    x.register_post_accumulate_grad_hook(lambda leaf: order.append("accumulated"))
    x.register_hook(lambda grad: order.append("leaf"))
    y.sum().backward()
    assert order == [
        "tensor",
        "node, before",
        "node, after",
        "leaf",
        "leaf's node, before",
        "accumulated",
        "leaf's node, after",
    ]
    assert y.grad.tolist() == [10, 10, 10] and x.grad.tolist() == [20, 20, 20]


def test_node_hooks_replace_gradients(x):
    y = x * 2
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 10,))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] + 1, *inputs[1:]))
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [21, 21, 21]


def test_a_hook_stays_with_the_value_the_tensor_had(x):
    seen = []
    y = x * 2
    y.register_hook(lambda grad: seen.append(("old", grad.tolist())))
    y.mul_(3)
    y.register_hook(lambda grad: seen.append(("new", grad.tolist())))
    y.sum().backward()
    assert seen == [("new", [1, 1, 1]), ("old", [3, 3, 3])]


def test_hooks_see_one_output_among_several(x):
    a, b, _ = (x * 2).unbind()
    seen = []
    b.register_hook(lambda grad: seen.append(grad.item()))
    b.retain_grad()
    (a * b).backward()
    assert seen == [2] and b.grad.item() == 2 and x.grad.tolist() == [8, 4, 0]


def test_a_hook_may_differentiate(x):
    w = torch.tensor(5.0, requires_grad=True)

    def hook(grad):
        with torch.enable_grad():
            (w * 3).backward()

    y = x * 2
    y.register_hook(hook)
    y.sum().backward()
    assert w.grad.item() == 3 and x.grad.tolist() == [2, 2, 2]


def test_an_optimizer_step_inside_backward():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.5)

    def step(leaf):
        optimizer.step()
        optimizer.zero_grad()

    w.register_post_accumulate_grad_hook(step)
    (w**2).sum().backward()
    assert w.tolist() == [0, 0] and w.grad is None


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (torch.ones(2), RuntimeError, r"hook '<lambda>' has changed the size of value"),
        (torch.ones(3, dtype=torch.float64), RuntimeError, r"hook '<lambda>' has changed the type of value"),
        (1.0, TypeError, r"hook '<lambda>' returned 'float'"),
    ],
)
def test_what_a_hook_may_not_return(x, returned, error, message):
    y = x * 2
    y.register_hook(lambda grad: returned)
    with pytest.raises(error, match=message):
        y.sum().backward()


def test_hooks_on_saved_tensors_pack_what_is_saved(x):
    packed = []

    def pack(tensor):
        packed.append(tensor.detach().clone())
        return len(packed) - 1

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda number: packed[number]):
        y = x[torch.tensor([0, 0, 2])].exp()
        z = torch.nn.functional.dropout(y * y, 0.5)
    z.sum().backward()
    expected = torch.zeros(3).index_add(0, torch.tensor([0, 0, 2]), 2 * y.detach() ** 2 * (z.detach() != 0) * 2)
    np.testing.assert_allclose(x.grad.numpy(), expected.numpy(), rtol=1e-6)
    assert len(packed) == 5  # the index, exp's result, twice y, and dropout's mask


# ---- Edges and the rules of backward ---------------------------------------------------------------------------------------


def test_gradient_edges_stand_for_tensors(x):
    y = x * 2
    z = (y**2).sum()
    edge, end = torch.autograd.graph.get_gradient_edge(y), torch.autograd.graph.get_gradient_edge(z)
    del y
    assert torch.autograd.grad(z, edge, retain_graph=True)[0].tolist() == [4, 8, 12]
    assert torch.autograd.grad(end, x, retain_graph=True)[0].tolist() == [8, 16, 24]
    torch.autograd.backward(end, inputs=[torch.autograd.graph.get_gradient_edge(x)])
    assert x.grad.tolist() == [8, 16, 24]


def test_only_the_given_inputs_get_a_gradient(x):
    w = torch.ones(3, requires_grad=True)
    y = x * w
    (y * y).sum().backward(inputs=[y, w])
    assert x.grad is None and y.grad.tolist() == [2, 4, 6] and w.grad.tolist() == [2, 8, 18]


def test_a_leaf_that_was_switched_off_gets_nothing(x):
    y = (x * 2).sum()
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None


def test_unused_inputs(x):
    other = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="at index 1 appears to not have been used"):
        torch.autograd.grad(x.sum(), [x, other])
    assert torch.autograd.grad(x.sum(), [x, other], allow_unused=True)[1] is None
    (zeros,) = torch.autograd.grad(x.sum(), [other], materialize_grads=True, create_graph=True)
    assert zeros.tolist() == [0, 0] and zeros.requires_grad
    with pytest.raises(ValueError, match="allow_unused"):
        torch.autograd.grad(x.sum(), [x], allow_unused=False, materialize_grads=True)


def test_the_first_gradient_is_never_the_caller_s_array(x):
    given = torch.ones(3)
    (x * 1).backward(given)
    x.grad.add_(5)
    assert given.tolist() == [1, 1, 1]
    (same,) = torch.autograd.grad(x, x, given)
    same.add_(5)
    assert given.tolist() == [1, 1, 1]


def test_mixed_dtypes_give_each_input_its_own(x):
    half, double = (
        torch.ones(3, dtype=torch.float16, requires_grad=True),
        torch.ones(3, dtype=torch.float64, requires_grad=True),
    )
    (half * x * double).sum().backward()
    assert [each.grad.dtype for each in (half, x, double)] == [torch.float16, torch.float32, torch.float64]


# ---- gradcheck -------------------------------------------------------------------------------------------------------------


class Slanted(torch.autograd.Function):
    """The identity, whose gradient is wrong at one element."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        grad = grad.clone()
        grad[1, 2] *= 1.5
        return grad


def test_gradcheck_reports_input_element_and_both_values():
    ok, bad = (torch.rand(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    with pytest.raises(
        torch.autograd.GradcheckError,
        match=r"output 0 with respect to input 1: at element \(1, 2\) of the input.*analytic 1\.5, numeric 1",
    ):
        torch.autograd.gradcheck(lambda a, b: a + Slanted.apply(b), (ok, bad))
    assert not torch.autograd.gradcheck(Slanted.apply, bad, raise_exception=False)
    assert not torch.autograd.gradcheck(Slanted.apply, bad, raise_exception=False, fast_mode=True)
    assert torch.autograd.gradcheck(lambda a: a * 2, ok) and torch.autograd.gradgradcheck(lambda a: a**3, ok)


def test_gradgradcheck_finds_a_wrong_second_derivative():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 3 * (x * x.detach()) * grad  # right in value, half of the derivative lost

    x = torch.rand(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Wrong.apply, x)
    with pytest.raises(torch.autograd.GradcheckError):
        torch.autograd.gradgradcheck(Wrong.apply, x)


def test_gradcheck_finds_what_is_lost_from_the_graph():
    x = torch.rand(3, dtype=torch.float64, requires_grad=True)
    with pytest.raises(torch.autograd.GradcheckError, match="no output requires grad, but output 0 depends on input 0"):
        torch.autograd.gradcheck(lambda a: a.detach() * 2, x)
    with pytest.raises(torch.autograd.GradcheckError):
        torch.autograd.gradcheck(lambda a: a * a.detach(), x)
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        torch.autograd.gradcheck(lambda a: a, torch.ones(2))
