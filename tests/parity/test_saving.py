"""Files cross between the libraries in the middle of a training, as tensors, and both go on alike."""

from __future__ import annotations

import io
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

import framework  # noqa: E402

OPTIMIZERS = {
    "SGD": {"lr": 0.05, "momentum": 0.9},
    "Adam": {"amsgrad": True},
    "AdamW": {},
    "NAdam": {},
    "RAdam": {},
    "Adamax": {},
    "Adagrad": {},
    "Adadelta": {},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "LBFGS": {"max_iter": 2, "lr": 0.01},
}


def from_pytorch(value, **options):
    """What ``framework.load`` makes of a file of PyTorch's."""
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return framework.load(file, **options)


class Training:
    """A small network with batch norm, an optimizer and a schedule of one library, in float64."""

    def __init__(self, library, name):
        nn = library.nn
        self.library = library
        self.model = nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 1)).double()
        self.optimizer = getattr(library.optim, name)(self.model.parameters(), **OPTIMIZERS[name])
        self.schedule = library.optim.lr_scheduler.StepLR(self.optimizer, 5, 0.7)
        self.rng = np.random.default_rng(0)

    def step(self):
        inputs, targets = [self.library.tensor(self.rng.standard_normal(shape)) for shape in ((8, 4), (8, 1))]

        def closure():
            self.optimizer.zero_grad()
            loss = ((self.model(inputs) - targets) ** 2).mean()
            loss.backward()
            return loss

        loss = self.optimizer.step(closure)
        self.schedule.step()
        return loss.item()

    def state_dict(self):
        parts = {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}
        return {name: part.state_dict() for name, part in parts.items()} | {"step": 20, "classes": ["a", "b"]}

    def load_state_dict(self, state):
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_of_pytorch_goes_on_here(name):
    theirs, ours = Training(torch, name), Training(framework, name)
    for _ in range(20):
        theirs.step()
        ours.rng = np.random.default_rng()
    loaded = from_pytorch(theirs.state_dict())
    assert loaded["step"] == 20 and loaded["classes"] == ["a", "b"]
    ours.load_state_dict(loaded)
    # PyTorch's own loading casts some of the state, so it must be PyTorch's that is loaded.
    theirs.optimizer.load_state_dict(theirs.optimizer.state_dict())
    ours.rng, theirs.rng = [np.random.default_rng(1) for _ in range(2)]
    for _ in range(30):
        assert ours.step() == pytest.approx(theirs.step(), rel=1e-9)
    for own, other in zip(ours.model.state_dict().values(), theirs.model.state_dict().values(), strict=True):
        np.testing.assert_allclose(own.numpy(), other.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_weights_saved_here_are_read_there(suffix, tmp_path):
    ours, theirs = Training(framework, "SGD"), Training(torch, "SGD")
    ours.step()
    file = tmp_path / f"weights{suffix}"
    framework.save(ours.model.state_dict(), file)
    if suffix == ".npz":
        with np.load(file) as arrays:
            state = {name: torch.tensor(arrays[name]) for name in arrays.files}
    else:
        state = pytest.importorskip("safetensors.torch").load_file(file)
    theirs.model.load_state_dict(state)
    inputs = np.random.default_rng(2).standard_normal((5, 4))
    own, other = [each.model.eval()(each.library.tensor(inputs)).detach().numpy() for each in (ours, theirs)]
    np.testing.assert_allclose(own, other, rtol=1e-12)


DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "view", [lambda x: x, lambda x: x.t(), lambda x: x[1:, ::2], lambda x: x[1, 2], lambda x: x[:0], lambda x: x.expand(2, 3, 4)]
)
def test_tensors_come_with_their_dtype_and_strides(dtype, view):
    tensor = view(torch.tensor(np.arange(12).reshape(3, 4) % 7 - 3).to(getattr(torch, dtype)))
    loaded = from_pytorch({"x": tensor})["x"]
    wanted = tensor.float() if dtype == "bfloat16" else tensor
    assert type(loaded) is framework.Tensor and str(loaded.dtype) == str(wanted.dtype)
    assert loaded.tolist() == wanted.tolist() and tuple(loaded.shape) == tuple(wanted.shape)
    # PyTorch, too, keeps an expanded tensor at one element; here it is written out, so that it can be changed.
    if tensor.numel() and 0 not in tensor.stride():
        assert loaded.stride() == tensor.stride()


def test_containers_and_what_stands_in_them():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    state = OrderedDict(
        weight=weight,
        frozen=torch.nn.Parameter(torch.ones(2), requires_grad=False),
        wanted=torch.ones(2, requires_grad=True),
        tied=[weight.detach(), (weight.detach()[1], None, True, 2**70, -0.5, "text", b"bytes", {1, 2})],
    )
    state._metadata = {"": {"version": 2}}
    loaded = from_pytorch(state)
    assert type(loaded) is OrderedDict and loaded._metadata == state._metadata
    assert type(loaded["weight"]) is framework.nn.Parameter and loaded["weight"].requires_grad
    assert type(loaded["frozen"]) is framework.nn.Parameter and not loaded["frozen"].requires_grad
    assert type(loaded["wanted"]) is framework.Tensor and loaded["wanted"].requires_grad
    whole, (row, *plain) = loaded["tied"]
    assert plain == [None, True, 2**70, -0.5, "text", b"bytes", {1, 2}]
    whole[1, 0] = 42
    assert row.tolist() == [42, 1] and loaded["weight"].tolist() == [[1, 1], [42, 1]]
