"""A file is replaced as a whole or not at all."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from framework.serialization import atomic, atomic_write, load, save
from tests.serialization.checkpoint_trees import same

ROOT = Path(atomic.__file__).parents[2]

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and limits")


@pytest.fixture
def saved(tmp_path, state):
    path = tmp_path / "state.pt"
    save(state, path)
    return path


def test_nothing_but_the_file_is_left(saved, state):
    save({**state, "epoch": 4}, saved)
    assert os.listdir(saved.parent) == ["state.pt"] and load(saved)["epoch"] == 4


@posix
def test_a_full_disk_leaves_the_old_file_and_no_other(saved, state):
    # A real failing write: the process may not write files of more than 100 kB.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError) as caught:
            save({"big": np.ones(100_000)}, saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG and caught.value.filename == str(saved)
    assert "can't be written" in str(caught.value) and "what was there is unchanged" in str(caught.value)
    assert os.listdir(saved.parent) == ["state.pt"] and same(load(saved), state)


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
@pytest.mark.parametrize(
    ("number", "kind", "advice"),
    [(errno.ENOSPC, OSError, "free some space"), (errno.EACCES, PermissionError, "that you may write to")],
)
def test_whatever_fails_is_explained_and_undone(saved, state, monkeypatch, call, number, kind, advice):
    def fail(*arguments, **_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(kind) as caught:
            save({"x": np.ones(3)}, saved)
    assert caught.value.errno == number and advice in str(caught.value) and str(saved) in str(caught.value)
    assert os.listdir(saved.parent) == ["state.pt"] and same(load(saved), state)


def test_ctrl_c_leaves_the_old_file(saved, state):
    with pytest.raises(KeyboardInterrupt), atomic_write(saved) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert os.listdir(saved.parent) == ["state.pt"] and same(load(saved), state)


def test_a_missing_folder_is_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="create the folder first"):
        save({}, tmp_path / "missing" / "a.pt")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match="no folder"):
        save({}, tmp_path / "file" / "a.pt")


def test_a_folder_is_no_place_to_write(tmp_path):
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        save({}, tmp_path)


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_files_and_folders_are_respected(saved, state):
    saved.chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        save({}, saved)
    saved.chmod(0o644)
    saved.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="that you may write to"):
            save({}, saved)
    finally:
        saved.parent.chmod(0o755)
    assert same(load(saved), state)


@posix
def test_a_device_is_not_replaced():
    with pytest.raises(ValueError, match="no ordinary file"):
        save({}, os.devnull)


@posix
def test_links_and_permissions_are_kept(saved, state):
    saved.chmod(0o600)
    link = saved.parent / "latest.pt"
    link.symlink_to(saved.name)
    save({"epoch": 9}, link)
    assert link.is_symlink() and load(saved) == {"epoch": 9}
    assert saved.stat().st_mode & 0o777 == 0o600


@posix
def test_a_new_file_has_the_usual_permissions(tmp_path):
    old = os.umask(0o027)
    try:
        save({}, tmp_path / "a.pt")
    finally:
        os.umask(old)
    assert (tmp_path / "a.pt").stat().st_mode & 0o777 == 0o640


@posix
def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    """`kill -9` at any moment: what is under the name is always one of the states that were saved."""
    path = tmp_path / "state.pt"
    program = (
        "import sys, numpy as np\n"
        "from framework.serialization import save\n"
        "for n in range(10**6):\n"
        "    save({'n': n, 'x': np.full(200_000, n)}, sys.argv[1])\n"
    )
    for pause in (0.0, 0.01, 0.023, 0.037):
        process = subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT)
        deadline = time.monotonic() + 30
        path.unlink(missing_ok=True)
        while not path.exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.001)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        state = load(path)
        assert (state["x"] == state["n"]).all()
