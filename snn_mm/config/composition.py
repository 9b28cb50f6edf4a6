"""How configs lie on top of each other: dictionaries merge, lists of the trainer replace.

What is left out by a later file stays; what goes is named: `model.modalities` says which encoders
stay, and an empty dictionary empties.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from jsonargparse.typing import Path_fr
from lightning.pytorch.cli import ActionConfigFile

from snn_mm.config.class_names import find_class
from snn_mm.config.manifest import parameters
from snn_mm.config.tree import EVERY, Entry, is_there, parsed, read_file
from snn_mm.errors import UserError
from snn_mm.reading.yaml_files import construct

ENDS = ("T_max", "total_iters", "epochs")
"""Parameters of torch's schedules that say when they are over."""

ENCODERS = "model.init_args.encoders"
SCHEDULE = "model.init_args.lr_scheduler"


class ConfigFile(ActionConfigFile):
    """A config file on top of what was given before it."""

    def __call__(
        self, parser: Any, cfg: Any, values: Any, option_string: str | None = None
    ) -> None:
        """Apply a file; `parser` remembers what each file led to, and which keys they set."""
        path = Path(values)
        for key in trainer_lists(path):
            # Of two lists of equal length jsonargparse merges item by item: the `start_epoch` of
            # an earlier file's first callback would become that of the later file's first.
            cfg[f"trainer.{key}"] = []
        before = cfg.clone()
        known = list(before.get(ENCODERS) or {})
        self.apply_config(parser, cfg, self.dest, for_every(path, known) or values)
        cfg[self.dest][-1] = cfg[self.dest][-1] or Path_fr(str(values))
        entries = list(read_file(path))
        lay_over(before, cfg, entries)
        parser.layers.append(cfg.clone())
        parser.given |= {entry.path for entry in entries}


def lay_over(before: Namespace, after: Namespace, given: Iterable[Entry]) -> None:
    """Compose two layers, of which the later one is a config file or the flags.

    Args:
        before: settings before the later layer was applied.
        after: those after it; changed in place.
        given: what the later layer sets.
    """
    for key in {"model", "data"} & set(vars(after)):
        after[key] = merged(before.get(key), after.get(key))
    carry_over(before.get("model"), after.get("model"))
    follow_epochs(before, after, given)
    fill_end(after)


def carry_over(before: Any, after: Any) -> None:
    """Give a model of another class, in place, what both classes take and jsonargparse left behind.

    It checks values against the new class and drops what is incomplete, such as encoders that get
    their channels from the data.
    """
    if not (isinstance(before, Namespace) and isinstance(after, Namespace)):
        return
    if before.get("class_path") == after.get("class_path") or not before.get("init_args"):
        return
    taken = {p.name: p.annotation for p in parameters(find_class(before["class_path"]))}
    for parameter in parameters(find_class(after["class_path"])):
        key = f"init_args.{parameter.name}"
        value, same = before.get(key), taken.get(parameter.name) == parameter.annotation
        if same and isinstance(value, dict | Namespace) and after.get(key) is None:
            after[key] = value


def merged(before: Any, after: Any) -> Any:
    """A value with what a later file left out of its dictionaries, at any depth.

    Args:
        before: the value under the earlier files.
        after: the value that the later file led to; an empty dictionary stays empty.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        inner = {key: merged(before.get(key), value) for key, value in after.items()}
        return {**before, **inner} if after else after
    both = isinstance(before, Namespace) and isinstance(after, Namespace)
    # The dictionaries of another class are others, whatever they are called.
    if both and before.get("class_path") == after.get("class_path"):
        for key, value in vars(after).items():
            after[key] = merged(before.get(key), value)
    return after


def for_every(path: Path, known: Iterable[str]) -> str | None:
    """A config file in which `*` below `encoders` stands for each of those that are known.

    Args:
        path: the file.
        known: names of the encoders that earlier files have.

    Returns:
        The file as it would be with their names; None if there is no `*` in it.

    Raises:
        UserError: nothing is known that `*` could stand for.
    """
    content = _mapping(path)
    model = content.get("model")
    model = model if isinstance(model, dict) else {}
    holder = model.get("init_args", model)
    encoders = holder.get("encoders") if isinstance(holder, dict) else None
    if not isinstance(encoders, dict) or EVERY not in encoders:
        return None
    shared = encoders.pop(EVERY)
    if not (names := list(known)):
        raise UserError(f"{path}: '{EVERY}' stands for the encoders of files before it: none is")
    holder["encoders"] = {**{name: deepcopy(shared) for name in names}, **encoders}
    return yaml.safe_dump(content)


def trainer_lists(path: Path) -> list[str]:
    """Keys below `trainer` for which a file, or the file it names as its trainer, has a list."""
    content = _mapping(path)
    trainer = content.get("trainer")
    if isinstance(trainer, str):
        trainer = _mapping(path.parent / trainer)
    trainer = trainer if isinstance(trainer, dict) else {}
    lists = (str(key) for key, value in trainer.items() if isinstance(value, list))
    return [key for key in lists if key[-1:] != "+"]


def _mapping(path: Path) -> dict[str, Any]:
    """The content of a YAML file; empty where it has none, which is for others to say."""
    content = construct(parsed(path).node, path) if is_there(path) else None
    return content if isinstance(content, dict) else {}


def follow_epochs(before: Namespace, after: Namespace, given: Iterable[Entry]) -> None:
    """Let a schedule that ended with the training end with it still, unless a layer says when.

    Args:
        before: settings before a layer (a config file, or the flags) was applied.
        after: those after it; changed in place.
        given: what the layer sets.
    """
    epochs, now = before.get("trainer.max_epochs"), after.get("trainer.max_epochs")
    if None in (epochs, now) or epochs == now or now < 1:
        return
    if by_steps(after):
        return
    paths = {entry.path for entry in given}
    for name in ENDS:
        key = f"{SCHEDULE}.init_args.{name}"
        is_given = ("model", "lr_scheduler", name) in paths
        if not is_given and before.get(key) == after.get(key) == epochs:
            after[key] = now


def fill_end(settings: Namespace) -> None:
    """Let a cosine whose end nothing says end with the training."""
    schedule, epochs = settings.get(SCHEDULE), settings.get("trainer.max_epochs")
    if not isinstance(schedule, Namespace) or epochs is None or epochs < 1 or by_steps(settings):
        return
    is_cosine = str(schedule.class_path).endswith("CosineAnnealingLR")
    if is_cosine and settings.get(f"{SCHEDULE}.init_args.T_max") is None:
        settings[f"{SCHEDULE}.init_args.T_max"] = epochs


def by_steps(settings: Namespace) -> bool:
    """Whether the schedule counts optimizer steps, and not epochs."""
    return bool(settings.get("model.init_args.lr_scheduler_interval") == "step")


def select_modalities(settings: Namespace) -> None:
    """Take out what belongs to encoders that `model.modalities` does not name, before building."""
    wanted = settings.get("model.init_args.modalities")
    encoders = settings.get(ENCODERS)
    if wanted is None or not isinstance(encoders, dict):
        return
    if not wanted or not set(wanted) <= set(encoders):
        return  # which the module refuses
    settings[ENCODERS] = {name: encoders[name] for name in wanted}
    groups = settings.get("model.init_args.parameter_groups") or {}
    for name in set(encoders) - set(wanted):
        groups.pop(name, None)
