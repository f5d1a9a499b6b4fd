from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from framework.datasets import mnist, vision, write_idx
from framework.datasets.mnist import MnistFile
from tests.datasets.local_server import Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def small_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four small files, which for this test are MNIST's originals."""
    random = np.random.RandomState(0)
    folder = tmp_path / "originals"
    arrays = [
        random.randint(0, 256, (30, 28, 28)).astype(np.uint8),
        random.randint(0, 10, 30).astype(np.uint8),
        random.randint(0, 256, (20, 28, 28)).astype(np.uint8),
        random.randint(0, 10, 20).astype(np.uint8),
    ]
    files = []
    for file, array in zip(mnist.FILES, arrays, strict=True):
        packed, unpacked = folder / (file.name + ".gz"), tmp_path / "unpacked" / file.name
        write_idx(packed, array)
        write_idx(unpacked, array)
        files.append(
            MnistFile(
                file.name,
                hashlib.sha256(packed.read_bytes()).hexdigest(),
                packed.stat().st_size,
                hashlib.sha256(unpacked.read_bytes()).hexdigest(),
            )
        )
    monkeypatch.setattr(mnist, "FILES", tuple(files))
    monkeypatch.setattr(vision, "FILES", tuple(files))
    return folder


@pytest.fixture(scope="session")
def real_test_files() -> tuple[Path, Path]:
    """MNIST's real test images and labels, where they lie beside the repository."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mnist"
    paths = folder / "t10k-images-idx3-ubyte.gz", folder / "t10k-labels-idx1-ubyte.gz"
    if not all(path.is_file() for path in paths):
        pytest.skip("MNIST's test images are not in ../shared/data/mnist")
    return paths
