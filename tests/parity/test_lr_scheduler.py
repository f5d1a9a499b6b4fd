"""Schedules against PyTorch: every option over 60 steps, closed forms, states that cross both ways."""

from __future__ import annotations

import inspect
import itertools
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

import framework  # noqa: E402

STEPS = 60


class Decay:
    """A callable object, whose attributes are part of the state."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return self.rate**epoch


def product(**choices):
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


CASES = {
    "LambdaLR": [
        {"lr_lambda": lambda epoch: 0.95**epoch},
        {"lr_lambda": [lambda epoch: 1 / (1 + epoch), Decay(0.9)]},
    ],
    "MultiplicativeLR": [
        {"lr_lambda": lambda epoch: 1 - 1 / (2 + epoch)},
        {"lr_lambda": [lambda epoch: 0.9, Decay(0.99)]},
    ],
    "StepLR": product(step_size=[1, 7], gamma=[0.1, 0.9]),
    "MultiStepLR": [
        {"milestones": [3, 3, 20]},
        {"milestones": [40, 10], "gamma": 0.5},
        {"milestones": [0, 5], "gamma": 0.5},
    ],
    "ConstantLR": [{}, {"factor": 0.25, "total_iters": 20}, {"factor": 1.0}],
    "LinearLR": [{}, {"start_factor": 0.2, "end_factor": 0.7, "total_iters": 30}, {"end_factor": 0.0}],
    "ExponentialLR": [{"gamma": 0.9}, {"gamma": 1.05}],
    "PolynomialLR": [{}, {"total_iters": 40, "power": 2.5}, {"total_iters": 30, "power": 0.5}],
    "CosineAnnealingLR": [{"T_max": 50}, {"T_max": 13, "eta_min": 0.01}, {"T_max": 1}],
    "CosineAnnealingWarmRestarts": [{"T_0": 10}, {"T_0": 3, "T_mult": 2, "eta_min": 0.002}, {"T_0": 1}],
    "CyclicLR": product(
        base_lr=[0.01, [0.01, 0.02]],
        max_lr=[0.1, [0.3, 0.2]],
        step_size_up=[5],
        step_size_down=[None, 9],
        mode=["triangular", "triangular2", "exp_range"],
        gamma=[0.97],
        cycle_momentum=[True, False],
    )
    + [
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "scale_fn": Decay(0.8), "scale_mode": mode}
        for mode in ("cycle", "iterations")
    ]
    + [{"base_lr": 0.1, "max_lr": 0.2, "base_momentum": [0.5, 0.6], "max_momentum": 0.7, "step_size_up": 6}],
    "OneCycleLR": product(
        max_lr=[0.1, [0.3, 0.2]],
        total_steps=[STEPS + 1],
        anneal_strategy=["cos", "linear"],
        cycle_momentum=[True, False],
        three_phase=[True, False],
    )
    + [
        {
            "max_lr": 0.1,
            "epochs": 9,
            "steps_per_epoch": 7,
            "pct_start": 0.1,
            "div_factor": 3.0,
            "final_div_factor": 7.0,
            "base_momentum": 0.2,
            "max_momentum": [0.3, 0.9],
        }
    ],
    "SWALR": product(
        swa_lr=[0.05, [0.3, 0.001]], anneal_epochs=[0, 1, 25], anneal_strategy=["cos", "linear"]
    ),
}
LISTED = [(name, options) for name, cases in CASES.items() for options in cases]
OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "Adam": {"lr": 0.1},
}


def make_optimizer(library, name="SGD", tensor_lr=False):
    parameters = [library.zeros(2, requires_grad=True) for _ in range(2)]
    options = dict(OPTIMIZERS[name])
    second = 0.02
    if tensor_lr:
        options["lr"], second = [library.tensor(value, dtype=library.float64) for value in (0.1, second)]
    groups = [{"params": parameters[:1]}, {"params": parameters[1:], "lr": second}]
    return getattr(library.optim, name)(groups, **options)


def make(library, name, options, optimizer):
    home = library.optim.swa_utils if name == "SWALR" else library.optim.lr_scheduler
    return getattr(home, name)(optimizer, **options)


def sequence(library, optimizer, last=None):
    schedulers = library.optim.lr_scheduler
    parts = [
        schedulers.LinearLR(optimizer, 0.1, total_iters=5),
        schedulers.CosineAnnealingLR(optimizer, 30),
        last(optimizer) if last else schedulers.ExponentialLR(optimizer, 0.9),
    ]
    return schedulers.SequentialLR(optimizer, parts, [5, 35])


def chain(library, optimizer):
    schedulers = library.optim.lr_scheduler
    return schedulers.ChainedScheduler(
        [schedulers.ConstantLR(optimizer, 0.1, 4), schedulers.ExponentialLR(optimizer, 0.95), schedulers.StepLR(optimizer, 9)]
    )  # fmt: skip


def nested(library, optimizer):
    return library.optim.lr_scheduler.SequentialLR(
        optimizer,
        [sequence(library, optimizer), library.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)],
        [45],
    )


COMBINED = {"sequence": sequence, "chain": chain, "nested": nested}


def plain(value):
    """Numbers of either library as floats."""
    if isinstance(value, (torch.Tensor, framework.Tensor)):
        return value.item()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def seen(scheduler):
    """All that a schedule changes."""
    result = plain(scheduler.get_last_lr())
    for group in scheduler.optimizer.param_groups:
        result += [plain(group["lr"]), group.get("momentum", 0.0), group.get("betas", (0.0,))[0]]
    return result


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


def assert_same_state(ours, theirs):
    assert list(ours) == list(theirs) or set(ours) == set(theirs)
    for key, value in theirs.items():
        if key == "_schedulers":
            for own, other in zip(ours[key], value, strict=True):
                assert_same_state(own, other)
        elif isinstance(value, (list, float)) and key != "lr_lambdas" and key != "_schedule_phases":
            np.testing.assert_allclose(
                np.array(plain(ours[key]), float), np.array(plain(value), float), rtol=1e-12, atol=1e-15
            )
        else:
            assert ours[key] == value, key


def name_of(value):
    return value if isinstance(value, str) else None


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("name", "options"), LISTED, ids=name_of)
def test_sixty_steps_agree(name, options, optimizer):
    ours, theirs = [
        make(library, name, options, make_optimizer(library, optimizer)) for library in (framework, torch)
    ]
    close(seen(ours), seen(theirs))
    for _ in range(STEPS):
        ours.step()
        theirs.step()
        close(seen(ours), seen(theirs))
    assert_same_state(ours.state_dict(), theirs.state_dict())


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize("combination", COMBINED)
def test_sixty_steps_of_a_combination_agree(combination):
    ours, theirs = [COMBINED[combination](library, make_optimizer(library)) for library in (framework, torch)]
    close(seen(ours), seen(theirs))
    for _ in range(STEPS):
        ours.step()
        theirs.step()
        close(seen(ours), seen(theirs))
    assert_same_state(ours.state_dict(), theirs.state_dict())


@pytest.mark.filterwarnings("ignore:Detected call", "ignore:The epoch parameter")
@pytest.mark.parametrize(("name", "options"), LISTED, ids=name_of)
def test_steps_to_a_given_epoch_agree(name, options):
    ours, theirs = [make(library, name, options, make_optimizer(library)) for library in (framework, torch)]
    for epoch in (1, 7, 30, 2, 12):
        ours.step(epoch)
        theirs.step(epoch)
        close(seen(ours), seen(theirs))
    for _ in range(5):
        ours.step()
        theirs.step()
        close(seen(ours), seen(theirs))


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize(
    ("name", "options"), [case for case in LISTED if case[0] not in ("CyclicLR",)], ids=name_of
)
def test_tensor_learning_rates_agree_and_stay_the_same_tensor(name, options):
    runs = []
    for library in (framework, torch):
        optimizer = make_optimizer(library, tensor_lr=True)
        lr = optimizer.param_groups[0]["lr"]
        scheduler = make(library, name, options, optimizer)
        values = []
        for _ in range(STEPS):
            values += seen(scheduler)
            scheduler.step()
        assert optimizer.param_groups[0]["lr"] is lr
        runs.append(values)
    np.testing.assert_allclose(*runs, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize(("source", "target"), [(torch, framework), (framework, torch)], ids=["in", "out"])
@pytest.mark.parametrize("case", [*LISTED, *COMBINED], ids=lambda case: case if isinstance(case, str) else case[0])
def test_a_state_that_crosses_continues_identically(case, source, target):
    def build(library):
        optimizer = make_optimizer(library)
        return (
            COMBINED[case](library, optimizer) if isinstance(case, str) else make(library, *case, optimizer)
        )

    first, second = build(source), build(target)
    for _ in range(13):
        first.step()
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    close(seen(second), seen(first))
    for _ in range(40):
        first.step()
        second.step()
        close(seen(second), seen(first))


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize(("name", "options"), LISTED, ids=name_of)
def test_resuming_by_last_epoch_agrees(name, options):
    runs = []
    for library in (framework, torch):
        optimizer = make_optimizer(library)
        for _ in range(11):
            scheduler = make(library, name, options, optimizer)
        for _ in range(10):
            scheduler.step()
        values = []
        scheduler = make(library, name, {**options, "last_epoch": 10}, optimizer)
        for _ in range(30):
            values += seen(scheduler)
            scheduler.step()
        runs.append(values)
    close(*runs)


PLATEAUS = product(mode=["min", "max"], threshold_mode=["rel", "abs"], patience=[0, 3], cooldown=[0, 4]) + [
    {"factor": 0.5, "threshold": 0.3},
    {"min_lr": [0.05, 0.001]},
    {"min_lr": 0.01, "patience": 1},
    {"eps": 0.05, "patience": 1, "factor": 0.9},
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_reduce_on_plateau_agrees_and_its_state_crosses(options):
    def build(library):
        return library.optim.lr_scheduler.ReduceLROnPlateau(make_optimizer(library), **options)

    values = 1 / (1 + np.arange(STEPS) // 9) + 0.2 * np.random.default_rng(0).standard_normal(STEPS)
    ours, theirs = build(framework), build(torch)
    for number, value in enumerate(values):
        ours.step(framework.tensor(value) if number % 2 else value)
        theirs.step(value)
        close(seen(ours), seen(theirs))
        if number == 20:
            assert_same_state(ours.state_dict(), theirs.state_dict())
            states = ours.state_dict(), ours.optimizer.state_dict()
            ours, other = build(framework), theirs
            ours.load_state_dict(theirs.state_dict())
            ours.optimizer.load_state_dict(theirs.optimizer.state_dict())
            theirs = build(torch)
            theirs.load_state_dict(states[0])
            theirs.optimizer.load_state_dict(states[1])
            close(seen(theirs), seen(other))


BAD = [
    ("LambdaLR", {"lr_lambda": [len]}),
    ("MultiplicativeLR", {"lr_lambda": 3}),
    ("ConstantLR", {"factor": 2.0}),
    ("LinearLR", {"start_factor": 0.0}),
    ("LinearLR", {"end_factor": 1.5}),
    ("CosineAnnealingWarmRestarts", {"T_0": 0}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2.5}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 0}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "eta_min": "a"}),
    ("CyclicLR", {"base_lr": [0.1], "max_lr": 0.1}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.1, "mode": "square"}),
    ("OneCycleLR", {"max_lr": 0.1}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": -1}),
    ("OneCycleLR", {"max_lr": 0.1, "epochs": 1.5, "steps_per_epoch": 2}),
    ("OneCycleLR", {"max_lr": 0.1, "epochs": 2, "steps_per_epoch": 0}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 9, "pct_start": 2}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 9, "anneal_strategy": "steep"}),
    ("ReduceLROnPlateau", {"factor": 1.0}),
    ("ReduceLROnPlateau", {"mode": "least"}),
    ("ReduceLROnPlateau", {"threshold_mode": "most"}),
    ("ReduceLROnPlateau", {"min_lr": [0.1]}),
    ("SWALR", {"swa_lr": 0.1, "anneal_strategy": "steep"}),
    ("SWALR", {"swa_lr": 0.1, "anneal_epochs": -1}),
    ("SWALR", {"swa_lr": [0.1]}),
    ("ExponentialLR", {"gamma": 0.9, "last_epoch": 3}),
    ("SequentialLR", {"schedulers": [], "milestones": []}),
]


def message(library, name, options):
    try:
        make(library, name, options, make_optimizer(library))
    except Exception as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize(("name", "options"), BAD, ids=name_of)
def test_wrong_arguments_raise_the_same_error(name, options):
    ours, theirs = message(framework, name, options), message(torch, name, options)
    assert theirs is not None
    assert ours[0] is theirs[0]
    assert ours[1].split("\n")[0][:60] == theirs[1].split("\n")[0][:60]


@pytest.mark.parametrize(
    "name",
    [*[name for name in CASES if name != "SWALR"], "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler"],
)
def test_signatures_are_the_same(name):
    ours, theirs = [
        [(each.name, each.default) for each in inspect.signature(getattr(library.optim.lr_scheduler, name)).parameters.values()]
        for library in (framework, torch)
    ]  # fmt: skip
    assert ours == theirs


def warned(library, steps):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        steps(library)
    return [(each.category, str(each.message).split(".")[0]) for each in caught]


def schedule_first(library):
    optimizer = make_optimizer(library)
    optimizer.step()
    scheduler = library.optim.lr_scheduler.StepLR(optimizer, 3)
    scheduler.step()
    scheduler.step()


def right_order(library):
    optimizer = make_optimizer(library)
    scheduler = library.optim.lr_scheduler.StepLR(optimizer, 3)
    for _ in range(3):
        optimizer.step()
        scheduler.step()


def second_schedule(library):
    optimizer = make_optimizer(library)
    library.optim.lr_scheduler.StepLR(optimizer, 3)
    optimizer.step()
    library.optim.lr_scheduler.StepLR(optimizer, 3).step()


def outside(library):
    library.optim.lr_scheduler.StepLR(make_optimizer(library), 3).get_lr()


def with_epoch(library):
    optimizer = make_optimizer(library)
    scheduler = library.optim.lr_scheduler.StepLR(optimizer, 3)
    optimizer.step()
    scheduler.step(4)


@pytest.mark.parametrize("steps", [schedule_first, right_order, second_schedule, outside, with_epoch])
def test_the_same_warnings_come(steps):
    assert warned(framework, steps) == warned(torch, steps)


def test_a_schedule_of_the_users_own_agrees():
    def run(library):
        class Warmup(library.optim.lr_scheduler._LRScheduler):
            def get_lr(self):
                return [base * min(1.0, (self.last_epoch + 1) / 10) for base in self.base_lrs]

        optimizer = make_optimizer(library)
        scheduler = Warmup(optimizer)
        result = []
        for _ in range(20):
            optimizer.step()
            scheduler.step()
            result += seen(scheduler)
        return result

    close(run(framework), run(torch))
    assert 0.1 in run(framework)
