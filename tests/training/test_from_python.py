"""The example of training from Python runs and learns."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_training_from_python(capsys):
    module = runpy.run_path(str(ROOT / "examples" / "train_from_python.py"))
    assert module["main"]() > 0.98
    assert "best so far" in capsys.readouterr().out
