"""NumPy's own files, against NumPy itself."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from framework.serialization import CheckpointError, load, save
from tests.serialization.checkpoint_trees import same

ARRAYS = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "scalar": np.array(3),
    "empty": np.zeros((2, 0), np.int8),
    "mask": np.array([True, False]),
    "names": np.array(["ab", "c"]),
    "a/b é.npy": np.array([1j]),
    "file": np.arange(3)[::-1],
}


def npy(header, body=b"", version=1):
    raw = header.encode()
    length = len(raw).to_bytes(2 if version == 1 else 4, "little")
    return io.BytesIO(b"\x93NUMPY" + bytes([version, 0]) + length + raw + body)


def test_numpy_reads_what_is_saved(tmp_path):
    save(ARRAYS, tmp_path / "a.npz")
    loaded = np.load(tmp_path / "a.npz", allow_pickle=False)
    assert same({name: loaded[name] for name in loaded.files}, ARRAYS)


@pytest.mark.parametrize("savez", [np.savez, np.savez_compressed])
def test_what_numpy_saves_is_loaded(savez, tmp_path):
    arrays = {name: array for name, array in ARRAYS.items() if name != "file"}
    savez(tmp_path / "a.npz", **arrays)
    loaded = load(tmp_path / "a.npz")
    assert same(loaded, arrays) and all(array.flags.writeable for array in loaded.values())


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_npy_files_are_loaded(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    assert same(load(tmp_path / "a.npy"), array)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_npy_format_is_read(version):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.arange(3.0), version)
    file.seek(0)
    assert load(file).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }\n",
        '{"shape": (2,), "fortran_order": False, "descr": ">i4"}',
        "{'descr':'>i4','fortran_order':False,'shape':(2L,)}  \n",
    ],
)
def test_other_spellings_of_the_header_are_read(header):
    loaded = load(npy(header, b"\0\0\0\1\0\0\0\2"))
    assert loaded.tolist() == [1, 2] and loaded.dtype == np.int32


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", "claims the shape"),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1000000000000000000000), }",
            "claims the shape",
        ),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 65 + "), }", "no array can have"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "header that can't be read"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "pickled Python objects"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "records aren't supported"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os').getcwd()}", "can't be read"),
        ("{'descr': '<f5', 'fortran_order': False, 'shape': (1,)}", "dtype '<f5'"),
        ("{'descr': '<U0', 'fortran_order': False, 'shape': (99999999999,)}", "dtype '<U0'"),
        ("{'descr': '<U999999999', 'fortran_order': False, 'shape': (1,)}", "dtype|claims"),
        ("{'descr': '<f4', 'fortran_order': 'True', 'shape': (1,)}", "can't be read"),
        ("{'descr': '<f4', 'shape': (1,)}", "can't be read"),
        ("{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", "can't be read"),
        ("((((((", "can't be read"),
        ("", "can't be read"),
    ],
)
def test_headers_that_lie_or_ask_for_more_are_refused(header, words):
    with pytest.raises(CheckpointError, match=words) as caught:
        load(npy(header, b"\0\0\0\0"))
    assert "\n" not in str(caught.value)


def test_files_cut_short_or_too_long_are_refused():
    file = io.BytesIO()
    np.save(file, np.arange(10))
    content = file.getvalue()
    for damaged in (content[:4], content[:9], content[:50], content[:-1], content + b"\0"):
        with pytest.raises(CheckpointError):
            load(io.BytesIO(damaged))
    with pytest.raises(CheckpointError, match="header of 4294967295 bytes"):
        load(io.BytesIO(b"\x93NUMPY\2\0\xff\xff\xff\xff"))
    with pytest.raises(CheckpointError, match="no array"):
        load(io.BytesIO(b"\x93NUMPY\7\0\xff\xff\xff\xff"))


def test_pickled_arrays_are_never_unpickled(tmp_path):
    marker = tmp_path / "marker"

    class Bomb:
        def __reduce__(self):
            return open, (str(marker), "w")

    np.save(tmp_path / "a.npy", np.array([Bomb()], object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=np.array([Bomb()], object))
    marker.unlink(missing_ok=True)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(CheckpointError, match="pickled Python objects; they are never loaded"):
            load(tmp_path / name)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="it is a pickle"):
        load(tmp_path / "a.pkl")
    assert not marker.exists()


def test_a_damaged_entry_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(100))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[400] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"entry 'x\.npy' is damaged: its CRC-32 is wrong"):
        load(tmp_path / "a.npz")


def test_an_entry_that_is_no_array_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"not an array")
    with pytest.raises(CheckpointError, match=r"entry 'x\.npy' is no array"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("suffix", [".npz", ".NPZ"])
@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"a": {"b": np.ones(1)}}, r"\['a'\]: a dict can't be saved"),
        ({"lr": 0.1}, r"\['lr'\]: a float can't be saved"),
        ({1: np.ones(1)}, "the key 1 can't be saved"),
        ({"a\0": np.ones(1)}, "can't be saved"),
        ([np.ones(1)], "object of type list"),
        ({"a": np.array([None])}, "dtype object"),
    ],
)
def test_only_flat_dicts_of_arrays_fit(tree, words, suffix, tmp_path):
    with pytest.raises(TypeError, match=words):
        save(tree, tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_hooks_apply_to_flat_files(tmp_path):
    class Tensor:
        array = np.arange(3.0)

    save({"w": Tensor()}, tmp_path / "a.npz", encode=lambda value: ("tensor", value.array, {}))
    calls = []
    assert load(tmp_path / "a.npz", decode=lambda *call: calls.append(call) or "decoded") == {"w": "decoded"}
    [(kind, array, attributes)] = calls
    assert (kind, array.tolist(), attributes) == ("array", [0, 1, 2], {})
    np.save(tmp_path / "a.npy", np.ones(2))
    assert load(tmp_path / "a.npy", decode=lambda kind, *_: kind) == "array"
