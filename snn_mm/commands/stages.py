"""What the four commands do once their command line is understood."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.utilities.exceptions import SIGTERMException

from datamodules.split_module import SplitDataModule
from snn_mm.callbacks.recording.run_record import plain_metrics
from snn_mm.commands.linear_probe import note_linear_probe
from snn_mm.commands.predictions import write_predictions
from snn_mm.commands.quiet import silence
from snn_mm.commands.ranks import RankLostError, watched_ranks
from snn_mm.commands.resuming.attempts import next_attempt
from snn_mm.commands.resuming.carry import go_on_from
from snn_mm.commands.summary import print_metrics, print_summary, print_table
from snn_mm.commands.training_cli import TrainCLI
from snn_mm.commands.wandb_run import finish_wandb
from snn_mm.config.checkpoints import check_checkpoint
from snn_mm.config.class_names import import_choices, import_named
from snn_mm.config.errors import user_message
from snn_mm.config.options import Command
from snn_mm.config.trainer_options import check_batches
from snn_mm.config.values import SHOW_STACK
from snn_mm.errors import UserError
from snn_mm.run.directory import RunDirectory, find_run
from snn_mm.run.malloc import keep_large_blocks
from snn_mm.run.processor import slow_precision

Stage = Literal["validate", "test"]


def execute(command: Command, run: Callable[[Command], None] | None = None) -> int:
    """Run a command.

    Args:
        command: its line.
        run: does it, unless it is one of the four.

    Returns:
        Exit code: 0, 130 or 143 after an interrupt, or that of another rank, which failed first.

    Raises:
        UserError: a mistake in the config, the flags or the data.
    """
    silence()
    if not faulthandler.is_enabled():
        faulthandler.enable()  # a bus error, such as of a mapped file that shrinks, says where
    import_named(command.entries)
    try:
        if run is None:
            COMMANDS[command.stage](TrainCLI(command))
        else:
            run(command)
    except SystemExit as error:
        return exit_code(error)
    except RankLostError as error:
        print(f"snnmm: error: {error}", file=sys.stderr, flush=True)
        return error.code
    except Exception as error:
        import_choices()  # of which one may be what was meant
        message = user_message(error, command)
        if message is None or os.environ.get(SHOW_STACK):
            raise
        raise (type(error) if isinstance(error, UserError) else UserError)(message) from error
    finally:
        finish_wandb()
    return 0


def fit(cli: TrainCLI) -> None:
    """Train, test the best checkpoint, and print the table."""
    trainer, checkpoint = cli.trainer, cli.checkpoint
    if checkpoint is not None:
        check_checkpoint(checkpoint, cli.model)
        saved, run = go_on_from(checkpoint, cli.saved_config, trainer), cli.run_directory
        if find_run(checkpoint) == RunDirectory(run.path.resolve()):  # not a new one begun from it
            cli.record.attempt = next_attempt(run, saved, cli.saved_config, cli.command.force)
    cli.run_directory.discard_partial_checkpoints()
    if isinstance(trainer.accelerator, CPUAccelerator):
        keep_large_blocks()
        if trainer.is_global_zero and (slow := slow_precision(str(trainer.precision))):
            print(slow, file=sys.stderr, flush=True)
    if trainer.is_global_zero and cli.changes:
        print("\n  ".join(cli.changes), flush=True)
    with record_outcome(cli):
        with watched_ranks(cli):
            trainer.fit(cli.model, cli.datamodule, ckpt_path=checkpoint, weights_only=True)
            check_batches("fit", [trainer.num_training_batches], trainer.global_step)
            if cli.settings.test_after_fit:
                evaluate(cli, "test", cli.record.best.best_model_path or None)
        note_linear_probe(cli)
    if not trainer.is_global_zero:
        return
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
        if isinstance(error, SystemExit | KeyboardInterrupt):
            signal = "SIGTERM" if isinstance(error, SIGTERMException) else "SIGINT"
            end = {"status": "interrupted", "error": signal}
        else:
            message = user_message(error, cli.command) or f"{type(error).__name__}: {error}"
            end = {"status": "failed", "error": message}
        try:
            cli.record.close(**end)
        except UserError as unwritten:  # what ended the run is what counts
            print(f"snnmm: {unwritten}", file=sys.stderr)
        raise
    cli.record.close(**cli.record.outcome)


def evaluate(cli: TrainCLI, stage: Stage, checkpoint: Path | str | None) -> None:
    """Validate or test with the weights of a checkpoint, or with those that are there."""
    method = cli.trainer.test if stage == "test" else cli.trainer.validate
    method(cli.model, cli.datamodule, ckpt_path=checkpoint, weights_only=True, verbose=False)
    trainer = cli.trainer
    check_batches(stage, trainer.num_test_batches if stage == "test" else trainer.num_val_batches)


def measure(cli: TrainCLI) -> None:
    """Validate or test a checkpoint; keep the metrics in its run directory."""
    checkpoint, stage = required_checkpoint(cli), cli.command.stage
    evaluate(cli, "test" if stage == "test" else "validate", checkpoint)
    if not cli.trainer.is_global_zero:
        return
    metrics = plain_metrics(cli.trainer.callback_metrics)
    if run := find_run(checkpoint):
        run.record_evaluation(stage, checkpoint, metrics)
    print_metrics(metrics)


def predict(cli: TrainCLI) -> None:
    """Write the probabilities or scores of a checkpoint for every test sample."""
    checkpoint, trainer = required_checkpoint(cli), cli.trainer
    if trainer.world_size > 1:
        raise UserError("predict: runs on one device; give --trainer.devices 1")
    batches: list[Any] = (
        trainer.predict(cli.model, cli.datamodule, ckpt_path=checkpoint, weights_only=True) or []
    )
    check_batches("predict", trainer.num_predict_batches)
    run = find_run(checkpoint)
    path = (run.path if run else Path.cwd()) / "predictions.csv"
    class_names = getattr(cli.datamodule, "class_names", ())  # data of scores have no classes
    count = write_predictions(path, batches, class_names, known_targets(cli.datamodule))
    print_table([("samples", str(count)), ("predictions", str(path))])


def known_targets(data: Any) -> dict[str, Any]:
    """The class or score of each test sample by its id, as far as the data have splits that say."""
    split: Any = data.split("test") if isinstance(data, SplitDataModule) else None
    values = getattr(split, "labels", getattr(split, "targets", None))
    return {} if values is None else dict(zip(map(str, split.ids), values.tolist()))


def required_checkpoint(cli: TrainCLI) -> Path:
    """The checkpoint of a command that makes no sense without one.

    Raises:
        UserError: there is none, or it is of another model.
    """
    if cli.checkpoint is None:
        stage = cli.command.stage
        raise UserError(
            f"{stage}: which weights? give --ckpt_path, a run directory or a checkpoint"
        )
    check_checkpoint(cli.checkpoint, cli.model)
    return cli.checkpoint


def exit_code(error: SystemExit) -> int:
    """The shell's code for the signal behind an exit, or the exit's own code."""
    if isinstance(error, SIGTERMException):
        return 143
    if isinstance(error.__context__, KeyboardInterrupt):
        return 130
    return error.code if isinstance(error.code, int) else 0


COMMANDS = {"fit": fit, "validate": measure, "test": measure, "predict": predict}
