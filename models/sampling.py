"""How a language model's scores become tokens."""

from __future__ import annotations

import math

import framework


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
