"""Logging that costs microseconds a step.

`LightningModule.log` looks anew at every call at where its value may lie and whether it may be
logged: half a millisecond, more than a small layer takes. It is called once an epoch for each
name; from then on values go to where it put the first.
"""

from __future__ import annotations

from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor
from torchmetrics import Metric


def quick_log(
    module: LightningModule, name: str, value: Tensor | Metric | float, **options: Any
) -> None:
    """Log a value as `LightningModule.log` does, to the same numbers.

    Args:
        module: what is trained or tested.
        name: to log it by.
        value: a scalar, or a metric that is asked for its value when the epoch ends.
        options: those of `LightningModule.log`, the same at every call; `batch_size` among them
            where a value is a mean.
    """
    trainer = module._trainer
    results = None if trainer is None else trainer._results
    key = f"{module._current_fx_name}.{name}"
    given = value if isinstance(value, Metric) else _scalar(value, module.device)
    if results is None or key not in results or results[key].has_reset:
        module.log(name, given, **options)
    elif not isinstance(given, Metric):
        results.update_metrics(key, given, options["batch_size"])


def _scalar(value: Tensor | float, device: torch.device) -> Tensor:
    """A scalar in the type that Lightning gives it."""
    if isinstance(value, Tensor):
        return value.detach()
    dtype = torch.promote_types(torch.get_default_dtype(), torch.float32)
    # Filled on the device: what Lightning does with a plain number would wait for a GPU.
    return torch.full((), float(value), device=device, dtype=dtype)
