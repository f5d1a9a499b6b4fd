"""A recurrent language model (Graves, 2013, "Generating Sequences With Recurrent Neural Networks")."""

from __future__ import annotations

import framework
from framework import nn
from models.sampling import Autoregressive

State = tuple[framework.Tensor, framework.Tensor]


class LSTM(Autoregressive):
    """Embeddings, LSTM layers, and scores for the next token.

    Args:
        vocabulary: How many different tokens there are.
        embedding: Features of a token.
        width: Features of each layer's state.
        layers: How many LSTM layers.
        dropout: Probability of zeroing a feature between the layers and before the scores in training.
    """

    def __init__(
        self, vocabulary: int = 65, embedding: int = 64, width: int = 256, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, embedding)
        self.layers = nn.LSTM(embedding, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens: framework.Tensor) -> framework.Tensor:
        """Scores ``(N, T, vocabulary)`` for the token after each of ``(N, T)``."""
        return self.read(tokens)[0]

    def read(self, tokens: framework.Tensor, state: State | None = None) -> tuple[framework.Tensor, State]:
        """Scores as above, and the state ``(layers, N, width)`` twice, with which reading goes on after these tokens."""
        outputs, state = self.layers(self.tokens(tokens), state)
        return self.head(self.dropout(outputs)), state

    def next_scores(self, tokens: framework.Tensor, state: State | None = None) -> tuple[framework.Tensor, State]:
        """Scores ``(N, vocabulary)`` for the token after ``(N, T)``; see :class:`Autoregressive`.

        The text is read once: after it only the state is carried on.
        """
        scores, state = self.read(tokens if state is None else tokens[:, -1:], state)
        return scores[:, -1], state
