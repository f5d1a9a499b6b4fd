"""Every model of ``models/`` is ordinary PyTorch code: its own source runs on PyTorch, and gives the same."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import framework
from models import MODELS

torch = pytest.importorskip("torch")

MODULES = Path(__file__).resolve().parents[2] / "models"

IMAGES = ("rand", (3, 1, 28, 28))
TOKENS = ("tokens", (2, 9))
# Arguments that make the model small, and what its input looks like.
CASES = {
    "autoencoder": ({"hidden": (12,), "latent": 3}, IMAGES),
    "cnn": ({"widths": (3, 4), "dropout": 0.1}, IMAGES),
    "gpt": ({"vocabulary": 11, "context": 12, "layers": 2, "heads": 2, "width": 8, "dropout": 0.1}, TOKENS),
    "image_gan": ({"latent": 4, "width": 2}, ("rand", (3, 4))),
    "lenet": ({"dropout": 0.1}, IMAGES),
    "lstm": ({"vocabulary": 11, "embedding": 5, "width": 6, "layers": 2, "dropout": 0.1}, TOKENS),
    "mlp": ({"hidden": (7, 5), "dropout": 0.1}, IMAGES),
    "mlp_regressor": ({"hidden": (5, 4)}, ("rand", (6, 1))),
    "point_gan": ({"hidden": (6,), "latent": 4}, ("rand", (3, 4))),
    "resnet": ({"depth": 8, "width": 4}, ("rand", (2, 3, 8, 8))),
    "vae": ({"hidden": (12,), "latent": 3}, IMAGES),
}


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """The registry of the models' own source, which imports PyTorch in place of this package."""
    folder = tmp_path_factory.mktemp("models")
    package = folder / "torch_models"
    package.mkdir()
    for path in MODULES.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for ours, other in (
            ("from framework", "from torch"),
            ("import framework", "import torch as framework"),
            ("from models", "from torch_models"),
        ):
            text = text.replace(ours, other)
        (package / path.name).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("torch_models").MODELS
    finally:
        sys.path.remove(str(folder))


def pair(theirs, name):
    """The model in both libraries, made from one seed."""
    arguments, _ = CASES[name]
    models = []
    for library, registry in ((framework, MODELS), (torch, theirs)):
        library.manual_seed(3)
        models.append(registry[name](**arguments))
    return models


def inputs_of(name):
    kind, shape = CASES[name][1]
    random = np.random.RandomState(0)
    return random.randint(0, 11, shape) if kind == "tokens" else random.uniform(0, 1, shape)


def test_every_model_is_compared():
    assert sorted(CASES) == sorted(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_one_seed_gives_the_same_weights(theirs, name):
    ours, other = pair(theirs, name)
    assert repr(ours) == repr(other)
    state, expected = ours.state_dict(), other.state_dict()
    assert list(state) == list(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(state[key].numpy(), value.numpy(), rtol=0, atol=3e-7, err_msg=key)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients_agree(theirs, name, training):
    ours, other = pair(theirs, name)
    results = []
    for library, model, own in ((framework, ours, other), (torch, other, None)):
        model.double().train(training)
        if own is not None:  # the other library's weights, through NumPy
            model.load_state_dict(
                {key: library.from_numpy(value.numpy()) for key, value in own.double().state_dict().items()}
            )
        library.manual_seed(5)  # dropout and sampling draw the same
        output = model(library.from_numpy(inputs_of(name)))
        outputs = output if isinstance(output, tuple) else (output,)
        loss = sum((each * each.detach().cos()).sum() for each in outputs)
        loss.backward()
        gradients = {key: None if each.grad is None else each.grad.numpy() for key, each in model.named_parameters()}
        results.append(([each.detach().numpy() for each in outputs], gradients, model.state_dict()))
    for mine, expected in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-11)
    for key, expected in results[1][1].items():
        if expected is None:
            assert results[0][1][key] is None
        else:
            np.testing.assert_allclose(results[0][1][key], expected, rtol=1e-7, atol=1e-9, err_msg=key)
    for key, value in results[1][2].items():  # running statistics too
        np.testing.assert_allclose(results[0][2][key].numpy(), value.numpy(), rtol=1e-9, err_msg=key)


@pytest.mark.parametrize("name", MODELS)
def test_weights_go_back_to_pytorch(theirs, name):
    ours, other = pair(theirs, name)
    with framework.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.5)
    other.load_state_dict({key: torch.from_numpy(value.numpy().copy()) for key, value in ours.state_dict().items()})
    for key, value in other.state_dict().items():
        assert np.array_equal(value.numpy(), ours.state_dict()[key].numpy()), key
