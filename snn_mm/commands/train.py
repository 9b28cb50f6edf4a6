"""`snnmm fit`, `validate`, `test` and `predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning.pytorch.utilities.exceptions import SIGTERMException

import datamodules  # noqa: F401 - imported so that configs may use short class names
import snn_mm.callbacks
import snn_mm.encoders
import snn_mm.fusion
import snn_mm.modules
import snn_mm.neurons  # noqa: F401
from snn_mm.callbacks.run_record import plain_metrics
from snn_mm.commands.checkpoints import check_checkpoint
from snn_mm.commands.cli import TrainCLI
from snn_mm.commands.errors import user_message
from snn_mm.commands.options import read_command
from snn_mm.commands.quiet import silence
from snn_mm.commands.summary import print_metrics, print_summary, print_table
from snn_mm.run.directory import FINISHED, find_run


def run(argv: list[str]) -> int:
    """Run one of the four commands.

    Args:
        argv: the command and its arguments, such as `["fit", "--config", "quickstart.yaml"]`.

    Returns:
        Exit code: 0, 2 after a user's mistake, 130 or 143 after an interrupt.
    """
    silence()
    command = None
    try:
        command = read_command(argv)
        cli = TrainCLI(command)
        (fit if command.stage == "fit" else evaluate)(cli)
    except Exception as error:
        message = user_message(error, command)
        if message is None:
            raise
        print(f"snnmm {argv[0]}: {message}", file=sys.stderr)
        return 2
    except SystemExit as error:
        return interrupt_code(error)
    return 0


def fit(cli: TrainCLI) -> None:
    """Train, test the best checkpoint, and print the table."""
    trainer, settings = cli.trainer, cli.settings
    checkpoint = settings.ckpt_path or cli.command.checkpoint
    if checkpoint is not None:
        check_checkpoint(Path(checkpoint), cli.model)
    with record_outcome(cli):
        trainer.fit(cli.model, cli.datamodule, ckpt_path=checkpoint, weights_only=True)
        if settings.test_after_fit:
            best = cli.record.best.best_model_path or None
            trainer.test(
                cli.model, cli.datamodule, ckpt_path=best, weights_only=True, verbose=False
            )
    if trainer.is_global_zero:
        if cli.record.is_writer:
            print_summary(cli.run_directory)
        else:
            print_metrics(plain_metrics(trainer.callback_metrics))


@contextmanager
def record_outcome(cli: TrainCLI) -> Iterator[None]:
    """Note how the run ended, whatever ended it."""
    try:
        yield
    except BaseException as error:
        interrupted = isinstance(error, SystemExit | KeyboardInterrupt)
        message = user_message(error, cli.command) or f"{type(error).__name__}: {error}"
        cli.record.close(status="interrupted" if interrupted else "failed", error=message)
        raise
    cli.record.close(status=FINISHED)


def evaluate(cli: TrainCLI) -> None:
    """Run `validate`, `test` or `predict` and keep the result beside the checkpoint."""
    stage, checkpoint, trainer = cli.command.stage, cli.command.checkpoint, cli.trainer
    if checkpoint is not None:
        check_checkpoint(checkpoint, cli.model)
    method = getattr(trainer, stage)
    quiet = {} if stage == "predict" else {"verbose": False}
    outputs = method(cli.model, cli.datamodule, ckpt_path=checkpoint, weights_only=True, **quiet)
    if not trainer.is_global_zero:
        return
    if stage == "predict":
        print_table([("predicted batches", str(len(outputs or [])))])
        return
    metrics = plain_metrics(trainer.callback_metrics)
    run = find_run(checkpoint) if checkpoint is not None else None
    if run is not None:
        run.record_evaluation(stage, checkpoint, metrics)
    print_metrics(metrics)


def interrupt_code(error: SystemExit) -> int:
    """The shell's code for the signal behind an exit, or the exit's own code."""
    if isinstance(error, SIGTERMException):
        return 143
    if isinstance(error.__context__, KeyboardInterrupt):
        return 130
    return error.code if isinstance(error.code, int) else 0
