"""The strict ZIP reader and the streaming writer, against the standard library's zipfile."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest

from framework.serialization import CheckpointError, container, load, save
from framework.serialization.container import ZipReader, ZipWriter

CONTENTS = {"a.txt": b"hello", "folder/é.bin": bytes(range(256)) * 300, "empty": b""}


def written(contents=CONTENTS):
    file = io.BytesIO()
    writer = ZipWriter(file)
    for name, content in contents.items():
        writer.add(name, content[:3], memoryview(content[3:]))
    writer.close()
    return file


def zipped(contents=CONTENTS, method=zipfile.ZIP_STORED, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in contents.items():
            with archive.open(name, "w", **options) as entry:
                entry.write(content)
    return file


def read_all(file):
    reader = ZipReader(file)
    return {name: reader.read(name) for name in reader.entries}


def test_zipfile_reads_what_is_written():
    archive = zipfile.ZipFile(written())
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == CONTENTS


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("force_zip64", [False, True])
def test_what_zipfile_writes_is_read(method, force_zip64):
    assert read_all(zipped(method=method, force_zip64=force_zip64)) == CONTENTS


def test_streamed_archives_with_sizes_after_the_entries_are_read():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise io.UnsupportedOperation("seek")

        tell = seek

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.writestr("a.txt", b"hello")
    assert read_all(io.BytesIO(pipe.getvalue())) == {"a.txt": b"hello"}


def test_more_entries_than_a_plain_zip_can_count():
    contents = {str(number): b"" for number in range(70_000)}
    file = written(contents)
    assert len(zipfile.ZipFile(file).namelist()) == 70_000
    assert len(ZipReader(file).entries) == 70_000


def test_sizes_and_offsets_beyond_32_bits(monkeypatch):
    """The records for four gibibytes and more, brought about by a lower limit."""
    monkeypatch.setattr(container, "_FULL32", 200)
    file = written()
    assert read_all(file) == CONTENTS and ZipReader(file).check_digest()
    content = file.getvalue()
    name = "folder/é.bin".encode()
    extra = content[content.index(name) + len(name) :][:20]
    assert struct.unpack("<2H2Q", extra) == (1, 16, 76_800, 76_800)
    assert b"PK\x06\x06" in content and b"PK\x06\x07" in content


def test_zip64_records_of_the_directory_are_read():
    """A directory that leaves sizes and offsets to the ZIP64 extra fields, as for four gibibytes."""
    content, name = b"hello", b"a.txt"
    crc = zlib.crc32(content)
    full = 0xFFFFFFFF
    extra = struct.pack("<2H2Q", 1, 16, 5, 5)
    first = struct.pack("<4s5H3I2H", b"PK\x03\x04", 45, 0x800, 0, 0, 33, crc, full, full, 5, 20) + name + extra
    extra = struct.pack("<2H3Q", 1, 24, 5, 5, 0)
    entry = (
        struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 45, 45, 0x800, 0, 0, 33, crc, full, full, 5, 28, 0, 0, 0, 0, full)
        + name
        + extra
    )
    start = len(first) + len(content)
    end = start + len(entry)
    tail = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(entry), start)
    tail += struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    tail += struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, full, full, 0)
    file = io.BytesIO(first + content + entry + tail)
    assert zipfile.ZipFile(file).read("a.txt") == content
    assert read_all(file) == {"a.txt": content}


def patched(file, offset, value, form="<I"):
    content = bytearray(file.getvalue())
    struct.pack_into(form, content, offset, value)
    return io.BytesIO(content)


def directory_of(file):
    return file.getvalue().index(b"PK\x01\x02")


def test_false_claims_are_refused():
    file = zipped({"a": b"x" * 100, "b": b"y" * 100})
    central = directory_of(file)
    second = file.getvalue().index(b"PK\x01\x02", central + 1)
    end = file.getvalue().index(b"PK\x05\x06")
    for damaged, words in [
        (patched(file, central + 24, 2**31), "lies about its size"),  # unpacked size
        (patched(patched(file, central + 24, 2**31), central + 20, 2**31), "reaches into what follows"),
        (patched(file, central + 42, 2**31), "outside of the file"),  # offset
        (patched(file, second + 42, 0), "header is not the directory's"),  # both at one place
        (patched(file, central + 8, 1, "<H"), "encrypted"),
        (patched(file, central + 10, 12, "<H"), "unsupported method"),
        (patched(file, central + 28, 60_000, "<H"), "directory is cut short"),
        (patched(file, end + 10, 3, "<H"), "directory is cut short"),
        (patched(file, end + 10, 1, "<H"), "holds more than it says"),
        (patched(file, end + 12, 2**31), "not where it should be"),
        (patched(file, end + 16, 0), "not where it should be"),
        (patched(file, end + 4, 1, "<H"), "not where it should be"),
        (patched(file, 0, 0), "header is not the directory's"),
        (patched(file, 28, 60_000, "<H"), "reaches into what follows"),
        (patched(file, 40, 0), "CRC-32 is wrong"),
    ]:
        with pytest.raises(CheckpointError, match=words):
            read_all(damaged)


def test_two_entries_of_one_name_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(CheckpointError, match="two entries of one name"):
        ZipReader(file)


def test_entries_that_overlap_are_refused():
    """One entry hidden inside another, the way in which small archives are made to unpack to huge ones."""
    inner = written({"b": b"x" * 50}).getvalue()
    file = zipped({"a": inner, "b": b"x" * 50})
    second = file.getvalue().rindex(b"PK\x01\x02")
    inside = file.getvalue().index(b"PK\x03\x04", 1)
    content = bytearray(file.getvalue())
    content[inside + 6 : inside + 8] = content[second + 8 : second + 10]
    struct.pack_into("<I", content, second + 42, inside)
    with pytest.raises(CheckpointError, match=r"reaches into what follows|header"):
        ZipReader(io.BytesIO(content))


def test_every_shortening_is_noticed():
    content = written().getvalue()
    for length in range(0, len(content), 7):
        with pytest.raises(CheckpointError):
            read_all(io.BytesIO(content[:length]))


def test_an_entry_that_inflates_beyond_reason_is_refused_before_memory_is_taken():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(20_000_000))
    central = directory_of(file)
    claimed = patched(file, central + 24, 1100 << 20)
    with pytest.raises(CheckpointError, match="lies about its size"):
        ZipReader(claimed)
    # A claim that deflate could keep, but that no honest file of this size makes.
    file = zipped({"a.npy": np.random.default_rng(0).bytes(1_200_000)}, zipfile.ZIP_DEFLATED)
    claimed = patched(file, directory_of(file) + 24, 1100 << 20)
    with pytest.raises(CheckpointError, match=f"claim to expand to {1100 << 20} bytes; refused"):
        ZipReader(claimed)


def test_damaged_compressed_bytes_are_noticed():
    file = io.BytesIO()
    rng = np.random.default_rng(0)
    np.savez_compressed(file, x=rng.integers(0, 5, 5000))
    content = bytearray(file.getvalue())
    for position in rng.integers(60, directory_of(file), 100):
        damaged = content.copy()
        damaged[position] ^= 0xFF
        with pytest.raises(CheckpointError):
            load(io.BytesIO(damaged))


def test_the_digest_is_checked_over_every_byte():
    content = written({"a": b"hello"}).getvalue()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1
        try:
            assert not ZipReader(io.BytesIO(damaged)).check_digest()
        except CheckpointError:
            continue
        assert position >= len(content) - 71  # the mark of the digest itself: without it there is none


def test_a_name_longer_than_a_zip_can_hold():
    with pytest.raises(ValueError, match="longer than a ZIP archive can hold"):
        save({"x" * 70_000: np.ones(1)}, "x.npz")
