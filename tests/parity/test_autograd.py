"""The engine as a user sees it, side by side with PyTorch: each scenario runs in both and must note down the same."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import framework

torch = pytest.importorskip("torch")

Note = Callable[..., None]
SCENARIOS: list[Callable[[Any, Note], None]] = []


def scenario(function: Callable[[Any, Note], None]) -> Callable[[Any, Note], None]:
    SCENARIOS.append(function)
    return function


def played(function: Callable[[Any, Note], None], library: Any) -> list[str]:
    notes: list[str] = []

    def note(*values: Any) -> None:
        notes.append(re.sub("0x[0-9a-f]+", "0x", " ".join(str(value) for value in values)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(library, note)
    return notes


def refused(call: Callable[[], Any]) -> str:
    """The kind of error that a call raises; ``done`` if it raises none."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "done"


@scenario
def what_a_tensor_knows_of_its_graph(T, note):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    note(x.is_leaf, x.grad_fn, x.output_nr, y.is_leaf, y.grad_fn, y.output_nr, y.retains_grad)
    note(
        y.grad_fn.name(), y.grad_fn.next_functions[0][0].variable is x, y.grad_fn.next_functions[1], y.grad_fn.metadata
    )
    note(y.grad_fn is y.grad_fn, isinstance(y.grad_fn, T.autograd.graph.Node), (y * y).grad_fn.next_functions)
    note(refused(lambda: T.tensor([1], requires_grad=True)), refused(lambda: T.tensor([1]).requires_grad_()))
    note(refused(lambda: y.requires_grad_(False)), y.requires_grad_().requires_grad)
    detached = y.detach()
    detached[0] = 7
    note(y.tolist(), detached.requires_grad, y._version, detached._version)
    z = x * 3
    z.detach_()
    note(z.requires_grad, z.is_leaf, z.grad_fn, refused(lambda: (x * 1).view(2, 1).detach_()))
    values, _ = T.tensor([3.0, 1.0], requires_grad=True).sort()
    note(values.output_nr, values.grad_fn.name())


@scenario
def saved_values_of_nodes(T, note):
    a = T.tensor([5.0], requires_grad=True)
    b = T.tensor([2.0], requires_grad=True)
    y = a.pow(2)
    note(
        y.grad_fn._saved_self is a,
        y.grad_fn._saved_exponent,
        (a * b).grad_fn._saved_self,
        (a * b).grad_fn._saved_other is b,
    )
    exponential = a.exp()
    note(exponential.grad_fn._saved_result, exponential.grad_fn._saved_result.grad_fn is exponential.grad_fn)
    matrix = T.ones(2, 3, requires_grad=True)
    note(matrix.sum().grad_fn._saved_self_sym_sizes, (matrix @ matrix.t()).grad_fn._saved_mat2.shape)
    note(
        matrix.max(1)[0].grad_fn._saved_indices,
        matrix.sum(0).grad_fn._saved_keepdim,
        matrix.softmax(0).grad_fn._saved_dim,
    )
    y.backward()
    note(refused(lambda: y.grad_fn._saved_self), refused(lambda: y.grad_fn._saved_nothing))


@scenario
def what_backward_refuses(T, note):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    unused = T.ones(2, requires_grad=True)
    grad = T.autograd.grad
    note(refused(lambda: (x * 2).backward()), refused(lambda: (x * 2).backward(T.ones(3))), refused(T.ones(1).backward))
    note(
        refused(lambda: T.autograd.backward([x.sum(), x.sum()], [T.ones(())])),
        refused(lambda: x.sum().backward(inputs=[])),
    )
    note(
        refused(lambda: grad(x.sum(), [])),
        refused(lambda: grad(x.sum(), T.ones(2))),
        refused(lambda: grad(T.ones(2), x)),
    )
    note(
        refused(lambda: grad(x.sum(), [x], allow_unused=False, materialize_grads=True)), refused(lambda: grad(x * 2, x))
    )
    note(refused(lambda: grad(x.sum(), [x, unused])), grad(x.sum(), [x, unused], allow_unused=True))
    note(grad(x.sum(), [x, unused], materialize_grads=True))
    note(grad(x.sum(), [unused], materialize_grads=True, create_graph=True))
    note(refused(lambda: grad((x * 2, x * 3), (x,), (T.ones(2), None))), grad((x * 2).sum(), x, T.tensor(3.0)), x.grad)
    once = (x * x).sum()
    once.backward()
    note(refused(once.backward))
    again = (x + 1).sum()  # nothing was saved, so nothing was freed
    again.backward()
    note(refused(again.backward), x.grad)
    for wrong in (T.ones(3), 3, T.ones(2, dtype=T.float64), x):
        note(refused(lambda wrong=wrong: setattr(x, "grad", wrong)))


@scenario
def which_gradients_are_written(T, note):
    x, y = T.tensor([1.0, 2.0], requires_grad=True), T.tensor([3.0, 4.0], requires_grad=True)
    z = x * y
    (z * z).sum().backward(inputs=[x])
    note(x.grad, y.grad)
    z = x * y
    (z * z).sum().backward(inputs=[z])
    note(z.grad, y.grad)
    z = x * y
    note(T.autograd.grad((z * z).sum(), (z, x), retain_graph=True), T.autograd.grad((z * z).sum(), (z, z)))
    note(T.autograd.grad(x, x, T.ones(2)), x.grad)
    one = T.tensor([[2.0]], requires_grad=True)
    (one * 3).backward()
    T.autograd.backward((one * 1, one * 2), (T.ones(1, 1), None))
    note(one.grad)
    switched = T.ones(2, requires_grad=True)
    result = (switched * 2).sum()
    switched.requires_grad_(False)
    result.backward()
    note(switched.grad)


@scenario
def gradients_in_a_batch(T, note):
    x, unused = T.tensor([1.0, 2.0], requires_grad=True), T.ones(2, requires_grad=True)
    y = x**2
    note(T.autograd.grad(y, x, T.eye(2), is_grads_batched=True, retain_graph=True))
    note(T.autograd.grad(y, (x, unused), T.eye(2), is_grads_batched=True, retain_graph=True, allow_unused=True))
    note(refused(lambda: T.autograd.grad(y, x, T.eye(3), is_grads_batched=True, retain_graph=True)))
    note(refused(lambda: T.autograd.grad(y, x, is_grads_batched=True, retain_graph=True)))
    note(T.autograd.grad((x**2, x**3), (x,), (T.eye(2), T.eye(2)), is_grads_batched=True))
    (slope,) = T.autograd.grad(y, x, T.eye(2), is_grads_batched=True, create_graph=True)
    note(T.autograd.grad(slope.sum(), x))


@scenario
def hooks_of_tensors(T, note):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: note("first", g))
    handle = y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: note("third", g))
    x.register_hook(lambda g: note("leaf", g))
    x.register_post_accumulate_grad_hook(lambda t: note("after", t.grad))
    y.retain_grad()
    (y * 3).sum().backward()
    note(x.grad, y.grad)
    handle.remove()
    handle.remove()
    note(refused(lambda: T.ones(2).register_hook(print)), refused(lambda: y.register_post_accumulate_grad_hook(print)))
    for wrong in (T.ones(3), T.ones(2, dtype=T.float64), 3):
        y = x * 2
        y.register_hook(lambda g, wrong=wrong: wrong)
        note(refused(y.sum().backward))
    z = x * 2  # hooks belong to the value that the tensor had
    z.register_hook(lambda g: note("before the change", g))
    z.mul_(3)
    z.register_hook(lambda g: note("after the change", g))
    z.retain_grad()
    z.sum().backward()
    note(z.grad)
    a, b, _ = (T.tensor([3.0, 1.0, 2.0], requires_grad=True) * 2).unbind()
    b.retain_grad()
    b.register_hook(lambda g: g * 10)
    (a * b).backward()
    note(b.grad)


@scenario
def hooks_of_nodes(T, note):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * T.tensor([3.0, 4.0])
    y.register_hook(lambda g: note("tensor"))
    y.grad_fn.register_prehook(lambda g: note("before", g))
    y.grad_fn.register_hook(lambda gi, go: note("after", gi, go))
    accumulator = y.grad_fn.next_functions[0][0]
    x.register_hook(lambda g: note("leaf"))
    accumulator.register_prehook(lambda g: note("before accumulating", g))
    x.register_post_accumulate_grad_hook(lambda g: note("accumulated"))
    accumulator.register_hook(lambda gi, go: note("after accumulating", gi, go))
    y.sum().backward()
    y = x * 2
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 10,) + gi[1:])
    y.grad_fn.register_prehook(lambda go: (go[0] * 10,))
    note(T.autograd.grad(y.sum(), x))
    for wrong in ((1, 2, 3), ()):
        y = x * 2
        y.grad_fn.register_hook(lambda gi, go, wrong=wrong: wrong)
        note(refused(y.sum().backward))


@scenario
def hooks_of_several_tensors(T, note):
    a, b, c = (T.tensor(float(i + 1), requires_grad=True) for i in range(3))
    register = T.autograd.graph.register_multi_grad_hook
    handle = register((a, b, c), lambda gradients: note("all", gradients))
    (a * b).backward()
    (a * c).backward()
    handle.remove()
    (a * b).backward()
    handle = register((a, b), lambda gradient: note("any", gradient), mode="any")
    (b * 2).backward()
    note(refused(lambda: register((a,), print, mode="other")))


@scenario
def gradient_edges(T, note):
    graph = T.autograd.graph
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    z = (y**2).sum()
    edge = graph.get_gradient_edge(y)
    note(edge.node is y.grad_fn, edge.output_nr, graph.get_gradient_edge(x).node.variable is x)
    note(T.autograd.grad(z, edge, retain_graph=True), T.autograd.grad(graph.get_gradient_edge(z), x, retain_graph=True))
    T.autograd.backward(graph.get_gradient_edge(z), retain_graph=True)
    z.backward(inputs=[graph.get_gradient_edge(x)], retain_graph=True)
    note(x.grad, refused(lambda: graph.get_gradient_edge(T.ones(2))))
    graph.increment_version([y])
    note(y._version)


@scenario
def hooks_on_saved_tensors(T, note):
    graph = T.autograd.graph
    x = T.tensor([1.0, 2.0], requires_grad=True)

    def noted(what, value):
        note(what, value.detach())
        return value

    with graph.saved_tensors_hooks(lambda t: noted("pack", t) * 2, lambda t: noted("unpack", t) / 2):
        z = (x * x).exp()
    z.sum().backward()
    note(x.grad)
    with graph.saved_tensors_hooks(lambda t: t.detach().tolist(), lambda t: 3):
        y = x**2
    note(refused(y.sum().backward))
    with graph.disable_saved_tensors_hooks("not here"):
        note(refused(graph.saved_tensors_hooks(lambda t: t, lambda t: t).__enter__))
    with graph.saved_tensors_hooks(lambda t: noted("outer", t), lambda t: t):
        with graph.saved_tensors_hooks(lambda t: noted("inner", t), lambda t: t):
            y = x**2
        y = x**2

    def failing(tensor):
        raise ValueError("pack failed")

    with graph.saved_tensors_hooks(failing, lambda t: t):
        note(refused(lambda: x**2))
    with graph.save_on_cpu():
        (x**2).sum().backward()
    note(x.grad)


@scenario
def versions(T, note):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.add_(1)
    view = y[0]
    view.mul_(2)
    note(y._version, view._version, y, refused(lambda: setattr(y, "_version", 3)))
    y.detach().zero_()
    y.data.zero_()
    note(y._version)
    z = T.ones(2)
    z[0] = 3
    z.copy_(T.ones(2))
    z += 1
    z.uniform_()
    z.numpy()[0] = 1
    T.add(z, z, out=z)
    note(z._version)


@scenario
def changes_in_place_that_are_refused(T, note):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    note(refused(lambda: x.add_(1)), refused(lambda: x.__setitem__(0, 1)), refused(lambda: x.view(2, 1).mul_(2)), x)

    def spoiled(make):
        y = x * 2
        result, changed = make(y)
        changed.add_(1)
        return refused(result.sum().backward)

    note(spoiled(lambda y: (y.exp().clone(), y)), spoiled(lambda y: (y * y, y)), spoiled(lambda y: [y.sigmoid()] * 2))
    note(
        spoiled(lambda y: (y + 1, y)),
        spoiled(lambda y: (y.exp().sum(), y)),
        spoiled(lambda y: ((y**2).sum(), y.detach())),
    )
    constant = T.ones(2)
    y = x * constant
    constant[0] = 3
    note(refused(y.sum().backward))
    note(refused(lambda: constant.add_(T.ones(3))), refused(lambda: T.ones(2, dtype=T.int64).add_(1.5)))
    note(refused(lambda: T.ones(1).expand(3).add_(1)), refused(lambda: T.add(x, x, out=constant)), constant)


@scenario
def changes_in_place_that_are_right(T, note):
    x = T.ones(2, 3, requires_grad=True)
    base = x * 2
    row, column = base[0], base[:, 1]
    row.mul_(x[1] * 5)
    note(base.tolist(), column.tolist(), type(base.grad_fn).__name__)
    (base * column.sum()).sum().backward()
    note(x.grad)
    zeros = T.zeros(2, 3)
    row = zeros[0]
    row += x[0]
    note(zeros.requires_grad, row.requires_grad, zeros[1].requires_grad)
    zeros.sum().backward()
    v = T.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = v * 1
    y[0] = v[1] * v[2]
    y[1:] = 0
    y.sum().backward()
    z = T.zeros(3)
    z[T.tensor([0, 0, 1])] = v
    z.sum().backward()
    h = T.zeros(5)
    for i in range(3):
        h = h.clone()
        h[i] = h[i - 1] + v[i] ** 2
    h.sum().backward()
    note(x.grad, v.grad)


@scenario
def grad_modes(T, note):
    x = T.ones(2, requires_grad=True)
    with T.no_grad():
        note(T.is_grad_enabled(), (x * 2).requires_grad)
        with T.enable_grad():
            note((x * 2).requires_grad)
        note(T.is_grad_enabled())

    @T.no_grad()
    def numbers():
        note("start", T.is_grad_enabled())
        sent = yield T.is_grad_enabled()
        note("sent", sent, T.is_grad_enabled())
        try:
            yield 2
        except ValueError:
            yield T.is_grad_enabled()
        return 9

    generator = numbers()
    note(
        next(generator), T.is_grad_enabled(), generator.send("s"), generator.throw(ValueError("v")), T.is_grad_enabled()
    )
    note(refused(lambda: next(generator)))

    @T.no_grad
    def plain():
        return T.is_grad_enabled()

    @T.set_grad_enabled(False)
    def switched():
        return T.is_grad_enabled()

    note(plain(), switched(), T.is_grad_enabled())
    T.set_grad_enabled(False)
    note(T.is_grad_enabled())
    T.set_grad_enabled(True)
    seen = []
    with T.no_grad():
        thread = threading.Thread(target=lambda: seen.append(T.is_grad_enabled()))
        thread.start()
        thread.join()
    note(seen, T.is_grad_enabled())


@scenario
def inference_mode(T, note):
    x = T.ones(2, requires_grad=True)
    with T.inference_mode():
        a, b = T.ones(2), x * 2
        note(
            b.requires_grad,
            b.is_inference(),
            T.is_inference_mode_enabled(),
            T.is_grad_enabled(),
            refused(lambda: a._version),
        )
        a.add_(1)
        with T.enable_grad():
            note((x * 2).requires_grad)
        with T.inference_mode(False):
            note((x * 2).requires_grad, T.ones(1).is_inference())
    note(
        refused(lambda: x * a),
        refused(lambda: a.add_(1)),
        refused(lambda: x + a),
        (a * 2).is_inference(),
        a.view(2, 1).is_inference(),
    )

    @T.inference_mode()
    def decorated():
        return T.ones(1).is_inference()

    note(decorated(), a.clone().is_inference())


@scenario
def detect_anomaly(T, note):
    x = T.tensor([-1.0, 0.0], requires_grad=True)

    def differentiate(**options):
        with T.autograd.detect_anomaly(**options):
            (x.sqrt() * 0).sum().backward()

    note(refused(differentiate), refused(lambda: differentiate(check_nan=False)), T.is_anomaly_enabled())
    with T.autograd.set_detect_anomaly(True):
        note(T.is_anomaly_enabled(), T.is_anomaly_check_nan_enabled())
    T.autograd.set_detect_anomaly(True, check_nan=False)
    note(T.is_anomaly_enabled(), T.is_anomaly_check_nan_enabled())
    T.autograd.set_detect_anomaly(False)


@scenario
def dtypes_of_gradients(T, note):
    half = T.tensor([1.0, 2.0], dtype=T.float16, requires_grad=True)
    single = T.tensor([3.0, 4.0], requires_grad=True)
    double = T.tensor([3.0, 4.0], dtype=T.float64, requires_grad=True)
    (half * single + double).sum().backward()
    (single * T.tensor([1, 2])).sum().backward()
    (single * T.tensor([True, False])).sum().backward()
    target = T.zeros(2, dtype=T.float64)
    target.copy_(single)
    target.sum().backward()
    note(half.grad, single.grad, double.grad)


@scenario
def third_derivatives(T, note):
    x = T.tensor([0.3, 0.7], dtype=T.float64, requires_grad=True)
    functions = [
        lambda x: (x.sin() * x.exp()).sum(),
        lambda x: (x.softmax(0) * x).sum(),
        lambda x: x.norm() * x.prod(),
        lambda x: (T.outer(x, x) @ x).tanh().sum(),
        lambda x: T.nn.functional.gelu(x).pow(2).mean(),
        lambda x: T.nn.functional.layer_norm(x, (2,)).sigmoid().sum() + x.cumsum(0).log().sum(),
    ]
    for function in functions:
        value = function(x)
        for _ in range(3):
            (slope,) = T.autograd.grad(value, x, create_graph=True)
            note([f"{each:.10f}" for each in slope.tolist()])
            value = slope.sum()


@scenario
def deep_copies(T, note):
    import copy

    x = T.ones(2, requires_grad=True)
    x.grad = T.ones(2)
    twin = copy.deepcopy(x)
    note(twin, twin.grad, twin.grad is x.grad, refused(lambda: copy.deepcopy(x * 2)))


@pytest.mark.parametrize("function", SCENARIOS, ids=lambda function: function.__name__)
def test_both_note_the_same(function):
    assert played(function, framework) == played(function, torch)
