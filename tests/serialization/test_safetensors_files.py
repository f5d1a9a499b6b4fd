"""The safetensors format, by bytes written here by hand: eight bytes of length, JSON, data."""

import importlib
import io
import json

import numpy as np
import pytest

from framework.serialization import CheckpointError, load, save
from tests.serialization.checkpoint_trees import same


@pytest.fixture
def package():
    return pytest.importorskip("safetensors")


def made(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return io.BytesIO(len(text).to_bytes(8, "little") + text + data)


def entry(dtype, shape, start, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_a_file_made_by_hand_is_loaded(package):
    data = np.arange(6, dtype="<f4").tobytes() + np.array([1, -1], "<i8").tobytes() + b"\1\0"
    header = {
        "w": entry("F32", [2, 3], 0, 24),
        "i": entry("I64", [2], 24, 40),
        "m": entry("BOOL", [2], 40, 42),
    }
    loaded = load(made(header, data))
    expected = {
        "w": np.arange(6, dtype=np.float32).reshape(2, 3),
        "i": np.array([1, -1]),
        "m": np.array([True, False]),
    }
    assert loaded.keys() == expected.keys()
    assert all(same(loaded[name], expected[name]) and loaded[name].flags.writeable for name in expected)


def test_bfloat16_becomes_float32(package):
    data = (np.array([1.0, -2.5, np.inf], np.float32).view(np.uint32) >> 16).astype("<u2").tobytes()
    calls = []
    load(made({"b": entry("BF16", [3], 0, 6)}, data), decode=lambda *call: calls.append(call))
    [(kind, array, attributes)] = calls
    assert same(array, np.array([1.0, -2.5, np.inf], np.float32))
    assert (kind, attributes) == ("tensor", {"dtype": "bfloat16"})


ARRAYS = {
    "f8": np.arange(3.0), "f2": np.ones(2, np.float16), "u2": np.arange(3, dtype=np.uint16),
    "c8": np.ones(2, "c8"),
    "scalar": np.array(2.5), "empty": np.zeros((0, 2), np.float32), "mask": np.array([True]),
    "strided": np.arange(6)[::2], "transposed": np.arange(6.0).reshape(2, 3).T, "big": np.arange(3,
    dtype=">f4"),
}  # fmt: skip


def test_what_is_saved_comes_back(package, tmp_path):
    save(ARRAYS, tmp_path / "a.safetensors")
    loaded = load(tmp_path / "a.safetensors")
    expected = {**ARRAYS, "big": np.arange(3, dtype=np.float32)}
    assert loaded.keys() == expected.keys() and all(same(loaded[name], expected[name]) for name in expected)


@pytest.mark.parametrize("dtype", ["c16", "U2", "M8[D]", "g"])
def test_dtypes_that_the_format_lacks_are_refused(package, dtype, tmp_path):
    with pytest.raises(TypeError, match=r"\['x'\]: the safetensors format has no dtype"):
        save({"x": np.zeros(2, dtype)}, tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_only_flat_dicts_of_arrays_fit(package, tmp_path):
    with pytest.raises(TypeError, match=r"\['a'\]: a dict can't be saved as .safetensors"):
        save({"a": {}}, tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "file",
    [
        made({"w": entry("F32", [2], 0, 4)}, bytes(4)),
        made({"w": entry("F32", [2], 0, 8)}, bytes(4)),
        made({"w": entry("F32", [2**62, 8], 0, 8)}, bytes(8)),
        made({"w": entry("F8_E4M3", [8], 0, 8)}, bytes(8)),
        made({"w": entry("ODD", [8], 0, 8)}, bytes(8)),
        made(b"{", b""),
        made(b"{" * 1000, b""),
        io.BytesIO((50_000_000).to_bytes(8, "little") + b"{"),
    ],
)
def test_headers_that_lie_are_refused(package, file):
    with pytest.raises(CheckpointError) as caught:
        load(file)
    assert "\n" not in str(caught.value)


def test_without_the_package_the_error_says_what_to_install(monkeypatch, tmp_path):
    real = importlib.import_module

    def missing(name):
        if name.startswith("safetensors"):
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match="needs the package safetensors: python -m pip install safetensors"):
        save({"x": np.ones(1)}, tmp_path / "a.safetensors")
    with pytest.raises(ImportError, match="python -m pip install safetensors"):
        load(made({"w": entry("F32", [1], 0, 4)}, bytes(4)))
    assert list(tmp_path.iterdir()) == []
