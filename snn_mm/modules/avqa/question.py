"""The question as a vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snn_mm.errors import UserError


class QuestionEncoder(nn.Module):
    """Words, tanh, an LSTM, and a linear layer on the last hidden and cell states.

    As in the original the LSTM reads the padding behind a question too. The spiking twin keeps this
    part: a question is asked before the video begins, and its vector is the same at all time steps.

    Args:
        vocabulary: number of words, the padding included.
        width: D of words, LSTM and question.
    """

    def __init__(self, vocabulary: int, width: int = 512) -> None:
        super().__init__()
        if vocabulary < 1 or width < 1:
            raise UserError(
                f"QuestionEncoder: vocabulary and width are at least 1; got {vocabulary}, {width}"
            )
        self.vocabulary = vocabulary
        self.words = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.linear = nn.Linear(2 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Questions `[N, D]` of words `[N, L]` as numbers below the size of the vocabulary."""
        _, states = self.lstm(self.words(tokens).tanh())
        both = torch.cat(states, dim=-1).squeeze(0)  # hidden and cell, [1, N, 2D] -> [N, 2D]
        question: Tensor = self.linear(both.tanh())
        return question
