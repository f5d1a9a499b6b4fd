"""MNIST's four files: found under their names, and verified."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from framework.datasets import DataError, load_mnist, mnist, read_idx, write_idx
from framework.datasets.mnist import FILES, find_file, missing_files, read_original


def test_four_original_files_are_loaded(small_mnist: Path) -> None:
    data = load_mnist(small_mnist)
    assert [part.shape for part in data[:4]] == [(30, 28, 28), (30,), (20, 28, 28), (20,)]
    assert data.name == "MNIST" and data.notes == ""
    np.testing.assert_array_equal(data.test_labels, read_idx(small_mnist / "t10k-labels-idx1-ubyte.gz"))


@pytest.mark.parametrize("form", ["unpacked", "unpacked, with a dot", "with a dot", "repacked"])
def test_other_forms_of_the_originals_are_recognized_by_content(small_mnist: Path, tmp_path: Path, form: str) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for packed in small_mnist.iterdir():
        content, name = packed.read_bytes(), packed.name
        if "dot" in form:
            name = name.replace("-idx", ".idx")
        if "unpacked" in form:
            content, name = gzip.decompress(content), name[:-3]
        if form == "repacked":
            content = gzip.compress(gzip.decompress(content), 1)
        (folder / name).write_bytes(content)
    np.testing.assert_array_equal(load_mnist(folder).train_images, load_mnist(small_mnist).train_images)


def test_missing_files_are_named(small_mnist: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: none of MNIST's four files is there"):
        load_mnist(tmp_path / "nowhere")
    (small_mnist / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r": train-images-idx3-ubyte\.gz is missing"):
        load_mnist(small_mnist)
    (small_mnist / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r": train-images.*\.gz, t10k-labels-idx1-ubyte\.gz are missing"):
        load_mnist(small_mnist)


def test_another_file_under_the_same_name_is_refused(small_mnist: Path) -> None:
    array = read_idx(small_mnist / "train-images-idx3-ubyte.gz")
    array[3, 4, 5] ^= 1
    write_idx(small_mnist / "train-images-idx3-ubyte.gz", array)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: not MNIST's .*SHA-256 [0-9a-f]{64}, expected"):
        load_mnist(small_mnist)


def test_a_cut_file_is_refused(small_mnist: Path) -> None:
    path = small_mnist / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz: cut short"):
        load_mnist(small_mnist)


def test_the_real_test_files_are_the_originals(real_test_files: tuple[Path, Path], tmp_path: Path) -> None:
    for path, file in zip(real_test_files, FILES[2:], strict=True):
        assert find_file(path.parent, file) == path
        assert path.stat().st_size == file.gz_size
        array = read_original(path, file)
        unpacked = tmp_path / file.name
        unpacked.write_bytes(gzip.decompress(path.read_bytes()))
        np.testing.assert_array_equal(read_original(unpacked, file), array)


def test_the_real_training_labels_are_the_originals(real_test_files: tuple[Path, Path]) -> None:
    path = find_file(real_test_files[0].parent, FILES[1])
    if path is None:
        pytest.skip("MNIST's training labels are not in ../shared/data/mnist")
    labels = read_original(path, FILES[1])
    # The published class counts of MNIST's training set.
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_real_files_are_found_beside_missing_ones(real_test_files: tuple[Path, Path], tmp_path: Path) -> None:
    for path in real_test_files:
        shutil.copy(path, tmp_path)
    assert [file.name for file in missing_files(tmp_path)] == [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
    ]


def test_checksums_are_those_of_the_published_files() -> None:
    assert [file.gz_sha256[:16] for file in mnist.FILES] == [
        "440fcabf73cc546f",
        "3552534a0a558bbe",
        "8d422c7b0a1c1c79",
        "f7ae60f92e00ec6d",
    ]
