"""Optimizers against PyTorch: every option over 50 steps, states that cross both ways, the same errors."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

from torch.testing._internal.common_optimizers import optim_db  # noqa: E402

import framework  # noqa: E402

STEPS = 50
SHAPES = [(), (3,), (4, 5), (2, 3, 3, 3), (0,)]
MATRICES = [(3, 5), (5, 3), (8, 8), (1, 6)]

LISTED = {
    info.optim_cls.__name__: info for info in optim_db if hasattr(framework.optim, info.optim_cls.__name__)
}
DECAYS = [{}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "maximize": True}, {"maximize": True}]
ADAMS = [
    {**decay, **amsgrad, **betas}
    for decay, amsgrad, betas in itertools.product(
        DECAYS, [{}, {"amsgrad": True}], [{}, {"betas": (0.5, 0.7), "eps": 1e-3, "lr": 0.05}]
    )
]
OURS = {
    "SGD": [
        {**decay, **momentum}
        for decay, momentum in itertools.product(
            DECAYS,
            [
                {"lr": 0.1},
                {"momentum": 0.9},
                {"momentum": 0.9, "dampening": 0.3},
                {"momentum": 0.9, "nesterov": True},
            ],
        )
    ],
    "Adam": [*ADAMS, {"weight_decay": 0.1, "decoupled_weight_decay": True}],
    "AdamW": ADAMS,
    "RMSprop": [
        {**decay, **momentum, **centered}
        for decay, momentum, centered in itertools.product(
            DECAYS, [{}, {"momentum": 0.9}], [{}, {"centered": True, "alpha": 0.9, "eps": 1e-2}]
        )
    ],
    "Adagrad": [
        {**decay, **each}
        for decay, each in itertools.product(
            DECAYS, [{}, {"lr_decay": 0.1}, {"initial_accumulator_value": 0.5, "eps": 1e-3}]
        )
    ],
    "Adadelta": [
        {**decay, **each}
        for decay, each in itertools.product(DECAYS, [{}, {"rho": 0.5, "lr": 0.3, "eps": 1e-3}])
    ],
    "Adamax": [
        {**decay, **each}
        for decay, each in itertools.product(DECAYS, [{}, {"betas": (0.5, 0.6), "eps": 1e-3}])
    ],
    "NAdam": [
        {**decay, **each}
        for decay, each in itertools.product(
            DECAYS,
            [{}, {"decoupled_weight_decay": True}, {"momentum_decay": 0.1, "betas": (0.5, 0.6), "eps": 1e-3}],
        )
    ],
    "RAdam": [
        {**decay, **each}
        for decay, each in itertools.product(
            DECAYS, [{}, {"decoupled_weight_decay": True}, {"betas": (0.5, 0.9), "eps": 1e-3}]
        )
    ],
    "LBFGS": [
        {},
        {"lr": 0.1, "max_iter": 4},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "max_iter": 3, "history_size": 2},
        {"line_search_fn": "strong_wolfe", "lr": 30.0, "max_iter": 7},
        {"line_search_fn": "strong_wolfe", "lr": 1e-3, "max_eval": 6},
        {"history_size": 3, "max_iter": 7, "lr": 0.5},
        {"tolerance_change": 1e-2, "line_search_fn": "strong_wolfe"},
        {"tolerance_grad": 1.0},
    ],
    "Muon": [
        {"weight_decay": decay, "nesterov": nesterov, "adjust_lr_fn": adjust}
        for decay, nesterov, adjust in itertools.product(
            [0.0, 0.3], [False, True], [None, "original", "match_rms_adamw"]
        )
    ]
    + [{"ns_steps": 3, "ns_coefficients": (3.0, -4.0, 2.0), "momentum": 0.5, "eps": 1e-3}],
}


def options_of(name):
    listed = [entry.kwargs for entry in LISTED[name].optim_inputs_func(device="cpu")]
    by_tensor = {"lr": torch.tensor(0.01, dtype=torch.float64)}
    return [kwargs for kwargs in listed if not kwargs.get("capturable")] + OURS[name] + [by_tensor]


CASES = [
    pytest.param(name, options, id=f"{name}-{'-'.join(f'{key}={value}' for key, value in options.items())}")
    for name in OURS
    for options in options_of(name)
]


# Each optimizer with what makes its state largest.
FULL = [
    ("SGD", {"momentum": 0.9, "dampening": 0.3}),
    ("SGD", {}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("Adagrad", {"lr_decay": 0.1}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("NAdam", {"momentum_decay": 0.1}),
    ("RAdam", {}),
    ("LBFGS", {"max_iter": 4}),
    ("LBFGS", {"max_iter": 4, "line_search_fn": "strong_wolfe"}),
    ("Muon", {}),
]
ELEMENTWISE = [case for case in FULL if case[0] not in ("LBFGS", "Muon")]


def of_library(library, value):
    """A tensor of either library as one of this library; everything else as it is."""
    if isinstance(value, (torch.Tensor, framework.Tensor)):
        return library.tensor(np.array(value.detach().numpy()))
    if isinstance(value, dict):
        return {key: of_library(library, each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(of_library(library, each) for each in value)
    return value


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small work on two threads is slow where others want them too; bfloat16 products without a processor's own."""
    threads, one_dnn = torch.get_num_threads(), torch._C._get_mkldnn_enabled()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(one_dnn)
    torch.set_num_threads(threads)


class Run:
    """Parameters with a curved, noisy loss, and an optimizer of one library."""

    def __init__(self, library, name, options, dtype, shapes=None):
        rng = np.random.default_rng(7)
        shapes = shapes or (MATRICES if name == "Muon" else SHAPES)
        self.library = library
        self.noise = np.random.default_rng(8)
        self.parameters = [
            library.nn.Parameter(library.tensor(np.asarray(rng.standard_normal(shape), dtype)))
            for shape in shapes
        ]
        self.targets = [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
        options = of_library(library, options)
        groups = [
            {"params": self.parameters[:2]},
            {"params": self.parameters[2:], "lr": 0.5 * float(options.get("lr", 1e-2))},
        ]
        self.by_closure = name == "LBFGS"
        self.optimizer = getattr(library.optim, name)(
            self.parameters if self.by_closure else groups, **options
        )
        self.options = options

    def step(self, without=()):
        if self.by_closure:
            return float(self.optimizer.step(self.closure).detach())
        for parameter, target in zip(self.parameters, self.targets, strict=True):
            values = parameter.detach().numpy()
            gradient = np.tanh(values - target) + 0.3 * self.noise.standard_normal(values.shape)
            parameter.grad = self.library.tensor(np.asarray(gradient, values.dtype))
        for parameter in without:
            parameter.grad = None
        return self.optimizer.step()

    def closure(self):
        self.optimizer.zero_grad()
        loss = 0
        for scale, (parameter, target) in enumerate(zip(self.parameters, self.targets, strict=True), 1):
            distance = parameter - self.library.tensor(target)
            loss = loss + (scale * distance**2 + distance**4 / scale).sum()
        loss.backward()
        return loss

    def values(self):
        return [parameter.detach().numpy().copy() for parameter in self.parameters]


def assert_same_state(ours, theirs, rtol):
    """Two states of one structure, in either library, with close numbers."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs) or set(ours) == set(theirs)
        for key in theirs:
            assert_same_state(ours[key], theirs[key], rtol)
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same_state(one, other, rtol)
    elif isinstance(theirs, torch.Tensor) and isinstance(ours, float):
        # LBFGS with a tensor for lr: PyTorch keeps the tensor as the step's length.
        assert ours == pytest.approx(theirs.item(), rel=rtol)
    elif isinstance(theirs, torch.Tensor):
        assert isinstance(ours, framework.Tensor)
        assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=rtol, atol=rtol)
    elif isinstance(theirs, float):
        np.testing.assert_allclose(float(ours), theirs, rtol=rtol, atol=rtol)
    else:
        assert ours == theirs


@pytest.mark.parametrize(("name", "options"), CASES)
def test_fifty_steps_agree_in_float64(name, options):
    ours, theirs = Run(framework, name, options, np.float64), Run(torch, name, options, np.float64)
    # PyTorch computes with a float32 tensor for lr in float32, where a number is float64.
    by_tensor = isinstance(options.get("lr"), torch.Tensor) and options["lr"].dtype == torch.float32
    tolerance = 1e-6 if by_tensor else 1e-9
    # A step of LBFGS is 20 iterations, and as many evaluations.
    for number in range(15 if name == "LBFGS" else STEPS):
        assert (ours.step() or 0) == pytest.approx(theirs.step() or 0, rel=tolerance, abs=tolerance)
        if number % 10 in (0, 9):
            for own, other in zip(ours.values(), theirs.values(), strict=True):
                np.testing.assert_allclose(own, other, rtol=tolerance, atol=tolerance)
    assert_same_state(ours.optimizer.state_dict(), theirs.optimizer.state_dict(), 10 * tolerance)


@pytest.mark.parametrize(("name", "options"), ELEMENTWISE)
def test_parameters_of_more_than_one_chunk_agree(name, options):
    ours, theirs = [
        Run(library, name, options, np.float64, [(7,), (2, 2), (180, 191)]) for library in (framework, torch)
    ]
    for _ in range(2):
        ours.step()
        theirs.step()
    for own, other in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-9)


# LBFGS decides by comparing rounded losses, and Muon rounds to bfloat16: a last bit may become a step.
@pytest.mark.parametrize(
    ("name", "options"), [case for case in CASES if case.values[0] not in ("LBFGS", "Muon")]
)
def test_fifty_steps_agree_in_float32(name, options):
    ours, theirs = Run(framework, name, options, np.float32), Run(torch, name, options, np.float32)
    for _ in range(STEPS):
        ours.step()
        theirs.step()
    for own, other in zip(ours.values(), theirs.values(), strict=True):
        assert own.dtype == np.float32
        np.testing.assert_allclose(own, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("source", "target"), [(torch, framework), (framework, torch)], ids=["in", "out"])
@pytest.mark.parametrize(("name", "options"), FULL)
def test_a_state_that_crosses_continues_identically(name, options, source, target):
    first, straight = [Run(source, name, options, np.float64) for _ in range(2)]
    for _ in range(7):
        first.step()
        straight.step()
    second = Run(target, name, options, np.float64)
    for parameter, values in zip(second.parameters, first.values(), strict=True):
        parameter.data = target.tensor(values)
    second.noise = copy.deepcopy(first.noise)
    second.optimizer.load_state_dict(of_library(target, first.optimizer.state_dict()))
    # PyTorch's own load casts some of the state (NAdam's product, in float64), so it must be PyTorch's that is loaded.
    straight.optimizer.load_state_dict(copy.deepcopy(straight.optimizer.state_dict()))
    for _ in range(STEPS):
        straight.step()
        second.step()
    for own, other in zip(second.values(), straight.values(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", OURS)
def test_the_listed_errors_are_raised(name):
    info = LISTED[name]
    for entry in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        given = entry.optimizer_error_input
        if "complex" in given.desc:
            continue  # There are no complex tensors here.
        params = given.params
        if isinstance(params, torch.Tensor):
            params = framework.tensor(params.detach().numpy())
        elif params is not None:
            known = {}
            params = [moved(each, known) for each in params]
        # Duplicates within a group are warned of: PyTorch announces that they will become an error.
        expect = pytest.warns if entry.error_type is UserWarning else pytest.raises
        with expect(entry.error_type, match=entry.error_regex):
            getattr(framework.optim, name)(params, **of_library(framework, given.kwargs))


def moved(value, known):
    """Parameters as ours, the same one for the same one."""
    if isinstance(value, torch.Tensor):
        return known.setdefault(id(value), framework.tensor(value.detach().numpy(), requires_grad=True))
    if isinstance(value, dict):
        return {key: moved(each, known) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(moved(each, known) for each in value)
    return value


@pytest.mark.parametrize("name", OURS)
def test_signature_and_defaults_are_the_same(name):
    import inspect

    ours, theirs = [
        [(each.name, each.kind, each.default) for each in inspect.signature(getattr(library.optim, name)).parameters.values()]
        for library in (framework, torch)
    ]  # fmt: skip
    assert ours == theirs
    shape = (2, 2)
    own, other = [
        getattr(library.optim, name)([library.zeros(shape, requires_grad=True)])
        for library in (framework, torch)
    ]
    assert own.defaults == other.defaults
    assert repr(own) == repr(other)
    assert_same_state(own.state_dict(), other.state_dict(), 0)


@pytest.mark.parametrize(("name", "options"), [*ELEMENTWISE, ("Muon", {})])
def test_parameters_without_gradient_at_some_steps_agree(name, options):
    ours, theirs = [Run(library, name, options, np.float64) for library in (framework, torch)]
    for number in range(30):
        for run in (ours, theirs):
            run.step(without=run.parameters[number % 3 :: 3])
    for own, other in zip(ours.values(), theirs.values(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-9, atol=1e-9)
    assert_same_state(ours.optimizer.state_dict(), theirs.optimizer.state_dict(), 1e-8)


def test_options_changed_between_steps_agree():
    ours, theirs = [Run(library, "SGD", {"lr": 0.1}, np.float64) for library in (framework, torch)]
    changes = [
        {},
        {"momentum": 0.9},
        {"dampening": 0.5},
        {"momentum": 0},
        {"momentum": 0.5},
        {"maximize": True},
    ]
    for change in changes:
        for run in (ours, theirs):
            for group in run.optimizer.param_groups:
                group.update(change)
            run.step()
            run.step()
        for own, other in zip(ours.values(), theirs.values(), strict=True):
            np.testing.assert_allclose(own, other, rtol=1e-12, atol=1e-12)


def test_groups_of_different_dtypes_and_layouts_agree():
    def run(library):
        rng = np.random.default_rng(0)
        wide = library.tensor(rng.standard_normal((6, 8)))
        parameters = [
            library.nn.Parameter(library.tensor(rng.standard_normal(5).astype(np.float32))),
            library.nn.Parameter(wide.t()),
            library.nn.Parameter(wide[:, ::2].t()),  # on the memory of the one before
            library.nn.Parameter(library.tensor(rng.standard_normal((200, 150))).t()),
            library.nn.Parameter(library.tensor(rng.standard_normal((2, 3)))),
        ]
        optimizer = library.optim.Adam(parameters, lr=0.1, weight_decay=0.1)
        for _ in range(5):
            for parameter in parameters:
                values = np.asarray(
                    rng.standard_normal(tuple(parameter.shape)[::-1]).T, parameter.detach().numpy().dtype
                )
                parameter.grad = library.tensor(values)
            optimizer.step()
        return [parameter.detach().numpy() for parameter in parameters]

    for own, other in zip(run(framework), run(torch), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6 if own.dtype == np.float32 else 1e-11)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop"])
def test_a_parameter_twice_in_a_group_warns_and_is_updated_twice(name):
    def run(library):
        first, second = [library.nn.Parameter(library.full((3,), value, dtype=library.float64)) for value in (1.0, 2.0)]
        options = {"momentum": 0.9, "dampening": 0.3, "lr": 0.1} if name == "SGD" else {}
        with pytest.warns(UserWarning, match="contains a parameter group with duplicate parameters"):
            optimizer = getattr(library.optim, name)([first, first, second], weight_decay=0.1, **options)
        for _ in range(4):
            optimizer.zero_grad()
            (first**2 * second).sum().backward()
            optimizer.step()
        state = optimizer.state_dict()
        return [*first.tolist(), *second.tolist()], state["param_groups"][0]["params"], sorted(state["state"])

    (ours, *numbers), (theirs, *expected) = run(framework), run(torch)
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert numbers == expected
