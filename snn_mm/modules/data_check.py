"""Whether a module and a data module fit, before the first batch."""

from __future__ import annotations

from collections.abc import Sequence

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
