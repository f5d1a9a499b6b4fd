"""PyTorch's checkpoints: a file that PyTorch 2.13 wrote, and files made by hand."""

import io
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest

from framework.serialization import CheckpointError, load
from tests.serialization.checkpoint_trees import same
from tests.serialization.torch_files import (
    PROTO,
    dictionary,
    name,
    number,
    numbers,
    storage,
    tensor,
    text,
    torch_file,
)

SIX = np.arange(6, dtype="<f4").tobytes()
DATA = Path(__file__).parent / "data"


def load_pickle(pickle, storages=None, **options):
    return load(torch_file(PROTO + pickle + b".", {"0": SIX} if storages is None else storages), **options)


def refused(pickle, storages=None):
    with pytest.raises(CheckpointError) as caught:
        load_pickle(pickle, storages)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    return str(caught.value)


def test_a_file_that_pytorch_wrote():
    """The values are those that the file was made of with torch.save."""
    loaded = load(DATA / "torch_2_13.pt")
    base = np.arange(12, dtype=np.float32).reshape(3, 4)
    state = loaded.pop("state_dict")
    assert type(state) is OrderedDict and state._metadata == {"": {"version": 2}}
    assert list(state) == ["weight", "columns", "row", "tied"]
    assert same(state["weight"], base) and same(state["columns"], base.T) and same(state["row"], base[1])
    assert state["tied"] is state["weight"]
    state["weight"][1, 0] = 99  # one memory, as in PyTorch
    assert state["columns"][0, 1] == state["row"][0] == 99
    expected = {
        "parameter": np.array([[1.5, -2.0]], np.float32),
        "half": np.array([1.5], np.float16),
        "bfloat16": np.array([1.0, -2.5, 3.140625], np.float32),
        "mask": np.array([True, False]),
        "index": np.array([2**40, -1]),
        "scalar": np.array(7, np.int16),
        "uint16": np.array([65535], np.uint16),
        "empty": np.zeros((0, 3), np.float32),
        "complex": np.array([1 - 2j], np.complex64),
        "expanded": np.array([[1.0, 2.0]] * 3, np.float32),
        "plain": [1, (2.5, None, True), "é", b"\x00\xff", 2**70, {"k": -1}, (2, 3)],
    }
    assert same(loaded, expected)
    assert all(array.flags.writeable for array in loaded.values() if isinstance(array, np.ndarray))


def test_tensors_and_parameters_reach_decode():
    calls = {}

    def decode(kind, array, attributes):
        calls[len(calls)] = kind, array.shape, attributes
        return len(calls)

    loaded = load(DATA / "torch_2_13.pt", decode=decode)
    assert calls[0] == ("tensor", (3, 4), {"requires_grad": False})
    assert ("parameter", (1, 2), {"requires_grad": True}) in calls.values()
    assert ("tensor", (3,), {"requires_grad": False, "dtype": "bfloat16"}) in calls.values()
    assert loaded["state_dict"]["tied"] == loaded["state_dict"]["weight"] == 1  # decoded once


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("Float", "f4"), ("Double", "f8"), ("Half", "f2"), ("Long", "i8"), ("Int", "i4"), ("Short", "i2"),
        ("Char", "i1"), ("Byte", "u1"), ("Bool", "b1"), ("ComplexFloat", "c8"), ("ComplexDouble", "c16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", ["little", "big"])
def test_every_storage_in_both_byte_orders(kind, dtype, order):
    values = np.array([1, 0, 1, 1, 0, 1]).astype(dtype)
    raw = values.astype(values.dtype.newbyteorder("<" if order == "little" else ">")).tobytes()
    pickle = PROTO + dictionary(x=tensor(storage(f"{kind}Storage"))) + b"."
    loaded = load(torch_file(pickle, {"0": raw}, byteorder=order.encode()))
    assert same(loaded, {"x": values.reshape(2, 3)})


@pytest.mark.parametrize("order", ["little", "big"])
def test_bfloat16_becomes_float32(order):
    values = np.array([1.0, -2.5, np.inf, 3.140625, 0.0, -0.0], np.float32)
    raw = (values.view(np.uint32) >> 16).astype("<u2" if order == "little" else ">u2").tobytes()
    pickle = PROTO + tensor(storage("BFloat16Storage")) + b"."
    assert same(load(torch_file(pickle, {"0": raw}, byteorder=order.encode())), values.reshape(2, 3))


def test_a_file_without_a_byte_order_is_little_endian():
    file = torch_file(PROTO + tensor() + b".", {"0": SIX})
    old = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(old, "w") as target:
        for entry in source.namelist():
            if not entry.endswith("byteorder"):
                target.writestr(entry, source.read(entry))
    old.seek(0)
    assert load(old).ravel().tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(CheckpointError, match="the byte order b'middle' doesn't exist"):
        load(torch_file(PROTO + tensor() + b".", {"0": SIX}, byteorder=b"middle"))


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "expected"),
    [
        (0, (3, 2), (1, 3), [[0, 3], [1, 4], [2, 5]]),
        (1, (2,), (2,), [1, 3]),
        (5, (), (), 5),
        (5, (1, 1), (100, 7), [[5]]),
        (0, (0, 5), (5, 1), np.zeros((0, 5)).tolist()),
        (3, (2, 2), (0, 1), [[3, 4], [3, 4]]),
        (0, (2, 2, 2), (1, 1, 1), [[[0, 1], [1, 2]], [[1, 2], [2, 3]]]),
    ],
)
def test_strides_and_offsets(offset, shape, strides, expected):
    loaded = load_pickle(tensor(None, offset, shape, strides))
    assert loaded.tolist() == expected and loaded.shape == shape
    loaded[...] = 0  # writable


@pytest.mark.parametrize(
    ("offset", "shape", "strides"), [(1, (2, 3), (3, 1)), (6, (), ()), (0, (2,), (6,)), (2**62, (1,), (1,))]
)
def test_tensors_beyond_their_storage_are_refused(offset, shape, strides):
    assert "reaches beyond its storage" in refused(tensor(None, offset, shape, strides))


def test_geometry_that_makes_no_sense_is_refused():
    for offset, shape, strides in [(0, (2,), (3, 1)), (-1, (2,), (1,)), (0, (-2,), (1,)), (3, (2,), (-1,)), (0, (1,) * 65, (1,) * 65)]:  # fmt: skip  # noqa: E501
        assert "damaged" in refused(tensor(None, offset, shape, strides))
    huge = b"\x8b" + (10_000).to_bytes(4, "little") + b"\x01" * 10_000  # a number of 24,000 digits
    assert "damaged" in refused(tensor(storage(count=0)[:-2] + huge + b"tQ"))


def test_an_expansion_beyond_reason_is_refused():
    assert "claim to expand" in refused(tensor(None, 0, (2**40,), (0,)))


def test_storages_that_lie_are_refused():
    assert "claims the shape (7,)" in refused(tensor(storage("ByteStorage", count=7)), {"0": bytes(6)})
    assert "claims the shape" in refused(tensor(storage(count=2**60)))
    assert "entry 'archive/data/1' is missing" in refused(tensor(storage(key="1")))
    assert "of two types" in refused(b"]" + tensor() + b"a" + tensor(storage("IntStorage")) + b"a")
    content = torch_file(PROTO + tensor() + b".", {"0": SIX}).getvalue()
    with pytest.raises(CheckpointError, match="CRC-32 is wrong"):
        load(io.BytesIO(content.replace(SIX, SIX[:-1] + b"\1")))


def test_a_file_written_without_checksums_is_read():
    file = torch_file(PROTO + tensor() + b".", {"0": SIX})
    content = bytearray(file.getvalue())
    position = content.find(b"PK\x01\x02")
    while position >= 0:
        content[position + 16 : position + 20] = bytes(4)
        position = content.find(b"PK\x01\x02", position + 4)
    assert load(io.BytesIO(content)).shape == (2, 3)


def test_hooks_and_lazy_conjugates_are_refused():
    assert "it isn't loaded" in refused(tensor(hooks=dictionary(a=number(1))))
    assert "it isn't loaded" in refused(tensor(more=dictionary(conj=b"\x88")))


def test_plain_values_of_protocol_2():
    counter = name("collections", "Counter") + dictionary(a=number(2)) + b"\x85R"
    pickled = dictionary(
        counter=counter,
        bytes=name("_codecs", "encode") + text("a\xff") + text("latin1") + b"\x86R",
        nothing=name("__builtin__", "bytes") + b")R",
        set=name("__builtin__", "set") + b"](" + number(1) + number(2) + b"e\x85R",
        complex=name("__builtin__", "complex") + b"G" + bytes(8) + b"G?\xf0" + bytes(6) + b"\x86R",
        size=name("torch", "Size") + numbers((2, 3)) + b"\x85R",
    )
    assert load_pickle(pickled) == {
        "counter": Counter(a=2), "bytes": b"a\xff", "nothing": b"", "set": {1, 2}, "complex": 1j,
        "size": (2, 3)
    }  # fmt: skip


def test_shared_containers_stay_shared():
    loaded = load_pickle(b"(]q\x00h\x00h\x00t")
    assert loaded == ([], [], []) and loaded[0] is loaded[1] is loaded[2]


def test_a_script_program_is_told_apart():
    with pytest.raises(CheckpointError, match="TorchScript program; save the module's state_dict"):
        load(torch_file(PROTO + b"}.", {}, **{"constants.pkl": PROTO + b")."}))


def test_a_packed_checkpoint_is_told_apart():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", PROTO + b"}.")
    with pytest.raises(CheckpointError, match="packed again"):
        load(io.BytesIO(file.getvalue()))
