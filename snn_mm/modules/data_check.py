"""Whether a module and its data fit, before the first batch and in each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from lightning import Trainer
from torch import Tensor, nn

from snn_mm.contracts import Batch, Presence
from snn_mm.errors import UserError
from snn_mm.presence import check_presence


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


def lacks_modalities(trainer: Trainer | None) -> bool:
    """Whether some samples may come without a modality, as the data or a callback say.

    They have an attribute of this name: data modules whose training part has such samples, and what
    drops modalities while it trains.
    """
    if trainer is None:
        return False
    sources = [getattr(trainer, "datamodule", None), *getattr(trainer, "callbacks", [])]
    return any(getattr(source, "lacks_modalities", False) for source in sources)


def check_silent_ranks(trainer: Trainer, model: nn.Module) -> None:
    """Refuse batch norm over ranks that may have no sample of a modality.

    Such a rank skips the layers of the modality, and with them what the others wait for.

    Args:
        trainer: of several ranks, or of one, where nobody waits.
        model: what it trains.

    Raises:
        UserError: names what to change.
    """
    if trainer.world_size > 1 and lacks_modalities(trainer) and synchronises(trainer, model):
        raise UserError(
            "trainer.sync_batchnorm: a rank whose samples all lack a modality would leave the "
            "others waiting for ever\naccepted: ordinary batch norm, or one rank"
        )


def synchronises(trainer: Trainer, model: nn.Module) -> bool:
    """Whether trainer or model have batch norms that take their statistics over all ranks."""
    asked = getattr(trainer.strategy, "_layer_sync", None) is not None
    return asked or any(isinstance(part, nn.SyncBatchNorm) for part in model.modules())


def check_told(present: Presence, module: object) -> None:
    """Refuse to train on several ranks, untold, with a modality that no sample of a batch has.

    Ranks would wait for gradients, or at a batch norm, for ever.

    Args:
        present: of a batch, at hand.
        module: what is trained; one without trainer is let be.

    Raises:
        UserError: names the modality, and how to tell.
    """
    trainer: Trainer | None = getattr(module, "_trainer", None)
    if trainer is None or trainer.world_size == 1 or not trainer.training:
        return
    silent = [name for name in getattr(module, "modalities", ()) if _is_silent(present, name)]
    if not silent or lacks_modalities(trainer):
        return
    looks = getattr(trainer.strategy, "_ddp_kwargs", {}).get("find_unused_parameters")
    if not looks or (isinstance(module, nn.Module) and synchronises(trainer, module)):
        raise UserError(
            f"data: no sample of a batch has {', '.join(silent)}, which several ranks must know "
            "before they train\naccepted: lacks_modalities = True in the data module, or in the "
            "callback that takes modalities away"
        )


def _is_silent(present: Presence, modality: str) -> bool:
    return modality in present and not present[modality].any()


def check_sequences(
    feature_dims: dict[str, int],
    max_lengths: dict[str, int],
    own_labels: list[str],
    data: object,
    num_classes: int | None = None,
) -> None:
    """Refuse data whose sequences are of other widths or longer, or that lack the labels.

    Args:
        feature_dims: D by modality, of the model.
        max_lengths: longest sequence by modality, of the model.
        own_labels: modalities that are trained on labels of their own.
        data: a data module; what it does not say is not checked.
        num_classes: K of the model; None of scores.

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
    classes = getattr(data, "num_classes", num_classes)
    if classes != num_classes:
        learns, has = ("scores" if n is None else f"{n} classes" for n in (num_classes, classes))
        raise UserError(
            f"model.num_classes is {num_classes or 'null'}: the model learns {learns}, "
            f"but {name} has {has}"
        )
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


def check_batch(batch: Batch, module: object) -> Batch:
    """A batch that is one: a look at shapes and, on the CPU, at classes.

    Args:
        batch: what a data module made.
        module: what it is for; a classifier has `num_classes`.

    Raises:
        UserError: names the key, and what must stand there.
    """
    if not isinstance(batch, dict) or not {"inputs", "target"} <= set(batch):
        found = f"has {', '.join(map(str, batch))}" if isinstance(batch, dict) else _kind(batch)
        raise UserError(
            f"data: a batch must be a dict with inputs, target and id; this one {found}"
        )
    inputs, target = batch["inputs"], batch["target"]
    num_classes = getattr(module, "total_classes", getattr(module, "num_classes", None))
    wanted = "scores" if num_classes is None else "class indices (integers)"
    whole = isinstance(target, Tensor) and not (target.is_floating_point() or target.is_complex())
    if not isinstance(target, Tensor) or target.dim() != 1 or not (whole or num_classes is None):
        raise UserError(f"data: target must be a tensor [N] of {wanted}; this one {_kind(target)}")
    if not isinstance(inputs, dict):
        raise UserError(f"data: inputs must be a dict by modality; this one {_kind(inputs)}")
    for name, x in inputs.items():
        if not isinstance(x, Tensor) or x.dim() < 1 or len(x) != len(target):
            raise UserError(
                f"data: inputs of {name} must be a tensor [N, ...] with N = {len(target)} as the "
                f"target has; this one {_kind(x)}"
            )
    if "present" in batch and target.device.type == "cpu":
        modalities = getattr(module, "modalities", ())
        check_presence(batch["present"], modalities, len(target), batch.get("id"))
        check_told(batch["present"], module)
    if num_classes is not None and target.device.type == "cpu" and len(target):
        lowest, highest = int(target.min()), int(target.max())
        if lowest < 0 or highest >= num_classes:
            raise UserError(
                f"data: a target has class {lowest if lowest < 0 else highest}; model.num_classes "
                f"is {num_classes}, accepted: 0 to {num_classes - 1}"
            )
    return batch


def _kind(value: object) -> str:
    if isinstance(value, Tensor):
        return f"is {list(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    return f"is a {type(value).__name__}"
