"""Checkpoints cross between PyTorch and the framework's array-level reader and writer."""

import copy
import io
from collections import Counter, OrderedDict

import numpy as np
import pytest

from framework.serialization import CheckpointError, load, save

torch = pytest.importorskip("torch")

DTYPES = [
    "float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64",
    "complex128",
    "uint16", "uint32", "uint64",
]  # fmt: skip


def through_file(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    file.seek(0)
    return load(file)


def equal(ours, theirs):
    """Whether what was loaded is what PyTorch saved, containers, values, dtypes and shapes included."""
    if isinstance(theirs, torch.Tensor):
        array = theirs.detach().resolve_conj().numpy()
        return ours.dtype == array.dtype and ours.shape == array.shape and ours.tobytes() == array.tobytes()
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(equal(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    return type(ours) is type(theirs) and ours == theirs


def model():
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.Flatten(),
        torch.nn.LSTM(16, 8, 2),
        torch.nn.Linear(8, 2),
    )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_state_dicts_load(protocol):
    state = model().state_dict()
    loaded = through_file(state, pickle_protocol=protocol)
    assert equal(loaded, state) and loaded._metadata == state._metadata


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "LBFGS", "NAdam"])
def test_whole_training_states_load(optimizer):
    net = torch.nn.Linear(3, 2)
    options = {"momentum": 0.9} if optimizer == "SGD" else {}
    optim = getattr(torch.optim, optimizer)(net.parameters(), lr=0.1, **options)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optim, [2, 5])

    def closure():
        optim.zero_grad()
        loss = net(torch.ones(4, 3)).square().sum()
        loss.backward()
        return loss

    for _ in range(3):
        optim.step(closure)
        scheduler.step()
    state = {
        "model": net.state_dict(), "optimizer": optim.state_dict(), "scheduler": scheduler.state_dict(),
        "rng": torch.get_rng_state(), "epoch": 3, "best": float("inf"), "classes": ["a", "b"],
    }  # fmt: skip
    loaded = through_file(state)
    assert equal(loaded, state) and type(loaded["scheduler"]["milestones"]) is Counter
    # ... and through our own format, where a step count or a generator's state must come out as it went in.
    file = io.BytesIO()
    save(loaded, file)
    file.seek(0)
    assert equal(load(file), state)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_loads(dtype):
    tensor = torch.tensor([[0, 1, 2], [3, 0, 100]]).to(getattr(torch, dtype))
    assert equal(through_file([tensor, tensor[1], tensor.t(), torch.empty(0, dtype=tensor.dtype)])[0], tensor)


def test_bfloat16_loads_as_float32():
    tensor = torch.cat([torch.randn(1000), torch.tensor([float("inf"), float("nan"), -0.0, 1e-40])]).bfloat16()
    assert np.array_equal(through_file(tensor), tensor.float().numpy(), equal_nan=True)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x, lambda x: x.t(), lambda x: x[1:, ::2], lambda x: x[2], lambda x: x[1, 3],
        lambda x: x.expand(2, 4, 6),
        lambda x: x[:0], lambda x: x.reshape(2, 2, 6).permute(2, 0, 1), lambda x: x.unfold(1, 3, 1),
        lambda x: x.view(-1)[5:], lambda x: x.contiguous(memory_format=torch.contiguous_format),
        lambda x: x.diagonal(),
    ],
)  # fmt: skip
def test_every_view_loads(view):
    tensor = view(torch.arange(24.0).reshape(4, 6))
    assert equal(through_file(tensor), tensor)


def test_channels_last_keeps_its_layout():
    tensor = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    loaded = through_file(tensor)
    assert [stride // 4 for stride in loaded.strides] == list(tensor.stride()) and equal(loaded, tensor)


def test_tied_weights_share_memory_as_in_pytorch():
    net = torch.nn.Linear(3, 3)
    state = OrderedDict(a=net.weight, b=net.weight, row=net.weight[1].detach())
    loaded = through_file(state)
    loaded["a"][1, 0] = 42
    assert loaded["b"][1, 0] == loaded["row"][0] == 42


def test_checksums_can_be_left_out():
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        assert equal(through_file(torch.ones(3)), torch.ones(3))
    finally:
        torch.serialization.set_crc32_options(before)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda: model(), "asks for torch.nn.modules.container.Sequential"),
        (lambda: torch.optim.SGD([torch.ones(1)], 0.1), "asks for torch.optim.sgd.SGD"),
        (lambda: torch.eye(3).to_sparse(), "asks for torch._utils._rebuild_sparse_tensor"),
        (
            lambda: torch.quantize_per_tensor(torch.ones(3), 1.0, 0, torch.qint8),
            "asks for torch._utils._rebuild_qtensor",
        ),
        (lambda: torch.ones(2).to(torch.float8_e5m2), "asks for torch.float8_e5m2"),
        (lambda: torch.ones(2, dtype=torch.complex64).conj(), "conjugated"),
        (lambda: torch.float32, "asks for torch.float32"),
        (lambda: np.float64(1), "asks for numpy"),
        (lambda: copy.copy, "asks for copy.copy"),
    ],
)
def test_what_is_no_tensor_in_a_plain_container_is_refused(value, words):
    with pytest.raises(CheckpointError) as caught:
        through_file({"x": value()})
    assert words in str(caught.value)


def test_old_files_are_refused():
    with pytest.raises(CheckpointError, match="PyTorch file of the old kind"):
        through_file({"x": torch.ones(2)}, _use_new_zipfile_serialization=False)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_script_programs_are_refused(tmp_path):
    torch.jit.script(torch.nn.ReLU()).save(tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="TorchScript program"):
        load(tmp_path / "a.pt")


def test_safetensors_cross_both_ways(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "a.safetensors"
    state = {name: tensor.contiguous() for name, tensor in model().state_dict().items()}
    safetensors.save_file(state, path)
    loaded = load(path)
    assert sorted(loaded) == sorted(state) and all(equal(loaded[name], state[name]) for name in state)
    save(loaded, path)
    again = safetensors.load_file(path)
    assert again.keys() == state.keys() and all(torch.equal(again[name], state[name]) for name in state)


@pytest.mark.parametrize("dtype", ["bfloat16", *(dtype for dtype in DTYPES if dtype != "complex128")])
def test_safetensors_of_every_dtype(dtype, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    tensor = torch.tensor([[0, 1, 2], [3, 0, 100]]).to(getattr(torch, dtype))
    safetensors.save_file({"x": tensor}, tmp_path / "a.safetensors")
    assert equal(load(tmp_path / "a.safetensors")["x"], tensor.float() if dtype == "bfloat16" else tensor)
