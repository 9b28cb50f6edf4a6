"""Contrast between two modalities' features, of AV-CIL, as pure functions.

Pian et al., "Audio-Visual Class-Incremental Learning", and weiguoPian/AV-CIL_ICCV2023. Both terms
ask audio for its visual partner, never the other way round, and both normalise the features.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from snn_mm.errors import check_choice

Averaging = Literal["released", "paper"]
"""What a row of the class contrast is divided by: `released`, the batch size N, or `paper`, the
number of samples of its class in the batch (AV-CIL Eq. 7)."""


def similarities(query: Tensor, key: Tensor, temperature: float = 0.05) -> Tensor:
    """Cosine similarities over the temperature, `[N, N]`: queries in rows, keys in columns.

    Args:
        query: features of the asking modality, `[N, D]`.
        key: features of the asked modality, `[N, D]`.
        temperature: > 0.
    """
    return normalize(query, dim=1) @ normalize(key, dim=1).T / temperature


def instance_contrast(query: Tensor, key: Tensor, temperature: float = 0.05) -> Tensor:
    """InfoNCE: each query's partner is the key of its own sample (AV-CIL, instance-level).

    L = -1/N Σ_i log softmax_j(sim(i, j))_i.

    Args:
        query: audio features `[N, D]`.
        key: visual features `[N, D]`.
        temperature: > 0.

    Returns:
        A scalar in nats.
    """
    scores = similarities(query, key, temperature)
    return cross_entropy(scores, torch.arange(len(scores), device=scores.device))


def class_contrast(
    query: Tensor,
    key: Tensor,
    target: Tensor,
    temperature: float = 0.05,
    averaging: Averaging = "released",
) -> Tensor:
    """Supervised contrast: each query's partners are the keys of its class (AV-CIL Eq. 7).

    L = -1/N Σ_i 1/n_i Σ_{j: y_j = y_i} log softmax_j(sim(i, j))_j with n_i = N as released, or the
    number of partners as the paper prints it. The released form is the default because the
    published weights were chosen for it; it is smaller by about the number of classes in a batch.

    Args:
        query: audio features `[N, D]`.
        key: visual features `[N, D]`.
        target: class indices `[N]`.
        temperature: > 0.
        averaging: `released` or `paper`.

    Returns:
        A scalar in nats.

    Raises:
        UserError: the averaging is unknown.
    """
    check_choice("class contrast: averaging", averaging, get_args(Averaging))
    log_share = similarities(query, key, temperature).log_softmax(dim=1)  # [N, N]
    partners = (target.unsqueeze(1) == target).to(log_share.dtype)  # [N, N]
    counts = partners.sum(dim=1) if averaging == "paper" else float(len(target))  # [N]
    return -((log_share * partners).sum(dim=1) / counts).mean()
