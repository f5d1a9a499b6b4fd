"""What a person sees while a run goes on: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from tqdm import tqdm


class Console:
    """Prints a run's messages and progress.

    Args:
        quiet: Print nothing but warnings and the closing summary.
        stream: Where to; standard output by default. Bars are shown only if it is a terminal.
    """

    def __init__(self, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.quiet = quiet
        self.stream = stream or sys.stdout
        self.bars = not quiet and self.stream.isatty()

    def say(self, text: str = "") -> None:
        """A line of information."""
        if not self.quiet:
            self.always(text)

    def always(self, text: str = "") -> None:
        """A line that is printed in quiet mode too."""
        print(text, file=self.stream, flush=True)

    def warn(self, text: str) -> None:
        """A warning in a frame that can't be overlooked; printed in quiet mode too."""
        rule = "!" * 78
        lines = "\n".join("!! " + line for line in text.splitlines())
        self.always(f"{rule}\n{lines}\n{rule}")

    @contextmanager
    def progress(self, title: str, samples: int, done: int = 0) -> Iterator[Progress]:
        """A bar over that many samples, of which ``done`` are done already."""
        bar = None
        if self.bars:
            bar = tqdm(
                total=samples,
                initial=done,
                desc=title,
                unit=" samples",
                file=self.stream,
                leave=False,
                dynamic_ncols=True,
            )
        try:
            yield Progress(bar)
        finally:
            if bar is not None:
                bar.close()


class Progress:
    """Counts samples, and shows them with the current figures where there is a bar."""

    def __init__(self, bar: Any = None) -> None:
        self.bar = bar
        self.samples = 0
        self.started = time.perf_counter()

    def advance(self, samples: int, **figures: float) -> None:
        """So many more samples are done."""
        self.samples += samples
        if self.bar is not None:
            self.bar.set_postfix({key: f"{value:.4g}" for key, value in figures.items()}, refresh=False)
            self.bar.update(samples)

    @property
    def seconds(self) -> float:
        """Wall-clock time since the start."""
        return time.perf_counter() - self.started

    @property
    def rate(self) -> float:
        """Samples per second."""
        return self.samples / max(self.seconds, 1e-9)
