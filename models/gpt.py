"""GPT: a decoder-only transformer (Radford et al., 2019), with normalization before each part and tied embeddings."""

from __future__ import annotations

from math import sqrt

import framework
from framework import nn
from framework.nn import functional as F


class Attention(nn.Module):
    """Causal self-attention with several heads."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, input: framework.Tensor) -> framework.Tensor:
        """``(N, T, width) -> (N, T, width)``; a position sees itself and those before it."""
        batch, length, width = input.shape
        split = self.qkv(input).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)  # each (N, heads, T, width / heads)
        dropout = self.dropout if self.training else 0.0
        output = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)
        return self.projection(output.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """Attention and a perceptron, each with a residual connection around it."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, input: framework.Tensor) -> framework.Tensor:
        """``(N, T, width) -> (N, T, width)``."""
        input = input + self.drop(self.attention(self.norm1(input)))
        return input + self.drop(self.contract(F.gelu(self.expand(self.norm2(input)))))


class GPT(nn.Module):
    """Scores of the next token at every position.

    Args:
        vocabulary: How many tokens there are.
        context: The longest sequence.
        layers: Blocks.
        heads: Of each attention.
        width: Of the residual stream; a multiple of ``heads``.
        dropout: Probability of zeroing a unit of the embedding, the attention and the blocks' outputs in training.

    Raises:
        ValueError: If the heads don't share the width evenly.
    """

    def __init__(
        self,
        vocabulary: int = 65,
        context: int = 64,
        layers: int = 4,
        heads: int = 4,
        width: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of heads {heads}")
        self.context = context
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([Block(width, heads, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, vocabulary, bias=False)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                # What is added to the residual stream twice a block starts smaller, so that the sum does not grow with depth.
                added = name.endswith(("projection.weight", "contract.weight"))
                nn.init.normal_(parameter, std=0.02 / sqrt(2 * layers) if added else 0.02)
        self.scores.weight = self.tokens.weight

    def forward(self, tokens: framework.Tensor) -> framework.Tensor:
        """Scores ``(N, T, vocabulary)`` of tokens ``(N, T)``.

        Raises:
            ValueError: If T is more than the context.
        """
        length = tokens.shape[1]
        if length > self.context:
            raise ValueError(f"got {length} tokens, but the context is {self.context}: give the last {self.context}")
        output = self.drop(self.tokens(tokens) + self.positions(framework.arange(length)))
        for block in self.blocks:
            output = block(output)
        return self.scores(self.norm(output))
