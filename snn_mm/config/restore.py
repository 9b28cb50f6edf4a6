"""Rebuilds what a finished run trained, from its directory alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning import LightningDataModule, LightningModule

from snn_mm.config.checkpoints import check_checkpoint
from snn_mm.config.class_names import import_named
from snn_mm.config.errors import error_chain, shorten
from snn_mm.config.explain import explain
from snn_mm.config.tree import read_entries
from snn_mm.config.trust.gate import GuardedParser
from snn_mm.config.trust.packages import check_entries, of_folder, of_user
from snn_mm.errors import UserError
from snn_mm.reading.json_files import read_json
from snn_mm.reading.text import naming
from snn_mm.reading.yaml_files import read_yaml
from snn_mm.run.class_folders import add_class_folders
from snn_mm.run.directory import RunDirectory, find_run
from snn_mm.run.lock import RunLock

PARTS: dict[str, type] = {"model": LightningModule, "data": LightningDataModule}


class Restored(NamedTuple):
    """What a run trained.

    Attributes:
        module: in evaluation mode, with the weights of the checkpoint.
        data: set up.
        run: the directory.
    """

    module: LightningModule
    data: LightningDataModule
    run: RunDirectory


def restore(
    run: Path,
    device: torch.device | str = "cpu",
    data_root: str | None = None,
    stages: tuple[str, ...] = ("fit", "test"),
) -> Restored:
    """Build module and data from a run's `config.yaml` and load a checkpoint.

    No trainer, logger or run directory is made. Data are found where the config says, relative to
    the working directory.

    Args:
        run: directory of the run, whose `checkpoints/best.ckpt` is loaded, or one of its
            checkpoints.
        device: where the module goes.
        data_root: instead of `data.root` of the config, such as after data were moved.
        stages: for which the data are set up; with none they are not looked for.

    Raises:
        UserError: no run, no checkpoint, one of another model, or the data are missing.
    """
    directory, path = find_checkpoint(run)
    config = read_config(directory)
    if data_root is not None:
        arguments = config["data"].setdefault("init_args", {})
        held = arguments.get("data")  # of IncrementalScenario
        (held["init_args"] if held else arguments)["root"] = data_root
    built = build(config, directory)
    module, data = built["model"], built["data"]
    load_state(check_checkpoint(path, module), module, data)
    if data_root is None and (recorded := read_json(directory.preparation)):
        data.preparation = recorded
    if stages:
        data.prepare_data()
    for stage in stages:
        data.setup(stage)
    return Restored(module.to(device).eval(), data, directory)


def load_state(checkpoint: dict[str, Any], module: LightningModule, data: Any) -> None:
    """Give module and data what a checkpoint holds of them, as Lightning does."""
    module.on_load_checkpoint(checkpoint)
    module.load_state_dict(checkpoint["state_dict"])
    if (key := type(data).__qualname__) in checkpoint:  # such as the task it has come to
        data.load_state_dict(checkpoint[key])


def find_checkpoint(path: Path) -> tuple[RunDirectory, Path]:
    """The run at a path and its best checkpoint, or the checkpoint at the path and its run.

    Raises:
        UserError: neither is there.
    """
    run = find_run(path) if path.is_file() else None
    if run is not None and path.suffix == ".ckpt":
        return run, path
    run = open_run(path)
    return run, run.best


def open_run(path: Path) -> RunDirectory:
    """The run at a path.

    Raises:
        UserError: it is no run directory, has no best checkpoint, or is of classes that nobody
            trusts.
    """
    run = RunDirectory(path.resolve())
    if not run.config.is_file():
        raise UserError(
            f"{path}: no run directory (it would hold config.yaml)\n"
            "accepted: a directory such as runs/quickstart/<run id>"
        )
    if not run.best.is_file():
        status = RunLock(run).status() or "unknown"
        raise UserError(
            f"{path}: no checkpoints/best.ckpt\n"
            f"Its status is {status}; finish it: snnmm fit --resume {path}"
        )
    entries = read_entries([run.config], [])
    check_entries(entry for entry in entries if entry.path and entry.path[0] in PARTS)
    return run


def read_config(run: RunDirectory) -> dict[str, dict[str, Any]]:
    """What a run's config says of `model` and `data`, each as class path and arguments.

    Raises:
        UserError: the file is no YAML, or lacks one of them.
    """
    config = read_yaml(run.config)
    with naming(run.config, "is damaged; it must name `model` and `data`"):
        return {name: dict(config[name]) for name in PARTS}


def build(config: dict[str, dict[str, Any]], run: RunDirectory) -> dict[str, Any]:
    """Module and data of a config, by the rules of `snnmm fit`.

    Raises:
        UserError: the installed code does not accept the config.
    """
    entries = read_entries([run.config], [])
    import_named(entries)
    add_class_folders([run.config], of_user(), of_folder())
    parser = GuardedParser(exit_on_error=False)
    for name, base in PARTS.items():
        parser.add_lightning_class_args(base, name, subclass_mode=True, required=True)
    try:
        built = parser.instantiate_classes(parser.parse_object(config))
    except Exception as error:  # jsonargparse raises errors of several kinds
        mistake = next((e for e in error_chain(error) if isinstance(e, UserError)), None)
        if mistake is not None:
            raise mistake from None
        reason = explain(str(error), entries)
        raise UserError(
            f"{shorten(reason)}\nThe versions that trained it stand in {run.environment}"
        ) from error
    return dict(vars(built))
