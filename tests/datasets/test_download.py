"""Downloads, from a server on this machine that behaves well and badly."""

from __future__ import annotations

import hashlib
import socket
import sys
import time
from pathlib import Path

import pytest

from framework.datasets import DataError, DownloadError, download_mnist
from framework.datasets.download import fetch
from tests.datasets.local_server import Server

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def get(server: Server, folder: Path, *names: str, timeout: float = 5.0) -> str:
    urls = [server.base + name for name in names]
    return fetch(urls, folder / "file", SHA256, len(CONTENT), timeout=timeout)


def failure(server: Server, folder: Path, name: str, timeout: float = 5.0) -> str:
    with pytest.raises(DownloadError) as caught:
        get(server, folder, name, timeout=timeout)
    assert list(folder.iterdir()) == []  # neither the file nor a part of it
    (words,) = caught.value.failures
    assert words.startswith(f"{server.base}{name}: ") and words in str(caught.value)
    return words


def test_a_good_file_arrives(server: Server, tmp_path: Path) -> None:
    server.sends("/good", CONTENT)
    assert get(server, tmp_path / "new/folder", "good") == server.base + "good"
    assert (tmp_path / "new/folder/file").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new/folder").iterdir()] == ["file"]


def test_404(server: Server, tmp_path: Path) -> None:
    assert failure(server, tmp_path, "absent").endswith(": HTTP 404 Not Found")


def test_wrong_checksum(server: Server, tmp_path: Path) -> None:
    server.sends("/wrong", CONTENT[:-1] + b"x")
    assert "sent another file: SHA-256" in failure(server, tmp_path, "wrong")


def test_connection_that_ends_early(server: Server, tmp_path: Path) -> None:
    server.sends("/cut", CONTENT[:1000], claimed=len(CONTENT))
    assert "the connection ended after 1,000 of 256,000 bytes" in failure(server, tmp_path, "cut")


def test_shorter_file(server: Server, tmp_path: Path) -> None:
    server.sends("/short", CONTENT[:1000])
    assert "ended after 1,000 of 256,000 bytes" in failure(server, tmp_path, "short")


def test_longer_file_is_not_downloaded_to_its_end(server: Server, tmp_path: Path) -> None:
    server.sends("/long", CONTENT + bytes(1))
    assert "sent more than the 256,000 bytes expected" in failure(server, tmp_path, "long")


@pytest.mark.parametrize("after", [None, b"", CONTENT[:5000]], ids=["no answer", "no content", "part"])
def test_stalled_server_times_out(server: Server, tmp_path: Path, after: bytes | None) -> None:
    server.stalls("/stalled", after)
    start = time.monotonic()
    assert "no answer within 0.3 s" in failure(server, tmp_path, "stalled", timeout=0.3)
    assert time.monotonic() - start < 5


def test_after_a_silent_mirror_the_others_have_a_quarter_of_the_time(server: Server, tmp_path: Path) -> None:
    for name in ("/a", "/b", "/c"):
        server.stalls(name)
    server.sends("/good", CONTENT)
    with pytest.raises(DownloadError) as caught:
        get(server, tmp_path, "a", "b", "absent", "c", timeout=0.8)
    words = [each.removeprefix(server.base) for each in caught.value.failures]
    assert words == [
        "a: no answer within 0.8 s",
        "b: no answer within 0.2 s",
        "absent: HTTP 404 Not Found",
        "c: no answer within 0.2 s",
    ]
    assert get(server, tmp_path, "a", "good", timeout=4.0).endswith("/good")


def test_dripping_server_is_given_up(server: Server, tmp_path: Path) -> None:
    server.drips("/dripping")
    assert "too slow" in failure(server, tmp_path, "dripping", timeout=0.3)


def test_nobody_listens(server: Server, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/file"
        with pytest.raises(DownloadError, match="Connection refused"):
            fetch([url], tmp_path / "file", SHA256, len(CONTENT), timeout=5)


def test_slow_name_service_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*args: object, **kwargs: object) -> None:
        time.sleep(3)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"no answer within 0\.2 s"):
        fetch(["http://mirror.invalid/file"], tmp_path / "file", SHA256, len(CONTENT), timeout=0.2)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://mirror.invalid/file", "mirror.invalid/file"])
def test_only_web_addresses_are_opened(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="not an http or https address"):
        fetch([url], tmp_path / "file", SHA256, len(CONTENT))


def test_the_next_mirror_is_tried(server: Server, tmp_path: Path) -> None:
    server.sends("/wrong", b"something else")
    server.sends("/good", CONTENT)
    said: list[str] = []
    urls = [server.base + name for name in ("absent", "wrong", "good", "never")]
    used = fetch(urls, tmp_path / "file", SHA256, len(CONTENT), timeout=5, report=said.append)
    assert used == server.base + "good"
    assert server.asked == ["/absent", "/wrong", "/good"]
    assert any("absent: HTTP 404" in line for line in said) and any(
        "wrong: the connection ended" in line for line in said
    )


def test_all_failures_are_told(server: Server, tmp_path: Path) -> None:
    server.sends("/wrong", b"something else")
    with pytest.raises(DownloadError) as caught:
        get(server, tmp_path, "absent", "wrong")
    assert len(caught.value.failures) == 2
    assert "\n" not in str(caught.value) and "HTTP 404" in str(caught.value) and "connection ended" in str(caught.value)


def test_a_folder_that_cannot_be_written_is_not_the_mirrors_fault(server: Server, tmp_path: Path) -> None:
    server.sends("/good", CONTENT)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be written") as caught:
        get(server, tmp_path / "file", "good", "good")
    assert not isinstance(caught.value, DownloadError)
    assert server.asked == ["/good"]


def test_progress_bar_is_optional(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.sends("/good", CONTENT)
    monkeypatch.setitem(sys.modules, "tqdm", None)  # as if it were not installed
    fetch([server.base + "good"], tmp_path / "file", SHA256, len(CONTENT), progress=True)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_mnist_is_completed_from_the_mirror_that_works(server: Server, small_mnist: Path, tmp_path: Path) -> None:
    for path in small_mnist.iterdir():
        server.sends(f"/mirror/{path.name}", path.read_bytes())
    folder = tmp_path / "data"
    folder.mkdir()
    kept = folder / "t10k-images-idx3-ubyte"
    kept.write_bytes((tmp_path / "unpacked" / kept.name).read_bytes())
    download_mnist(folder, mirrors=[server.base + "dead", server.base + "mirror/"], timeout=5)
    assert {path.name for path in folder.iterdir()} == {
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte.gz",
    }
    # The dead mirror is asked once, not for every file.
    assert [path for path in server.asked if "dead" in path] == ["/dead/train-images-idx3-ubyte.gz"]
