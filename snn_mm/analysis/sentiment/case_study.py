"""What every head says of single clips, and which clips are worth looking at (SGMT Figs 4 and 5).

The paper shows four clips and says that polarity is right whenever the label is not zero. Here the
choice follows rules, which the page states, and the share of wrong signs is that of the whole part.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from snn_mm.analysis.sentiment.clip_loading import unknown_clip
from snn_mm.contracts import FUSED, FUSION_ONLY, Batch, ScoresSequences
from snn_mm.metrics.sentiment_scores import Protocol, rate
from snn_mm.modules.sentiment.absence import masks
from snn_mm.presence import given

ZERO = 1e-6
"""Labels nearer to 0 have no sign: a mean of several ratings need not be 0 to the last bit."""


class Case(NamedTuple):
    """One clip: what each head says of it, and what it should say.

    Attributes:
        id: of the clip.
        score: by head; NaN of a modality that the clip lacks.
        label: by head; that of a modality where it has its own, NaN where that is absent.
    """

    id: str
    score: dict[str, float]
    label: dict[str, float]

    @property
    def error(self) -> float:
        """Distance of the fused score from the clip's label."""
        return abs(self.score[FUSED] - self.label[FUSED])

    @property
    def opposed(self) -> list[str]:
        """Heads whose score has the opposite sign of their label; a label of 0 has none."""
        signed = (head for head in self.score if self.has_sign(head))
        return [head for head in signed if self.score[head] * self.label[head] < 0.0]

    def has_sign(self, head: str) -> bool:
        """Whether the label of a head is not 0."""
        return abs(self.label[head]) > ZERO

    @property
    def disagreement(self) -> float:
        """Distance between the highest and the lowest label of the modalities."""
        parts = {head: x for head, x in self.label.items() if head not in (FUSED, FUSION_ONLY)}
        own = [x for x in parts.values() if not math.isnan(x)]
        return max(own) - min(own) if own else 0.0


class Choice(NamedTuple):
    """Clips that were chosen by one rule."""

    title: str
    rule: str
    cases: list[Case]


class HeadRecord(NamedTuple):
    """How one head does over all clips.

    Attributes:
        error: mean absolute error, the `mae` of the run's own results.
        opposed: number of clips whose score has the opposite sign of their label.
        signed: number of clips with a label other than 0.
    """

    head: str
    error: float
    opposed: int
    signed: int


def score_clips(module: ScoresSequences, batches: Iterable[Batch]) -> list[Case]:
    """Score every clip of some batches, which are where the module is."""
    cases = []
    for batch in batches:
        with torch.no_grad():
            scores = module(batch["inputs"], batch["lengths"], *given(batch.get("present")))
        targets = module.targets(batch)
        absent = {
            n: (~there).tolist()
            for n, there in (masks(batch.get("present"), batch["lengths"], scores) or {}).items()
        }
        for row, name in enumerate(batch["id"]):
            lost = dict.fromkeys((n for n, mask in absent.items() if mask[row]), math.nan)
            said = {head: float(score[row]) for head, score in scores.items()}
            label = {head: float(targets[head][row]) for head in scores}
            cases.append(Case(name, said | lost, label | lost))
    return cases


def choose_cases(cases: Sequence[Case], count: int) -> list[Choice]:
    """Choose clips by rules: labels that disagree, the largest errors, and typical errors.

    Each clip is chosen once. Without labels of the modalities the first rule chooses none, and the
    others share its part.

    Args:
        cases: all clips.
        count: how many in all.
    """
    middle = statistics.median(case.error for case in cases)
    rules = [
        (
            "Modalities disagree",
            "Clips whose modalities' labels lie farthest apart.",
            [c for c in sorted(cases, key=lambda c: -c.disagreement) if c.disagreement > 0],
        ),
        (
            "Largest errors",
            "Clips whose fused score lies farthest from their label.",
            sorted(cases, key=lambda c: -c.error),
        ),
        (
            "Typical clips",
            f"Clips whose error is nearest to the median of all clips, {middle:.3f}.",
            sorted(cases, key=lambda c: abs(c.error - middle)),
        ),
    ]
    found = [rule for rule in rules if rule[2]]
    chosen: set[str] = set()
    choices = []
    for place, (title, rule, order) in enumerate(found):
        share = (count - len(chosen)) // (len(found) - place)
        own = [case for case in order if case.id not in chosen][:share]
        chosen |= {case.id for case in own}
        choices.append(Choice(title, rule, own))
    return [choice for choice in choices if choice.cases]


def named_cases(cases: Sequence[Case], ids: Sequence[str], part: str) -> Choice:
    """The clips that were asked for.

    Raises:
        UserError: one of them is not in the part.
    """
    known = {case.id: case for case in cases}
    for name in ids:
        if name not in known:
            raise unknown_clip(name, list(known), part)
    return Choice("Chosen clips", "Clips that were asked for.", [known[name] for name in ids])


def rate_heads(cases: Sequence[Case], protocol: Protocol) -> list[HeadRecord]:
    """Error, as the protocol rates it, and wrong signs of every head over all clips."""
    records = []
    for head in cases[0].score:
        rated = [case for case in cases if not math.isnan(case.score[head])]
        score = torch.tensor([case.score[head] for case in rated])
        label = torch.tensor([case.label[head] for case in rated])
        error = float(rate(score, label, protocol)["mae"]) if rated else math.nan
        opposed = sum(head in case.opposed for case in cases)
        signed = sum(case.has_sign(head) for case in cases)
        records.append(HeadRecord(head, error, opposed, signed))
    return records
