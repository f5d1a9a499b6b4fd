"""The page on conformance names what is there today."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")

import framework  # noqa: E402
from tests.parity.conformance import SPACES, listed, names, reach  # noqa: E402


def test_the_page_lists_every_public_name_and_whether_it_is_supported() -> None:
    said = {
        space: {name: word != "not supported" for name, (word, _) in entries.items()} for space, entries in listed().items()
    }
    known = names()
    assert said.keys() == known.keys()
    for space in known:
        assert said[space] == known[space], "run python -m tests.parity.conformance --names"


@pytest.mark.parametrize("space", SPACES)
def test_a_name_that_is_not_supported_says_so_and_names_what_is_near(space: str) -> None:
    owner = reach(framework, SPACES[space].removeprefix("torch"))
    for name, there in names()[space].items():
        if not there:
            with pytest.raises(AttributeError, match=rf"{name}.* is not supported|is not supported.*{name}"):
                getattr(framework.ones(1) if space == "torch.Tensor" else owner, name)
