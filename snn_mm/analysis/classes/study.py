"""What a network says of every sample, counted by class, and laid out in a plane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from snn_mm.config.restore import Restored
from snn_mm.contracts import FUSED, Batch, Classifies
from snn_mm.encoders.inputs import lengths_of
from snn_mm.errors import UserError

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
    """

    ids: list[str]
    target: Tensor
    names: Sequence[str]
    features: dict[str, Tensor]
    logits: dict[str, Tensor]

    def accuracy(self, output: str) -> float:
        """Share of the samples that an output sorts right."""
        return float((self.logits[output].argmax(dim=-1) == self.target).double().mean())


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
    for batch in batches:
        output = module(batch["inputs"], **lengths_of(module, batch))
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
    )


def confusion(found: Classified) -> dict[str, Tensor]:
    """How often each class (row) is taken for each (column), `[K, K]` by output."""
    return {
        name: multiclass_confusion_matrix(values.argmax(dim=-1), found.target, len(found.names))
        for name, values in found.logits.items()
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

    Of the fusion these are the logits, for not every fusion has features of its own.
    """
    shown = {**found.features, FUSED: found.logits[FUSED]}
    return {name: plane(values[points].double().numpy(), seed) for name, values in shown.items()}


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
