"""Module, containers and hooks: the same scenario in PyTorch and here leaves the same trace."""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import framework  # noqa: E402

Trace = list[Any]
SCENARIOS: list[Callable[[Any], Trace]] = []


def scenario(function: Callable[[Any], Trace]) -> Callable[[Any], Trace]:
    SCENARIOS.append(function)
    return function


def plain(value: Any) -> Any:
    """What can be compared: tensors as lists, errors as their kind."""
    if isinstance(value, (torch.Tensor, framework.Tensor)):
        return np.round(value.detach().numpy(), 5).tolist()
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, str):
        return value.replace("framework.", "torch.").replace("torch.tensor.Tensor", "torch.Tensor")
    return value


def error_of(function: Callable[[], Any], *, words: bool = False) -> Any:
    """The kind of error, and its message where it should be PyTorch's."""
    try:
        result = function()
    except Exception as error:
        return [type(error).__name__, str(error).split("\n  in module")[0]] if words else type(error).__name__
    return ["no error", plain(result)]


def net(library: Any) -> Any:
    nn = library.nn

    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)
            self.register_buffer("scale", library.full((2,), 2.0))
            self.register_buffer("unsaved", library.ones(1), persistent=False)
            self.register_parameter("absent", None)

        def forward(self, x: Any, factor: float = 1.0) -> Any:
            return self.linear(x) * self.scale * factor

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = Inner()
            self.second = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
            self.weight = nn.Parameter(library.ones(3))
            self.shared = self.first

        def forward(self, x: Any) -> Any:
            return self.second(self.first(x)) * self.weight

    model = Net()
    with library.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(library.arange(parameter.numel()).reshape(parameter.shape) * 0.1 + i * 0.3 - 0.4)
    return model


@scenario
def walking(library: Any) -> Trace:
    model = net(library)
    return [
        [name for name, _ in model.named_parameters()],
        [name for name, _ in model.named_parameters(prefix="p", recurse=False)],
        [name for name, _ in model.named_parameters(remove_duplicate=False)],
        [name for name, _ in model.named_buffers()],
        [name for name, _ in model.named_modules()],
        [name for name, _ in model.named_modules(remove_duplicate=False)],
        [name for name, _ in model.named_children()],
        len(list(model.modules())),
        len(list(model.buffers())),
        list(model.state_dict()),
        list(model.state_dict(prefix="m.")),
        repr(model),
        [name for name in dir(model) if name in ("first", "weight", "second", "forward")],
        model.get_submodule("second.0") is model.second[0],
        model.get_parameter("second.0.bias") is model.second[0].bias,
        model.get_buffer("first.scale") is model.first.scale,
        error_of(lambda: model.get_submodule("second.7"), words=True),
        error_of(lambda: model.get_submodule("weight"), words=True),
        error_of(lambda: model.get_parameter("first.scale"), words=True),
        error_of(lambda: model.get_buffer("weight"), words=True),
    ]


@scenario
def attributes(library: Any) -> Trace:
    nn = library.nn
    model = net(library)
    trace: Trace = []

    def assign(name: str, value: Any) -> Any:
        return lambda: setattr(model, name, value)

    trace.append(error_of(assign("weight", library.ones(3)), words=True))
    trace.append(error_of(assign("first", 3), words=True))
    trace.append(error_of(lambda: setattr(model.first, "scale", 3), words=True))
    trace.append(error_of(lambda: model.missing, words=True))
    trace.append(error_of(lambda: model.register_parameter("a.b", None)))
    trace.append(error_of(lambda: model.register_parameter("", None), words=True))
    trace.append(error_of(lambda: model.register_buffer("forward", library.ones(1)), words=True))
    trace.append(error_of(lambda: model.add_module("weight", nn.ReLU()), words=True))
    trace.append(error_of(lambda: model.add_module("x", 3)))
    trace.append(error_of(lambda: model.register_parameter("x", nn.Parameter(library.ones(1)) * 2)))
    model.first.scale = library.ones(2)
    model.weight = None
    trace.append([name for name, _ in model.named_parameters()])
    trace.append(model.weight)
    model.second = nn.Identity()
    trace.append([name for name, _ in model.named_children()])
    del model.first
    trace.append(error_of(lambda: delattr(model, "first")))
    trace.append([name for name, _ in model.named_modules()])
    model.extra = nn.Parameter(library.zeros(1))
    model.extra = nn.Parameter(library.ones(1))
    trace.append(list(model.state_dict()))

    class Early(nn.Module):
        def __init__(self) -> None:
            self.weight = nn.Parameter(library.ones(1))

    trace.append(error_of(Early, words=True))

    class EarlyModule(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.ReLU()

    trace.append(error_of(EarlyModule, words=True))
    trace.append(error_of(lambda: nn.Module()(1)))
    return trace


@scenario
def modes(library: Any) -> Trace:
    model = net(library)
    trace = [model.training, model.eval() is model, [each.training for each in model.modules()]]
    model.train()
    trace.append([each.training for each in model.modules()])
    trace.append(error_of(lambda: model.train(1), words=True))
    trace.append([each.requires_grad for each in model.requires_grad_(False).parameters()])
    seen: list[str] = []
    model.apply(lambda module: seen.append(type(module).__name__))
    trace.append(seen)
    model.requires_grad_(True)
    model(library.ones(1, 2)).sum().backward()
    model.zero_grad(set_to_none=False)
    trace.append([each.grad.sum().item() for each in model.parameters()])
    model.zero_grad()
    trace.append([each.grad for each in model.parameters()])
    model.double()
    trace.append([str(each.dtype) for each in (*model.parameters(), *model.buffers())])
    model.to(library.float32)
    trace.append([str(each.dtype) for each in (*model.parameters(), *model.buffers())])
    trace.append(model.to("cpu") is model)
    trace.append(error_of(lambda: model.to(library.int64)))
    trace.append(str(model.half().weight.dtype))
    return trace


@scenario
def states(library: Any) -> Trace:
    source, target = net(library), net(library)
    with library.no_grad():
        for parameter in source.parameters():
            parameter.add_(1)
    state = source.state_dict()
    trace: Trace = [str(target.load_state_dict(state)), plain(target.state_dict())]
    trace.append(all(not value.requires_grad for value in state.values()))
    trace.append(
        all(value.requires_grad for key, value in source.state_dict(keep_vars=True).items() if "scale" not in key)
    )
    changed = OrderedDict(state)
    del changed["second.0.bias"]
    changed["new"] = library.ones(1)
    changed["first.nowhere"] = library.ones(1)
    trace.append(error_of(lambda: target.load_state_dict(changed), words=True))
    result = target.load_state_dict(changed, strict=False)
    trace.append([result.missing_keys, result.unexpected_keys])
    misfit = OrderedDict(state)
    misfit["weight"] = library.ones(4)
    trace.append(error_of(lambda: target.load_state_dict(misfit), words=True))
    trace.append(error_of(lambda: target.load_state_dict(misfit, strict=False), words=True))
    trace.append(error_of(lambda: target.load_state_dict([1])))
    parameter = target.weight
    target.load_state_dict({**state, "weight": library.full((3,), 7.0)}, assign=True)
    trace.append([plain(target.weight), target.weight is parameter, target.weight.requires_grad])
    copied = copy.deepcopy(source)
    with library.no_grad():
        copied.weight.zero_()
    trace.append([plain(source.weight), copied.shared is copied.first])
    return trace


@scenario
def state_hooks(library: Any) -> Trace:
    model = net(library)
    trace: Trace = []
    handles = [
        model.register_state_dict_pre_hook(lambda module, prefix, keep_vars: trace.append(["pre", prefix, keep_vars])),
        model.register_state_dict_post_hook(
            lambda module, state, prefix, metadata: trace.append(["post", len(state), prefix])
        ),
        model.register_load_state_dict_pre_hook(
            lambda module, state, prefix, *rest: trace.append(["load", prefix, len(rest)])
        ),
        model.register_load_state_dict_post_hook(
            lambda module, keys: trace.append(["loaded", list(keys.missing_keys)])
        ),
    ]
    state = model.state_dict()
    model.load_state_dict(state)
    for handle in handles:
        handle.remove()
    model.load_state_dict(model.state_dict())
    return trace


@scenario
def forward_hooks(library: Any) -> Trace:
    model = net(library)
    x = library.ones(1, 2)
    trace: Trace = []
    first = model.first.register_forward_pre_hook(lambda module, args: trace.append(["pre", plain(args)]))
    model.first.register_forward_pre_hook(lambda module, args: (args[0] * 2,), prepend=True)
    model.first.register_forward_pre_hook(lambda module, args, kwargs: (args, {"factor": 3.0}), with_kwargs=True)
    model.first.register_forward_hook(
        lambda module, args, kwargs, output: trace.append(["hook", plain(args), kwargs, plain(output)]),
        with_kwargs=True,
    )
    model.first.register_forward_hook(lambda module, args, output: output + 1, prepend=True)
    trace.append(plain(model(x)))
    first.remove()
    trace.append(plain(model(x)))
    model.second[0].register_forward_hook(lambda *given: trace.append("always"), always_call=True)
    model.second[0].register_forward_hook(lambda *given: trace.append("never"))
    trace.append(error_of(lambda: model.second(library.ones(1, 7))))
    model.first.register_forward_pre_hook(lambda module, args: args[0] + 1)
    trace.append(plain(model.first(x)))
    return trace


def gradients(values: Any) -> Any:
    return plain(tuple(values))


@scenario
def backward_hooks(library: Any) -> Trace:
    model = net(library)
    trace: Trace = []
    handle = model.second.register_full_backward_hook(
        lambda module, given, received: trace.append(["second", gradients(given), gradients(received)])
    )
    model.first.register_full_backward_hook(lambda module, given, received: (given[0] * 3,))
    model.first.register_full_backward_hook(
        lambda module, given, received: trace.append(["first", gradients(given), gradients(received)])
    )
    model.second.register_full_backward_pre_hook(lambda module, received: (received[0] * 2,))
    x = library.ones(2, 2, requires_grad=True)
    model(x).sum().backward()
    trace.append([gradients([x.grad]), gradients([each.grad for each in model.parameters()])])
    handle.remove()
    with library.no_grad():
        trace.append(plain(model(x)))
    return trace


@scenario
def backward_hooks_of_inputs_without_gradient(library: Any) -> Trace:
    model = net(library)
    trace: Trace = []
    model.register_full_backward_hook(
        lambda module, given, received: trace.append([gradients(given), gradients(received)])
    )
    trace.append(warned(lambda: model(library.ones(2, 2)).sum().backward()))
    trace.append(gradients([each.grad for each in model.parameters()]))
    model.register_full_backward_hook(lambda module, given, received: (library.ones(2, 2),))
    trace.append(error_of(lambda: model(library.ones(2, 2)).sum().backward(), words=True))
    return trace


def warned(function: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return [each.category.__name__ for each in caught]


@scenario
def backward_hooks_with_several_values(library: Any) -> Trace:
    class Several(library.nn.Module):
        def forward(self, a: Any, constant: Any, b: Any) -> Any:
            return a * b, "text", b * 2, a.detach()

    model = Several()
    trace: Trace = []
    model.register_full_backward_hook(
        lambda module, given, received: trace.append([gradients(given), gradients(received)])
    )
    a, b = library.ones(2, requires_grad=True), library.full((2,), 3.0, requires_grad=True)
    first, _, second, third = model(a, library.ones(1), b)
    trace.append([first.requires_grad, second.requires_grad, third.requires_grad])
    (first.sum() + second.sum()).backward()
    trace.append(gradients([a.grad, b.grad]))
    model(a, library.ones(1), b)[2].sum().backward()
    trace.append(gradients([a.grad, b.grad]))
    model.register_full_backward_hook(lambda module, given, received: (given[0],))
    trace.append(error_of(lambda: model(a, library.ones(1), b)[0].sum().backward(), words=True))
    return trace


@scenario
def second_derivatives_through_hooks(library: Any) -> Trace:
    model = library.nn.Tanh()
    model.register_full_backward_hook(lambda module, given, received: (given[0] * 2,))
    x = library.tensor([0.3, -0.7], requires_grad=True)
    (gradient,) = library.autograd.grad(model(x).sum(), x, create_graph=True)
    (second,) = library.autograd.grad(gradient.sum(), x)
    return [gradients([gradient, second])]


@scenario
def sequential(library: Any) -> Trace:
    nn = library.nn
    model = nn.Sequential(OrderedDict([("a", nn.ReLU()), ("b", nn.Tanh()), ("c", nn.Sigmoid())]))
    trace: Trace = [len(model), [type(each).__name__ for each in model], repr(model[1:]), repr(model[-1])]
    model[1] = nn.Identity()
    trace.append(repr(model))
    del model[0]
    trace.append(repr(model))
    model.append(nn.ReLU())
    model.insert(1, nn.Tanh())
    trace.append(repr(model))
    model.extend([nn.ReLU(), nn.Softplus()])
    trace.append([repr(model.pop(1)), repr(model), repr(model + nn.Sequential(nn.ReLU()))])
    trace.append(error_of(lambda: model[9], words=True))
    trace.append(error_of(lambda: nn.Sequential(3)))
    trace.append(error_of(lambda: nn.Sequential()(3)))
    return trace


@scenario
def lists_and_dictionaries(library: Any) -> Trace:
    nn = library.nn
    many = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)] + [nn.ReLU()])
    trace: Trace = [repr(many), len(many), repr(many[1:3]), repr(nn.ModuleList())]
    many.append(nn.Tanh())
    many.insert(0, nn.Identity())
    many.extend([nn.ReLU()])
    many[-1] = nn.Sigmoid()
    del many[1]
    trace.append([repr(many), repr(many.pop(0)), repr(many + [nn.ReLU()]), list(many.state_dict())])
    trace.append(error_of(lambda: many[9], words=True))
    trace.append(error_of(lambda: many.extend(3)))
    trace.append(error_of(lambda: many(1)))
    named = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Linear(1, 1)})
    named["c"] = nn.Tanh()
    named.update([("d", nn.ReLU())])
    trace.append([repr(named), list(named), list(named.keys()), "b" in named, len(named), repr(named.pop("a"))])
    trace.append(error_of(lambda: named["z"]))
    named.clear()
    trace.append(repr(named))
    return trace


@scenario
def parameter_containers(library: Any) -> Trace:
    nn = library.nn
    many = nn.ParameterList([library.ones(2), nn.Parameter(library.zeros(1, 3))])
    many.append(library.ones(1))
    many.extend([library.ones(1)])
    many[0] = nn.Parameter(library.zeros(4))
    trace: Trace = [repr(many), len(many), [tuple(each.shape) for each in many], list(many.state_dict())]
    trace.append([name for name, _ in many.named_parameters()])
    trace.append([repr(many[1:]), error_of(lambda: many[9])])
    named = nn.ParameterDict({"a": library.ones(2), "b": nn.Parameter(library.zeros(1))})
    named["c"] = library.ones(1)
    trace.append([repr(named), list(named), "a" in named, list(named.state_dict()), tuple(named.pop("a").shape)])
    trace.append([list(named.keys()), named.get("z", 3), error_of(lambda: named["z"])])
    return trace


@scenario
def parameters(library: Any) -> Trace:
    nn = library.nn
    data = library.ones(2)
    parameter = nn.Parameter(data, requires_grad=False)
    trace: Trace = [parameter.requires_grad, nn.Parameter(data).requires_grad, isinstance(parameter, library.Tensor)]
    with library.no_grad():
        data.add_(1)
    trace.append([plain(parameter), repr(nn.Parameter(data)), parameter.is_leaf, type(parameter * 1).__name__])
    trace.append(type(copy.deepcopy(parameter)).__name__)
    trace.append(error_of(lambda: nn.Parameter(library.tensor([1]))))
    return trace


@scenario
def extra_state(library: Any) -> Trace:
    class Counting(library.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = library.nn.Linear(1, 1)
            self.count = 3

        def get_extra_state(self) -> Any:
            return {"count": self.count}

        def set_extra_state(self, state: Any) -> None:
            self.count = state["count"]

    model = library.nn.Sequential(Counting())
    state = model.state_dict()
    trace: Trace = [list(state), state["0._extra_state"]]
    model[0].count = 7
    trace.append([str(model.load_state_dict(state)), model[0].count])
    without = {key: value for key, value in state.items() if "extra" not in key}
    trace.append(error_of(lambda: model.load_state_dict(without), words=True))
    trace.append(error_of(lambda: library.nn.ReLU().load_state_dict({"_extra_state": 3}), words=True))
    return trace


@scenario
def states_that_do_not_fit(library: Any) -> Trace:
    ones = library.ones
    fitting = {"0.weight": ones(2, 2), "0.bias": ones(2)}
    trace: Trace = []
    for state in (
        {},
        {"0.weight": ones(2, 2)},
        {**fitting, "0.weight": ones(2, 3), "x": 1},
        {**fitting, "0.weight": 3},
        {**fitting, "0.bias": ones(1)},
        {"0.weight.a": ones(2, 2)},
        {"0": 3},
        {**fitting, "0.weight": ones(2, 2).double()},
        {**fitting, "0.extra": ones(2), "1.w": 1},
    ):
        for strict in (True, False):
            model = library.nn.Sequential(library.nn.Linear(2, 2))
            trace.append(
                error_of(
                    lambda model=model, state=state, strict=strict: str(model.load_state_dict(state, strict)),
                    words=True,
                )
            )
    scalar = library.nn.Module()
    scalar.value = library.nn.Parameter(library.tensor(1.0))
    scalar.load_state_dict({"value": ones(1) * 5})
    trace.append([scalar.value.item(), tuple(scalar.value.shape)])
    return trace


@scenario
def hooks_that_change_what_is_loaded(library: Any) -> Trace:
    model = library.nn.Linear(1, 1)

    def rename(module: Any, state: Any, *rest: Any) -> None:
        if "w" in state:
            state["weight"] = state.pop("w")

    handle = model.register_load_state_dict_pre_hook(rename)
    state = {"w": library.ones(1, 1) * 3, "bias": library.zeros(1)}
    model.load_state_dict(state)
    trace: Trace = [model.weight.item(), list(state)]
    handle.remove()
    model.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    trace.append([str(model.load_state_dict({"weight": library.ones(1, 1)})), model.weight.item()])
    trace.append(error_of(lambda: model.load_state_dict({"extra": 1}), words=True))
    model.register_state_dict_post_hook(lambda module, state, prefix, _: state.update({prefix + "new": 1}))
    trace.append([list(model.state_dict()), list(library.nn.Sequential(model).state_dict())])
    return trace


@scenario
def order_and_removal_of_hooks(library: Any) -> Trace:
    nn = library.nn
    trace: Trace = []
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    for i, layer in enumerate(model):
        layer.register_full_backward_hook(
            lambda _, given, received, i=i: trace.append([i, [each is None or tuple(each.shape) for each in given]])
        )
        layer.register_full_backward_pre_hook(lambda _, received, i=i: trace.append(["pre", i]))
    model(library.ones(4, 2, requires_grad=True)).sum().backward()
    layer = nn.Tanh()
    for prepend in (False, True):
        layer.register_full_backward_hook(lambda *_, p=prepend: trace.append(["hook", p]), prepend=prepend)
        layer.register_full_backward_pre_hook(lambda *_, p=prepend: trace.append(["pre", p]), prepend=prepend)
        layer.register_forward_hook(lambda *_, p=prepend: trace.append(["forward", p]), prepend=prepend)
        layer.register_forward_pre_hook(lambda *_, p=prepend: trace.append(["before", p]), prepend=prepend)
    layer(library.ones(1, requires_grad=True)).backward()

    def once(*_: Any) -> None:
        handle.remove()
        trace.append("once")

    handle = layer.register_forward_hook(once)
    layer(library.ones(1))
    layer(library.ones(1))
    with nn.ReLU().register_forward_hook(lambda *_: trace.append("not called")):
        pass
    twin = copy.deepcopy(layer)
    trace.append("the copy's hooks")
    twin(library.ones(1))
    return trace


@scenario
def hooks_with_keyword_arguments(library: Any) -> Trace:
    class Scale(library.nn.Module):
        def forward(self, x: Any, *, factor: float = 1) -> Any:
            return x * factor

    model = Scale()
    trace: Trace = []
    model.register_forward_pre_hook(lambda _, args, kwargs: (args, {**kwargs, "factor": 5}), with_kwargs=True)
    model.register_forward_hook(lambda _, args, kwargs, output: trace.append([len(args), kwargs]), with_kwargs=True)
    trace.append(model(library.ones(1), factor=2).item())
    model.register_forward_pre_hook(lambda *_: 3, with_kwargs=True)
    trace.append(error_of(lambda: model(library.ones(1))))
    return trace


@scenario
def buffers_and_tied_parameters(library: Any) -> Trace:
    nn = library.nn
    model = nn.Module()
    model.a = nn.Buffer(library.ones(2))
    model.b = nn.Buffer(library.ones(1), persistent=False)
    model.register_buffer("c", None)
    model.d = library.ones(3)
    trace: Trace = [list(model.state_dict()), [name for name, _ in model.named_buffers()], repr(model.a)]
    model.c = library.ones(1)
    del model.a
    model.b = None
    trace.append([list(model.state_dict()), [name for name, _ in model.named_buffers()]])
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    twin = copy.deepcopy(tied)
    trace.append([twin[0].weight is twin[1].weight, len(list(twin.parameters())), list(twin.state_dict())])
    layer = nn.Linear(2, 2)
    layer.bias = None
    trace.append([repr(layer), list(layer.state_dict()), layer(library.zeros(1, 2))])
    shallow = copy.copy(layer)
    trace.append(shallow.weight is layer.weight)
    return trace


@scenario
def submodules_by_path(library: Any) -> Trace:
    nn = library.nn
    model = nn.Sequential(nn.Sequential(nn.ReLU()))
    model.set_submodule("0.0", nn.Tanh())
    model.set_submodule("0.5", nn.Tanh())
    trace: Trace = [repr(model)]
    trace += [
        error_of(lambda: model.set_submodule("9.0", nn.Tanh()), words=True),
        error_of(lambda: model.set_submodule("", nn.Tanh()), words=True),
        error_of(lambda: model.set_submodule("0.0", 3), words=True),
        error_of(lambda: model.set_submodule("0.7", nn.Tanh(), strict=True), words=True),
        error_of(lambda: model.register_module("a.b", nn.ReLU()), words=True),
    ]
    return trace


@scenario
def arithmetic_of_containers(library: Any) -> Trace:
    nn = library.nn
    model = nn.Sequential(nn.ReLU(), nn.Tanh())
    trace: Trace = [repr(model * 2), repr(2 * model), (model * 2)[0] is model[0]]
    trace += [error_of(lambda: model * "a"), error_of(lambda: model * 0, words=True)]
    trace.append(error_of(lambda: model.insert(9, nn.ReLU()), words=True))
    model.insert(-1, nn.GELU())
    model *= 2
    model += nn.Sequential(nn.SELU())
    trace.append(repr(model))
    named = nn.ParameterDict({"b": nn.Parameter(library.zeros(2)), "a": library.zeros(1)})
    trace.append([list(named), list(named.state_dict())])
    named |= nn.ParameterDict({"c": library.zeros(3)})
    trace.append([named.setdefault("d", library.zeros(4)).shape[0], list(reversed(named)), repr(named.copy())])
    trace.append([named.popitem()[0], list((named | {"z": library.zeros(1)}).keys()), list(named.fromkeys(["u"], 3))])
    trace += [error_of(lambda: named(1), words=True), error_of(lambda: nn.ParameterList()(1), words=True)]
    trace += [error_of(lambda: named.update(3)), error_of(lambda: named.update([3]))]
    return trace


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", SCENARIOS, ids=lambda run: run.__name__)
def test_the_same_trace(run: Callable[[Any], Trace]) -> None:
    ours, theirs = plain(run(framework)), plain(run(torch))
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert a == b, f"step {step}"
