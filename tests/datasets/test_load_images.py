"""The one way to images: MNIST from the folder, from a mirror, or the built-in digits with a warning."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from framework.datasets import DataError, ImageData, draw_digits, load_images, write_idx
from tests.datasets.local_server import Server

COUNTS = (60, 20)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was used unasked")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("source", ["auto", "mnist"])
def test_files_in_the_folder_are_used(small_mnist: Path, no_network: None, source: str) -> None:
    data = load_images(source, small_mnist)
    assert data.name == "MNIST" and data.notes == ""
    assert data.train_images.shape == (30, 28, 28)


@pytest.mark.parametrize("source", ["auto", "mnist"])
def test_missing_files_are_downloaded(small_mnist: Path, server: Server, tmp_path: Path, source: str) -> None:
    for path in small_mnist.iterdir():
        server.sends(f"/{path.name}", path.read_bytes())
    said: list[str] = []
    data = load_images(source, tmp_path / "data", mirrors=[server.base], report=said.append)
    assert data.name == "MNIST" and data.notes == ""
    assert said == [f"downloading {server.base}{name}" for name in (path[1:] for path in server.asked)]
    load_images(source, tmp_path / "data", download=False)  # and kept


def test_without_a_mirror_the_digits_come_with_a_warning(small_mnist: Path, server: Server, tmp_path: Path) -> None:
    name = "train-images-idx3-ubyte.gz"
    server.sends(f"/wrong/{name}", bytes((small_mnist / name).stat().st_size))
    server.stalls(f"/stalled/{name}")
    mirrors = [server.base + path for path in ("absent/", "wrong/", "stalled/")]
    folder, cache = tmp_path / "data", tmp_path / "cache"
    data = load_images(folder=folder, cache=cache, digits_counts=COUNTS, mirrors=mirrors, timeout=0.5)
    assert data.name == "built-in digits (version 1, seed 0)"
    assert data.train_images.shape == (60, 28, 28) and data.test_labels.shape == (20,)
    first, *lines = data.notes.splitlines()
    assert first.startswith("MNIST cannot be had: the built-in digits are used instead.")
    tried = [line[4:] for line in lines if line.startswith("  - ")]
    assert tried[0] == f"the folder {folder}: none of MNIST's four files is there"
    assert tried[1] == f"{mirrors[0]}{name}: HTTP 404 Not Found"
    assert tried[2].startswith(f"{mirrors[1]}{name}: sent another file: SHA-256 ")
    assert tried[3] == f"{mirrors[2]}{name}: no answer within 0.5 s"
    assert f"To use MNIST, put the original files {name}, " in data.notes and str(folder) in data.notes


def test_mnist_that_cannot_be_had_is_an_error_where_it_was_asked_for(tmp_path: Path, server: Server) -> None:
    with pytest.raises(DataError) as caught:
        load_images("mnist", tmp_path, mirrors=[server.base])
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"MNIST cannot be had: the folder {tmp_path}: none of MNIST's four files is there; ")
    assert "HTTP 404 Not Found; put the original files train-images-idx3-ubyte.gz, " in message


def test_no_network_where_download_is_off(tmp_path: Path, no_network: None) -> None:
    data = load_images("auto", tmp_path, cache=None, digits_counts=COUNTS, download=False)
    assert "  - downloading is switched off" in data.notes.splitlines()
    with pytest.raises(DataError, match="downloading is switched off"):
        load_images("mnist", tmp_path, download=False)


def test_a_folder_that_cannot_be_written_falls_back_too(small_mnist: Path, server: Server, tmp_path: Path) -> None:
    for path in small_mnist.iterdir():
        server.sends(f"/{path.name}", path.read_bytes())
    (tmp_path / "file").write_bytes(b"")
    data = load_images("auto", tmp_path / "file", cache=None, digits_counts=COUNTS, mirrors=[server.base])
    assert "cannot be written" in data.notes


@pytest.mark.parametrize("source", ["auto", "mnist"])
def test_damaged_files_in_the_folder_are_an_error(small_mnist: Path, no_network: None, source: str) -> None:
    path = small_mnist / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz: not an IDX file.*web page"):
        load_images(source, small_mnist)


def test_digits_ask_nothing_and_warn_of_nothing(small_mnist: Path, tmp_path: Path, no_network: None) -> None:
    data = load_images("digits", small_mnist, cache=tmp_path / "cache", digits_counts=COUNTS, seed=3)
    assert data.name == "built-in digits (version 1, seed 3)" and data.notes == ""
    images, labels = draw_digits(60, seed=3)
    np.testing.assert_array_equal(data.train_images, images)
    np.testing.assert_array_equal(data.train_labels, labels)


def test_digits_are_drawn_once_and_then_read(tmp_path: Path) -> None:
    said: list[str] = []

    def load() -> ImageData:
        return load_images("digits", cache=tmp_path, digits_counts=COUNTS, report=said.append)

    first = load()
    assert said == ["drawing 60 train digits (seed 0)", "drawing 20 test digits (seed 0)"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "digits-v1-seed0-test20-images-idx3-ubyte",
        "digits-v1-seed0-test20-labels-idx1-ubyte",
        "digits-v1-seed0-train60-images-idx3-ubyte",
        "digits-v1-seed0-train60-labels-idx1-ubyte",
    ]
    said.clear()
    for kept, drawn in zip(load()[:4], first[:4], strict=True):
        np.testing.assert_array_equal(kept, drawn)
    assert said == []


@pytest.mark.parametrize("damage", ["cut", "other shape", "missing"])
def test_a_damaged_cache_is_drawn_again(tmp_path: Path, damage: str) -> None:
    first = load_images("digits", cache=tmp_path, digits_counts=COUNTS)
    path = tmp_path / "digits-v1-seed0-train60-images-idx3-ubyte"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "missing":
        path.unlink()
    else:
        write_idx(path, np.zeros((60, 14, 14), np.uint8))
    said: list[str] = []
    again = load_images("digits", cache=tmp_path, digits_counts=COUNTS, report=said.append)
    assert said == ["drawing 60 train digits (seed 0)"]
    np.testing.assert_array_equal(again.train_images, first.train_images)
    load_images("digits", cache=tmp_path, digits_counts=COUNTS, report=said.append)
    assert len(said) == 1  # and replaced


def test_a_cache_that_cannot_be_written_is_noted(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    data = load_images("digits", cache=tmp_path / "file", digits_counts=COUNTS)
    assert data.notes.startswith("The built-in digits are not kept for the next run: ")
    assert len(data.notes.splitlines()) == 1


def test_unknown_source_names_the_nearest() -> None:
    with pytest.raises(DataError, match=r"unknown data source 'minst': expected one of auto, mnist, digits; .*'mnist'"):
        load_images("minst")


@pytest.mark.parametrize(("counts", "seed"), [((0, 5), 0), ((5, -1), 0), ((5, 5), -1)])
def test_impossible_digits_are_refused(counts: tuple[int, int], seed: int) -> None:
    with pytest.raises(DataError, match=r"built-in digits: .* must be at least"):
        load_images("digits", cache=None, digits_counts=counts, seed=seed)


def test_real_folder_without_training_images(real_test_files: tuple[Path, Path], no_network: None) -> None:
    folder = real_test_files[0].parent
    data = load_images("auto", folder, cache=None, digits_counts=COUNTS, download=False)
    assert f"  - the folder {folder}: train-images-idx3-ubyte.gz is missing" in data.notes.splitlines()
