"""A run's config as flat facts, and what each fact is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

Facts = dict[str, Any]
"""Values by dotted key, without `init_args`: `{"model": "IEMFModule", "model.fusion": "Sum"}`."""

Role = Literal["method", "data", "protocol"]
"""What a key decides: the method, the data set, or how it was trained and measured."""

CALLBACKS = "trainer.callbacks."
IRRELEVANT = re.compile(
    r"(.*\.)?seed(_everything)?"  # the groups of a table differ in their seeds
    r"|run(\.(?!profile).*)?|ckpt_path|weights_only|config|linear_probe"
    r"|data\.(root|\w+_dir|loader|fold)|data\.loader\."
    r"(num_workers|pin_memory|persistent_workers|prefetch_factor)"
    r"|trainer|trainer\.(logger|plugins|profiler)(\..*)?"
    r"|trainer\.(accelerator|callbacks|default_root_dir|devices|enable_\w+|log_every_n_steps"
    r"|num_nodes|num_sanity_val_steps|strategy)"
)
"""Keys that change neither what is trained nor how: places, hardware, display, seeds."""

OF_TASKS = "data.memory"
"""A key that only data have which come in tasks."""
TRAINED_ON = frozenset({OF_TASKS, "data.exemplar_batch", "data.protocol"})
"""What a task trains on besides its own samples; a test is the same whatever these say."""

CLASS_PATH = re.compile(
    r"[A-Za-z_]\w*(\.\w+)*\.[A-Z]\w*"
    r"|(snn_mm|datamodules|torch|torchvision|spikingjelly|lightning)(\.[A-Za-z_]\w*)+"
)
"""A class of any module, or a function of one that a config names, which may begin small."""


def flatten(config: Mapping[str, Any]) -> Facts:
    """Flatten a config; classes go by their short names, callbacks by theirs instead of a number.

    Example:
        >>> flatten({"model": {"class_path": "a.Net", "init_args": {"width": 3}}})
        {'model': 'Net', 'model.width': 3}
    """
    facts: Facts = {}
    for key, value in config.items():
        _add(facts, str(key), value)
    return facts


def _add(facts: Facts, key: str, value: Any) -> None:
    if isinstance(value, Mapping):
        if "class_path" in value:
            own = short_class(value["class_path"])
            facts[key] = f"{facts[key]} of {own}" if key in facts else own
            value = value.get("init_args") or {}
        for name, child in value.items():
            # The data set that comes in tasks has its keys where it has them alone.
            _add(facts, key if (key, name) == ("data", "data") else f"{key}.{name}", child)
    elif isinstance(value, Sequence) and any(isinstance(item, Mapping) for item in value):
        for position, item in enumerate(value):
            named = isinstance(item, Mapping) and "class_path" in item
            _add(facts, f"{key}.{short_class(item['class_path']) if named else position}", item)
    else:
        facts[key] = short_class(value)


def short_class(value: Any) -> Any:
    """The last part of a class path; anything else as it is."""
    is_path = isinstance(value, str) and CLASS_PATH.fullmatch(value)
    return value.rsplit(".", 1)[-1] if is_path else value


def role(key: str, observers: Iterable[str]) -> Role | None:
    """What a key decides; None for what has no influence on the numbers.

    Args:
        key: a dotted key.
        observers: callbacks that only look on.
    """
    if IRRELEVANT.fullmatch(key):
        return None
    if key.startswith(CALLBACKS):
        return None if key.split(".")[2] in set(observers) else "method"
    if key.startswith("model.") or key in ("model", "run.profile", "data.sampling"):
        return "method"
    if key.startswith("data.loader."):
        return "protocol"
    return "data" if key == "data" or key.startswith("data.") else "protocol"


def select(facts: Facts, wanted: Role, observers: Iterable[str]) -> Facts:
    """The facts of one role; what a task trains on is part of the method."""
    learned = TRAINED_ON if OF_TASKS in facts else frozenset()
    return {
        key: value
        for key, value in facts.items()
        if ("method" if key in learned else role(key, observers)) == wanted
    }


def differing(many: Sequence[Facts]) -> list[str]:
    """Keys that have several values, in order; what lies below another such key is left out.

    A key that some configs lack does not count: they may be older than the key.
    """
    values: dict[str, set[str]] = {}
    for facts in many:
        for key, value in facts.items():
            values.setdefault(key, set()).add(as_text(value))
    several = [key for key, seen in values.items() if len(seen) > 1]
    return [key for key in several if not any(key.startswith(f"{up}.") for up in several)]


def as_text(value: Any) -> str:
    """A value as a reader writes it."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_text, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
