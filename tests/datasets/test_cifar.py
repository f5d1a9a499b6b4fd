"""CIFAR-10's archives, from made images in the real formats; damaged and hostile files."""

from __future__ import annotations

import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from framework.datasets import DataError, cifar, load_cifar10
from framework.datasets.cifar import BINARY, PYTHON, Form, download_cifar10
from framework.datasets.download import DownloadError
from tests.datasets.cifar_files import batch_files, made_batches, python2_batch, python3_batch, write_archive


def check(folder: Path) -> None:
    data, batches = load_cifar10(folder), made_batches()
    assert data.train_images.shape == (60, 3, 32, 32) and data.test_images.shape == (12, 3, 32, 32)
    for number, (pixels, labels) in enumerate(batches[:-1]):
        part = slice(12 * number, 12 * number + 12)
        np.testing.assert_array_equal(data.train_images[part], pixels.reshape(-1, 3, 32, 32))
        np.testing.assert_array_equal(data.train_labels[part], labels)
    np.testing.assert_array_equal(data.test_images, batches[-1][0].reshape(-1, 3, 32, 32))
    np.testing.assert_array_equal(data.test_labels, batches[-1][1])


@pytest.mark.parametrize("form", [BINARY, PYTHON], ids=["binary", "python"])
def test_an_archive_is_read_and_leaves_nothing_beside_it(form: Form, tmp_path: Path) -> None:
    archive = write_archive(tmp_path, form)
    check(tmp_path)
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("form", [BINARY, PYTHON], ids=["binary", "python"])
@pytest.mark.parametrize("inside", [True, False], ids=["in their folder", "alone"])
def test_unpacked_files_are_read(form: Form, inside: bool, tmp_path: Path) -> None:
    place = tmp_path / form.folder if inside else tmp_path
    place.mkdir(exist_ok=True)
    for name, content in batch_files(form).items():
        (place / name).write_bytes(content)
    check(tmp_path)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_batches_pickled_by_python_3_are_read(protocol: int, tmp_path: Path) -> None:
    write_archive(tmp_path, PYTHON, batch_files(PYTHON, lambda *batch: python3_batch(*batch, protocol=protocol)))
    check(tmp_path)


def test_the_made_python_2_pickle_is_what_pickle_reads() -> None:
    pixels, labels = made_batches()[0]
    batch = pickle.loads(python2_batch(pixels, labels), encoding="bytes")
    np.testing.assert_array_equal(batch[b"data"], pixels)
    assert batch[b"labels"] == labels.tolist()


def test_what_to_put_where_is_said_where_it_can_not_be_had(tmp_path: Path) -> None:
    words = f"put the original {BINARY.archive} into {tmp_path} (for example from https://www.cs.toronto.edu/~kriz/)"
    with pytest.raises(DownloadError) as caught:
        download_cifar10(tmp_path, mirrors=["nowhere/"])
    tried = f"nowhere/{BINARY.archive}: not an http or https address"
    assert str(caught.value) == f"CIFAR-10 cannot be had: {tried}; {words}"
    with pytest.raises(DataError) as missing:
        load_cifar10(tmp_path)
    assert words in str(missing.value)


def test_nothing_is_downloaded_where_an_archive_is(tmp_path: Path) -> None:
    write_archive(tmp_path, PYTHON)
    download_cifar10(tmp_path, mirrors=["http://not-asked.invalid/"])


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither cifar-10-binary\.tar\.gz nor cifar-10-python\.tar\.gz is there"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("form", [BINARY, PYTHON], ids=["binary", "python"])
@pytest.mark.parametrize("keep", [0, 20, 3000, -10])
def test_a_cut_archive_is_refused_in_words(form: Form, keep: int, tmp_path: Path) -> None:
    path = write_archive(tmp_path, form)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=rf"{form.archive}: (damaged|.* missing)"):
        load_cifar10(tmp_path)


def test_a_changed_byte_in_an_archive_is_noticed(tmp_path: Path) -> None:
    path = write_archive(tmp_path, BINARY)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("form", [BINARY, PYTHON], ids=["binary", "python"])
def test_a_missing_batch_is_named(form: Form, tmp_path: Path) -> None:
    files = batch_files(form)
    name = form.names[2]
    del files[name]
    write_archive(tmp_path, form, files)
    with pytest.raises(DataError, match=f"{name} is missing"):
        load_cifar10(tmp_path)


def test_a_missing_unpacked_batch_is_named(tmp_path: Path) -> None:
    for name, content in batch_files(BINARY).items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "data_batch_4.bin").unlink()
    with pytest.raises(DataError, match=r"data_batch_4\.bin: no such file"):
        load_cifar10(tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_in_place_of_a_batch_is_not_followed(kind: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(batch_files(BINARY)["test_batch.bin"])
    with tarfile.open(tmp_path / BINARY.archive, "w:gz") as archive:
        member = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
        member.type, member.linkname = kind, str(tmp_path / "secret")
        archive.addfile(member)
    with pytest.raises(DataError, match="not a single ordinary file"):
        load_cifar10(tmp_path)


def test_a_batch_that_is_too_large_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "_LARGEST", 36_875)
    write_archive(tmp_path, BINARY)
    with pytest.raises(DataError, match="36,876 bytes, too many for a batch"):
        load_cifar10(tmp_path)


def test_a_batch_that_is_no_whole_number_of_records(tmp_path: Path) -> None:
    files = batch_files(BINARY)
    files["data_batch_2.bin"] = files["data_batch_2.bin"][:-1]
    write_archive(tmp_path, BINARY, files)
    with pytest.raises(DataError, match=r"data_batch_2\.bin: 36,875 bytes are not a whole number of records"):
        load_cifar10(tmp_path)


def test_a_class_that_does_not_exist(tmp_path: Path) -> None:
    files = batch_files(BINARY)
    files["test_batch.bin"] = b"\x0a" + files["test_batch.bin"][1:]
    write_archive(tmp_path, BINARY, files)
    with pytest.raises(DataError, match="class 10, but CIFAR-10's go from 0 to 9"):
        load_cifar10(tmp_path)


class Attack:
    """Pickled, it asks for a file to be made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def refused(content: bytes, folder: Path, words: str) -> None:
    files = batch_files(PYTHON)
    files["data_batch_1"] = content
    write_archive(folder, PYTHON, files)
    with pytest.raises(DataError, match=f"data_batch_1: not a batch of CIFAR-10: .*{words}"):
        load_cifar10(folder)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_runs_code_is_refused_unrun(protocol: int, tmp_path: Path) -> None:
    victim = tmp_path / "made by the attack"
    refused(pickle.dumps({b"data": Attack(victim)}, protocol=protocol), tmp_path, "refused, nothing was run")
    assert not victim.exists()


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ([1, 2], "it holds a list"),
        ({"labels": [1]}, "its data are no array"),
        ({"data": np.zeros((1, 3072), np.uint8), "labels": 5}, "its labels are no list"),
        ({"data": np.zeros((1, 3072), np.uint8), "labels": [-1]}, "its labels are no list"),
        ({"data": np.zeros((1, 3071), np.uint8), "labels": [1]}, "its data are no array"),
        ({"data": np.zeros((1, 3072), np.float32), "labels": [1]}, "an array of bytes"),
        ({"data": np.zeros(3072, np.uint8), "labels": [1]}, "an array of two dimensions"),
    ],
)
def test_a_pickle_of_something_else_is_refused(batch: object, words: str, tmp_path: Path) -> None:
    refused(pickle.dumps(batch, protocol=2), tmp_path, words)


def test_every_cut_of_a_pickle_is_refused_in_words(tmp_path: Path) -> None:
    whole = python2_batch(*made_batches(1)[0])
    for end in [0, 1, 5, *range(40, len(whole) - 1, 401), len(whole) - 1]:
        refused(whole[:end], tmp_path, "pickle")


def test_a_state_that_is_set_over_and_over_is_refused(tmp_path: Path) -> None:
    whole = python2_batch(*made_batches()[0])
    end = whole.index(b"tb", whole.index(b"\x89T") + 5 + 12 * 3072) + 1
    assert whole[end:] == b"bu."
    # The array's state, which holds all its bytes, goes into the memo, and is set again and again.
    refused(whole[:end] + b"q\x00b" + b"h\x00b" * 100 + b"u.", tmp_path, "copies its own content over and over")
