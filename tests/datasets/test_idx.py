"""IDX files against bytes written out by hand, and every way in which a file can be damaged."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from framework.datasets import DataError, read_idx, write_idx

TYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]
SMALL = bytes.fromhex("00 00 08 02  00 00 00 02  00 00 00 03  01 02 03 04 05 ff")


def save(folder: Path, content: bytes, name: str = "file-idx") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_reads_bytes_written_by_hand(tmp_path: Path) -> None:
    array = read_idx(save(tmp_path, SMALL))
    assert array.dtype == np.uint8
    assert array.tolist() == [[1, 2, 3], [4, 5, 255]]
    array[0, 0] = 9  # writable


@pytest.mark.parametrize(
    ("code", "element", "dtype", "value"),
    [
        ("09", "fe", "int8", -2),
        ("0b", "ff fe", "int16", -2),
        ("0c", "00 01 00 00", "int32", 65536),
        ("0d", "3f c0 00 00", "float32", 1.5),
        ("0e", "c0 04 00 00 00 00 00 00", "float64", -2.5),
    ],
)
def test_elements_are_big_endian_in_the_file_and_native_in_memory(
    tmp_path: Path, code: str, element: str, dtype: str, value: float
) -> None:
    array = read_idx(save(tmp_path, bytes.fromhex(f"00 00 {code} 01  00 00 00 01  {element}")))
    assert array.dtype == np.dtype(dtype) and array.dtype.isnative
    assert array.tolist() == [value]


def test_writes_the_bytes_written_by_hand(tmp_path: Path) -> None:
    write_idx(tmp_path / "a", np.array([[1, 2, 3], [4, 5, 255]], np.uint8))
    assert (tmp_path / "a").read_bytes() == SMALL
    write_idx(tmp_path / "b", np.array([65536, -1], ">i4"))
    assert (tmp_path / "b").read_bytes() == bytes.fromhex("00 00 0c 01 00 00 00 02 00 01 00 00 ff ff ff ff")


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(1,), (7,), (3, 4), (2, 3, 4), (2, 1, 3, 1, 2)])
def test_what_is_written_is_read(tmp_path: Path, dtype: str, shape: tuple[int, ...], suffix: str) -> None:
    array = np.random.RandomState(0).randint(-100, 100, shape).astype(dtype)
    path = tmp_path / f"new folder/a-idx{suffix}"
    write_idx(path, array)
    again = read_idx(path)
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]  # no temporary file is left


def test_views_are_written_in_their_own_order(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4).transpose(2, 0, 1)[::-1]
    write_idx(tmp_path / "a", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


def test_equal_arrays_give_equal_compressed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(100, dtype=np.uint8)
    write_idx(tmp_path / "one.gz", array)
    monkeypatch.setattr("time.time", lambda: 1e9)
    write_idx(tmp_path / "another.gz", array)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "another.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.gz").read_bytes())[8:] == array.tobytes()


def test_content_decides_whether_a_file_is_compressed(tmp_path: Path) -> None:
    for path in (save(tmp_path, gzip.compress(SMALL), "a-idx2"), save(tmp_path, SMALL, "a-idx2.gz")):
        assert read_idx(path).shape == (2, 3)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros(3, np.int64), "int64"),
        (np.zeros(3, bool), "bool"),
        (np.zeros(3, np.float16), "float16"),
        (np.zeros((0, 28), np.uint8), r"\(0, 28\)"),
        (np.array(1, np.uint8), r"\(\)"),
    ],
)
def test_what_idx_cannot_hold_is_not_written(tmp_path: Path, array: np.ndarray, expected: str) -> None:
    with pytest.raises(DataError, match=f"a-idx: IDX files hold .*{expected}"):
        write_idx(tmp_path / "a-idx", array)
    assert list(tmp_path.iterdir()) == []


PAGE = b"<!DOCTYPE html><html><body>403 Forbidden</body></html>"
DAMAGES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not an IDX file: it holds 0 bytes"),
    "three bytes": (b"\0\0\x08", "not an IDX file: it holds 3 bytes"),
    "foreign": (b"PK\x03\x04" + bytes(100), "not an IDX file: it begins with the bytes 50 4b 03 04"),
    "web page": (PAGE, "looks like a web page"),
    "unknown element type": (b"\0\0\x0a\x01" + bytes(100), "not an IDX file: .* 00 00 0a 01"),
    "no dimensions": (b"\0\0\x08\x00\x01", "not an IDX file"),
    "too many dimensions": (b"\0\0\x08\xff" + bytes(2000), "not an IDX file"),
    "header cut short": (SMALL[:9], "cut short: it ends within its header"),
    "elements cut short": (SMALL[:-1], "cut short: its header says 2 x 3 .*ends after 5 of 6 bytes"),
    "elements missing": (SMALL[:12], "cut short: .*ends after 0 of 6 bytes"),
    "trailing byte": (SMALL + b"\0", "holds more than it should: its header says 2 x 3"),
    "empty dimension": (b"\0\0\x08\x02\0\0\0\0\0\0\0\x1c", "holds nothing: its header says 0 x 28"),
}


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_content_is_one_clear_line(tmp_path: Path, damage: str, compressed: bool) -> None:
    content, expected = DAMAGES[damage]
    path = save(tmp_path, gzip.compress(content) if compressed else content, "x-idx3-ubyte.gz")
    with pytest.raises(DataError, match=expected) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (gzip.compress(SMALL)[:-9], "cut short: its compressed data end too early"),
        (gzip.compress(SMALL)[:12], "cut short: its compressed data end too early"),
        (gzip.compress(SMALL) + b"garbage", "damaged: its data cannot be unpacked"),
        (gzip.compress(SMALL)[:-8] + bytes(8), "damaged: its data cannot be unpacked .*CRC"),
        (b"\x1f\x8b" + bytes(50), "damaged: its data cannot be unpacked"),
        (gzip.compress(SMALL) * 2, "holds more than it should"),
    ],
    ids=["end missing", "nearly all missing", "trailing", "checksum", "foreign", "twice"],
)
def test_damaged_compression_is_one_clear_line(tmp_path: Path, content: bytes, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        read_idx(save(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_every_prefix_of_a_file_is_refused(tmp_path: Path) -> None:
    for content in (SMALL, gzip.compress(SMALL)):
        for length in range(len(content)):
            with pytest.raises(DataError):
                read_idx(save(tmp_path, content[:length]))


def test_no_changed_byte_is_anything_but_the_array_or_a_data_error(tmp_path: Path) -> None:
    for content in (SMALL[:12], gzip.compress(SMALL)):
        for position in range(len(content)):
            for value in (0, 1, 0x0E, 0x7F, 0xFF):
                changed = (
                    content[:position] + bytes([value]) + content[position + 1 :] + SMALL[12:] * (content == SMALL[:12])
                )
                try:
                    array = read_idx(save(tmp_path, changed))
                except DataError:
                    continue
                assert array.tobytes() == SMALL[12:]


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "gzip"])
def test_a_lying_header_takes_no_memory(tmp_path: Path, compressed: bool) -> None:
    content = b"\0\0\x0e\x03" + struct.pack(">3I", *[2**32 - 1] * 3) + bytes(1000)
    path = save(tmp_path, gzip.compress(content) if compressed else content)
    tracemalloc.start()
    with pytest.raises(DataError, match="cut short: its header says 4,294,967,295 x "):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_a_compression_bomb_with_a_lying_header_is_not_unpacked(tmp_path: Path) -> None:
    content = b"\0\0\x08\x02" + struct.pack(">2I", 2**32 - 1, 2**32 - 1) + bytes(30_000_000)
    path = save(tmp_path, gzip.compress(content))
    tracemalloc.start()
    with pytest.raises(DataError, match="more than a file of its size can hold"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    save(tmp_path, SMALL, "a-idx.gz")
    with pytest.raises(DataError, match=r"a-idx: no such file; did you mean a-idx\.gz\?"):
        read_idx(tmp_path / "a-idx")
    with pytest.raises(DataError, match=r"b-idx: no such file$"):
        read_idx(tmp_path / "b-idx")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)
