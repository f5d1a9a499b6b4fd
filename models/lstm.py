"""A language model of LSTM layers (Hochreiter & Schmidhuber, 1997)."""

from __future__ import annotations

import framework
from framework import nn


class LSTM(nn.Module):
    """Scores of the next token at every position.

    Args:
        vocabulary: How many tokens there are.
        width: Of the embedding and of the hidden state.
        layers: LSTM layers.
        dropout: Probability of zeroing a unit between layers in training.
    """

    def __init__(self, vocabulary: int = 65, width: int = 128, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.drop = nn.Dropout(dropout)
        self.scores = nn.Linear(width, vocabulary)

    def forward(self, tokens: framework.Tensor) -> framework.Tensor:
        """Scores ``(N, T, vocabulary)`` of tokens ``(N, T)``, which may be of any length."""
        output, _ = self.lstm(self.drop(self.tokens(tokens)))
        return self.scores(self.drop(output))
