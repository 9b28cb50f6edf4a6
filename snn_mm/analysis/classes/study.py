"""What a network says of every sample, counted by class, and laid out in a plane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from snn_mm.config.restore import Restored
from snn_mm.contracts import FUSED, Batch, Classifies, Presence
from snn_mm.encoders.inputs import lengths_of
from snn_mm.errors import UserError
from snn_mm.presence import presence_of

PERPLEXITY = 30.0
"""Scikit-learn's, and that of IEMF's code; of few samples a third of their number."""

FEWEST = 5
"""Samples below which neighbours mean nothing."""

Plane = NDArray[np.float64]


class Classified(NamedTuple):
    """What a network says of the samples of a part.

    Attributes:
        ids: of the samples.
        target: classes `[N]`.
        names: of the K classes.
        features: mean over time `[N, D]` by modality.
        logits: one prediction per sample `[N, K]`, by modality and for `FUSED`.
        present: which samples have a modality, bool `[N]`; one that is not named all have.
    """

    ids: list[str]
    target: Tensor
    names: Sequence[str]
    features: dict[str, Tensor]
    logits: dict[str, Tensor]
    present: Presence = MappingProxyType({})

    def rows(self, output: str) -> Tensor | slice:
        """The samples that an output says something of."""
        return self.present.get(output, slice(None))

    def accuracy(self, output: str) -> float:
        """Share of the samples that an output sorts right, of those that it says something of."""
        rows = self.rows(output)
        said = self.logits[output][rows].argmax(dim=-1)
        return float((said == self.target[rows]).double().mean())


def classifier(restored: Restored) -> Classifies:
    """The module of a run that sorts samples into classes.

    Raises:
        UserError: the run trained something else.
    """
    if not isinstance(restored.module, Classifies):
        raise UserError(
            f"{restored.run.path} trained a {type(restored.module).__name__}, which knows no "
            "classes\naccepted: runs of IEMFModule, TAAFModule, ContinualModule or AVQAModule"
        )
    return restored.module


def class_names(data: object, module: Classifies) -> list[str]:
    """Names of the classes that a network knows: all, or those of the tasks it has learned."""
    numbers = map(str, range(module.num_classes))
    return list(getattr(data, "class_names", numbers))[: module.num_classes]


@torch.no_grad()
def classify(module: Classifies, batches: Iterable[Batch], names: Sequence[str]) -> Classified:
    """Ask a network for the class of every sample.

    Args:
        module: in evaluation mode.
        batches: where the module is.
        names: of the K classes.
    """
    ids: list[str] = []
    targets: list[Tensor] = []
    features: dict[str, list[Tensor]] = {name: [] for name in module.modalities}
    logits: dict[str, list[Tensor]] = {name: [] for name in (*module.modalities, FUSED)}
    there: dict[str, list[Tensor]] = {name: [] for name in module.modalities}
    for batch in batches:
        given = presence_of(batch, module.modalities)
        output = module(batch["inputs"], *given, **lengths_of(module, batch))
        masks: Presence = given[0] if given else {}
        for name, known in there.items():
            every = torch.ones(len(batch["target"]), dtype=torch.bool)
            known.append(masks.get(name, every).cpu())
        said = module.readout(output)
        ids += batch["id"]
        targets.append(batch["target"].cpu())
        for name, kept in features.items():
            kept.append(output.features[name].mean(dim=0).float().cpu())  # [T, N, D] -> [N, D]
        for name, found in logits.items():
            found.append(said[name].float().cpu())
    return Classified(
        ids,
        torch.cat(targets),
        names,
        {name: torch.cat(parts) for name, parts in features.items()},
        {name: torch.cat(parts) for name, parts in logits.items()},
        {n: mask for n, parts in there.items() if not (mask := torch.cat(parts)).all()},
    )


def confusion(found: Classified) -> dict[str, Tensor]:
    """How often each class (row) is taken for each (column), `[K, K]` by output."""
    said = {name: values[found.rows(name)].argmax(dim=-1) for name, values in found.logits.items()}
    return {
        name: multiclass_confusion_matrix(classes, found.target[found.rows(name)], len(found.names))
        if len(classes)
        else torch.zeros(len(found.names), len(found.names), dtype=torch.int64)
        for name, classes in said.items()
    }


def evenly(samples: int, most: int) -> NDArray[np.int64]:
    """At most so many samples, evenly spread over all of them, `[n]`.

    Example:
        >>> evenly(9, 3).tolist(), evenly(2, 3).tolist()
        ([0, 3, 6], [0, 1])
    """
    count = min(samples, most)
    return np.arange(count) * samples // count


def layouts(found: Classified, points: NDArray[np.int64], seed: int) -> dict[str, Plane | None]:
    """Places `[n, 2]` of the chosen samples: features of each modality, and the fused logits.

    A sample that lacks a modality has no place there: NaN. Of the fusion these are the logits, for
    not every fusion has features of its own.
    """
    placed: dict[str, Plane | None] = {}
    for name, values in {**found.features, FUSED: found.logits[FUSED]}.items():
        there = np.ones(len(points), dtype=bool)
        if name in found.present:
            there = found.present[name].numpy()[points]
        own = plane(values[points[there]].double().numpy(), seed)
        if own is not None:
            own, those = np.full((len(points), 2), np.nan), own
            own[there] = those
        placed[name] = own
    return placed


def plane(values: Plane, seed: int) -> Plane | None:
    """Lay out vectors `[n, D]` in a plane by t-SNE, `[n, 2]`; None if there is nothing to lay out.

    van der Maaten and Hinton, "Visualizing data using t-SNE" (JMLR 2008), with scikit-learn's
    defaults, from the first two principal components. Distances between groups mean nothing.

    Args:
        values: the vectors; they are too few below `FEWEST`, and may all be alike.
        seed: makes it repeatable.
    """
    if len(values) < FEWEST or not np.ptp(values, axis=0).any():
        return None
    from sklearn.manifold import TSNE  # librosa brings scikit-learn; its import takes a second

    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    placed: Plane = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(values)
    return placed
