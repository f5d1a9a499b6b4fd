"""How a language model's scores become tokens, and tokens a text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import framework
from framework import nn


class Autoregressive(nn.Module):
    """A model that gives scores for the next token, and so a text, a token at a time.

    It needs :meth:`next_scores`.
    """

    def next_scores(self, tokens: framework.Tensor, state: Any = None) -> tuple[framework.Tensor, Any]:
        """Scores ``(N, vocabulary)`` for the token after ``(N, T)``, and what spares work for the one after that.

        Args:
            tokens: All so far.
            state: What the call gave with all tokens but the last; None at first.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method next_scores(tokens, state)")

    def stream(
        self,
        tokens: framework.Tensor,
        count: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: framework.Generator | None = None,
    ) -> Iterator[framework.Tensor]:
        """Sampled tokens ``(N, 1)`` that go on from ``(N, T)``, ``count`` of them, each as soon as it is made.

        Nothing is recorded, and until the last of them the model is in evaluation mode. See :func:`next_tokens`.
        """
        training, state = self.training, None
        self.eval()
        try:
            for _ in range(count):
                with framework.inference_mode():  # not around the loop: the caller goes on at each yield
                    scores, state = self.next_scores(tokens, state)
                    new = next_tokens(scores, temperature, top_k, generator)
                    tokens = framework.cat([tokens, new], dim=1)
                yield new
        finally:
            self.train(training)

    def generate(
        self,
        tokens: framework.Tensor,
        count: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: framework.Generator | None = None,
    ) -> framework.Tensor:
        """The tokens ``(N, T)`` with ``count`` sampled ones after them, ``(N, T + count)``; see :meth:`stream`."""
        return framework.cat([tokens, *self.stream(tokens, count, temperature, top_k, generator)], dim=1)


def next_tokens(
    scores: framework.Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: framework.Generator | None = None,
) -> framework.Tensor:
    """A token ``(N, 1)`` for each row of scores ``(N, vocabulary)``.

    Args:
        scores: Logits.
        temperature: They are divided by it: lower is more careful; 0 takes the likeliest token.
        top_k: Sample among this many of the likeliest; None: among all.
        generator: Where the random numbers come from; the default generator otherwise.

    Raises:
        ValueError: If the temperature is negative or ``top_k`` is not positive.
    """
    if temperature < 0:
        raise ValueError(f"temperature must not be negative, but got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, but got {top_k}")
    if temperature == 0:
        return scores.argmax(dim=-1, keepdim=True)
    scores = scores / temperature
    if top_k is not None and top_k < scores.shape[-1]:
        least = scores.topk(top_k, dim=-1).values[:, -1:]
        scores = scores.masked_fill(scores < least, -math.inf)
    return framework.multinomial(scores.softmax(-1), 1, generator=generator)
