"""What a person sees while a run goes on: a bar over the whole run on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
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
        if self.bars:
            tqdm.write(text, file=self.stream)  # above a bar that is being shown
        else:
            print(text, file=self.stream, flush=True)

    def write(self, text: str) -> None:
        """A part of a line, at once, in quiet mode too; no bar may be shown."""
        print(text, end="", file=self.stream, flush=True)

    def warn(self, text: str) -> None:
        """A warning in a frame that can't be overlooked; printed in quiet mode too."""
        rule = "!" * 78
        lines = "\n".join("!! " + line for line in text.splitlines())
        self.always(f"{rule}\n{lines}\n{rule}")

    @contextmanager
    def bar(self, updates: int | None, done: int = 0) -> Iterator[Bar]:
        """A bar over a run's updates (None: their number is not known), of which ``done`` are done already.

        The time to the end that it shows is by the mean speed of this session, evaluations and checkpoints included.
        """
        bar = None
        if self.bars:
            bar = tqdm(
                total=updates,
                initial=done,
                unit=" updates",
                file=self.stream,
                leave=False,
                dynamic_ncols=True,
                smoothing=0,
            )
        try:
            yield Bar(bar)
        finally:
            if bar is not None:
                bar.close()


class Bar:
    """Shows figures on a bar, where there is one."""

    def __init__(self, bar: Any = None) -> None:
        self._bar = bar

    def advance(self, updates: int, **figures: float) -> None:
        """So many more updates are made."""
        if self._bar is not None:
            self._bar.set_postfix({key: f"{value:.4g}" for key, value in figures.items()}, refresh=False)
            self._bar.update(updates)


class Rate:
    """Samples and counted targets per second of training, evaluations left out."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self.samples = self.counted = self.seconds = 0.0

    def add(self, samples: float, counted: float, seconds: float) -> None:
        """That much was worked on in that time."""
        self.samples += samples
        self.counted += counted
        self.seconds += seconds

    @property
    def samples_per_second(self) -> float:
        """Samples per second."""
        return self.samples / max(self.seconds, 1e-9)

    @property
    def counted_per_second(self) -> float:
        """Counted targets per second."""
        return self.counted / max(self.seconds, 1e-9)


def spell_seconds(seconds: float) -> str:
    """``"42 s"``, ``"3:20 min"`` or ``"2:05 h"``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02} h"
    return f"{minutes}:{rest:02} min" if minutes else f"{rest} s"
