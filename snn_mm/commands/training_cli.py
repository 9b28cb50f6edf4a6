"""LightningCLI with a run directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.plugins.io.checkpoint_plugin import CheckpointIO
from lightning.pytorch.utilities.rank_zero import rank_zero_warn

from snn_mm.callbacks.finite_guard import FiniteGuard
from snn_mm.callbacks.progress import shown_progress
from snn_mm.callbacks.recording.best_checkpoint import BestCheckpoint
from snn_mm.callbacks.recording.confusion import ConfusionRecorder
from snn_mm.callbacks.recording.firing_rate import FiringRateMonitor
from snn_mm.callbacks.recording.last_checkpoint import LastCheckpoint
from snn_mm.callbacks.recording.run_record import RunRecord
from snn_mm.callbacks.recording.wandb_record import WandbRecord
from snn_mm.callbacks.reproducibility import EpochSeed
from snn_mm.commands.wandb_run import fill_wandb_defaults, prepare_wandb
from snn_mm.config.changes import describe_changes
from snn_mm.config.options import Command, RunOptions, find_checkpoint
from snn_mm.config.parser import Parser
from snn_mm.config.saved_config import dumped, make_storable
from snn_mm.config.trainer_options import (
    build_trainer,
    check_amounts,
    check_callbacks,
    check_synchronised,
    check_trainer,
)
from snn_mm.config.tree import read_entries, read_flags
from snn_mm.config.trust.packages import of_folder, of_user
from snn_mm.config.trust.places import data_roots, written_outside
from snn_mm.errors import check_range
from snn_mm.run.checkpoint_io import AtomicCheckpointIO
from snn_mm.run.class_folders import FACT, add_class_folders, used_class_folders
from snn_mm.run.directory import RunDirectory, find_run
from snn_mm.run.identity import DIRECTORY_VARIABLE, new_run
from snn_mm.run.links import check_links
from snn_mm.run.metrics_file import MetricsFile

TRAINER_DEFAULTS: dict[str, Any] = {
    # "warn": some CUDA kernels have no deterministic form, and must not end a run.
    "deterministic": "warn",
    "log_every_n_steps": 10,
}


class TrainCLI(LightningCLI):
    """Parse a command, then build data, model and trainer around one run directory.

    What runs is in `snn_mm.commands.stages`; this class only builds.

    Args:
        command: the command line.
    """

    def __init__(self, command: Command) -> None:
        self.command = command
        add_class_folders(command.configs, of_user(), of_folder())
        super().__init__(
            LightningModule,
            LightningDataModule,
            save_config_callback=None,
            trainer_defaults=TRAINER_DEFAULTS,
            seed_everything_default=0,
            parser_class=Parser,
            parser_kwargs={"allow_abbrev": False},
            subclass_mode_model=True,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            args=command.arguments,
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """The command that was typed, because a parser of each takes its time."""
        return {self.command.stage: super().subcommands()[self.command.stage]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the run, the best checkpoint and the test after training."""
        parser.add_class_arguments(RunOptions, "run")
        parser.add_lightning_class_args(BestCheckpoint, "checkpoint")
        parser.add_class_arguments(FiniteGuard, "guard")  # stands where `_gather_callbacks` says
        parser.add_argument(
            "--test_after_fit",
            type=bool,
            default=True,
            help="Whether `fit` ends with the test of the best checkpoint.",
        )
        text = (
            "Whether a linear model on pooled features is rated on the test part too, in seconds."
        )
        parser.add_argument("--linear_probe", type=bool, default=True, help=text)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the arguments given, whatever `sys.argv` holds."""
        self.config = make_storable(parser.parse_args(args))

    def _parse_ckpt_path(self) -> None:
        """Leave the config alone: config and flags are the truth, not what a checkpoint recalls."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Only build; `snn_mm.commands.stages` runs."""

    def _set_seed(self) -> None:
        """Seed everything with a number that NumPy takes."""
        seed = self.settings.seed_everything
        if not isinstance(seed, bool):
            check_range("seed_everything", seed, 0, 2**32 - 1)
        super()._set_seed()

    def before_instantiate_classes(self) -> None:
        """Settle the run directory, before any logger or callback is made."""
        options = self.settings
        check_trainer(options.trainer)
        tests = self.command.stage == "fit" and options.test_after_fit
        check_amounts(self.command.stage, options.trainer, tests)
        self.saved_config = self._dump_for_saving()
        self.config_dump = yaml.safe_load(self.saved_config)  # Lightning would dump once more
        self.changes = self._find_changes()
        self.run_directory = self._choose_run(options.run, options.seed_everything)
        check_links(self.run_directory.path)
        os.environ[DIRECTORY_VARIABLE] = str(self.run_directory.path)
        if options.trainer.default_root_dir is None:
            options.trainer.default_root_dir = str(self.run_directory.path)
        fill_wandb_defaults(options.trainer.logger, self.run_directory)
        self._warn_of_places()
        prepare_wandb(options.trainer.logger)

    def _warn_of_places(self) -> None:
        """Name what the config writes outside of the folders of runs and of data."""
        options, run = self.settings, self.run_directory
        inside = [run.root, Path(options.run.root), *data_roots(options)]
        if found := written_outside(options, run.path, inside):
            rank_zero_warn(
                "the config writes outside of the folders of runs and of data\n" + "\n".join(found)
            )

    @property
    def settings(self) -> Namespace:
        """The config of the stage."""
        settings: Namespace = self.config[self.command.stage]
        return settings

    @property
    def checkpoint(self) -> Path | None:
        """The file to start from: of the command line, of the config, or of a requeued run."""
        if self.command.checkpoint is not None:
            return self.command.checkpoint
        if self.settings.ckpt_path is not None:
            return find_checkpoint(Path(self.settings.ckpt_path))[0]
        last = self.run_directory.last
        return last if self.command.stage == "fit" and last.is_file() else None

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build the trainer with our loggers, callbacks and checkpoint files beside the user's."""
        trainer = self._get(self.config_init, "trainer")
        trainer.callbacks = self._gather_callbacks(as_list(trainer.callbacks))
        trainer.logger = self._gather_loggers(trainer.logger)
        plugins = as_list(trainer.plugins)
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            trainer.plugins = [*plugins, AtomicCheckpointIO()]
        make = super().instantiate_trainer
        built_trainer = build_trainer(lambda: make(**kwargs))
        if self.command.stage == "fit":
            check_synchronised(built_trainer, self.model)
        return built_trainer

    def _gather_callbacks(self, given: list[Callback]) -> list[Callback]:
        check_callbacks(given, self.model)
        trainer = self._get(self.config_init, "trainer")
        best = self._get(self.config_init, "checkpoint")
        for callback in [best, *given]:
            if isinstance(callback, ModelCheckpoint) and callback.dirpath is None:
                callback.dirpath = str(self.run_directory.checkpoints)
        seed = self.settings.seed_everything
        flags = {entry.key: entry.value for entry in read_flags(self.command.arguments)}
        facts = {"seed": seed, "profile": self.settings.run.profile, "flags": flags}
        facts[FACT] = used_class_folders(self.command.configs)
        guard = self._get(self.config_init, "guard")
        self.record = RunRecord(self.run_directory, self.saved_config, best, facts, guard)
        for kind in (FiringRateMonitor, ConfusionRecorder):
            if not any(isinstance(callback, kind) for callback in given):
                given = [*given, kind()]
        seeds: list[Callback] = [] if seed is False else [EpochSeed(seed)]
        progress = shown_progress(trainer, given)
        if self.command.stage != "fit":
            return [*seeds, *progress, *given]
        given = [*given, guard]  # it sees gradients as modulations leave them
        if trainer.fast_dev_run:
            return [*seeds, *progress, *given]
        first = [self._last_checkpoint(), *seeds, *progress]
        wandb: list[Callback] = []
        if any(isinstance(logger, WandbLogger) for logger in as_list(trainer.logger)):
            wandb = [WandbRecord(self.run_directory)]
        return [*first, *given, self.record, *wandb]

    def _last_checkpoint(self) -> LastCheckpoint:
        run = self.settings.run
        return LastCheckpoint(self.run_directory, run.save_every_minutes, run.save_every_steps)

    def _gather_loggers(self, given: Any) -> list[Logger]:
        if self.command.stage != "fit":
            return as_list(given)
        self.metrics_file = MetricsFile(self.run_directory)
        return [*as_list(given), self.metrics_file]

    def _choose_run(self, options: Namespace, seed: object) -> RunDirectory:
        command = self.command
        if command.resumed is not None:
            return command.resumed
        known = find_run(command.checkpoint) if command.checkpoint else None
        if command.stage != "fit" and known is not None:
            return known
        name = options.name or command.experiment
        return new_run(Path(options.root), name, options.id, seed)

    def _find_changes(self) -> list[str]:
        """What differs from the first config file, in lines; empty without one."""
        command, parser = self.command, self._parser(self.command.stage)
        layers = parser.layers if isinstance(parser, Parser) else []
        if not layers:
            return []
        later = read_entries(command.configs[1:], command.arguments)
        lines = describe_changes(layers[0], self.settings, later)
        return [f"differs from {command.configs[0]}:", *lines] if lines else []

    def _dump_for_saving(self) -> str:
        """The config as YAML that may be fed back: without what belongs to this run alone."""
        settings = self.settings.clone()
        settings.run.id = None
        settings.ckpt_path = None
        return dumped(self._parser(self.command.stage), settings)


def as_list(value: Any) -> list[Any]:
    """What a trainer argument holds, as a list: Lightning takes one, several, a flag or nothing."""
    if value is None or isinstance(value, bool):
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
