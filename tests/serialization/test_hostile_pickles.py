"""Pickles that try to run something or to exhaust the machine: nothing runs, and the error says why.

Each file that would leave a mark if it ran is first shown to do so by Python's own unpickler.
"""

import io
import os
import pickle
import time

import pytest

from framework.serialization import CheckpointError, load
from tests.serialization.torch_files import PROTO, dictionary, name, number, storage, tensor, text, torch_file

SIX = bytes(24)


def refusal(pickled, storages=None):
    start = time.perf_counter()
    with pytest.raises(CheckpointError) as caught:
        load(torch_file(pickled, storages or {"0": SIX}))
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400 and time.perf_counter() - start < 5
    return message


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "marker"


def touch(marker):
    return f"touch {marker}"


def attacks(marker):
    command = text(touch(marker))
    code = text(f"open({str(marker)!r}, 'w').close()")
    system = name("posix", "system")
    evaluate = name("builtins", "eval")
    call = system + command + b"\x85R"
    short = touch(marker).encode()
    return {
        "reduce": (call, "posix.system"),
        "eval": (evaluate + code + b"\x85R", "builtins.eval"),
        "python 2 eval": (name("__builtin__", "eval") + code + b"\x85R", "__builtin__.eval"),
        "stack_global": (text("posix") + text("system") + b"\x93" + command + b"\x85R", "posix.system"),
        "inst": (b"(S'" + short + b"'\niposix\nsystem\n", "STRING"),
        "inst without text": (b"(" + command + b"iposix\nsystem\n", "posix.system"),
        "obj": (b"(" + system + command + b"o", "posix.system"),
        "newobj": (name("builtins", "exec") + command + b"\x85\x81", "builtins.exec"),
        "memo": (system + b"q\x00h\x00" + command + b"\x85R", "posix.system"),
        "dotted": (text("os") + text("path.os.system") + b"\x93" + command + b"\x85R", "os.path.os.system"),
        "getattr": (
            name("builtins", "getattr") + name("os", "path") + text("x") + b"\x86R",
            "builtins.getattr",
        ),
        "as a key": (b"}" + call + number(1) + b"s", "posix.system"),
        "in a dict": (dictionary(a=b"]" + call + b"a"), "posix.system"),
        "as a storage": (tensor(call), "posix.system"),
        "as a storage's key": (storage()[:13] + call + b"tQ", "posix.system"),
        "as hooks": (tensor(hooks=call), "posix.system"),
        "as a shape": (tensor().replace(number(2), call, 1), "posix.system"),
        "as a state": (
            name("collections", "OrderedDict") + b")R" + dictionary(_metadata=call) + b"b",
            "posix.system",
        ),
    }


@pytest.mark.parametrize("attack", attacks("x"))
def test_nothing_runs(attack, marker):
    pickled, wanted = attacks(marker)[attack]
    message = refusal(PROTO + pickled + b".")
    assert wanted in message and "refused, nothing was run" in message
    assert not marker.exists()


@pytest.mark.parametrize("attack", ["reduce", "eval", "stack_global", "inst", "obj", "memo", "in a dict"])
@pytest.mark.skipif(os.name != "posix", reason="the attacks are for POSIX")
def test_the_attacks_are_real(attack, marker):
    pickle.loads(PROTO + attacks(marker)[attack][0] + b".")
    assert marker.exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_reduce_of_every_protocol(protocol, marker):
    class Bomb:
        def __reduce__(self):
            return os.system, (touch(marker),)

    message = refusal(pickle.dumps({"state_dict": Bomb()}, protocol))
    assert "refused" in message or "protocol" in message
    assert not marker.exists()


def test_whole_objects_are_refused_by_name():
    message = refusal(pickle.dumps(io.BytesIO(), 2))
    assert "the file asks for _io.BytesIO; refused, nothing was run" in message and "state_dict" in message
    layer = name("torch.nn.modules.linear", "Linear")
    assert "torch.nn.modules.linear.Linear" in refusal(PROTO + layer + b")\x81.")


@pytest.mark.parametrize(
    "pickled",
    [
        name("collections", "OrderedDict") + b")R}X\x01\x00\x00\x00aK\x01sb",  # BUILD of any attribute
        name("collections", "OrderedDict") + b")R" + dictionary(_metadata=b"}", keys=b"N") + b"b",
        b"]" + dictionary(_metadata=b"}") + b"b",
        name("collections", "OrderedDict") + b")\x81",  # NEWOBJ
        b"\x82\x01",  # EXT1
        b"\x83\x01\x00",  # EXT2
        b"\x84\x01\x00\x00\x00",  # EXT4
        b"}0}",  # POP
        b"P1\n",  # PERSID
        b"I1\n",
        b"L1L\n",
        b"F1.0\n",
        b"V1\n",
        b"S'1'\n",
        b"(d",
        b"(l",
        b"}2",  # DUP
        b"(1",  # POP_MARK
        b"}p0\n",
        b"\x96\x01\x00\x00\x00\x00\x00\x00\x00a",  # BYTEARRAY8
        b"\x97",  # NEXT_BUFFER
    ],
)
def test_opcodes_that_plain_containers_do_not_need_are_refused(pickled):
    message = refusal(PROTO + pickled + b".")
    assert "refused, nothing was run" in message or "damaged" in message


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        PROTO,
        PROTO + b"}",
        PROTO + b".",
        PROTO + b"}}.",
        PROTO + b"(}.",
        PROTO + b"}.}.",
        b"\x80\x01}.",
        b"\x80\x06}.",
        PROTO + b"\xff.",
        PROTO + b"R.",
        PROTO + b"a.",
        PROTO + b"}K\x01a.",
        PROTO + b"]K\x01K\x01s.",
        PROTO + b"}(K\x01u.",
        PROTO + b"]K\x01\x90.",
        PROTO + b"u.",
        PROTO + b"t.",
        PROTO + b"\x87.",
        PROTO + b"h\x05.",
        PROTO + b"j\xff\xff\xff\xff.",
        PROTO + b"q\x00.",
        PROTO + b"\x94.",
        PROTO + b"}Q.",
        PROTO + b"NQ.",
        PROTO + b"(NNNNNtQ.",
        PROTO + b"]K\x01\x85R.",
        PROTO + b"K\x01K\x02\x93.",
        PROTO + name("collections", "OrderedDict") + b"K\x01\x85R.",
        PROTO + name("collections", "Counter") + b")R.",
        PROTO + name("collections", "Counter") + b"K\x01\x85R.",
        PROTO + name("_codecs", "encode") + text("x") + text("rot13") + b"\x86R.",
        PROTO + name("_codecs", "encode") + text("\u20ac") + text("latin1") + b"\x86R.",
        PROTO + name("torch._utils", "_rebuild_tensor_v2") + b")R.",
        PROTO + name("torch._utils", "_rebuild_parameter") + b"}\x89}\x87R.",
        PROTO + name("torch", "Size") + b"K\x05\x85R.",
        PROTO + name("torch._utils", "_rebuild_tensor_v3") + b")R.",
        PROTO + tensor(storage("UntypedStorage", module="torch.storage", count=24)) + b".",
        PROTO + tensor(grad=b"K\x01") + b".",
    ],
)
def test_pickles_that_make_no_sense_are_refused(pickled):
    refusal(pickled)


@pytest.mark.parametrize(
    "pickled",
    [
        b"X\xff\xff\xff\xff",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"B\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
        b"\x8b\xff\xff\xff\xff",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    ],
)
def test_lengths_beyond_the_file_are_refused(pickled):
    assert "damaged" in refusal(PROTO + pickled + b"abc.")


def test_functions_and_storages_are_no_values():
    for pickled in (name("collections", "OrderedDict"), storage(), name("torch", "FloatStorage")):
        assert "as if it were a value" in refusal(PROTO + b"]" + pickled + b"a.")
        assert "key of type" in refusal(PROTO + b"}" + pickled + b"Ns.")


def test_depth_and_loops_are_refused():
    deep = PROTO + b"]" * 100_000 + b"a" * 99_999 + b"."
    tuples = PROTO + b")" + b"\x85" * 200_000 + b"."
    loop = PROTO + b"]q\x00h\x00a."
    through_a_dict = PROTO + b"}q\x00(X\x01\x00\x00\x00a]h\x00au."
    metadata = PROTO + name("collections", "OrderedDict") + b")Rq\x00" + b"}X\x09\x00\x00\x00_metadatah\x00sb."
    for pickled in (deep, tuples, loop, through_a_dict, metadata):
        assert "nested deeper than 100 levels, or inside themselves" in refusal(pickled)
    as_key = PROTO + b"})" + b"\x85" * 200_000 + b"Ns."
    assert "key of type tuple" in refusal(as_key)
    marks = PROTO + b"(" * 200_000 + b"."
    assert "damaged" in refusal(marks)


def test_depth_built_out_of_shared_pieces_is_refused():
    # Ninety levels, then ninety around those, each piece shallow where it is met first.
    first = b"]" * 90 + b"a" * 89 + b"q\x00"
    second = b"]" * 90 + b"h\x00a" + b"a" * 89
    assert "nested deeper" in refusal(PROTO + b"](" + first + second + b"e.")


def test_a_small_pickle_that_unfolds_to_much_is_no_danger():
    """Lists of the list before, twice: 2**60 elements if each were visited, sixty as they are shared."""
    nested = []
    for _ in range(60):
        nested = [nested, nested]
    loaded = load(torch_file(pickle.dumps(nested, 2)))
    assert loaded[0] is loaded[1] and loaded[0][0] is loaded[0][1]


def test_a_number_of_millions_of_digits_takes_no_time():
    start = time.perf_counter()
    content = b"\x01" * 2_000_000
    pickled = PROTO + b"\x8b" + len(content).to_bytes(4, "little") + content + b"."
    assert load(torch_file(pickled)) == int.from_bytes(content, "little") and time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (name("_codecs", "encode"), text("x" * 100_000) + b"q\x01" + text("latin1") + b"\x86"),
        (name("__builtin__", "set"), b"](" + b"".join(map(number, range(20_000))) + b"e\x85"),
        (name("torch", "Size"), b"(" + b"K\x01" * 50_000 + b"t\x85"),
    ],
)
def test_copying_over_and_over_is_refused(function, argument):
    again = b"h\x00h\x02R"
    pickled = PROTO + b"](" + function + b"q\x00" + argument + b"q\x02R" + again * 10_000 + b"e."
    assert "copies its own content over and over" in refusal(pickled)
