"""A transformer that predicts the next token (Radford et al., 2019: GPT-2, with normalization before each part)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import framework
from framework import nn
from framework.nn import functional as F
from models.sampling import Autoregressive


class GPT(Autoregressive):
    """Embeddings of tokens and positions, blocks of causal attention and a two-layer network, and scores for the next token.

    The scores' weights are the tokens' embeddings (weight tying: Press & Wolf, 2017).

    Args:
        vocabulary: How many different tokens there are.
        context: The longest sequence.
        layers: How many blocks.
        heads: Attention heads of each; they divide ``width``.
        width: Features of a position.
        dropout: Probability of zeroing an embedding, an attention weight or an output of a block's part in training.
        bias: Whether linear and normalization layers have biases.
    """

    def __init__(
        self,
        vocabulary: int = 65,
        context: int = 64,
        layers: int = 4,
        heads: int = 4,
        width: int = 128,
        dropout: float = 0.0,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be a multiple of heads, but got width={width} and heads={heads}")
        self.context = context
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(*(Block(width, heads, dropout, bias) for _ in range(layers)))
        self.norm = nn.LayerNorm(width, bias=bias)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight
        self._initialize(layers)

    def _initialize(self, layers: int) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                # What is added to the residual stream is scaled by the number of times that happens.
                onto_stream = name.endswith("output.weight")
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if onto_stream else 0.02)

    def forward(self, tokens: framework.Tensor, caches: Sequence[Cache] | None = None) -> framework.Tensor:
        """Scores ``(N, T, vocabulary)`` for the token after each of ``(N, T)``.

        Args:
            tokens: A sequence, or with caches what follows the tokens that these have.
            caches: One for each block; they are extended.

        Raises:
            ValueError: If there are more tokens than the context, those of the caches included.
        """
        past = caches[0].length if caches else 0
        length = past + tokens.shape[1]
        if length > self.context:
            raise ValueError(f"a sequence of {length} tokens is longer than the model's context of {self.context}")
        x = self.dropout(self.tokens(tokens) + self.positions.weight[past:length])
        for block, cache in zip(self.blocks, caches or [None] * len(self.blocks), strict=True):
            x = block(x, cache)
        return self.head(self.norm(x))

    def next_scores(
        self, tokens: framework.Tensor, caches: list[Cache] | None = None
    ) -> tuple[framework.Tensor, list[Cache]]:
        """Scores ``(N, vocabulary)`` for the token after the last ``context`` of ``(N, T)``; see :class:`Autoregressive`.

        Only tokens that the caches don't have are computed. Once the text is longer than the context nothing kept holds any
        more, since each token moves to another position: then all are.
        """
        if caches is None:
            caches = [Cache() for _ in self.blocks]
        if tokens.shape[1] > self.context:
            return self(tokens[:, -self.context :])[:, -1], caches
        return self(tokens[:, caches[0].length :], caches)[:, -1], caches


class Cache:
    """The keys and values ``(N, heads, T, width / heads)`` of the positions that an attention has read."""

    def __init__(self) -> None:
        self.kept: tuple[framework.Tensor, framework.Tensor] | None = None

    @property
    def length(self) -> int:
        """How many positions."""
        return 0 if self.kept is None else self.kept[0].shape[2]

    def extend(self, key: framework.Tensor, value: framework.Tensor) -> tuple[framework.Tensor, framework.Tensor]:
        """Keeps those of new positions too, and gives all."""
        if self.kept is not None:
            key, value = (framework.cat(pair, dim=2) for pair in zip(self.kept, (key, value), strict=True))
        self.kept = key, value
        return self.kept


class Block(nn.Module):
    """Attention and a two-layer network, each on a normalized copy of the stream of features and added to it.

    Args:
        width: Features of a position.
        heads: Attention heads.
        dropout: See :class:`GPT`.
        bias: See :class:`GPT`.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0, bias: bool = False) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, bias=bias)
        self.attention = CausalSelfAttention(width, heads, dropout, bias)
        self.norm2 = nn.LayerNorm(width, bias=bias)
        self.network = FeedForward(width, dropout, bias)

    def forward(self, x: framework.Tensor, cache: Cache | None = None) -> framework.Tensor:
        """``(N, T, width)`` of the same; see :class:`CausalSelfAttention`."""
        x = x + self.attention(self.norm1(x), cache)
        return x + self.network(self.norm2(x))


class CausalSelfAttention(nn.Module):
    """Each position looks at itself and those before it, in several heads.

    Args:
        width: Features of a position.
        heads: Attention heads.
        dropout: Probability of zeroing an attention weight or an output in training.
        bias: Whether the linear layers have biases.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0, bias: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width, bias=bias)  # query, key and value in one product
        self.output = nn.Linear(width, width, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: framework.Tensor, cache: Cache | None = None) -> framework.Tensor:
        """``(N, T, width)`` of the same; with a cache these positions follow those that it has, and are added to it."""
        count, length, width = x.shape
        split = self.inputs(x).reshape(count, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.dropout.p if self.training else 0.0
        past = 0 if cache is None else cache.length
        if cache is not None:
            key, value = cache.extend(key, value)
        # The flag would let the first of the new positions see the first key alone.
        mask = framework.ones(length, past + length, dtype=framework.bool).tril(past) if past and length > 1 else None
        mixed = F.scaled_dot_product_attention(query, key, value, mask, dropout, is_causal=not past)
        return self.dropout(self.output(mixed.transpose(1, 2).reshape(count, length, width)))


class FeedForward(nn.Module):
    """Two linear layers with GELU between them, four times as wide inside.

    Args:
        width: Features of a position.
        dropout: Probability of zeroing an output in training.
        bias: Whether the linear layers have biases.
    """

    def __init__(self, width: int, dropout: float = 0.0, bias: bool = False) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, 4 * width, bias=bias)
        self.output = nn.Linear(4 * width, width, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: framework.Tensor) -> framework.Tensor:
        """``(N, T, width)`` of the same."""
        return self.dropout(self.output(F.gelu(self.hidden(x))))
