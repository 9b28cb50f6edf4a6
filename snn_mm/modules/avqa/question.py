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
        layers: of the LSTM.
    """

    def __init__(self, vocabulary: int, width: int = 512, layers: int = 1) -> None:
        super().__init__()
        if vocabulary < 1 or width < 1 or layers < 1:
            raise UserError(
                "QuestionEncoder: vocabulary, width and layers are at least 1; "
                f"got {vocabulary}, {width}, {layers}"
            )
        self.vocabulary = vocabulary
        self.words = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True)
        self.linear = nn.Linear(2 * layers * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Questions `[N, D]` of words `[N, L]` as numbers below the size of the vocabulary."""
        _, states = self.lstm(self.words(tokens).tanh())
        both = torch.cat(states, dim=-1)  # hidden and cell, [layers, N, 2D]
        joined = both.transpose(0, 1).flatten(1)  # [N, layers * 2D]
        question: Tensor = self.linear(joined.tanh())
        return question
