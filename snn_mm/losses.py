"""Losses as pure functions, one published formula each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import add

from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax

from snn_mm.contracts import FUSED, LossTerms, Presence
from snn_mm.presence import present_rows, taken


def weighted_terms(weights: Mapping[str, float], loss: Callable[[str], Tensor]) -> LossTerms:
    """Summands of a loss by name, each its weight times a scalar; one of weight zero is none.

    Zero times a loss would still give zero gradients to whatever nothing else uses, and optimizers
    move such parameters: Adam by weight decay at full step size, any by the momentum that is left.
    Parameters without a gradient are left alone.

    Args:
        weights: by name.
        loss: the scalar of a name; not asked for what has no weight.

    Example:
        >>> weighted_terms({"audio": 2.0, "visual": 0.0}, lambda name: torch.tensor(3.0))
        {'audio': tensor(6.)}
    """
    return {name: weight * loss(name) for name, weight in weights.items() if weight}


def joint_cross_entropy(
    fused: Tensor,
    unimodal: dict[str, Tensor],
    target: Tensor,
    joint_weight: float = 1.0,
    label_smoothing: float = 0.0,
    present: Presence | None = None,
    class_weight: Tensor | None = None,
) -> LossTerms:
    """Cross-entropy of the fusion and that of every modality (IEMF Eq. 6 with joint learning).

    L = CE(o_f, y) + w · Σ_m CE(o_m, y). The paper's Eq. 6 holds the first term alone; its released
    code and its ablation ("joint learning") train with w = 1.

    Args:
        fused: logits `[N, K]`.
        unimodal: logits `[N, K]` by modality.
        target: class indices `[N]`.
        joint_weight: w >= 0.
        label_smoothing: share of the target spread over all classes, in [0, 1); 0.1 in the
            released code.
        present: which samples have a modality, bool `[N]`; without it all.
        class_weight: what a sample of each class counts for, `[K]`: a mean divides by the sum over
            its samples, as torch's; without it all count alike.

    Returns:
        The summands of L, scalars in nats and means over the samples that have the modality, by
        modality and for `FUSED`; with w = 0 the fused one alone.

    Example:
        >>> even = torch.zeros(1, 2)  # log 2 each
        >>> joint_cross_entropy(even, {"audio": even}, torch.tensor([0]), joint_weight=0.5)
        {'fused': tensor(0.6931), 'audio': tensor(0.3466)}
    """
    logits = {FUSED: fused, **unimodal}
    weights = {FUSED: 1.0, **dict.fromkeys(unimodal, joint_weight)}
    return weighted_terms(
        weights,
        lambda name: over_present(
            lambda o, y: cross_entropy(o, y, class_weight, label_smoothing=label_smoothing),
            present_rows(present, name),
            logits[name],
            target,
        ),
    )


def over_present(loss: Callable[..., Tensor], rows: Tensor | None, *operands: Tensor) -> Tensor:
    """A mean loss over the samples that have a modality; of none of them a zero without a graph.

    Args:
        loss: of operands `[n, ...]`.
        rows: which samples, `[n]`; None is all.
        operands: `[N, ...]` each.

    Example:
        >>> over_present(torch.mean, torch.tensor([1]), torch.tensor([1.0, 3.0]))
        tensor(3.)
    """
    if rows is None:
        return loss(*operands)
    if not len(rows):
        return operands[0].new_zeros(())
    return loss(*(taken(x, rows) for x in operands))


def temporal_cross_entropy(
    logits: Tensor, target: Tensor, scores: Tensor, factors: Tensor | None = None
) -> Tensor:
    """Cross-entropy of each time step weighted by its attention score (TAAF Eq. 8).

    L = mean over samples of -Σ_t α(t) log softmax(O(t))_y. With α = 1/T it is the first term of
    TET's loss, with T = 1 the ordinary cross-entropy. Eq. 8 sums over samples; the mean makes the
    loss independent of the batch size, as everywhere else.

    Source: TAAF, arXiv 2505.14535.

    Args:
        logits: O, `[T, N, K]`.
        target: class indices `[N]`.
        scores: α, `[T, N]`, summing to one over time.
        factors: k, `[T, N]`, what multiplies the loss of each time step (see `attention_factors`);
            without them 1.

    Returns:
        A scalar in nats.

    Example:
        >>> logits, scores = torch.zeros(2, 1, 4), torch.full((2, 1), 0.5)
        >>> temporal_cross_entropy(logits, torch.tensor([0]), scores)  # log 4
        tensor(1.3863)
    """
    scores = scores if factors is None else factors * scores
    log_probability = log_softmax(logits, dim=-1)
    picked = log_probability.gather(-1, target.expand(len(logits), -1).unsqueeze(-1))  # [T, N, 1]
    return -(scores * picked.squeeze(-1)).sum(dim=0).mean()  # [T, N] -> [N] -> scalar


def output_regulariser(logits: Tensor, phi: float = 1.0, factors: Tensor | None = None) -> Tensor:
    """Mean squared distance of the outputs of all time steps from Φ (TAAF before Eq. 9).

    L_MSE = 1/T Σ_t MSE(O(t), Φ), which keeps single outputs from growing without bound. TET, where
    it comes from, sets Φ to the firing threshold.

    Args:
        logits: O, `[T, N, K]`.
        phi: Φ.
        factors: k, `[T, N]`, what multiplies the summand of each time step; without them 1.

    Returns:
        A scalar.

    Example:
        >>> output_regulariser(torch.full((2, 1, 4), 3.0))  # (3 - 1)²
        tensor(4.)
    """
    distance = (logits - phi).square()  # [T, N, K]
    return distance.mean() if factors is None else (factors.unsqueeze(-1) * distance).mean()


def attention_guided_loss(
    logits: Tensor,
    target: Tensor,
    scores: Tensor,
    phi: float = 1.0,
    lam: float = 1e-3,
    factors: Tensor | None = None,
) -> Tensor:
    """The loss of one output, L_AGL = (1 - λ) L_AGLori + λ L_MSE (TAAF Eq. 9).

    Args:
        logits: O, `[T, N, K]`.
        target: class indices `[N]`.
        scores: α, `[T, N]`, summing to one over time.
        phi: Φ, what the regulariser pulls every output to.
        lam: λ in [0, 1]; neither paper prints it, 1e-3 is TET's.
        factors: k, `[T, N]`, what multiplies the loss of each time step; without them 1.

    Returns:
        A scalar.

    Example:
        >>> logits, scores = torch.zeros(2, 1, 4), torch.full((2, 1), 0.5)
        >>> attention_guided_loss(logits, torch.tensor([0]), scores, lam=0.5)  # 0.5 log 4 + 0.5
        tensor(1.1931)
    """
    summands = {
        "guided": lambda: temporal_cross_entropy(logits, target, scores, factors),
        "regulariser": lambda: output_regulariser(logits, phi, factors),
    }
    terms = weighted_terms({"guided": 1.0 - lam, "regulariser": lam}, lambda n: summands[n]())
    return reduce(add, terms.values())


def weighted_absolute_errors(
    scores: dict[str, Tensor],
    targets: dict[str, Tensor],
    weights: dict[str, float],
    present: Presence | None = None,
) -> LossTerms:
    """Summands λ_i L_i of the multi-task loss of SGMT (section 3.3): mean absolute errors.

    Args:
        scores: predictions `[N]` by head.
        targets: labels `[N]` by head.
        weights: λ by head; heads of weight 0 are left out.
        present: which samples have a modality, bool `[N]`; without it all.

    Returns:
        Weighted mean absolute error by head, scalars, over the samples that have its modality.

    Example:
        >>> score, target = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])
        >>> weighted_absolute_errors({"fused": score}, {"fused": target}, {"fused": 2.0})
        {'fused': tensor(3.)}
    """

    def error(score: Tensor, target: Tensor) -> Tensor:
        return (score - target.to(score.dtype)).abs().mean()

    return weighted_means(error, scores, targets, weights, present)


def weighted_means(
    loss: Callable[..., Tensor],
    predicted: dict[str, Tensor],
    targets: dict[str, Tensor],
    weights: dict[str, float],
    present: Presence | None = None,
) -> LossTerms:
    """Weighted means of a loss by head, each over the samples that have its modality.

    Args:
        loss: mean over samples of predictions `[n, ...]` and targets `[n]`.
        predicted: `[N, ...]` by head.
        targets: `[N]` by head.
        weights: by head; heads of weight 0 are left out.
        present: which samples have a modality, bool `[N]`; without it all.

    Example:
        >>> score, there = {"audio": torch.tensor([1.0, 3.0])}, torch.tensor([False, True])
        >>> absolute = lambda score, target: (score - target).abs().mean()
        >>> zeros, weights = {"audio": torch.zeros(2)}, {"audio": 2.0}
        >>> weighted_means(absolute, score, zeros, weights, {"audio": there})
        {'audio': tensor(6.)}
    """
    return weighted_terms(
        {head: weights[head] for head in predicted},
        lambda head: over_present(
            loss, present_rows(present, head), predicted[head], targets[head]
        ),
    )
