"""Damage at random places: always a CheckpointError, never another exception or a different result."""

import io

import numpy as np
import pytest

from framework.serialization import CheckpointError, load, save
from tests.serialization.checkpoint_trees import same
from tests.serialization.torch_files import PROTO, dictionary, number, storage, tensor, text, torch_file

SEEDS = range(300)


@pytest.fixture(scope="module")
def files():
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((5, 4)).astype(np.float32)
    arrays = {"weight": weight, "bias": np.zeros(5), "index": np.arange(7), "mask": np.array([True, False])}
    tree = {"model": arrays, "tied": weight, "optimizer": {0: (1, 2.5, None, b"x", {3})}, "big": 2**90}
    own = io.BytesIO()
    save(tree, own)
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    plain = io.BytesIO()
    np.savez(plain, **arrays)
    content = dictionary(w=tensor(), v=tensor(storage(), 1, (2,), (3,)), n=b"](" + number(7) + text("é") + b"e")
    pytorch = torch_file(PROTO + content + b".", {"0": np.arange(6, dtype="<f4").tobytes()})
    return {
        name: file.getvalue() for name, file in (("own", own), ("npz", plain), ("deflated", packed), ("torch", pytorch))
    }


def damage(content, seed):
    """Between one and four bytes changed, a piece cut out, doubled or zeroed, or the end cut off."""
    rng = np.random.default_rng(seed)
    damaged = bytearray(content)
    start, length = int(rng.integers(len(content))), int(rng.integers(1, 40))
    match seed % 6:
        case 0 | 1:
            damaged[start] ^= 1 << int(rng.integers(8))
        case 2:
            for position in rng.integers(len(content), size=rng.integers(1, 5)):
                damaged[position] = (damaged[position] + int(rng.integers(1, 256))) % 256
        case 3:
            del damaged[start:]
        case 4:
            del damaged[start : start + length]
        case 5:
            damaged[start:start] = damaged[start : start + length]
    return bytes(damaged)


def result_of(content):
    """What loading gives, or None for a CheckpointError in one line; any other exception is passed on."""
    try:
        return load(io.BytesIO(content))
    except CheckpointError as error:
        assert "\n" not in str(error) and len(str(error)) < 400
        return None


@pytest.mark.parametrize("seed", SEEDS)
def test_any_damage_to_our_own_file_is_found(files, seed):
    damaged = damage(files["own"], seed)
    assert damaged == files["own"] or result_of(damaged) is None


@pytest.mark.parametrize("kind", ["npz", "deflated", "torch"])
@pytest.mark.parametrize("seed", SEEDS)
def test_damage_to_other_files_changes_no_value(files, kind, seed):
    """Fields that nothing reads, such as dates, may change; what is loaded may not."""
    damaged = result_of(damage(files[kind], seed))
    assert damaged is None or same(damaged, load(io.BytesIO(files[kind])))


@pytest.mark.parametrize("length", range(0, 400, 3))
def test_every_beginning_of_a_file_is_refused(files, length):
    for content in files.values():
        assert result_of(content[:length]) is None and result_of(content[: -1 - length]) is None


@pytest.mark.parametrize("seed", range(100))
def test_noise_is_refused(seed):
    rng = np.random.default_rng(seed)
    heads = (b"", b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY\x01\x00", b"\x80\x02")
    assert result_of(heads[seed % 5] + rng.bytes(rng.integers(1, 500))) is None


@pytest.mark.parametrize("seed", range(300))
def test_a_damaged_pickle_in_an_undamaged_archive(files, seed):
    """Checksums don't help against a hand that makes them: the machine itself meets the damage."""
    content = PROTO + dictionary(w=tensor(), v=tensor(storage(), 1, (2,), (3,)), n=b"]" + text("é") + b"a") + b"."
    result_of(torch_file(damage(content, seed), {"0": bytes(24)}).getvalue())


def test_every_flipped_bit_of_a_small_file_is_found():
    file = io.BytesIO()
    save({"a": np.arange(2.0), "b": 1}, file)
    content = file.getvalue()
    for position in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            assert result_of(bytes(damaged)) is None
