"""ZIP archives as checkpoints use them: written as one stream, read strictly.

The writer stores entries uncompressed, needs no seeking, gives the same bytes for the same content, and ends
the archive with a comment that holds the SHA-256 of every byte before it, so that damage anywhere is found.
Any ZIP tool reads the result.

The reader trusts nothing that the file claims: every offset and size is checked against the file and against
the other entries before anything is read or allocated. What does not fit is a `CheckpointError`. The standard
library's `zipfile` is lenient by design and reports damage by a dozen kinds of exception, so it is not used
here.

Layout after PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
"""

import hashlib
import os
import struct
import zlib
from typing import BinaryIO, NamedTuple

from framework.serialization.errors import CheckpointError

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_LOCAL_MAGIC, _CENTRAL_MAGIC, _END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64_MAGIC, _LOCATOR64_MAGIC = b"PK\x06\x06", b"PK\x06\x07"

_STORED, _DEFLATED = 0, 8
_FLAG_UTF8 = 0x0800
# Besides UTF-8 names: deflate's level hints (bits 1 and 2) and a data descriptor after the entry (bit 3).
_KNOWN_FLAGS = _FLAG_UTF8 | 0x000E
_ZIP64_EXTRA = 1
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_DATE_1980 = 0x0021  # 1 January 1980, the earliest date a ZIP can hold: files don't depend on the clock

_DIGEST_PREFIX = b"sha256:"
_DIGEST_LENGTH = len(_DIGEST_PREFIX) + 64
_CHUNK = 1 << 20

# Compressed entries may grow in memory: up to a gibibyte freely, beyond it up to a hundred times the file.
EXPANSION_FREE = 1 << 30
EXPANSION_RATIO = 100


def check_expansion(claimed: int, file_size: int) -> None:
    """Refuse content that would take far more memory than the file that holds it.

    Args:
        claimed: bytes in memory.
        file_size: bytes of the file.

    Raises:
        CheckpointError: for more than a gibibyte that is also more than 100 times the file.
    """
    if claimed > max(EXPANSION_FREE, EXPANSION_RATIO * file_size):
        raise CheckpointError(f"its {file_size} bytes claim to expand to {claimed} bytes; refused")


class Entry(NamedTuple):
    """One file inside an archive; `start` is where its bytes begin."""

    name: str
    method: int
    crc: int
    stored_size: int
    size: int
    start: int


class EntryStream:
    """The bytes of one entry, from first to last; `finish` checks that they were all taken and undamaged."""

    def __init__(self, file: BinaryIO, entry: Entry, check_crc: bool) -> None:
        self.remaining = entry.size
        self._file = file
        self._entry = entry
        self._stored_remaining = entry.stored_size
        self._crc: int | None = 0 if check_crc else None
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if entry.method == _DEFLATED else None
        file.seek(entry.start)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.remaining:
            raise CheckpointError(f"entry {self._entry.name!r} is too short for what it should hold")
        result = bytearray(count)
        self.fill(memoryview(result))
        return bytes(result)

    def fill(self, view: memoryview) -> None:
        """Fill a writable view of bytes with the next bytes."""
        if len(view) > self.remaining:
            raise CheckpointError(f"entry {self._entry.name!r} is too short for what it should hold")
        if self._inflate is None:
            read_exactly(self._file, view)
        else:
            self._fill_inflated(view)
        self.remaining -= len(view)
        if self._crc is not None:
            self._crc = zlib.crc32(view, self._crc)

    def _fill_inflated(self, view: memoryview) -> None:
        assert self._inflate is not None
        filled = 0
        while filled < len(view):
            chunk = self._inflate.unconsumed_tail
            if not chunk:
                chunk = self._file.read(min(self._stored_remaining, _CHUNK))
                self._stored_remaining -= len(chunk)
            try:
                # Never more than is asked for, whatever the compressed bytes would expand to.
                piece = self._inflate.decompress(chunk, len(view) - filled)
            except zlib.error:
                raise CheckpointError(f"entry {self._entry.name!r} is damaged: inflating fails") from None
            if not piece and (not chunk or self._inflate.eof):
                raise CheckpointError(f"entry {self._entry.name!r} is damaged: it inflates to too few bytes")
            view[filled : filled + len(piece)] = piece
            filled += len(piece)

    def finish(self) -> None:
        """Check that every byte was taken and that the entry's CRC-32 is right."""
        if self.remaining:
            raise CheckpointError(f"entry {self._entry.name!r} holds {self.remaining} bytes too many")
        if self._crc is not None and self._crc != self._entry.crc:
            raise CheckpointError(f"entry {self._entry.name!r} is damaged: its CRC-32 is wrong")


class ZipReader:
    """The entries of an archive, all claims checked.

    Args:
        file: opened for reading, seekable; the archive is the whole of it.

    Raises:
        CheckpointError: where the archive is cut short, damaged or of a kind that checkpoints don't use.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        count, directory_start, directory_size, self.comment = self._find_directory()
        directory = self._read(directory_start, directory_size)
        self.entries = self._read_directory(directory, count, directory_start)
        deflated = [entry.size for entry in self.entries.values() if entry.method == _DEFLATED]
        self.is_compressed = bool(deflated)
        check_expansion(sum(deflated), self.size)

    @property
    def has_crcs(self) -> bool:
        """False if every CRC-32 field is zero, which is how PyTorch writes files without checksums."""
        return any(entry.crc for entry in self.entries.values())

    def check_digest(self) -> bool:
        """Whether the archive carries a digest; it is checked if so.

        Raises:
            CheckpointError: if the file's bytes are not those that were written.
        """
        if len(self.comment) != _DIGEST_LENGTH or not self.comment.startswith(_DIGEST_PREFIX):
            return False
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(_CHUNK))
        remaining = self.size - len(self.comment)
        self._file.seek(0)
        while remaining:
            view = buffer[: min(remaining, _CHUNK)]
            read_exactly(self._file, view)
            digest.update(view)
            remaining -= len(view)
        if self.comment[len(_DIGEST_PREFIX) :] != digest.hexdigest().encode():
            raise CheckpointError("it is damaged: its SHA-256 is not the one it was written with")
        return True

    def open(self, name: str, *, check_crc: bool = True) -> EntryStream:
        """The bytes of the entry `name`; use up one stream before opening the next."""
        if name not in self.entries:
            raise CheckpointError(f"entry {name!r} is missing")
        return EntryStream(self._file, self.entries[name], check_crc)

    def read(self, name: str, *, check_crc: bool = True) -> bytes:
        """All bytes of the entry `name`."""
        stream = self.open(name, check_crc=check_crc)
        content = stream.take(stream.remaining)
        stream.finish()
        return content

    def _read(self, start: int, count: int) -> bytes:
        if start < 0 or start + count > self.size:
            raise CheckpointError("it is cut short or damaged: a part lies outside of the file")
        result = bytearray(count)
        self._file.seek(start)
        read_exactly(self._file, memoryview(result))
        return bytes(result)

    def _find_directory(self) -> tuple[int, int, int, bytes]:
        """The number of entries, the directory's start and size, and the comment, from the file's end."""
        tail = self._read(max(0, self.size - _END.size - _FULL16), min(self.size, _END.size + _FULL16))
        position = tail.rfind(_END_MAGIC)
        while position >= 0:
            if len(tail) - position >= _END.size:
                fields = _END.unpack_from(tail, position)
                if fields[7] == len(tail) - position - _END.size:
                    break
            position = tail.rfind(_END_MAGIC, 0, position)
        else:
            raise CheckpointError("it is cut short or damaged: the end of the ZIP archive is missing")
        _, disk, first_disk, _, count, directory_size, directory_start, _ = fields
        comment = tail[position + _END.size :]
        directory_end = self.size - len(tail) + position
        if directory_end >= _LOCATOR64.size:
            record = self._read(directory_end - _LOCATOR64.size, _LOCATOR64.size)
            magic, _, end64_start, _ = _LOCATOR64.unpack(record)
            if magic == _LOCATOR64_MAGIC:
                directory_end = end64_start
                fields64 = _END64.unpack(self._read(end64_start, _END64.size))
                magic, _, _, _, disk, first_disk, _, count, directory_size, directory_start = fields64
                if magic != _END64_MAGIC:
                    raise CheckpointError("it is damaged: its ZIP64 directory is missing")
        if disk or first_disk or directory_start + directory_size != directory_end:
            raise CheckpointError("it is damaged: its ZIP directory is not where it should be")
        return count, directory_start, directory_size, comment

    def _read_directory(self, directory: bytes, count: int, directory_start: int) -> dict[str, Entry]:
        headers: list[tuple[int, Entry, int, bytes]] = []
        position = 0
        for _ in range(count):
            if len(directory) - position < _CENTRAL.size:
                raise CheckpointError("it is damaged: its ZIP directory is cut short")
            fields = _CENTRAL.unpack_from(directory, position)
            magic, _, _, flags, method, _, _, crc, stored_size, size = fields[:10]
            name_length, extra_length, comment_length = fields[10:13]
            name_end = position + _CENTRAL.size + name_length
            extra_end = name_end + extra_length
            if magic != _CENTRAL_MAGIC or extra_end + comment_length > len(directory):
                raise CheckpointError("it is damaged: its ZIP directory is cut short")
            raw_name = directory[position + _CENTRAL.size : name_end]
            wide = [size, stored_size, fields[16]]
            _widen(wide, directory[name_end:extra_end])
            size, stored_size, offset = wide
            name = _decode_name(raw_name, flags)
            if flags & ~_KNOWN_FLAGS or method not in (_STORED, _DEFLATED):
                raise CheckpointError(f"entry {name!r} is encrypted or packed by an unsupported method")
            # Deflate can't expand more than 1032-fold, so such a claim is false and no size to allocate.
            if size != stored_size and (method == _STORED or size > 1032 * stored_size):
                raise CheckpointError(f"entry {name!r} lies about its size")
            headers.append((offset, Entry(name, method, crc, stored_size, size, 0), flags, raw_name))
            position = extra_end + comment_length
        if position != len(directory):
            raise CheckpointError("it is damaged: its ZIP directory holds more than it says")
        return self._locate(headers, directory_start)

    def _locate(self, headers: list[tuple[int, Entry, int, bytes]], directory_start: int) -> dict[str, Entry]:
        """Find where the entries' bytes start; none may overlap, or few bytes could stand for many."""
        entries: dict[str, Entry] = {entry.name: entry for _, entry, _, _ in headers}
        if len(entries) != len(headers):
            raise CheckpointError("it is damaged: it holds two entries of one name")
        end = directory_start
        for offset, entry, flags, raw_name in sorted(headers, key=lambda header: header[0], reverse=True):
            local = self._read(offset, _LOCAL.size + len(raw_name))
            magic, _, *rest = _LOCAL.unpack_from(local)
            expected = (_LOCAL_MAGIC, flags, entry.method, len(raw_name), raw_name)
            if (magic, rest[0], rest[1], rest[7], local[_LOCAL.size :]) != expected:
                raise CheckpointError(f"entry {entry.name!r} is damaged: its header is not the directory's")
            start = offset + len(local) + rest[8]
            if start + entry.stored_size > end:
                raise CheckpointError(f"entry {entry.name!r} reaches into what follows it")
            entries[entry.name] = entry._replace(start=start)
            end = offset
        return entries


def _widen(values: list[int], extra: bytes) -> None:
    """Replace the 32-bit fields that are full by those of the ZIP64 extra field, which has them in order."""
    position = 0
    while len(extra) - position >= 4:
        kind, length = struct.unpack_from("<2H", extra, position)
        position += 4
        if kind == _ZIP64_EXTRA:
            wide = extra[position : position + length]
            for index, value in enumerate(values):
                if value == _FULL32 and len(wide) >= 8:
                    values[index] = int.from_bytes(wide[:8], "little")
                    wide = wide[8:]
        position += length


def _decode_name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _FLAG_UTF8 else "cp437")
    except UnicodeDecodeError:
        raise CheckpointError(f"it is damaged: {raw!r} is no name of an entry") from None
    if "\0" in name:
        raise CheckpointError(f"it is damaged: {raw!r} is no name of an entry")
    return name


def read_exactly(file: BinaryIO, view: memoryview) -> None:
    """Fill a view of bytes from a file.

    Raises:
        CheckpointError: if the file ends before.
    """
    filled = 0
    while filled < len(view):
        count = file.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            raise CheckpointError("it is cut short")
        filled += count


class ZipWriter:
    """Write an archive of stored entries to anything that has `write`.

    Args:
        file: opened for writing bytes; nothing is sought or read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._position = 0
        self._directory: list[bytes] = []

    def add(self, name: str, *pieces: bytes | memoryview) -> None:
        """Append the entry `name`, whose content is the pieces one after the other."""
        size = sum(len(piece) for piece in pieces)
        crc = 0
        for piece in pieces:
            crc = zlib.crc32(piece, crc)
        raw_name = name.encode()
        offset = self._position
        if len(raw_name) > _FULL16:
            raise ValueError(f"the name {name[:80]!r}... is longer than a ZIP archive can hold")

        wide_size, wide_offset = size >= _FULL32, offset >= _FULL32
        size32, offset32 = (_FULL32 if wide_size else size), (_FULL32 if wide_offset else offset)
        version = 45 if wide_size or wide_offset else 20
        common = (version, _FLAG_UTF8, _STORED, 0, _DATE_1980, crc, size32, size32, len(raw_name))
        sizes = [size, size] if wide_size else []
        extra = _zip64_extra(sizes)
        self._write(_LOCAL.pack(_LOCAL_MAGIC, *common, len(extra)) + raw_name + extra)
        for piece in pieces:
            self._write(piece)

        extra = _zip64_extra(sizes + ([offset] if wide_offset else []))
        header = _CENTRAL.pack(_CENTRAL_MAGIC, version, *common, len(extra), 0, 0, 0, 0, offset32)
        self._directory.append(header + raw_name + extra)

    def close(self) -> None:
        """Write the directory and the digest."""
        start, count = self._position, len(self._directory)
        for header in self._directory:
            self._write(header)
        end = self._position
        size = end - start
        if count >= _FULL16 or end >= _FULL32:
            self._write(_END64.pack(_END64_MAGIC, _END64.size - 12, 45, 45, 0, 0, count, count, size, start))
            self._write(_LOCATOR64.pack(_LOCATOR64_MAGIC, 0, end, 1))
        short_count = min(count, _FULL16)
        short = (short_count, short_count, min(size, _FULL32), min(start, _FULL32))
        self._write(_END.pack(_END_MAGIC, 0, 0, *short, _DIGEST_LENGTH))
        self._write(_DIGEST_PREFIX + self._digest.hexdigest().encode())

    def _write(self, data: bytes | memoryview) -> None:
        self._digest.update(data)
        self._position += len(data)
        # An unbuffered file may take less than it is given.
        rest = memoryview(data)
        while rest:
            written = self._file.write(rest)
            if written == 0:
                raise OSError("the file takes no more bytes")
            rest = rest[len(rest) if written is None else written :]


def _zip64_extra(values: list[int]) -> bytes:
    if not values:
        return b""
    return struct.pack(f"<2H{len(values)}Q", _ZIP64_EXTRA, 8 * len(values), *values)
