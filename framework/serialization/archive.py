"""The framework's own file: nested containers of arrays in one ZIP archive.

    tree.json               the containers and plain values (see `tree`), the tables of arrays and leaves
    model/conv1.weight.npy  each array once, uncompressed, named after its place in the containers
    ...

`numpy.load` and any ZIP tool can read it. The archive's comment holds the SHA-256 of everything before it. An
array's layout in memory comes back too where it is a permutation of its axes (channels last, a transposed
matrix): products may round differently for another layout, and a resumed run must not.
"""

import json
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from framework.serialization.container import ZipReader, ZipWriter
from framework.serialization.errors import CheckpointError
from framework.serialization.hooks import Array, Decode, Encode
from framework.serialization.npy import npy_pieces, read_npy
from framework.serialization.tree import Json, TreeReader, TreeWriter

TREE = "tree.json"
FORMAT = "framework checkpoint"
VERSION = 1


def prepare(obj: object, encode: Encode | None) -> Callable[[BinaryIO], None]:
    """Check that an object can be saved and return what writes it to a file.

    Raises:
        TypeError: for an object that can't be saved, naming the way to it.
        ValueError: for containers nested too deep.
    """
    writer = TreeWriter(encode)
    tree = writer.write(obj)
    arrays = [
        {"entry": name, "axes": _memory_order(array)} for name, array in zip(writer.names, writer.arrays, strict=True)
    ]
    document = {"format": FORMAT, "version": VERSION, "arrays": arrays, "leaves": writer.leaves, "tree": tree}
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()

    def write(file: BinaryIO) -> None:
        archive = ZipWriter(file)
        archive.add(TREE, text)
        for name, array in zip(writer.names, writer.arrays, strict=True):
            archive.add(name, *npy_pieces(array))
        archive.close()

    return write


def read(archive: ZipReader, decode: Decode | None) -> Any:
    """Load what `prepare` wrote; without `decode`, leaves come back as their arrays.

    Raises:
        CheckpointError: where the file is damaged or of another version.
    """
    if not archive.check_digest():
        raise CheckpointError("it is damaged or was changed by another program: its SHA-256 is missing")
    # The digest covers every entry, so that their CRCs need no second look.
    document = _parse(archive.read(TREE, check_crc=False))
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CheckpointError(f"its {TREE} is not that of a {FORMAT}")
    version = document.get("version")
    if version != VERSION:
        raise CheckpointError(f"it has format version {version!r}; this release reads version {VERSION}")
    try:
        tables = [(entry["entry"], entry["axes"]) for entry in document["arrays"]]
        leaf_table = [(leaf["kind"], leaf["array"], leaf["attributes"]) for leaf in document["leaves"]]
        tree = document["tree"]
        names = {TREE, *(name for name, _ in tables)}
    except (KeyError, TypeError):
        raise CheckpointError(f"its {TREE} is damaged: a table is missing or makes no sense") from None
    if names != archive.entries.keys() or len(names) != len(tables) + 1:
        odd = sorted(map(str, names ^ archive.entries.keys()))[:3]
        raise CheckpointError(f"its {TREE} doesn't match its entries: {odd or 'one twice'!s}")

    arrays = [_read_array(archive, name, axes) for name, axes in tables]
    reader = TreeReader(arrays, leaves := [])
    for kind, number, attributes in leaf_table:
        array = None if number is None else reader.read({"array": number})
        plain = TreeReader([], []).read(attributes)
        if not isinstance(kind, str) or not isinstance(plain, dict):
            raise CheckpointError(f"its {TREE} is damaged: the table of leaves makes no sense")
        leaves.append(array if decode is None else decode(kind, array, plain))
    result = reader.read(tree)
    if len(reader.used_arrays) != len(arrays) or len(reader.used_leaves) != len(leaves):
        raise CheckpointError(f"its {TREE} doesn't match its entries: some arrays are not part of anything")
    return result


def _memory_order(array: Array) -> list[int] | None:
    """The axes from outermost to innermost in memory; None for C or Fortran order, or if there are gaps."""
    if array.flags.c_contiguous or array.flags.f_contiguous:
        return None
    order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
    return order if array.transpose(order).flags.c_contiguous else None


def _read_array(archive: ZipReader, name: str, axes: Json) -> Array:
    stream = archive.open(name, check_crc=False)
    array = read_npy(stream, f"entry {name!r}")
    stream.finish()
    if axes is None:
        return array
    if not isinstance(axes, list) or sorted(map(repr, axes)) != sorted(map(repr, range(array.ndim))):
        raise CheckpointError(f"its {TREE} is damaged: {str(axes)[:80]} are not the axes of {name!r}")
    ordered = np.empty([array.shape[axis] for axis in axes], array.dtype)
    result = ordered.transpose(np.argsort(axes))
    result[...] = array
    return result


def _parse(raw: bytes) -> Json:
    def unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a key occurs twice")
        return result

    try:
        return json.loads(raw, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"its {TREE} can't be read: {type(error).__name__}") from None
