"""Attention over time steps.

TAAF: "Temporal attention-guided adaptive fusion for imbalanced multimodal spiking neural networks"
(arXiv 2505.14535), section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from snn_mm.presence import scattered, taken


def temporal_attention_scores(x: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """How much each time step matters (TAAF Eqs 5-7).

    Q = x W^Q, K = x W^K, A = softmax(Q Kᵀ / √C) over the last axis, α = the mean of A over its T
    rows, that is over queries: the rows of A sum to one, and so do the scores. (The mean over
    columns would give 1/T whatever the input.) With T = 1 every score is 1.

    Args:
        x: outputs of one modality or of the fusion, `[T, N, D]`.
        query: W^Q, `[D, C]`.
        key: W^K, `[D, C]`.

    Returns:
        Scores α `[T, N]`, non-negative, summing to one over time.

    Example:
        >>> x = torch.tensor([0.0, math.sqrt(math.log(3))]).reshape(2, 1, 1)
        >>> temporal_attention_scores(x, torch.ones(1, 1), torch.ones(1, 1)).flatten()  # 3/8
        tensor([0.3750, 0.6250])
    """
    sequence = x.transpose(0, 1).to(query.dtype)  # [N, T, D]; halves come from an autocast step
    similarity = (sequence @ query) @ (sequence @ key).transpose(1, 2)  # [N, T, T]
    attention = (similarity / math.sqrt(query.shape[1])).softmax(dim=-1)
    scores: Tensor = attention.mean(dim=1).transpose(0, 1)  # [N, T, T] -> [N, T] -> [T, N]
    return scores


def scores_of_present(attend: Callable[[Tensor], Tensor], x: Tensor, rows: Tensor | None) -> Tensor:
    """Scores `[T, N]` of the samples that have a modality; all time steps of others have 0.

    Args:
        attend: makes scores `[T, n]` of `[T, n, D]`.
        x: `[T, N, D]`.
        rows: which samples, `[n]`; None is all.

    Example:
        >>> scores_of_present(lambda x: x[..., 0], torch.ones(1, 2, 3), torch.tensor([1]))
        tensor([[0., 1.]])
    """
    if rows is not None and not len(rows):
        return x.new_zeros(x.shape[:2])
    scores: Tensor = attend(taken(x, rows, dim=1))
    return scores if rows is None else scattered(scores, rows, x.shape[1])


def attention_entropy(scores: Tensor) -> Tensor:
    """Entropy of attention scores, in units of ln T: 1 is uniform, 0 a single time step.

    Args:
        scores: `[T, N]`, summing to one over time.

    Returns:
        `[N]`; 1 where T = 1.

    Example:
        >>> attention_entropy(torch.tensor([[0.5, 1.0], [0.5, 0.0]]))
        tensor([1., 0.])
    """
    steps = scores.shape[0]
    if steps == 1:
        return torch.ones_like(scores[0])
    entropy: Tensor = torch.special.entr(scores).sum(dim=0)  # [T, N] -> [N]
    return entropy / math.log(steps)


class TemporalAttention(nn.Module):
    """The query and key matrices of one modality or of the fusion (TAAF Eq. 5).

    The paper names W^Q, W^K in R^(D x C) without bias and C as the number of classes, but no
    initialisation: Xavier's uniform one is used.

    Args:
        in_features: D, the width of what is attended: K for logits, as Eq. 5 writes it.
        width: C, the width of queries and keys.
    """

    def __init__(self, in_features: int, width: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.empty(in_features, width))
        self.key = nn.Parameter(torch.empty(in_features, width))
        nn.init.xavier_uniform_(self.query)
        nn.init.xavier_uniform_(self.key)

    def forward(self, x: Tensor) -> Tensor:
        """Scores `[T, N]` of `[T, N, D]`."""
        return temporal_attention_scores(x, self.query, self.key)
