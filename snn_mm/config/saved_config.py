"""The config of a run as YAML that may be fed back."""

from __future__ import annotations

from enum import Enum
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser
from torch import Tensor, nn

UNKNOWN = "Unable to serialize instance "
"""What jsonargparse puts before what it takes for a function that it can't name."""


def dumped(parser: LightningArgumentParser, settings: Namespace) -> str:
    """Settings as YAML; a name given where a function is taken too is text."""
    return str(parser.dump(settings, skip_unset=False)).replace(UNKNOWN, "")


def make_storable(settings: Any) -> Any:
    """Replace in settings what YAML can't hold, in place; return them.

    A layer or a tensor can only be the default of its key, which is taken out: the class takes it
    again, now and when the config is read again. Defaults of Lightning's callbacks may be devices
    and enumerations whose names are as good.
    """
    if isinstance(settings, Enum):
        return settings.value
    if isinstance(settings, torch.device):
        return str(settings)
    if isinstance(settings, list):
        settings[:] = map(make_storable, settings)
    elif isinstance(settings, Namespace | dict):
        fields = settings if isinstance(settings, dict) else vars(settings)
        for key, value in list(fields.items()):
            if isinstance(value, nn.Module | Tensor):
                del fields[key]
            else:
                fields[key] = make_storable(value)
    return settings
