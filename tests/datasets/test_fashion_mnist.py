"""Fashion-MNIST's four files, from made images in the real format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from framework.datasets import DataError, load_fashion_mnist, write_idx
from framework.datasets.download import DownloadError
from framework.datasets.fashion_mnist import CLASSES, download_fashion_mnist

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.RandomState(1)
    for name, shape in zip(NAMES, [(40, 28, 28), (40,), (20, 28, 28), (20,)], strict=True):
        array = random.randint(0, 256 if "images" in name else 10, shape).astype(np.uint8)
        write_idx(tmp_path / (name + (".gz" if "train" in name else "")), array)
    return tmp_path


def test_packed_and_unpacked_files_are_read(folder: Path) -> None:
    data = load_fashion_mnist(folder)
    assert [part.shape for part in data[:4]] == [(40, 28, 28), (40,), (20, 28, 28), (20,)]
    random = np.random.RandomState(1)
    np.testing.assert_array_equal(data.train_images, random.randint(0, 256, (40, 28, 28)))
    np.testing.assert_array_equal(data.train_labels, random.randint(0, 10, 40))
    assert len(CLASSES) == 10 and data.name == "Fashion-MNIST"


def test_what_to_put_where_is_said_where_it_can_not_be_had(tmp_path: Path) -> None:
    names = [f"{name}.gz" for name in NAMES]
    words = (
        f"put the original files {', '.join(names)} into {tmp_path} (for example from http://fashion-mnist.s3-website."
    )
    with pytest.raises(DownloadError) as caught:
        download_fashion_mnist(tmp_path, mirrors=["nowhere/"])
    assert str(caught.value).startswith(
        f"Fashion-MNIST cannot be had: nowhere/{names[0]}: not an http or https address; {words}"
    )
    with pytest.raises(DataError) as missing:
        load_fashion_mnist(tmp_path)
    assert words in str(missing.value)


def test_nothing_is_downloaded_where_all_is_there(folder: Path) -> None:
    download_fashion_mnist(folder, mirrors=["http://not-asked.invalid/"])


def test_missing_files_are_named(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"not complete there: put the original t10k-labels-idx1-ubyte\.gz into"):
        load_fashion_mnist(folder)


def test_labels_of_another_number_are_refused(folder: Path) -> None:
    write_idx(folder / "t10k-labels-idx1-ubyte", np.zeros(19, np.uint8))
    with pytest.raises(DataError, match=r"holds 20 images, but .* holds 19 labels"):
        load_fashion_mnist(folder)


def test_a_cut_file_is_refused(folder: Path) -> None:
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte: cut short"):
        load_fashion_mnist(folder)


def test_test_images_of_another_size_are_refused(folder: Path) -> None:
    write_idx(folder / "t10k-images-idx3-ubyte", np.zeros((20, 32, 32), np.uint8))
    with pytest.raises(DataError, match=r"\(28, 28\) pixels, .*\(32, 32\)"):
        load_fashion_mnist(folder)
