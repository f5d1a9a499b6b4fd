"""Text as tokens and windows; tiny Shakespeare or what stands in for it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from framework.datasets import DataError, Windows, load_built_in_text, load_shakespeare, load_text
from framework.datasets import text as module
from framework.datasets.built_in_text import write_text
from tests.datasets.local_server import Server

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "shakespeare"


def test_tokens_number_the_characters_in_order_and_the_end_is_for_testing(tmp_path: Path) -> None:
    words = "hello wörld 𝄞\n" * 10
    (tmp_path / "my.txt").write_bytes(words.encode())
    data = load_text(tmp_path / "my.txt", test_share=0.2)
    assert data.characters == "".join(sorted(set(words))) and data.name == "my.txt"
    assert len(data.train) == 112 and len(data.test) == 28 and data.train.dtype == np.int64
    assert "".join(data.characters[i] for i in np.concatenate([data.train, data.test])) == words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"", "holds nothing"),
        (b"caf\xe9 au lait", "not UTF-8 text: byte 3 is 0xe9"),
        (b"x", "1 characters can't be split"),
    ],
)
def test_files_that_are_no_text_are_refused_in_words(content: bytes | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.txt: {words}"):
        load_text(tmp_path / "a.txt")


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        load_built_in_text(share)


def test_windows_begin_everywhere_and_are_followed_by_the_next_token() -> None:
    windows = Windows(np.arange(10), context=4)
    assert len(windows) == 6
    for start in range(6):
        inputs, targets = windows[start]
        assert inputs.tolist() == list(range(start, start + 4))
        assert targets.tolist() == list(range(start + 1, start + 5))
    assert windows[-1][1].tolist() == [6, 7, 8, 9]
    with pytest.raises(IndexError):
        windows[6]


@pytest.mark.parametrize(("count", "expected"), [(9, 2), (10, 2), (12, 2), (13, 3)])
def test_windows_one_after_another_predict_each_token_once(count: int, expected: int) -> None:
    windows = Windows(np.arange(count), context=4, stride=4)
    assert len(windows) == expected
    assert [each for i in range(expected) for each in windows[i][1].tolist()] == list(range(1, 4 * expected + 1))


def test_too_short_a_text_is_refused() -> None:
    with pytest.raises(DataError, match="4 tokens are too few for a context of 4"):
        Windows(np.arange(4), context=4)


def test_the_built_in_text_is_the_same_everywhere() -> None:
    text = write_text(2000)
    assert text == write_text(2000) != write_text(2000, seed=1)
    assert text.startswith("Anna was a shepherd behind the church. The wheels at the market were strange.")
    assert 2000 <= len(text) < 2600 and set(text) < set(map(chr, range(128)))


def test_shakespeare_that_cannot_be_had_is_replaced_with_a_warning(tmp_path: Path) -> None:
    data = load_shakespeare(tmp_path, download=False)
    assert data.name.startswith("built-in text")
    assert "no such file" in data.notes and "downloading is switched off" in data.notes
    with pytest.raises(DataError, match=r"can't be had: .*input\.txt: no such file; downloading is switched off; put"):
        load_shakespeare(tmp_path, download=False, fallback=False)


def test_another_text_under_shakespeares_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "input.txt").write_text("To be, or not to be")
    with pytest.raises(DataError, match=r"not tiny Shakespeare: its SHA-256 is [0-9a-f]{64}, expected"):
        load_shakespeare(tmp_path)


def test_a_download_is_verified_and_kept(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_text(3000).encode()
    monkeypatch.setattr(module, "SHAKESPEARE_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(module, "SHAKESPEARE_SIZE", len(content))
    server.sends("/input.txt", content)
    data = load_shakespeare(tmp_path, mirrors=[server.base])
    assert data.name == "tiny Shakespeare" and data.notes == ""
    assert (tmp_path / "input.txt").read_bytes() == content


@pytest.mark.skipif(not REAL.is_dir(), reason="tiny Shakespeare is not beside the repository")
def test_the_real_shakespeare() -> None:
    data = load_shakespeare(REAL, download=False)
    assert data.name == "tiny Shakespeare" and len(data.characters) == 65
    assert len(data.train) == 1_003_855 and len(data.test) == 111_539
    assert "".join(data.characters[i] for i in data.train[:14]) == "First Citizen:"
