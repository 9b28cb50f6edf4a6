"""How well a sequence of tasks is learned and kept, as pure functions: AA, AIA, F and AFR.

All read one matrix a `[K, K]`: row k is what the network knows after its k-th task, column j the
test accuracy on the samples of task j (IEMF, "Details of evaluation metrics"; Brain-Cog-Lab/IEMF
and weiguoPian/AV-CIL_ICCV2023 compute the same). Tasks count alike, however many samples they have.
For a run that still goes on, pass the part that is filled: `matrix[:k, :k]`.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from snn_mm.errors import check_choice

Best = Literal["released", "printed", "ever"]
"""Which accuracies a_{l,j} the best one of an old task is taken over, at task k.

* `released`: j <= l <= k - 1, since it was learned and before this task, as both repositories do.
* `printed`: 1 <= l <= k - 1, the paper's formula to the letter. Before it is learned, a task of a
  growing classifier has no logits, so a_{l,j} (l < j) is 0, or NaN, and nothing changes; another
  classifier may guess, and the guess counts.
* `ever`: j <= l <= k, "the highest accuracy ever achieved" as the paper says in words. A task that
  improves then counts as not forgotten; with the others it counts as negative forgetting.
"""


def average_accuracy(matrix: Tensor) -> Tensor:
    """AA_k = 1/k Σ_{j<=k} a_{k,j}, of every task.

    Args:
        matrix: a, `[K, K]`; what is above the diagonal is not read.

    Returns:
        AA_1 to AA_K, `[K]`, in the unit of the matrix.

    Raises:
        ValueError: the matrix is not square, or a number on or below its diagonal is not finite.

    Example:
        >>> average_accuracy(torch.tensor([[1.0, 0.0], [0.5, 0.75]]))
        tensor([1.0000, 0.6250])
    """
    learned = _learned(matrix)
    counts = torch.arange(1, len(matrix) + 1, device=matrix.device)
    return learned.sum(dim=1) / counts  # [K, K] -> [K]


def average_incremental_accuracy(matrix: Tensor) -> Tensor:
    """AIA = 1/K Σ_k AA_k, a scalar; the repositories' and Table S4's "mean accuracy".

    Args:
        matrix: a, `[K, K]`.

    Example:
        >>> average_incremental_accuracy(torch.tensor([[1.0, 0.0], [0.5, 0.75]]))
        tensor(0.8125)
    """
    return average_accuracy(matrix).mean()


def forgetting(matrix: Tensor, best: Best = "released") -> Tensor:
    """F_k = 1/(k-1) Σ_{j<k} (max_l a_{l,j} - a_{k,j}), of every task but the first.

    Args:
        matrix: a, `[K, K]`; what is above the diagonal is read by `printed` alone.
        best: which l the maximum is taken over.

    Returns:
        F_2 to F_K, `[K - 1]`, in the unit of the matrix.

    Raises:
        UserError: the reading is unknown.
        ValueError: as for `average_accuracy`.

    Example:
        >>> forgetting(torch.tensor([[1.0, 0.0], [0.5, 0.75]]))
        tensor([0.5000])
    """
    check_choice("forgetting: best", best, get_args(Best))
    known = _learned(matrix)  # its zeros never are the highest: no accuracy is below 0
    counted = torch.nan_to_num(matrix) if best == "printed" else known
    highest = counted.cummax(dim=0).values  # [K, K], over l <= k
    reached = highest[1:] if best == "ever" else highest[:-1]  # [K - 1, K], row k - 1 is task k
    drops = (reached - known[1:]).tril()  # j < k
    return drops.sum(dim=1) / torch.arange(1, len(matrix), device=matrix.device)


def average_forgetting(matrix: Tensor, best: Best = "released") -> Tensor:
    """AFR = 1/(K-1) Σ_{k>=2} F_k, a scalar; NaN of a single task.

    Args:
        matrix: a, `[K, K]`.
        best: see `forgetting`.

    Example:
        >>> average_forgetting(torch.tensor([[1.0, 0, 0], [0.5, 1, 0], [0.5, 0.75, 1]]))
        tensor(0.4375)
    """
    return forgetting(matrix, best).mean()


def continual_scores(matrix: Tensor, best: Best = "released") -> dict[str, Tensor]:
    """All four scores after task K of a matrix `[K, K]`, scalars by name.

    `average_accuracy` is AA_K and `forgetting` F_K; `average_incremental_accuracy` and
    `average_forgetting` are the means up to K. Forgetting is NaN after the first task.

    Args:
        matrix: a, `[K, K]`.
        best: see `forgetting`.

    Example:
        >>> continual_scores(torch.tensor([[1.0, 0.0], [0.5, 0.75]]))["average_accuracy"]
        tensor(0.6250)
    """
    drops = forgetting(matrix, best)
    return {
        "average_accuracy": average_accuracy(matrix)[-1],
        "average_incremental_accuracy": average_incremental_accuracy(matrix),
        "forgetting": drops[-1] if len(drops) else matrix.new_full((), torch.nan),
        "average_forgetting": average_forgetting(matrix, best),
    }


def _learned(matrix: Tensor) -> Tensor:
    """The matrix with zeros above its diagonal."""
    if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1] or not len(matrix):
        raise ValueError(f"a matrix of tasks is [K, K], this one is {list(matrix.shape)}")
    below = torch.ones_like(matrix, dtype=torch.bool).tril()
    known = matrix.where(below, torch.zeros_like(matrix))  # tril() would keep NaN
    if not bool(known.isfinite().all()):
        raise ValueError("a matrix of tasks has a number that is not finite below its diagonal")
    return known
