"""Prints how many primitives the matrix checked."""

from __future__ import annotations

import pytest

COUNT = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if COUNT in config.stash:
        terminalreporter.write_line(config.stash[COUNT])
