"""Images and labels from any pair of IDX files, split by counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from framework.datasets import DataError, load_idx_pair, write_idx


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    write_idx(tmp_path / "images.gz", np.arange(10 * 4 * 6, dtype=np.uint8).reshape(10, 4, 6))
    write_idx(tmp_path / "labels", np.arange(10, dtype=np.uint8))
    return tmp_path / "images.gz", tmp_path / "labels"


def test_split_is_by_counts_in_order(pair: tuple[Path, Path]) -> None:
    data = load_idx_pair(*pair, train_count=6, test_count=3)
    assert data.train_labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert data.test_labels.tolist() == [6, 7, 8]
    assert data.train_images.shape == (6, 4, 6) and data.test_images.shape == (3, 4, 6)
    assert data.test_images[0, 0, 0] == 6 * 24
    assert data.name == "images.gz (6 + 3)" and data.notes == ""


@pytest.mark.parametrize(("train", "test"), [(0, 5), (5, 0), (-1, 5), (8, 3), (11, 1)])
def test_counts_that_cannot_be_met(pair: tuple[Path, Path], train: int, test: int) -> None:
    with pytest.raises(DataError, match=r"images\.gz: .*(at least 1, but got|it holds 10; lower the counts)"):
        load_idx_pair(*pair, train_count=train, test_count=test)


def test_different_counts_name_both_files(pair: tuple[Path, Path], tmp_path: Path) -> None:
    write_idx(tmp_path / "nine", np.arange(9, dtype=np.uint8))
    with pytest.raises(DataError, match=r"images\.gz holds 10 images, but .*nine holds 9 labels"):
        load_idx_pair(pair[0], tmp_path / "nine", 5, 2)


def test_exchanged_paths_are_recognized(pair: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match="exchange the two paths"):
        load_idx_pair(pair[1], pair[0], 5, 2)


def test_other_arrays_are_not_images_or_labels(pair: tuple[Path, Path], tmp_path: Path) -> None:
    write_idx(tmp_path / "float", np.zeros((10, 4, 6), np.float32))
    write_idx(tmp_path / "one-hot", np.zeros((10, 10), np.uint8))
    with pytest.raises(DataError, match=r"float: expected uint8 images \(N, H, W\), but it holds float32"):
        load_idx_pair(tmp_path / "float", pair[1], 5, 2)
    with pytest.raises(DataError, match=r"one-hot: expected uint8 labels \(N,\), .* shape \(10, 10\)"):
        load_idx_pair(pair[0], tmp_path / "one-hot", 5, 2)


def test_real_test_images_split_into_two(real_test_files: tuple[Path, Path]) -> None:
    data = load_idx_pair(*real_test_files, train_count=8000, test_count=2000)
    assert data.train_images.shape == (8000, 28, 28) and data.test_images.shape == (2000, 28, 28)
    labels = np.concatenate([data.train_labels, data.test_labels])
    # The published class counts of MNIST's test set, and its first labels.
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert labels[:8].tolist() == [7, 2, 1, 0, 4, 1, 4, 9]
    # The training images' published mean and deviation are 0.1307 and 0.3081; the test images' are close.
    images = np.concatenate([data.train_images, data.test_images]) / 255
    assert images.mean() == pytest.approx(0.1325, abs=5e-4) and images.std() == pytest.approx(0.3105, abs=5e-4)
