"""Files that are replaced as a whole or not at all."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Write a file that takes the place of `path` once it is complete and on the disk.

    The bytes go to a temporary file in the same folder, which is synced and renamed when the block ends. If
    anything fails, even by Ctrl-C, the temporary file is removed and what was there stays. After a power cut
    there is the old file or the new one. A link is followed; an existing file's permissions are kept.

    Args:
        path: the file to write.

    Raises:
        OSError: if the file can't be written; the message names it and says what to do.
        ValueError: if `path` is something other than a file, such as a device.

    Example:
        >>> with atomic_write(path) as file:  # doctest: +SKIP
        ...     file.write(b"all or nothing")
    """
    target = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(target)
    mode = _mode_of_existing(target)
    # A random name, so that two writers of one file don't meet; short, for file systems with a limit.
    temporary = os.path.join(folder, f".{name[:40]}.{os.urandom(6).hex()}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise _explain(error, target) from error
        raise
    _sync_folder(folder)


def _mode_of_existing(target: str) -> int | None:
    """The permissions of the file at `target`, or None if there is none."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _explain(error, target) from error
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "can't be written: it is a folder; name a file in it", target)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"can't write {target}: it is no ordinary file; pass it as an open file")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "can't be written: it is read-only; choose another path", target)
    return stat.S_IMODE(status.st_mode)


def _sync_folder(folder: str) -> None:
    """Put the renaming itself on the disk; Windows has no such call."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(error: OSError, target: str) -> OSError:
    """The same error with the path and advice."""
    advice = {
        "ENOSPC": "free some space or choose another disk",
        "EDQUOT": "free some of your quota or choose another disk",
        "EFBIG": "the file is larger than is allowed here",
        "ENOENT": "create the folder first",
        "ENOTDIR": "a part of the path is no folder",
        "EACCES": "choose a folder that you may write to",
        "EPERM": "choose a folder that you may write to",
        "EROFS": "choose a folder that isn't read-only",
        "ENAMETOOLONG": "choose a shorter name",
    }
    name = errno.errorcode.get(error.errno or 0, "")
    reason = error.strerror or str(error)
    words = f"can't be written: {reason} ({advice.get(name, 'check the disk')}); what was there is unchanged"
    return type(error)(error.errno, words, target) if error.errno else type(error)(f"{target} {words}")
