"""What a linear model reaches, noted beside what the network has reached."""

from __future__ import annotations

import sys

from snn_mm.commands.training_cli import TrainCLI
from snn_mm.contracts import Classifies, CountsEpochs


def note_linear_probe(cli: TrainCLI) -> None:
    """Measure it after a test, and put it into `results.json`; a failure ends no run.

    Nothing is measured where it could not be compared: of a part of the data, of sequences of
    tasks, of scores.
    """
    settings, trainer, module = cli.settings, cli.trainer, cli.model
    limits = (trainer.limit_train_batches, trainer.limit_val_batches, trainer.limit_test_batches)
    whole = all(limit == 1.0 and isinstance(limit, float) for limit in limits)
    wanted = settings.linear_probe and settings.test_after_fit and cli.record.is_writer
    if not (wanted and whole and isinstance(module, Classifies)):
        return
    if isinstance(module, CountsEpochs):
        return
    from snn_mm.analysis.linear_probe import LinearProbe

    try:
        found = LinearProbe().measure(cli.datamodule, module.modalities)
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
        print(f"snnmm: no linear model was measured: {error}", file=sys.stderr)
    if found is not None:
        cli.record.update(linear_probe=found)
