"""What ``import framework`` sets in its process, seen from a fresh one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "OPENBLAS_THREAD_TIMEOUT"


@pytest.fixture
def with_numba(tmp_path):
    """A folder in which numba is found; it is not imported."""
    (tmp_path / "numba.py").write_text("raise AssertionError('import framework loads no numba')\n")
    return str(tmp_path)


def timeout_after(code, *paths, **environment):
    settings = {key: value for key, value in os.environ.items() if key not in (NAME, "FRAMEWORK_FAST")}
    settings |= {"PYTHONPATH": os.pathsep.join([str(ROOT), *paths]), **environment}
    code = f"import os; {code}; print(os.environ.get({NAME!r}, 'default'))"
    done = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_blas_threads_sleep_soon_where_kernels_are_compiled(with_numba):
    assert int(timeout_after("import framework", with_numba)) < 26
    assert timeout_after("import framework", with_numba, FRAMEWORK_FAST="0") == "default"


def test_the_users_setting_stays(with_numba):
    assert timeout_after("import framework", with_numba, **{NAME: "14"}) == "14"


def test_numpy_that_is_loaded_already_has_what_it_found(with_numba):
    assert timeout_after("import numpy, framework", with_numba) == "default"
