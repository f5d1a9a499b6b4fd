"""A recurrent language model (Graves, 2013, "Generating Sequences With Recurrent Neural Networks")."""

from __future__ import annotations

import framework
from framework import nn
from models.sampling import next_tokens

State = tuple[framework.Tensor, framework.Tensor]


class LSTM(nn.Module):
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

    def generate(
        self,
        tokens: framework.Tensor,
        count: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: framework.Generator | None = None,
    ) -> framework.Tensor:
        """The tokens ``(N, T)`` with ``count`` sampled ones after them, ``(N, T + count)``; see ``models/sampling.py``.

        The text is read once: after it only the state is carried on.
        """
        training = self.training
        self.eval()
        try:
            with framework.inference_mode():
                new, state = tokens, None
                for _ in range(count):
                    scores, state = self.read(new, state)
                    new = next_tokens(scores[:, -1], temperature, top_k, generator)
                    tokens = framework.cat([tokens, new], dim=1)
        finally:
            self.train(training)
        return tokens
