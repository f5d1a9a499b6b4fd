"""`save` and `load`: the choice of format, by suffix when saving and by content when loading."""

import io
import os
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

from framework.serialization.atomic import atomic_write
from framework.serialization.errors import CheckpointError
from framework.serialization.hooks import Decode, Encode, describe_type

FilePath: TypeAlias = str | os.PathLike[str]

_HEAD = 64
_MAX_WORDS = 300
_MAX_SAFETENSORS_HEADER = 100_000_000  # the format's own limit
# The magic number of torch.save before version 1.6.
_OLD_PYTORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def save(obj: object, path: FilePath | BinaryIO, *, encode: Encode | None = None) -> None:
    """Save nested containers of arrays and plain values, without pickle.

    Containers are dict, list, tuple, set, OrderedDict (loaded as dict) and Counter; plain values None, bool,
    int, float, complex, str, bytes and NumPy scalars, all of which come back exactly. Arrays hold booleans,
    numbers, or fixed-width text or dates. An array that occurs twice (tied weights) is stored once and is one
    array again after loading. A path that ends in `.npz` or `.safetensors` chooses that format, which holds a
    flat dict of str to array; any other suffix the framework's own (see `archive`).

    A file appears complete or not at all: if anything fails, what was at `path` stays. Objects that can't be
    saved are found before anything is written.

    Args:
        obj: what to save.
        path: where to, or a file opened for writing bytes.
        encode: turns an object that is neither container, plain value nor array into `(kind, array,
            attributes)`, or into None if it doesn't know it (see `hooks`). A flat file keeps the array alone.

    Raises:
        TypeError: for an object that can't be saved; the message gives the way to it
            (`model.layers[0].scale`).
        ValueError: for containers nested deeper than 100 levels, or inside themselves.
        OSError: if the file can't be written; the message says what to do.
        ImportError: for `.safetensors` without the package safetensors.
    """
    if isinstance(path, str | os.PathLike):
        write = _prepare(obj, os.path.splitext(os.fspath(path))[1].lower(), encode)
        with atomic_write(path) as file:
            write(file)
    elif not hasattr(path, "write"):
        raise TypeError(
            f"save(obj, path): path is a str, a Path or an open file, not {describe_type(path)}; "
            "the object comes first, the path second"
        )
    elif isinstance(path, io.TextIOBase):
        raise TypeError('save needs a file opened for bytes: open it with mode "wb"')
    else:
        _prepare(obj, "", encode)(path)


def _prepare(obj: object, suffix: str, encode: Encode | None) -> Callable[[BinaryIO], None]:
    # The formats are imported where they are needed, to keep `import framework` light.
    if suffix == ".npz":
        from framework.serialization.npy import prepare_npz

        return prepare_npz(obj, encode)
    if suffix == ".safetensors":
        from framework.serialization import safetensors

        return safetensors.prepare(obj, encode)
    from framework.serialization import archive

    return archive.prepare(obj, encode)


def load(path: FilePath | BinaryIO, *, decode: Decode | None = None) -> Any:
    """Load what `save` wrote, a PyTorch checkpoint of tensors in plain containers, or NumPy's arrays.

    The content, not the name, says what the file is: the framework's own archive, PyTorch's zip format,
    safetensors, `.npz` or `.npy`. No file can make code run. Arrays are fresh, writable and in native byte
    order.

    Args:
        path: the file, or one opened for reading bytes, which is read from where it stands to its end.
        decode: called as `decode(kind, array, attributes)` for each object that `encode` turned into those,
            each tensor of PyTorch's and safetensors' files and each array of NumPy's; its results take their
            places. Without it they come back as arrays.

    Raises:
        CheckpointError: if the file is damaged, foreign, of another version, or asks for more than plain
            containers of tensors.
        OSError: if it can't be opened or read.
        ImportError: for a safetensors file without the package safetensors.
    """
    if isinstance(path, str | os.PathLike):
        with open(path, "rb") as file:
            return _load(file, os.fspath(path), decode)
    if not hasattr(path, "read"):
        raise TypeError(f"load(path): path is a str, a Path or an open file, not {describe_type(path)}")
    content = path.read()
    if not isinstance(content, bytes):
        raise TypeError('load needs a file opened for bytes: open it with mode "rb"')
    return _load(io.BytesIO(content), "the file", decode)


def _load(file: BinaryIO, name: str, decode: Decode | None) -> Any:
    try:
        head = file.read(_HEAD)
        file.seek(0)
        return _read(file, head, decode)
    except CheckpointError as error:
        # Names in the file may be of any length; the line should not.
        raise CheckpointError(f"can't load {name}: {str(error)[:_MAX_WORDS]}") from None


def _read(file: BinaryIO, head: bytes, decode: Decode | None) -> Any:
    if head.startswith(b"PK"):
        return _read_zip(file, decode)
    if head.startswith(b"\x93NUMPY"):
        from framework.serialization.npy import read_npy_file

        return read_npy_file(file, decode)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _MAX_SAFETENSORS_HEADER:
        from framework.serialization import safetensors

        return safetensors.read(file, decode)
    if not head:
        raise CheckpointError("it is empty")
    if head.startswith(_OLD_PYTORCH):
        raise CheckpointError(
            "it is a PyTorch file of the old kind, a bare pickle, which is never loaded; "
            "load it in PyTorch and save it again with torch.save"
        )
    if head[0] == 0x80 and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise CheckpointError("it is a pickle, which could run anything and is never loaded")
    raise CheckpointError(
        f"it is no checkpoint: it begins with {head[:8]!r}, unlike a file of framework.save, torch.save, "
        "safetensors or NumPy"
    )


def _read_zip(file: BinaryIO, decode: Decode | None) -> Any:
    from framework.serialization import archive, npy, torch_archive
    from framework.serialization.container import ZipReader

    content = ZipReader(file)
    prefix = torch_archive.find_prefix(content)
    if content.is_compressed and (prefix is not None or archive.TREE in content.entries):
        raise CheckpointError("it was packed again by another program; a checkpoint isn't compressed")
    if archive.TREE in content.entries:
        return archive.read(content, decode)
    if prefix is not None:
        return torch_archive.read(content, prefix, decode)
    if content.entries and all(name.endswith(".npy") for name in content.entries):
        return npy.read_npz(content, decode)
    raise CheckpointError(f"it is a ZIP archive but no checkpoint: it holds {list(content.entries)[:3]!r}")
