"""Whole runs from one seed, nothing copied: the same script in both libraries gives the same loss curve.

Each script takes the library as its argument and is otherwise ordinary PyTorch: 150 steps with everything that draws
random numbers (weights, shuffling, dropout, batches) and everything that has a state of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

import framework  # noqa: E402
from framework.datasets import draw_digits, read_idx  # noqa: E402

STEPS = 150
ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"


def digits() -> tuple[np.ndarray, np.ndarray]:
    """2,000 of MNIST's test images where they are at hand, else as many digits that the project draws itself."""
    folder = DATA / "mnist"
    if folder.is_dir():
        images, labels = [read_idx(folder / f"t10k-{name}-ubyte.gz")[:2000] for name in ("images-idx3", "labels-idx1")]
    else:
        images, labels = draw_digits(2000, seed=11)
    return (images[:, None] / 255 - 0.13) / 0.31, labels.astype(np.int64)


def text() -> np.ndarray:
    """The characters of Tiny Shakespeare as numbers; where it isn't at hand, of the project's documents."""
    shakespeare = DATA / "shakespeare" / "input.txt"
    files = [shakespeare] if shakespeare.is_file() else sorted(ROOT.glob("**/*.md"))
    written = "".join(file.read_text(encoding="utf-8") for file in files)[:100_000]
    return np.unique(list(written), return_inverse=True)[1].astype(np.int64)


def cnn(t: Any) -> Iterator[float]:
    nn = t.nn
    images, labels = digits()
    data = t.utils.data.TensorDataset(t.from_numpy(images).to(t.get_default_dtype()), t.from_numpy(labels))
    loader = t.utils.data.DataLoader(data, batch_size=32, shuffle=True)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout2d(0.1),
        nn.Conv2d(8, 16, 3, stride=2),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.Linear(144, 32),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(32, 10),
    )
    optimizer = t.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    while True:
        for batch, target in loader:
            optimizer.zero_grad()
            loss = criterion(model(batch), target)
            loss.backward()
            optimizer.step()
            yield loss.item()


def batch_of(t: Any, characters: Any, size: int, length: int) -> tuple[Any, Any]:
    starts = t.randint(len(characters) - length, (size,)).tolist()
    rows = t.stack([characters[start : start + length + 1] for start in starts])
    return rows[:, :-1], rows[:, 1:]


def lstm(t: Any) -> Iterator[float]:
    nn = t.nn
    characters = t.from_numpy(text())
    vocabulary = int(characters.max()) + 1

    class CharacterModel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, 16)
            self.lstm = nn.LSTM(16, 32, num_layers=2, dropout=0.2, batch_first=True)
            self.head = nn.Linear(32, vocabulary)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(self.embedding(x))[0])

    model = CharacterModel()
    optimizer = t.optim.Adam(model.parameters(), lr=5e-3)
    while True:
        x, y = batch_of(t, characters, 8, 24)
        loss = nn.functional.cross_entropy(model(x).reshape(-1, vocabulary), y.reshape(-1))
        model.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def gpt(t: Any) -> Iterator[float]:
    nn, F = t.nn, t.nn.functional
    characters = t.from_numpy(text())
    vocabulary, length, width, heads, layers = int(characters.max()) + 1, 24, 32, 4, 2

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attention = nn.Linear(width, 3 * width)
            self.projection = nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
            self.dropout = nn.Dropout(0.1)

        def forward(self, x: Any) -> Any:
            n, time, _ = x.shape
            q, k, v = [
                each.view(n, time, heads, width // heads).transpose(1, 2)
                for each in self.attention(self.norm1(x)).chunk(3, dim=-1)
            ]
            p = 0.1 if self.training else 0.0
            mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True)
            x = x + self.dropout(self.projection(mixed.transpose(1, 2).reshape(n, time, width)))
            return x + self.dropout(self.mlp(self.norm2(x)))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(vocabulary, width)
            self.positions = nn.Embedding(length, width)
            self.blocks = nn.ModuleList([Block() for _ in range(layers)])
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, vocabulary, bias=False)
            self.apply(self.initialise)
            self.head.weight = self.tokens.weight

        def initialise(self, module: Any) -> None:
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

        def forward(self, x: Any) -> Any:
            hidden = self.tokens(x) + self.positions(t.arange(x.shape[1]))
            for block in self.blocks:
                hidden = block(hidden)
            return self.head(self.norm(hidden))

    model = GPT()
    decayed = [each for each in model.parameters() if each.dim() > 1]
    others = [each for each in model.parameters() if each.dim() == 1]
    optimizer = t.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=3e-3, betas=(0.9, 0.95)
    )
    schedule = t.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS, eta_min=3e-4)
    while True:
        x, y = batch_of(t, characters, 8, length)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        yield loss.item()


def losses(library: Any, script: Callable[[Any], Iterator[float]], kind: str) -> np.ndarray:
    library.set_default_dtype(getattr(library, kind))
    try:
        library.manual_seed(1234)
        run = script(library)
        return np.array([next(run) for _ in range(STEPS)])
    finally:
        library.set_default_dtype(library.float32)


BOUNDS = {
    # Relative, over the first 20 steps and over all; a CNN in float32 is chaotic, also in PyTorch with other threads.
    (cnn, "float64"): (1e-9, 1e-6),
    (lstm, "float64"): (1e-9, 1e-6),
    (gpt, "float64"): (1e-9, 1e-6),
    (cnn, "float32"): (5e-4, math.inf),
    (lstm, "float32"): (1e-4, 1e-4),
    (gpt, "float32"): (1e-4, 1e-4),
}


@pytest.mark.parametrize(("script", "kind"), BOUNDS, ids=lambda value: getattr(value, "__name__", value))
def test_losses_of_150_steps_agree(script: Callable[[Any], Iterator[float]], kind: str) -> None:
    ours, theirs = [losses(library, script, kind) for library in (framework, torch)]
    assert theirs[-20:].mean() < 0.8 * theirs[:5].mean(), "the comparison is of a model that learns"
    first, whole = BOUNDS[script, kind]
    difference = np.abs(ours / theirs - 1)
    assert difference[:20].max() <= first
    assert difference.max() <= whole
