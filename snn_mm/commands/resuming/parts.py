"""Builds what a config describes and a checkpoint has a state of, for comparison alone."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

from lightning import LightningModule
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.seed import isolate_rng

from snn_mm.analysis.report.config_facts import flatten
from snn_mm.callbacks.recording.best_checkpoint import BestCheckpoint
from snn_mm.callbacks.reproducibility import seed_everywhere
from snn_mm.config.trust.gate import GuardedParser

Config = Mapping[str, Any]
SECTIONS = ("model", "checkpoint", "callbacks")


class Parts(NamedTuple):
    """Untrained objects."""

    model: LightningModule
    checkpoint: Callback
    callbacks: list[Callback]


def sections(config: Config) -> dict[str, Any]:
    """What a config says of the parts."""
    callbacks = (config.get("trainer") or {}).get("callbacks")
    listed = callbacks if isinstance(callbacks, list) or callbacks is None else [callbacks]
    return {
        "model": config.get("model"),
        "checkpoint": config.get("checkpoint") or {},
        "callbacks": listed or [],
    }


def build(config: Config) -> Parts:
    """Build the parts of a config; initial weights are the same at each call."""
    parser = GuardedParser(exit_on_error=False)
    parser.add_lightning_class_args(LightningModule, "model", subclass_mode=True, required=True)
    parser.add_lightning_class_args(BestCheckpoint, "checkpoint")
    parser.add_argument("--callbacks", type=list[Callback])
    with isolate_rng(include_cuda=False):
        seed_everywhere(0)
        parsed = parser.parse_object(copy.deepcopy(sections(config)))
        made = parser.instantiate_classes(parsed)
        parts = Parts(**{name: made[name] for name in SECTIONS})
        if is_overridden("configure_model", parts.model):
            parts.model.configure_model()
    return parts


def changes(before: Config, now: Config, section: str) -> list[str]:
    """What differs below a key, as `KEY is VALUE, but VALUE in the run`."""
    facts = [
        {
            key: value
            for key, value in flatten(config).items()
            if f"{key}.".startswith(f"{section}.")
        }
        for config in (before, now)
    ]
    was, is_ = facts
    keys = [key for key in {**is_, **was} if is_.get(key) != was.get(key)]
    return [f"{key} is {is_.get(key)}, but {was.get(key)} in the run" for key in keys]
