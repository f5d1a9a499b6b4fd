"""One way to labelled images of digits: MNIST where it can be had, else the built-in digits and a warning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from framework.datasets.digits import load_digits
from framework.datasets.download import DownloadError, remedy
from framework.datasets.files import DataError
from framework.datasets.images import ImageData, Report, silent
from framework.datasets.mnist import FILES, MIRRORS, download_mnist, load_mnist, missing_files, missing_words

SOURCES = ("auto", "mnist", "digits")


def load_images(
    source: str = "auto",
    folder: str | Path = "data/mnist",
    *,
    cache: str | Path | None = "data/digits",
    digits_counts: tuple[int, int] = (10_000, 2_000),
    seed: int = 0,
    download: bool = True,
    mirrors: Sequence[str] = MIRRORS,
    timeout: float = 10.0,
    progress: bool = False,
    report: Report = silent,
) -> ImageData:
    """Loads labelled 28x28 images of digits.

    Args:
        source: ``"mnist"``: MNIST from ``folder``, downloaded if need be and ``download`` allows it; an
            error if it cannot be had. ``"digits"``: the built-in digits. ``"auto"``: MNIST, or the built-in
            digits with a warning in the result's ``notes`` if MNIST's files are not there and no mirror
            delivers them.
        folder: where MNIST's four files lie, or are put.
        cache: folder where the built-in digits are kept once drawn; None: nowhere.
        digits_counts: how many built-in digits for training and for testing.
        seed: seed of the built-in digits.
        download: whether the network may be used.
        mirrors: addresses to which the names of MNIST's files are appended.
        timeout: seconds after which a silent mirror is given up.
        progress: show a bar for each download (with tqdm, on a terminal).
        report: called with a line of text for each step.

    Raises:
        DataError: if the source is unknown; if MNIST was asked for and cannot be had; and, with ``"auto"``
            too, if a file in ``folder`` is damaged or not the original: it was put there to be used.
    """
    if source not in SOURCES:
        known = ", ".join(SOURCES)
        raise DataError(f"unknown data source {source!r}: expected one of {known}{_nearest(source)}")
    if source == "digits":
        return load_digits(cache, *digits_counts, seed=seed, report=report)
    tried = _obtain_mnist(folder, download, mirrors, timeout, progress, report)
    if not tried:
        return load_mnist(folder)
    if source == "mnist":
        raise DataError(f"MNIST cannot be had: {'; '.join(tried)}; {_remedy(folder)}")
    digits = load_digits(cache, *digits_counts, seed=seed, report=report)
    lines = [
        "MNIST cannot be had: the built-in digits are used instead. Results on them are no results on MNIST.",
        *(f"  - {what}" for what in tried),
        f"  To use MNIST, {_remedy(folder)}.",
        "  To use the built-in digits at once, without asking for MNIST, take the source 'digits'.",
        *([digits.notes] if digits.notes else []),
    ]
    return digits._replace(notes="\n".join(lines))


def _obtain_mnist(
    folder: str | Path, download: bool, mirrors: Sequence[str], timeout: float, progress: bool, report: Report
) -> list[str]:
    """Sees to it that the folder holds all four files; if that failed, returns what was tried."""
    missing = missing_files(folder)
    if not missing:
        return []
    tried = [f"the folder {folder}: {missing_words(missing)}"]
    if not download:
        return [*tried, "downloading is switched off"]
    try:
        download_mnist(folder, mirrors=mirrors, timeout=timeout, progress=progress, report=report)
    except DownloadError as error:
        return [*tried, *error.failures]
    except DataError as error:
        return [*tried, str(error)]
    return []


def _remedy(folder: str | Path) -> str:
    return remedy([file.name + ".gz" for file in FILES], folder, MIRRORS[0])


def _nearest(source: str) -> str:
    from difflib import get_close_matches  # only when something went wrong

    close = get_close_matches(source, SOURCES, 1)
    return f"; did you mean {close[0]!r}?" if close else ""
