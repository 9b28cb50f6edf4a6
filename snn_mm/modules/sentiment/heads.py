"""Heads of networks of sequences: what ends them, how they come to say classes, their weights."""

from __future__ import annotations

from torch import Tensor, nn

from snn_mm.errors import UserError


class HeadOutput(nn.Module):
    """What ends a head: scores `[N]` of `[N, 1]`; logits `[N, K]` stay."""

    def forward(self, x: Tensor) -> Tensor:
        """`[N]` of `[N, 1]`, or `[N, K]` as they are."""
        return x.squeeze(-1)


def widen(head: nn.Module, outputs: int, name: str) -> None:
    """Draw the last linear layer of a head anew, with more outputs than one.

    Args:
        head: a network whose last linear layer has one output, or what has a `widen` of its own.
        outputs: K.
        name: of the head.

    Raises:
        UserError: there is no such layer.
    """
    if own := getattr(head, "widen", None):
        own(outputs)
        return
    layers = [part for part in head.modules() if isinstance(part, nn.Linear)]
    if not layers or layers[-1].out_features != 1:
        raise UserError(f"model.num_classes: head {name!r} ends with no linear layer of one score")
    last, drawn = layers[-1], nn.Linear(layers[-1].in_features, outputs)
    last.out_features, last.weight = outputs, drawn.weight
    last.bias = last.bias if last.bias is None else drawn.bias


def marked(scores: dict[str, Tensor], marks: dict[str, Tensor | None]) -> dict[str, Tensor]:
    """Scores that are NaN where an input they are made of is not finite.

    Args:
        scores: `[N]` or `[N, K]` by head; one without modality is made of all.
        marks: NaN of such samples, else 0, `[N]` by modality; None where nobody looked.
    """
    for head in scores:
        for name in marks if head not in marks else (head,):
            if (mark := marks[name]) is not None:
                shape = (-1, *(1 for _ in scores[head].shape[1:]))
                scores[head] = scores[head] + mark.view(shape)
    return scores


def head_weights(weights: dict[str, float] | None, heads: tuple[str, ...]) -> dict[str, float]:
    """A weight for every head; weights of heads that are not there are left out.

    Raises:
        UserError: a head has no weight, or a weight is negative.
    """
    if weights is None:
        return dict.fromkeys(heads, 1.0)
    if missing := [head for head in heads if head not in weights]:
        raise UserError(f"model.loss_weights: none for {', '.join(missing)}")
    if negative := [head for head in heads if weights[head] < 0]:
        raise UserError(f"model.loss_weights: negative for {', '.join(negative)}")
    if not any(weights[head] for head in heads):
        raise UserError(f"model.loss_weights: 0 for every head: {', '.join(heads)}")
    return {head: weights[head] for head in heads}
