"""Downloading a file from the first of several mirrors that delivers it whole and with the right checksum."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from framework.datasets.files import DataError, atomic_write, reason
from framework.datasets.images import Report, silent

_BLOCK = 1 << 16
_SLOWEST = 1024  # bytes per second, on average over one time-out


class DownloadError(DataError):
    """No mirror delivered the file; ``failures`` says for each address, in words, why not."""

    def __init__(self, message: str, failures: Sequence[str]) -> None:
        super().__init__(message)
        self.failures = tuple(failures)


class _MirrorFailed(Exception):
    """One mirror did not deliver; the next may."""


class _NoAnswer(_MirrorFailed):
    """Nothing came from it at all."""


def fetch(
    urls: Sequence[str],
    path: Path,
    sha256: str,
    size: int,
    *,
    timeout: float = 10.0,
    progress: bool = False,
    report: Report = silent,
) -> str:
    """Downloads to ``path`` from the first of ``urls`` that delivers ``size`` bytes with this ``sha256``.

    The file appears under its name only when it is complete and verified. A mirror is given up when it does
    not answer, or sends less than 1 KiB/s, for ``timeout`` seconds; once one has not answered, the others have a quarter
    of that to do so, since then there is probably no network at all. With ``progress``, tqdm (where it is
    installed) shows a bar on a terminal; ``report`` is told in words what is tried.

    Returns:
        The address that delivered it.

    Raises:
        DownloadError: if none did.
        DataError: if ``path`` cannot be written.
    """
    failures, patience = [], timeout
    for url in urls:
        report(f"downloading {url}")
        try:
            _fetch_one(url, path, sha256, size, timeout, patience, progress)
        except _MirrorFailed as failure:
            if isinstance(failure, _NoAnswer):
                patience = timeout / 4
            failures.append(f"{url}: {failure}")
            report(f"{url}: {failure}")
        else:
            return url
    why = "; ".join(failures) or "no mirror given"
    raise DownloadError(f"{path.name} could not be downloaded: {why}", failures)


def _fetch_one(url: str, path: Path, sha256: str, size: int, timeout: float, patience: float, progress: bool) -> None:
    digest, received = hashlib.sha256(), 0
    with (
        _opened(url, patience, timeout) as response,
        atomic_write(path) as file,
        _bar(path.name, size, progress) as bar,
    ):
        for block in _blocks(response, timeout):
            file.write(block)
            digest.update(block)
            received += len(block)
            if received > size:
                raise _MirrorFailed(f"sent more than the {size:,} bytes expected")
            if bar is not None:
                bar.update(len(block))
        if received < size:
            raise _MirrorFailed(f"the connection ended after {received:,} of {size:,} bytes")
        if digest.hexdigest() != sha256:
            raise _MirrorFailed(f"sent another file: SHA-256 {digest.hexdigest()}, expected {sha256}")


@contextmanager
def _opened(url: str, patience: float, timeout: float) -> Iterator[Any]:
    """The response to a GET request, which must begin within ``patience`` seconds, closed at the end."""
    from http.client import HTTPException
    from urllib.error import HTTPError  # slow to import, and needed only for a download

    if not url.startswith(("http://", "https://")):
        raise _MirrorFailed("not an http or https address")
    try:
        response = _open_in_time(url, patience, timeout)
    except HTTPError as error:
        error.close()
        raise _MirrorFailed(f"HTTP {error.code} {error.reason}".rstrip()) from error
    except (OSError, HTTPException, ValueError) as error:
        silent = isinstance(getattr(error, "reason", error), TimeoutError)
        raise (_NoAnswer if silent else _MirrorFailed)(_words(error, patience)) from error
    with response:
        yield response


def _open_in_time(url: str, patience: float, timeout: float) -> Any:
    """Opens the address within ``patience`` seconds, or raises TimeoutError; later waits are for ``timeout``.

    A socket's own time-out does not cover the look-up of the name, and counts anew for each of a host's many
    addresses: behind a firewall, minutes. So the request is made in a thread that can be left behind.
    """
    import queue
    import threading
    import urllib.request

    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    left_behind = threading.Event()

    def work() -> None:
        try:
            # Some servers refuse urllib's own name.
            agent = {"User-Agent": "Mozilla/5.0 (compatible; dataset download)"}
            response = urllib.request.urlopen(urllib.request.Request(url, headers=agent), timeout=timeout)
        except Exception as error:
            done.put(error)
            return
        done.put(response)
        if left_behind.is_set():
            response.close()

    threading.Thread(target=work, daemon=True).start()
    try:
        result = done.get(timeout=patience)
    except queue.Empty:
        left_behind.set()
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result


def _blocks(response: Any, timeout: float) -> Iterator[bytes]:
    """What the server sends, as it comes; network trouble becomes :class:`_MirrorFailed`."""
    from http.client import HTTPException

    since, received = time.monotonic(), 0
    while True:
        try:
            block = response.read1(_BLOCK)
        except (OSError, HTTPException) as error:
            raise _MirrorFailed(_words(error, timeout)) from error
        if not block:
            return
        yield block
        # The socket's own time-out starts anew with each byte: a server that drips must be caught here.
        received += len(block)
        elapsed = time.monotonic() - since
        if elapsed >= timeout:
            if received < _SLOWEST * elapsed:
                raise _MirrorFailed(f"too slow: {received:,} bytes in {elapsed:.0f} s")
            since, received = time.monotonic(), 0


@contextmanager
def _bar(name: str, size: int, progress: bool) -> Iterator[Any]:
    """A tqdm bar, or None where it is not asked for or not installed."""
    if not progress:
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield None
        return
    with tqdm(total=size, desc=name, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        yield bar


def cannot_be_had(what: str, error: DownloadError, names: Sequence[str], folder: str | Path, mirror: str) -> DownloadError:
    """The error of a download, for a whole data set, with what to put where."""
    words = f"{what} cannot be had: {'; '.join(error.failures)}; {remedy(names, folder, mirror)}"
    return DownloadError(words, error.failures)


def remedy(names: Sequence[str], folder: str | Path, mirror: str) -> str:
    """What to do where files can't be had, in words."""
    files = f"the original files {', '.join(names)}" if len(names) > 1 else f"the original {names[0]}"
    return f"put {files} into {folder} (for example from {mirror})"


def _words(error: Exception, timeout: float) -> str:
    """Why a request failed, in a few words."""
    cause = getattr(error, "reason", error)  # urllib wraps the socket's error
    if isinstance(cause, TimeoutError):
        return f"no answer within {timeout:g} s"
    return reason(cause) if isinstance(cause, OSError) else f"{cause}" or type(error).__name__
