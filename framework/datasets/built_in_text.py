"""Built-in text: sentences of a small grammar, for where no other text can be had.

A model has something to find at every distance: spelling, which words follow which, that a verb agrees with a subject some
words before it, that a pronoun agrees with the name that a sentence before it brought in, and that quotation marks close.

The same seed gives the same text everywhere: see :class:`framework.random.Generator`.
"""

from __future__ import annotations

from collections.abc import Sequence

from framework.random import Generator

VERSION = 1  # part of the name: a change of the grammar needs a new number
NAME = f"built-in text (version {VERSION})"

PEOPLE = (
    ("Anna", "she"), ("Bela", "he"), ("Clara", "she"), ("David", "he"), ("Emil", "he"), ("Flora", "she"),
    ("Gustav", "he"), ("Hanna", "she"), ("Ivan", "he"), ("Julia", "she"),
)  # fmt: skip
KINDS = ("baker", "farmer", "gardener", "miller", "painter", "sailor", "shepherd", "teacher", "weaver", "writer")
THINGS = (
    "basket",
    "boat",
    "book",
    "bridge",
    "cart",
    "coat",
    "door",
    "garden",
    "house",
    "lamp",
    "letter",
    "table",
    "wheel",
)
QUALITIES = (
    "big",
    "blue",
    "bright",
    "broken",
    "cold",
    "green",
    "heavy",
    "little",
    "new",
    "old",
    "quiet",
    "red",
    "strange",
)
PLACES = ("by the river", "in the village", "near the harbour", "on the hill", "behind the church", "at the market")
TIMES = ("in the morning", "at noon", "in the evening", "before the rain", "after the harvest", "at night")
ACTS = (
    ("buy", "bought"), ("carry", "carried"), ("find", "found"), ("keep", "kept"), ("mend", "mended"), ("paint", "painted"),
    ("see", "saw"), ("sell", "sold"), ("take", "took"), ("want", "wanted"),
)  # fmt: skip
FEELINGS = ("glad", "tired", "happy", "hungry", "afraid", "proud", "sorry", "sure")


def write_text(characters: int = 300_000, seed: int = 0) -> str:
    """At least so many characters, up to the end of a paragraph."""
    writer = _Writer(Generator().manual_seed(seed))
    paragraphs: list[str] = []
    length = 0
    while length < characters:
        paragraphs.append(writer.paragraph())
        length += len(paragraphs[-1])
    return "".join(paragraphs)


class _Writer:
    """Draws sentences; each choice takes the next of many numbers from 0 to 1."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.numbers: list[float] = []

    def number(self) -> float:
        if not self.numbers:
            self.numbers = self.generator.uniform((4096,)).tolist()
        return self.numbers.pop()

    def one(self, choices: Sequence[str]) -> str:
        return choices[int(self.number() * len(choices))]

    def maybe(self, share: float, text: str) -> str:
        return text if self.number() < share else ""

    def paragraph(self) -> str:
        """One person's story of a few sentences."""
        name, pronoun = PEOPLE[int(self.number() * len(PEOPLE))]
        sentences = [f"{name} was {_article(kind := self.one(KINDS))} {kind} {self.one(PLACES)}."]
        for _ in range(2 + int(self.number() * 5)):
            sentences.append(self.sentence(name, pronoun))
        return " ".join(sentences) + "\n\n"

    def sentence(self, name: str, pronoun: str) -> str:
        subject = name if self.number() < 0.3 else pronoun.capitalize()
        chosen = self.number()
        if chosen < 0.4:
            return f"{subject} {self.deed()}{self.maybe(0.4, ' ' + self.one(TIMES))}."
        if chosen < 0.6:
            return f"{self.one(TIMES).capitalize()} {pronoun} {self.deed()}, and {pronoun} was {self.one(FEELINGS)}."
        if chosen < 0.8:
            plural, verb = ("s", "were") if self.number() < 0.5 else ("", "was")
            subject = self.maybe(0.5, self.one(QUALITIES) + " ") + self.one(THINGS) + plural
            return f"The {subject} {self.one(PLACES)} {verb} {self.one(QUALITIES)}."
        act = ACTS[int(self.number() * len(ACTS))][0]
        said = f"I {self.maybe(0.3, 'do not ')}{act} the {self.one(THINGS)}"
        return f'"{said}," said {name}{self.maybe(0.3, " " + self.one(PLACES))}.'

    def deed(self) -> str:
        act = ACTS[int(self.number() * len(ACTS))][1]
        quality = self.maybe(0.5, self.one(QUALITIES) + " ")
        return f"{act} {self.one(('the', 'this', 'another', 'every'))} {quality}{self.one(THINGS)}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
