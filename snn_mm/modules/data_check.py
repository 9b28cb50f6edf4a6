"""Whether a module and a data module fit, before the first batch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from snn_mm.errors import UserError


def check_against_data(modalities: Sequence[str], num_classes: int, data: object) -> None:
    """Refuse data that lack a modality of the model or have another number of classes.

    Args:
        modalities: what the model has encoders for.
        num_classes: K of the model.
        data: a data module; what it does not say is not checked.

    Raises:
        UserError: names the key of the model, and what the data have.
    """
    name = type(data).__name__
    offered = getattr(data, "modalities", modalities)
    missing = [modality for modality in modalities if modality not in offered]
    if missing:
        raise UserError(
            f"model.encoders: {name} has no modality {', '.join(missing)}; "
            f"accepted: {', '.join(offered)}"
        )
    classes = getattr(data, "num_classes", num_classes)
    if classes != num_classes:
        raise UserError(f"model.num_classes is {num_classes}, but {name} has {classes} classes")


def check_sequences(
    feature_dims: dict[str, int], max_lengths: dict[str, int], own_labels: list[str], data: object
) -> None:
    """Refuse data whose sequences are of other widths or longer, or that lack a modality's labels.

    Args:
        feature_dims: D by modality, of the model.
        max_lengths: longest sequence by modality, of the model.
        own_labels: modalities that are trained on labels of their own.
        data: a data module; what it does not say is not checked.

    Raises:
        UserError: names the key of the model, and what the data have.
    """
    name = type(data).__name__
    found = {
        "feature_dims": (feature_dims, getattr(data, "feature_dims", feature_dims)),
        "max_lengths": (max_lengths, getattr(data, "max_lengths", max_lengths)),
    }
    for key, (wanted, offered) in found.items():
        if any(wanted[modality] != offered.get(modality) for modality in wanted):
            raise UserError(f"model.{key} is {wanted}, but {name} has {dict(offered)}")
    labelled = getattr(data, "labelled_modalities", own_labels)
    if missing := [modality for modality in own_labels if modality not in labelled]:
        raise UserError(
            f"model.labels is 'own', but {name} has no labels of {', '.join(missing)}\n"
            "accepted: labels: multimodal, which trains every head on the label of the clip"
        )


def choose_modalities(
    wanted: Collection[str] | None,
    offered: Collection[str],
    place: str,
    groups: dict[str, dict[str, Any]],
) -> list[str]:
    """Modalities to use, in the order in which they are wanted; all that are offered if None.

    Args:
        wanted: what `model.modalities` says.
        offered: what there is.
        place: the keys that say what there is.
        groups: optimizer options by role; those of what is left out are dropped.

    Raises:
        UserError: one of them is not there, or none is wanted.
    """
    names = list(dict.fromkeys(offered if wanted is None else wanted))
    unknown = [name for name in names if name not in offered]
    if wanted is not None and (unknown or not names):
        raise UserError(
            f"model.modalities: {', '.join(unknown) or 'none'}; accepted are those of "
            f"{place}: {', '.join(offered)}"
        )
    for name in set(offered) - set(names):
        groups.pop(name, None)
    return names
