"""Calls of schedules, right, odd and wrong, are met as PyTorch meets them: the value, or the kind of error and its words.

A line is an expression in the schedules' names, optimizers ``o`` and ``p`` (SGD), ``a`` (Adam), ``g`` (Adagrad, which
has no momentum).
"""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

import framework  # noqa: E402
from tests.parity.test_lr_scheduler import make_optimizer, plain  # noqa: E402

CALLS = """
StepLR(o, 0)
StepLR(o, -1)
StepLR(o, 2.5)
StepLR(o)
StepLR(5, 3)
StepLR(None, 3)
StepLR(o, 3, 'a')
StepLR(o, 3, verbose=True)
StepLR(o, 3, last_epoch=2)
StepLR(o, 3).step('a')
StepLR(o, 3).load_state_dict(None)
StepLR(o, 3).load_state_dict({})
StepLR(o, 3).base_lrs
StepLR(o, 3).optimizer is o
MultiStepLR(o, 3)
MultiStepLR(o, [])
MultiStepLR(o, [0.5, 2])
LambdaLR(o, [len, len, len])
MultiplicativeLR(o, [len])
ExponentialLR(o)
ExponentialLR(o, 'a')
PolynomialLR(o, 0)
PolynomialLR(o, -1)
LinearLR(o, 2.0)
LinearLR(o, -1)
LinearLR(o, 0.5, -1)
LinearLR(o, total_iters=0)
ConstantLR(o, -1)
ConstantLR(o, 0.5, 0)
CosineAnnealingLR(o, 0)
CosineAnnealingLR(o)
CosineAnnealingLR(o, 5, 'a')
CosineAnnealingWarmRestarts(o, -1)
CosineAnnealingWarmRestarts(o, 5, 1.5)
CyclicLR(o, 0.1)
CyclicLR(o, 0.1, [0.1, 0.2, 0.3])
CyclicLR(o, 0.1, 0.2, 0)
CyclicLR(o, 0.1, 0.2, 2, 0)
CyclicLR(o, 0.1, 0.2, scale_mode='x')
CyclicLR(o, 0.1, 0.2, scale_fn=len, scale_mode='x')
CyclicLR(g, 0.1, 0.2)
CyclicLR(g, 0.1, 0.2, cycle_momentum=False).get_last_lr()
CyclicLR(o, 0.1, 0.2, base_momentum=[0.1])
CyclicLR(a, 0.1, 0.2).optimizer.param_groups[0]['betas']
OneCycleLR(o, 0.1, 0)
OneCycleLR(o, 0.1, 1.5)
OneCycleLR(o, 0.1, epochs=3)
OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=3)
OneCycleLR(o, [0.1, 0.2, 0.3], 5)
OneCycleLR(g, 0.1, 5)
OneCycleLR(o, 0.1, 5, base_momentum=[0.1])
OneCycleLR(o, 0.1, 10, div_factor=0)
OneCycleLR(a, 0.1, 5).optimizer.param_groups[0]['betas']
many(OneCycleLR(o, 0.1, 3), 4)
ReduceLROnPlateau(3)
ReduceLROnPlateau(o, factor=2)
ReduceLROnPlateau(o, min_lr=[1, 2, 3])
ReduceLROnPlateau(o, min_lr=(0.1, 0.2)).min_lrs
ReduceLROnPlateau(o, verbose=1)
ReduceLROnPlateau(o).step()
ReduceLROnPlateau(o).step('a')
ReduceLROnPlateau(o).step(float('nan'))
ReduceLROnPlateau(o).get_last_lr()
SequentialLR(o, [StepLR(o, 3)], [1])
SequentialLR(o, [StepLR(o, 3), StepLR(p, 3)], [1])
SequentialLR(o, [StepLR(o, 3), ReduceLROnPlateau(o)], [1])
SequentialLR(o, [StepLR(o, 3), StepLR(o, 3)], [])
SequentialLR(o, [3], [])
SequentialLR(p, [StepLR(o, 3)], [])
many(SequentialLR(o, [StepLR(o, 3), StepLR(o, 2), StepLR(o, 4)], [5, 2]), 9)
ChainedScheduler([])
ChainedScheduler([StepLR(o, 3), StepLR(p, 3)])
ChainedScheduler([StepLR(o, 3)], p)
ChainedScheduler([3])
ChainedScheduler([ReduceLROnPlateau(o)])
ChainedScheduler([ReduceLROnPlateau(o)]).step()
LRScheduler(o)
"""
NAMES = [name for name in dir(torch.optim.lr_scheduler) if name.endswith(("LR", "Plateau", "Restarts", "Scheduler"))]


def many(scheduler, steps):
    rates = []
    for _ in range(steps):
        rates.append(scheduler.get_last_lr())
        scheduler.step()
    return rates


def outcome(line, library):
    """The value of a line, or the kind of its error and how the message begins."""
    names = {name: getattr(library.optim.lr_scheduler, name) for name in NAMES}
    o, p, a = [make_optimizer(library, name) for name in ("SGD", "SGD", "Adam")]
    g = library.optim.Adagrad([library.zeros(1, requires_grad=True)])
    try:
        value = eval(line, names | {"o": o, "p": p, "a": a, "g": g, "many": many})
    except Exception as error:
        words = re.split(r"\. |\.$|\.\\n| has SGD| of another|no get_lr", str(error))[0]
        return type(error), "" if type(error) is NotImplementedError else words
    return type(value).__name__ if hasattr(value, "step") else plain(value)


@pytest.mark.filterwarnings("ignore:Detected call", "ignore:The epoch parameter", "ignore:To get the last")
@pytest.mark.parametrize("line", CALLS.strip().splitlines())
def test_a_call_is_met_alike(line):
    assert outcome(line, framework) == outcome(line, torch)
