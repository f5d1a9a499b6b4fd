"""The same initial weights and batches give the same losses in PyTorch, step by step."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

import framework  # noqa: E402
from framework.datasets import draw_digits  # noqa: E402
from models import MLP, LeNet  # noqa: E402


def lenet(nn):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def mlp(nn):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )


OPTIMIZERS = {
    "sgd": ("SGD", {"lr": 0.2}),
    "sgd with everything": ("SGD", {"lr": 0.02, "momentum": 0.9, "weight_decay": 1e-3, "nesterov": True}),
    "adam": ("Adam", {"lr": 1e-3}),
    "adam with everything": ("Adam", {"lr": 1e-3, "betas": (0.8, 0.99), "weight_decay": 1e-2, "amsgrad": True}),
}


def losses(library, model, optimizer, options, images, labels):
    optimizer = getattr(library.optim, optimizer)(model.parameters(), **options)
    criterion = library.nn.CrossEntropyLoss()
    result = []
    for step in range(50):
        rows = slice(step * 32, step * 32 + 32)
        optimizer.zero_grad()
        loss = criterion(model(library.from_numpy(images[rows])), library.from_numpy(labels[rows]))
        loss.backward()
        optimizer.step()
        result.append(loss.item())
    return np.array(result)


@pytest.fixture(scope="module")
def digits():
    images, labels = draw_digits(1600, seed=11)
    pixels = images[:, None].astype(np.float32)
    return (pixels - pixels.mean()) / pixels.std(), labels.astype(np.int64)


@pytest.mark.parametrize("options", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize(("own", "build"), [(LeNet, lenet), (MLP, mlp)], ids=["lenet", "mlp"])
def test_losses_of_50_steps_agree(own, build, options, digits):
    framework.manual_seed(7)
    model = own()
    reference = build(torch.nn)
    arrays = [parameter.detach().numpy().copy() for parameter in model.parameters()]
    with torch.no_grad():
        for parameter, array in zip(reference.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array))
    ours = losses(framework, model, *options, *digits)
    theirs = losses(torch, reference, *options, *digits)
    assert theirs[-5:].mean() < 0.9 * theirs[:5].mean(), "the comparison is of a model that learns"
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_the_same_seed_gives_the_same_initial_weights():
    framework.manual_seed(7)
    torch.manual_seed(7)
    for own, other in zip(LeNet().parameters(), lenet(torch.nn).parameters(), strict=True):
        np.testing.assert_array_equal(own.detach().numpy(), other.detach().numpy())
