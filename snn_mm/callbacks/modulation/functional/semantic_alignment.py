"""The semantic alignment of S-CMRL: a contrast of two modalities."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import log_softmax


def semantic_alignment_loss(
    first: Tensor, second: Tensor, target: Tensor, temperature: float = 0.07
) -> Tensor:
    """Contrast of two modalities in which all samples of a class are positives (S-CMRL's L_sao).

    L = -1/N² Σ_ij [y_i = y_j] log softmax_j(a_i · b_j / τ), with a and b averaged over time and not
    normalised, and the softmax over the second modality alone, as in the published code.

    Source: He et al., arXiv 2502.12488, and `class_contrastive_loss` of its repository.

    Args:
        first: `[T, N, D]`.
        second: `[T, N, D]`.
        target: class indices `[N]`.
        temperature: τ > 0; the authors' commands have 0.07 for CREMA-D, 0.08 for UrbanSound8K-AV.

    Returns:
        A scalar in nats.

    Example:
        >>> silent = torch.zeros(1, 2, 3)
        >>> semantic_alignment_loss(silent, silent, torch.tensor([0, 1]))  # 2 / 4 log 2
        tensor(0.3466)
    """
    a, b = first.mean(dim=0), second.mean(dim=0)  # [N, D]
    log_probability = log_softmax(a @ b.T / temperature, dim=-1)  # [N, N]
    same_class = target.unsqueeze(0) == target.unsqueeze(1)  # [N, N]
    return -(log_probability * same_class).mean()
