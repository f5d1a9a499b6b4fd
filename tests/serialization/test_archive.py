"""The framework's own format: what goes in comes out, and nothing else does."""

import io
import json
import struct
import tracemalloc
import zipfile
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.serialization import CheckpointError, load, save
from framework.serialization.container import ZipReader, ZipWriter
from tests.serialization.checkpoint_trees import same

DATA = Path(__file__).parent / "data"


def round_trip(value, **hooks):
    file = io.BytesIO()
    save(value, file, **({"encode": hooks["encode"]} if "encode" in hooks else {}))
    file.seek(0)
    return load(file, **({"decode": hooks["decode"]} if "decode" in hooks else {}))


def archive_of(document, **arrays):
    """A file with a right digest around whatever tree.json is given."""
    file = io.BytesIO()
    writer = ZipWriter(file)
    writer.add("tree.json", document if isinstance(document, bytes) else json.dumps(document).encode())
    for name, array in arrays.items():
        content = io.BytesIO()
        np.save(content, array)
        writer.add(name, content.getvalue())
    writer.close()
    file.seek(0)
    return file


def document(tree=None, arrays=(), leaves=(), **changes):
    head = {"format": "framework checkpoint", "version": 1}
    return {**head, "arrays": list(arrays), "leaves": list(leaves), "tree": tree, **changes}


def test_a_training_state_comes_back(state, tmp_path):
    save(state, tmp_path / "state.pt")
    assert same(load(tmp_path / "state.pt"), state)


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.complex_numbers())
keys = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary())
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
    ),
)


@given(trees)
def test_plain_values_come_back_exactly(tree):
    assert same(round_trip(tree), tree)


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), 2**64 - 1, -(1 << 20_000), 1 << 20_000, -0.0, 5e-324, 1.7976931348623157e308, -np.inf],
    ids=lambda value: type(value).__name__,
)
def test_numbers_of_any_size_come_back_exactly(value):
    loaded = round_trip(value)
    assert type(loaded) is type(value) and loaded == value
    assert struct.pack(">d", loaded) == struct.pack(">d", value) if isinstance(value, float) else True


def test_a_nan_keeps_its_bits():
    nan = struct.unpack(">d", bytes.fromhex("fff8000000abcdef"))[0]
    assert struct.pack(">d", round_trip(nan)).hex() == "fff8000000abcdef"


def test_text_that_is_no_unicode_comes_back():
    assert round_trip({"\ud800\0é": "\udcff"}) == {"\ud800\0é": "\udcff"}


@pytest.mark.parametrize("value", [{1, 2, "a"}, frozenset({b"x", None}), Counter({30: 1, 80: 2}), set()])
def test_sets_and_counters_come_back(value):
    loaded = round_trip(value)
    assert type(loaded) is type(value) and loaded == value


def test_an_ordered_dict_becomes_a_dict_in_its_order():
    loaded = round_trip(OrderedDict([("b", 1), ("a", 2)]))
    assert type(loaded) is dict and list(loaded.items()) == [("b", 1), ("a", 2)]


def test_a_plain_subclass_of_tuple_becomes_a_tuple():
    class Size(tuple):
        pass

    assert same(round_trip(Size((2, 3))), (2, 3))


@pytest.mark.parametrize(
    "scalar",
    [
        np.float32(0.1), np.float64("nan"), np.float16(-0.0), np.int8(-5), np.uint64(2**64 - 1),
        np.bool_(True),
        np.complex64(1 - 2j), np.str_("a\0"), np.str_(""), np.bytes_(b"x\0"),
        np.datetime64("2024-02-29T12:00"),
    ],
)  # fmt: skip
def test_numpy_scalars_keep_their_type(scalar):
    loaded = round_trip([scalar])[0]
    assert type(loaded) is type(scalar) and loaded.tobytes() == scalar.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.5, "f4"), np.zeros((0, 3)), np.arange(6, dtype="<i2").reshape(2, 3), np.array([1j, 2]),
        np.array([True, False]), np.array(["ab", "c"]), np.array([b"ab"]), np.arange(3).astype("M8[D]"),
        np.arange(10)[::-2], np.broadcast_to(np.float32(1), (2, 3)), np.arange(6.0).reshape(2, 3).T,
        np.arange(4, dtype=np.float16), np.array([np.nan, -0.0, np.inf], np.float32),
    ],
)  # fmt: skip
def test_arrays_of_every_kind_come_back_fresh_and_writable(array):
    loaded = round_trip({"x": array})["x"]
    assert same(loaded, np.asarray(array)) and loaded.flags.writeable
    assert not np.shares_memory(loaded, array)


def test_an_array_of_the_other_byte_order_comes_back_native():
    swapped = np.arange(5, dtype=">f4")
    loaded = round_trip(swapped)
    assert loaded.dtype == np.dtype("=f4") and loaded.tolist() == swapped.tolist()


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0), (2, 3, 0, 1)])
def test_the_memory_layout_comes_back(axes):
    array = np.arange(120.0).reshape(2, 3, 4, 5).transpose(axes)
    loaded = round_trip(array)
    assert same(loaded, array) and loaded.strides == array.strides


def test_tied_arrays_stay_tied_and_are_stored_once(state, tmp_path):
    state["view"] = state["model"]["head.weight"][:]  # another object, the same memory
    save(state, tmp_path / "state.pt")
    loaded = load(tmp_path / "state.pt")
    assert loaded["model"]["embedding.weight"] is loaded["model"]["head.weight"] is loaded["view"]
    assert len(zipfile.ZipFile(tmp_path / "state.pt").namelist()) == 1 + 5


def test_empty_arrays_at_one_address_stay_apart():
    base = np.zeros((4, 0))
    first, second = round_trip([base, np.zeros((4, 0))])
    assert first is not second


def test_numpy_and_zip_tools_can_read_the_file(state, tmp_path):
    path = tmp_path / "state.pt"
    save(state, path)
    assert zipfile.ZipFile(path).testzip() is None
    arrays = np.load(path, allow_pickle=False)
    weight = arrays["model/embedding.weight"]
    assert same(weight, state["model"]["embedding.weight"])
    assert same(arrays["optimizer/state/0/exp_avg"], state["optimizer"]["state"][0]["exp_avg"])


@pytest.mark.parametrize(
    "key_sets", [("a/b", "a_b", "A_B"), ("..", "."), ("", "/"), ("x" * 500, "x" * 501), ("tree.json", "é")]
)
def test_keys_that_make_like_names_are_told_apart(key_sets):
    tree = {key: np.array([number]) for number, key in enumerate(key_sets)}
    file = io.BytesIO()
    save(tree, file)
    names = zipfile.ZipFile(file).namelist()
    assert len({name.lower() for name in names}) == len(key_sets) + 1
    assert not any(part in ("", ".", "..") for name in names for part in name.split("/"))
    file.seek(0)
    assert same(load(file), tree)


def test_the_same_state_gives_the_same_bytes(state):
    first, second = io.BytesIO(), io.BytesIO()
    save({**state, "set": {"b", "a", "c"}}, first)
    save({**state, "set": {"c", "a", "b"}}, second)
    assert first.getvalue() == second.getvalue()


class Opaque:
    pass


class Milestone(IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    ("tree", "where", "what"),
    [
        ({"optimizer": {"state": [{"foo": Opaque()}]}}, "optimizer.state[0].foo", "Opaque"),
        ({"model": {"layer.weight": [1, {2: Opaque()}]}}, "model['layer.weight'][1][2]", "Opaque"),
        (Opaque(), "the object to save", "Opaque"),
        ({"f": print}, "f", "builtin_function_or_method"),
        ({"x": np.array([{}], object)}, "x", "dtype object"),
        ({"x": np.zeros(2, "i4,f4")}, "x", "dtype"),
        ({"x": np.ma.masked_array([1.0], [True])}, "x", "MaskedArray"),
        ({"d": defaultdict(list)}, "d", "defaultdict"),
        ({"p": namedtuple("Point", "x y")(1, 2)}, "p", "Point"),
        ({"e": Milestone.ONE}, "e", "Milestone"),
        ({"k": {(1, 2): 3}}, "k", "key or set element of type tuple"),
        ({"k": {np.int64(1): 3}}, "k", "numpy.int64"),
        ({"b": bytearray(b"x")}, "b", "bytearray"),
    ],
)
def test_what_cannot_be_saved_is_named_by_its_place(tree, where, what, tmp_path):
    with pytest.raises(TypeError) as caught:
        save(tree, tmp_path / "state.pt")
    assert str(caught.value).startswith(f"{where}: ") and what in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_container_inside_itself_is_refused():
    loop = []
    loop.append([loop])
    with pytest.raises(ValueError, match="nested deeper than 100 levels, or inside itself"):
        save(loop, io.BytesIO())


def test_a_hundred_levels_of_containers_come_back():
    tree = 1
    for level in range(100):
        tree = {"k": tree} if level % 3 else ([tree] if level % 2 else (tree,))
    assert same(round_trip(tree), tree)


class Tensor:
    def __init__(self, array, requires_grad=False):
        self.array, self.requires_grad = array, requires_grad


class Dtype:
    pass


def encode(value):
    if isinstance(value, Tensor):
        return "tensor", value.array, {"requires_grad": value.requires_grad, "shape": value.array.shape}
    return ("dtype", None, {}) if isinstance(value, Dtype) else None


def decode(kind, array, attributes):
    return Tensor(array, attributes["requires_grad"]) if kind == "tensor" else Dtype()


def test_hooks_save_objects_of_the_caller():
    tensor = Tensor(np.arange(3.0), True)
    tree = {"w": tensor, "again": tensor, "tied": Tensor(tensor.array), "raw": tensor.array, "dtype": Dtype()}
    loaded = round_trip(tree, encode=encode, decode=decode)
    assert loaded["w"] is loaded["again"] and loaded["w"].requires_grad and not loaded["tied"].requires_grad
    assert loaded["w"].array is loaded["tied"].array is loaded["raw"]
    assert loaded["raw"].tolist() == [0, 1, 2] and isinstance(loaded["dtype"], Dtype)


def test_hooks_can_keep_a_subclass_of_tuple():
    class Size(tuple):
        pass

    file = io.BytesIO()
    save([Size((2, 3))], file, encode=lambda value: ("size", None, {"sizes": tuple(value)}))
    file.seek(0)
    [size] = load(file, decode=lambda kind, array, attributes: Size(attributes["sizes"]))
    assert type(size) is Size and size == (2, 3)


def test_without_decode_leaves_come_back_as_arrays():
    assert round_trip({"w": Tensor(np.arange(3.0))}, encode=encode)["w"].tolist() == [0, 1, 2]


def test_attributes_hold_no_arrays_and_unknown_objects_are_named():
    with pytest.raises(TypeError, match="the attributes of a tensor hold an array"):
        save({"w": Tensor(np.ones(1))}, io.BytesIO(), encode=lambda _: ("tensor", None, {"x": np.ones(1)}))
    with pytest.raises(TypeError, match=r"a\.b: object of type .*Opaque can't be saved"):
        save({"a": {"b": Opaque()}}, io.BytesIO(), encode=encode)
    with pytest.raises(TypeError, match="w: a list can't be saved as an array"):
        save({"w": Opaque()}, io.BytesIO(), encode=lambda _: ("tensor", [1.0], {}))


def test_a_file_of_the_first_version_still_loads():
    loaded = load(DATA / "version_1.ckpt")
    expected = {
        "model": {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.array([0.5, -0.5])},
        "optimizer": {
            "state": {0: {"step": np.int64(3)}},
            "betas": (0.9, 0.999),
            "milestones": Counter({2: 1}),
        },
        "big": 2**100,
        "best": float("-inf"),
        "rng": b"\x00\xff",
        "leaf": np.ones(2, np.float16),
        "transposed": np.arange(24, dtype=np.int32).reshape(2, 3, 4).transpose(1, 0, 2),
    }
    assert same(loaded, expected) and loaded["transposed"].strides == expected["transposed"].strides


ENTRY = {"entry": "a.npy", "axes": None}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (document(version=2), "format version 2; this release reads version 1"),
        (document(version=None), "format version None"),
        (document(format="other"), "not that of a framework checkpoint"),
        ([], "not that of a framework checkpoint"),
        (b"{", "tree.json can't be read"),
        (b"\xff", "tree.json can't be read"),
        (b"[" * 100_000, "tree.json can't be read"),
        (b"1" * 10_000, "tree.json can't be read"),
        (b'{"format": 1, "format": 2}', "tree.json can't be read"),
        ({"format": "framework checkpoint", "version": 1}, "a table is missing"),
        (document(arrays=[[]]), "a table is missing"),
        (document(arrays=[{"entry": [], "axes": None}]), "a table is missing"),
        (document({"array": 0}, [ENTRY]), "doesn't match its entries: ['a.npy']"),
        (document({"array": 0}), "'array' makes no sense"),
        (document({"array": -1}), "'array' makes no sense"),
        (document({"array": True}), "makes no sense"),
        (document({"leaf": 0}), "'leaf' makes no sense"),
        (document({"odd": []}), "makes no sense"),
        (document({}), "makes no sense"),
        (document({"int": "12_3"}), "makes no sense"),
        (document({"float": "00"}), "'float' makes no sense"),
        (document({"bytes": "xy"}), "'bytes' makes no sense"),
        (document({"bytes": None}), "'bytes' makes no sense"),
        (document({"items": [[{"tuple": []}, 1]]}), "makes no sense"),
        (document({"items": [[1]]}), "'items' makes no sense"),
        (document({"items": [[1, 1], [True, 2]]}), "makes no sense"),
        (document({"counter": {"a": 1}}), "makes no sense"),
        (document({"complex": [1]}), "'complex' makes no sense"),
        (document({"scalar": ["|O", "00"]}), "'scalar' makes no sense"),
        (document({"scalar": ["<f4", "00"]}), "'scalar' makes no sense"),
        (document({"scalar": ["<f4", ""]}), "'scalar' makes no sense"),
        (document(leaves=[{"kind": 1, "array": None, "attributes": {"dict": {}}}]), "table of leaves"),
        (document(leaves=[{"kind": "t", "array": None, "attributes": 1}]), "table of leaves"),
        (document(leaves=[{"kind": "t", "array": None, "attributes": {"dict": {}}}]), "not part of anything"),
    ],
)
def test_a_tree_that_makes_no_sense_is_refused_though_its_digest_is_right(content, words):
    with pytest.raises(CheckpointError) as caught:
        load(archive_of(content))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_deep_nesting_in_a_file_is_refused():
    node = 1
    for _ in range(101):
        node = [node]
    with pytest.raises(CheckpointError, match="nested deeper than 100 levels"):
        load(archive_of(document(node)))


@pytest.mark.parametrize("axes", [[0, 0], [0], [1, 2], ["0", "1"], 3, [True, False], [0.0, 1.0]])
def test_axes_that_are_none_are_refused(axes):
    content = document({"array": 0}, [{"entry": "a.npy", "axes": axes}])
    with pytest.raises(CheckpointError, match="are not the axes"):
        load(archive_of(content, **{"a.npy": np.ones((2, 3))}))


def test_extra_and_unused_entries_are_refused():
    with pytest.raises(CheckpointError, match=r"doesn't match its entries: .'b\.npy'"):
        load(archive_of(document({"array": 0}, [ENTRY]), **{"a.npy": np.ones(2), "b.npy": np.ones(2)}))
    with pytest.raises(CheckpointError, match="not part of anything"):
        load(archive_of(document(1, [ENTRY]), **{"a.npy": np.ones(2)}))
    with pytest.raises(CheckpointError, match="one twice"):
        load(archive_of(document([{"array": 0}, {"array": 1}], [ENTRY, ENTRY]), **{"a.npy": np.ones(2)}))


def test_a_file_packed_again_is_refused(state, tmp_path):
    save(state, tmp_path / "state.pt")
    for method, words in (
        (zipfile.ZIP_DEFLATED, "packed again"),
        (zipfile.ZIP_STORED, "its SHA-256 is missing"),
    ):
        with zipfile.ZipFile(tmp_path / "again.pt", "w", method) as archive:
            for name in zipfile.ZipFile(tmp_path / "state.pt").namelist():
                archive.writestr(name, zipfile.ZipFile(tmp_path / "state.pt").read(name))
        with pytest.raises(CheckpointError, match=words):
            load(tmp_path / "again.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"<html>not found</html>", "it is no checkpoint: it begins with b'<html>no'"),
        (b"\x80\x04}.", "it is a pickle"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "a PyTorch file of the old kind"),
        (b"PK", "cut short"),
        (b"PK\x03\x04" + bytes(100), "cut short"),
        (b"\x1f\x8b\x08", "no checkpoint"),
    ],
)
def test_foreign_files_are_told_apart_in_words(content, words, tmp_path):
    path = tmp_path / "odd.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert str(caught.value).startswith(f"can't load {path}: ") and words in str(caught.value)
    with pytest.raises(CheckpointError, match="can't load the file: "):
        load(io.BytesIO(content))


def test_some_other_zip_is_told_apart(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match=r"a ZIP archive but no checkpoint: it holds \['readme.txt'\]"):
        load(tmp_path / "a.zip")


def test_files_are_read_from_where_they_stand_and_written_where_they_are(state):
    file = io.BytesIO(b"12345")
    file.seek(5)
    save(state, file)
    assert file.getvalue().startswith(b"12345PK")
    file.seek(5)
    assert same(load(file), state)


def test_a_file_that_takes_little_at_a_time_is_written_whole(state):
    class Slow(io.BytesIO):
        def write(self, data):
            return super().write(bytes(data[:100]))

    slow = Slow()
    save(state, slow)
    slow.seek(0)
    assert same(load(slow), state)


def test_wrong_kinds_of_path_are_told(state, tmp_path):
    with pytest.raises(TypeError, match="the object comes first, the path second"):
        save(str(tmp_path / "a.pt"), state)
    with pytest.raises(TypeError, match='mode "wb"'):
        save(state, io.StringIO())
    with pytest.raises(TypeError, match='mode "rb"'):
        load(io.StringIO("x"))
    with pytest.raises(TypeError, match="not int"):
        load(3)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.pt")


def test_memory_is_taken_once(tmp_path):
    size = 20_000_000
    tree = {f"w{number}": np.ones(size // 80, np.float64) for number in range(10)}
    tracemalloc.start()
    try:
        save(tree, tmp_path / "big.pt")
        saving = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        load(tmp_path / "big.pt")
        loading = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert saving < 0.1 * size and loading < 1.2 * size


def test_the_digest_covers_the_whole_file(state):
    file = io.BytesIO()
    save(state, file)
    assert ZipReader(file).check_digest()
    content = file.getvalue()
    assert content[-71:-64] == b"sha256:"
