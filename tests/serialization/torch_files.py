"""Files in PyTorch's zip format made by hand, opcode by opcode, without PyTorch."""

import io
import zipfile

PROTO = b"\x80\x02"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def number(value: int) -> bytes:
    return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def numbers(values) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(kind="FloatStorage", key="0", count=6, module="torch") -> bytes:
    return b"(" + text("storage") + name(module, kind) + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(content=None, offset=0, shape=(2, 3), strides=(3, 1), grad=b"\x89", hooks=None, more=b"") -> bytes:
    hooks = name("collections", "OrderedDict") + b")R" if hooks is None else hooks
    content = storage() if content is None else content
    arguments = content + number(offset) + numbers(shape) + numbers(strides) + grad + hooks + more
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"


def dictionary(**items: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def torch_file(pickle: bytes, storages=None, prefix="archive", **entries) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{prefix}/data.pkl", pickle)
        for key, content in (storages or {}).items():
            archive.writestr(f"{prefix}/data/{key}", content)
        for entry, content in {"byteorder": b"little", "version": b"3\n", **entries}.items():
            archive.writestr(f"{prefix}/{entry}", content)
    file.seek(0)
    return file
