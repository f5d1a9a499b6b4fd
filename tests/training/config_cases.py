"""A good config, a registry and ways to load variations of them, for the tests of the config."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from framework.training.config import Config, ConfigError, load_config

CONFIGS = Path(__file__).parents[2] / "configs"

GOOD = """\
# A network for tests
seed: 3
data:
  source: digits
  batch_size: 16
model:
  name: lenet
  dropout: 0.1
optimizer:
  name: sgd
  lr: 1e-3
  momentum: 0.9
train:
  epochs: 2
"""


def lenet(num_classes: int = 10, dropout: float = 0.0, *, sizes: tuple[int, int] = (5, 5)) -> None: ...


def mlp(hidden: Sequence[int], bias: bool = True, scale: "int | tuple[int, ...]" = 1, hook: Any = None) -> None: ...


MODELS: dict[str, Callable[..., Any]] = {"lenet": lenet, "mlp": mlp}

# The files of an IDX pair but for one setting, as overrides.
IDX = ["data.source=idx", "data.images=i.gz", "data.labels=l.gz", "data.train_count=80"]


def load(text: str | bytes, *overrides: str, models: Any = None) -> Config:
    """The config of a file a.yaml in the working folder with this text."""
    data = text if isinstance(text, bytes) else text.encode()
    Path("a.yaml").write_bytes(data)
    return load_config("a.yaml", overrides, models or MODELS)[0]


def problems(text: str | bytes, *overrides: str, models: Any = None) -> list[str]:
    """The lines of the error that loading it raises."""
    with pytest.raises(ConfigError) as caught:
        load(text, *overrides, models=models)
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert all(len(problem.splitlines()) == 1 for problem in caught.value.problems)
    return caught.value.problems


def one(text: str | bytes, *overrides: str, models: Any = None) -> str:
    """The only line of that error."""
    found = problems(text, *overrides, models=models)
    assert len(found) == 1, found
    return found[0]
