"""Language models: the next token at each position of a sequence, and text sampled from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import framework
from framework.nn import Module
from framework.random import Generator
from framework.training.errors import TrainingError
from framework.training.gallery import Item
from framework.training.metrics import IGNORED, Accuracy, Exact, Metric, Perplexity
from framework.training.tasks.base import Batch, Facts, Result, Task


@dataclass
class LanguageModel(Task):
    """Scores ``(N, T, vocabulary)`` against the next tokens ``(N, T)``; targets of -100 are not counted.

    Where ``facts`` has ``characters``, the text of each token, and the model a method ``stream`` or ``generate`` (see
    :func:`stream_text`), text is sampled for the gallery.

    Args:
        prompt: What text for the gallery begins with, but for characters that the data don't have; the first character of
            the vocabulary where nothing is left.
        length: Tokens to sample.
        temperature: Scores are divided by it: lower is more careful, 0 always takes the likeliest.
        top_k: Sample among this many of the likeliest; None: among all.
    """

    prompt: str = ""
    length: int = 300
    temperature: float = 0.8
    top_k: int | None = None

    name: ClassVar[str] = "language_model"
    known_metrics: ClassVar[Mapping[str, Callable[[], Metric]]] = {
        "perplexity": Perplexity,
        "accuracy": Accuracy,
        "exact": Exact,
    }
    usual_metrics: ClassVar[tuple[str, ...]] = ("perplexity", "accuracy")
    unit: ClassVar[str] = "tokens"

    def count(self, batch: Batch) -> float:
        """The tokens that are to be predicted."""
        return int((batch[-1].numpy() != IGNORED).sum())

    def loss(self, model: Module, batch: Batch) -> Result:
        """The mean over the counted tokens."""
        inputs, targets = batch
        scores = model(inputs)
        return Result(self.loss_function(scores.flatten(0, 1), targets.flatten()), scores)

    def gallery(self, model: Module, batches: Iterable[Batch]) -> Iterator[Item]:
        """A sampled text."""
        if self.facts.get("characters") and (hasattr(model, "stream") or hasattr(model, "generate")):
            known = known_part(self.prompt, self.facts)
            text = sample_text(model, self.facts, known, self.length, temperature=self.temperature, top_k=self.top_k)
            yield Item("text", "Sampled text", text)


def known_part(prompt: str, facts: Facts) -> str:
    """The prompt without the characters that the data did not have: a config's, where other data stood in for its own."""
    return "".join(character for character in prompt if character in (facts.get("characters") or ()))


def stream_text(
    model: Module,
    facts: Facts,
    prompt: str,
    length: int,
    *,
    temperature: float = 0.8,
    top_k: int | None = None,
    generator: Generator | None = None,
) -> Iterator[str]:
    """The prompt, then ``length`` sampled tokens, each as soon as it is there.

    Args:
        model: Its method ``stream(tokens, count, temperature, top_k, generator)`` gives ``count`` tokens ``(1, 1)`` that go on
            from ``(1, T)``. One that has only ``generate``, with the same arguments, gives tokens ``(1, T + count)`` at the end.
        facts: Those of the run: ``characters``.
        prompt: Text of known characters; the first one of the vocabulary where it is empty.
        length: How many tokens.
        temperature: See :class:`LanguageModel`.
        top_k: See :class:`LanguageModel`.
        generator: Where the random numbers come from; the default generator otherwise.

    Raises:
        TrainingError: If the prompt has a character that the model has never seen, the run had no characters, or the model
            has no such method.
    """
    characters: Sequence[str] = facts.get("characters") or ()
    if not characters:
        raise TrainingError("this model was not trained on text: there are no characters to sample")
    numbers = {character: number for number, character in enumerate(characters)}
    unknown = sorted({character for character in prompt if character not in numbers})
    if unknown:
        raise TrainingError(
            f"the prompt has characters that the model does not know: {' '.join(map(repr, unknown))}; "
            f"it knows {''.join(characters)!r}"
        )
    prompt = prompt or characters[0]
    tokens = framework.tensor([[numbers[character] for character in prompt]])
    stream: Any = getattr(model, "stream", None)
    generate: Any = getattr(model, "generate", None)
    if stream is None and generate is None:
        raise TrainingError(
            f"{type(model).__name__} has no method generate(tokens, count, temperature, top_k, generator): give it one, or "
            "the base class and the method next_scores that models/gpt.py has"
        )
    yield prompt
    if stream is not None:
        new = stream(tokens, length, temperature, top_k, generator)
    else:
        new = generate(tokens, length, temperature, top_k, generator)[:, len(prompt) :].unbind(1)
    for each in new:
        yield characters[each.item()]


def sample_text(model: Module, facts: Facts, prompt: str, length: int, **options: Any) -> str:
    """The prompt with ``length`` sampled tokens after it; for the arguments and errors see :func:`stream_text`."""
    return "".join(stream_text(model, facts, prompt, length, **options))
