"""Silences what a user can do nothing about, message by message."""

from __future__ import annotations

import logging
import re
import warnings

TIPS = (
    "💡 Tip",
    "GPU available:",
    "TPU available:",
    "HPU available:",
    "Seed set to",
    "Restoring states from",
    "Restored all states",
    "Loaded model weights",
    "`Trainer.fit` stopped: `max_",
)
"""Beginnings of Lightning's log messages that repeat what the run directory records."""

WARNINGS: tuple[tuple[str, type[Warning]], ...] = (
    # Data modules choose their workers: data that lies in memory needs none.
    (r"The '.*_dataloader' does not have many workers", UserWarning),
    # Experiments name the workers of a machine with a GPU; more than cores cost memory alone.
    (r"This DataLoader will create \d+ worker processes in total", UserWarning),
    # Modules log per epoch, which this interval does not touch.
    (r"The number of training batches \(\d+\) is smaller than the logging interval", UserWarning),
    # Lightning's own use of torch, whenever it moves a batch.
    (r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning),
    # The callbacks that keep the run directory have no part in an evaluation.
    (r"Be aware that when using `ckpt_path`, callbacks used to create", UserWarning),
    # Text where a function could stand, such as ModelPruning's `l1_unstructured`, is saved as text.
    (r"\s*Unable to serialize instance", UserWarning),
    # Modules look at classes before a GPU gets them, whatever gives them batches.
    (r"You have overridden `on_before_batch_transfer` in `LightningModule`", UserWarning),
    # `LastCheckpoint` brings any loader to the batch that comes next.
    (r"You're resuming from a checkpoint that ended before the epoch ended", UserWarning),
    # Resuming writes into the directory the run already has.
    (r"Checkpoint directory .* exists and is not empty", UserWarning),
)
"""Patterns of warnings about choices that are ours."""


def silence() -> None:
    """Install the filters; safe to call more than once."""
    for message, category in WARNINGS:
        warnings.filterwarnings("ignore", message=message, category=category)
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.seed"):
        logger = logging.getLogger(name)
        if is_wanted not in logger.filters:
            logger.addFilter(is_wanted)


def is_wanted(record: logging.LogRecord) -> bool:
    """Whether a log record says something that the run directory does not."""
    message = re.sub(r"^\[rank: \d+\] ", "", record.getMessage())
    return not message.startswith(TIPS)
