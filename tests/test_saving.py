"""``framework.save`` and ``framework.load``: tensors and what is made of them, and arguments that mean something elsewhere."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framework
from framework.serialization import CheckpointError
from tests.serialization.torch_files import PROTO, dictionary, storage, tensor, torch_file

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]


def through_file(obj: object, **options: Any) -> Any:
    file = io.BytesIO()
    framework.save(obj, file)
    file.seek(0)
    return framework.load(file, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_every_dtype_and_shape_comes_back(dtype: str, shape: tuple[int, ...]) -> None:
    values = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2).astype(dtype)
    loaded = through_file(framework.tensor(values))
    assert loaded.dtype is getattr(framework, dtype) and loaded.shape == shape and not loaded.requires_grad
    assert loaded.numpy().tobytes() == values.tobytes()


def test_kinds_of_leaves_come_back() -> None:
    weight = framework.nn.Parameter(framework.tensor([1.0, 2.0]))
    frozen = framework.nn.Parameter(framework.tensor([3.0]), requires_grad=False)
    wanted = framework.tensor([4.0], requires_grad=True)
    loaded = through_file({"weight": weight, "list": [frozen, (wanted, weight * 2)], "dtype": framework.float64, 5: None})
    assert type(loaded["weight"]) is framework.nn.Parameter and loaded["weight"].requires_grad
    frozen, (wanted, result) = loaded["list"]
    assert type(frozen) is framework.nn.Parameter and not frozen.requires_grad
    assert type(wanted) is framework.Tensor and wanted.requires_grad and wanted.is_leaf
    # A result comes back as a plain tensor: the graph is not saved.
    assert not result.requires_grad and result.tolist() == [2, 4]
    assert loaded["dtype"] is framework.float64 and loaded[5] is None


def test_a_generator_goes_on() -> None:
    generator = framework.Generator().manual_seed(3)
    framework.rand(7, generator=generator)
    loaded = through_file(generator)
    assert framework.rand(5, generator=loaded).tolist() == framework.rand(5, generator=generator).tolist()


def test_the_same_memory_stays_tied_and_a_part_of_it_does_not() -> None:
    whole = framework.arange(6.0)
    loaded = through_file({"whole": whole, "again": whole, "turned": whole.reshape(2, 3).t(), "part": whole[2:]})
    loaded["whole"][3] = 42.0
    assert loaded["again"][3] == 42 and loaded["part"].tolist() == [2, 3, 4, 5]
    assert loaded["turned"].shape == (3, 2)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_the_suffix_chooses_the_format(suffix: str, tmp_path: Path) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    layer = framework.nn.Linear(3, 2)
    framework.save(layer.state_dict(), tmp_path / f"layer{suffix}")
    other = framework.nn.Linear(3, 2)
    other.load_state_dict(framework.load(tmp_path / f"layer{suffix}"))
    assert other.weight.tolist() == layer.weight.tolist() and other.bias.tolist() == layer.bias.tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda: framework.nn.Linear(2, 1),
        lambda: framework.optim.SGD([framework.ones(1)], lr=0.1),
        lambda: framework.optim.lr_scheduler.StepLR(framework.optim.SGD([framework.ones(1)], lr=0.1), 2),
    ],
)
def test_objects_with_a_state_dict_are_saved_by_it(make: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"save its \.state_dict\(\)"):
        framework.save(make(), tmp_path / "a.pt")
    assert list(tmp_path.iterdir()) == []
    assert through_file(make().state_dict()).keys() == make().state_dict().keys()


def test_arguments_that_change_nothing_on_a_cpu_are_taken() -> None:
    for options in (
        {"map_location": "cpu"},
        {"map_location": framework.device("cpu")},
        {"map_location": {"cuda:0": "cpu"}},
        {"weights_only": True},
        {"weights_only": None},
        {"mmap": False},
        {"mmap": None},
    ):
        assert through_file(framework.ones(2), **options).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"map_location": "cuda"}, RuntimeError, "device 'cuda' is not supported"),
        ({"map_location": {"cpu": "cuda:1"}}, RuntimeError, "device 'cuda:1' is not supported"),
        ({"map_location": lambda storage, location: storage}, TypeError, "a function for map_location is not supported"),
        ({"map_location": 2}, RuntimeError, "a number stands for an accelerator"),
        ({"weights_only": False}, ValueError, "would let the file run code"),
        ({"mmap": True}, ValueError, "mmap=True is not supported"),
        ({"pickle_module": None}, TypeError, "pickle_module"),
        ({"encoding": "latin1"}, TypeError, "encoding"),
    ],
)
def test_arguments_that_ask_for_more_are_refused(options: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        through_file(framework.ones(2), **options)


def test_a_file_of_pytorch_gives_tensors_that_share_memory() -> None:
    both = dictionary(first=tensor(), second=tensor())
    loaded = framework.load(torch_file(PROTO + both + b".", {"0": np.arange(6, dtype="f4").tobytes()}))
    assert type(loaded["first"]) is framework.Tensor
    loaded["first"].fill_(7)
    assert loaded["second"].flatten().tolist() == [7] * 6


def test_a_dtype_that_there_is_not_is_refused_in_words() -> None:
    file = torch_file(PROTO + tensor(storage("ComplexFloatStorage")) + b".", {"0": bytes(48)})
    with pytest.raises(CheckpointError, match="complex numbers are not supported"):
        framework.load(file)


@pytest.mark.parametrize("values", [np.ones(2, complex), np.array(["a"]), np.ones(2, np.uint32)])
def test_arrays_come_back_as_arrays_and_are_no_tensors_of_another_dtype(values: Any, tmp_path: Path) -> None:
    loaded = through_file({"x": values})["x"]
    assert type(loaded) is np.ndarray and loaded.dtype == values.dtype and loaded.tolist() == values.tolist()
    framework.save({"x": values}, tmp_path / "a.npz")
    with pytest.raises(CheckpointError, match=f"can't make a tensor of NumPy type {values.dtype}"):
        framework.load(tmp_path / "a.npz")


def test_names_in_the_archive_that_climb_out_are_only_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    content = np.arange(6, dtype="f4").tobytes()
    for key in ("../../../outside", "/etc/outside", "..\\outside"):
        pickled = PROTO + tensor(storage(key=key)) + b"."
        assert framework.load(torch_file(pickled, {key: content})).flatten().tolist() == [0, 1, 2, 3, 4, 5]
        with pytest.raises(CheckpointError, match="is missing"):
            framework.load(torch_file(pickled, {"0": content}))
    assert [each.name for each in tmp_path.rglob("*")] == ["inner"]
