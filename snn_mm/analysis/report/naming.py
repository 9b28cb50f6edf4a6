"""Readable names for what was run: a method and a data set from a config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from snn_mm.analysis.report.config_facts import CALLBACKS, Facts, as_text, differing

ACTIVATIONS = frozenset({"ReLU", "LeakyReLU", "GELU", "SiLU", "ELU", "Tanh", "Sigmoid", "Identity"})
"""Neurons that do not spike: an encoder that has them is an ANN."""

WHOLE = ("model.network", "model.trunk")
"""Where a network for all modalities stands in a config."""

LIGHTNING_OBSERVERS = frozenset(
    {
        "DeviceStatsMonitor",
        "LearningRateMonitor",
        "ModelCheckpoint",
        "ModelSummary",
        "RichModelSummary",
        "RichProgressBar",
        "ThroughputMonitor",
        "Timer",
        "TQDMProgressBar",
    }
)


@dataclass(frozen=True)
class Library:
    """What is known of the classes that configs name.

    Attributes:
        defaults: default values of parameters, by class and parameter.
        observers: callbacks that only look on, and so are no part of a method.
    """

    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    observers: frozenset[str] = LIGHTNING_OBSERVERS


def method_name(facts: Facts, library: Library) -> str:
    """Name a method by its module, what it minimises, fusion, modulations and kind of network.

    Example:
        >>> method_name({"model": "IEMFModule", "model.fusion": "Concat"}, Library())
        'IEMFModule · Concat'
    """
    profile = facts.get("run.profile")
    parts = [
        with_options(facts, "model", library, nested=False),
        with_options(facts, "model.method", library),
        with_options(facts, "model.fusion", library),
        with_options(facts, "model.network", library),
        " + ".join(
            with_options(facts, CALLBACKS + n, library) for n in modulations(facts, library)
        ),
        network(facts),
        f"profile {profile}" if profile else "",
    ]
    return " · ".join(part for part in parts if part) or "no model"


def dataset_name(facts: Facts) -> str:
    """Name of the data module's class."""
    return str(facts.get("data", "no data"))


def modulations(facts: Facts, library: Library) -> list[str]:
    """Callbacks that take part in the training, in the order of the config."""
    names = [key.removeprefix(CALLBACKS) for key in facts if key.startswith(CALLBACKS)]
    own = [name for name in names if "." not in name]
    return [name for name in own if name not in library.observers]


def encoders(facts: Facts) -> list[str]:
    """Modalities that have an encoder."""
    prefix = "model.encoders."
    names = [key.removeprefix(prefix).split(".")[0] for key in facts if key.startswith(prefix)]
    return list(dict.fromkeys(names))


def network(facts: Facts) -> str:
    """Whether the encoders spike, over how many steps, and which it is if there is only one.

    Models without encoders have one neuron for all their parts, or one network that has none.
    """
    names = encoders(facts)
    prefixes = [f"model.encoders.{name}" for name in names] or ["model", *WHOLE]
    neurons = [facts[f"{p}.neuron"] for p in prefixes if facts.get(f"{p}.neuron") is not None]
    steps = {facts.get(f"{p}.time_steps") for p in prefixes} - {None}
    single = [f"{names[0]} only"] if len(names) == 1 else []
    if any(facts.get(whole) for whole in WHOLE) and not neurons:
        return "ANN"
    return " · ".join([*single, kind(neurons, steps)] if neurons else single)


def kind(neurons: Sequence[Any], steps: set[Any]) -> str:
    """`ANN`, `SNN T=4`, or `hybrid` where some encoders spike and some do not."""
    spiking = [neuron not in ACTIVATIONS for neuron in neurons]
    if not any(spiking):
        return "ANN"
    times = "/".join(sorted(map(str, steps)))
    return ("SNN" if all(spiking) else "hybrid") + (f" T={times}" if times else "")


def with_options(facts: Facts, key: str, library: Library, nested: bool = True) -> str:
    """A class with the options that are not at their defaults: `IEMF(gamma=2)`.

    Args:
        facts: the config.
        key: where the class stands.
        library: knows the defaults; a parameter it does not know is not shown.
        nested: whether options that are structures themselves (`null` or a class) count too.
    """
    name = facts.get(key)
    if name is None:
        return ""
    options = []
    for option, default in library.defaults.get(str(name), {}).items():
        value = facts.get(f"{key}.{option}", default)
        if option == "seed" or value == default or not (nested or isinstance(value, int | float)):
            continue
        options.append(f"{option}={as_text(value)}")
    return f"{name}({', '.join(options)})" if options else str(name)


def suffixes(many: Sequence[Facts]) -> list[str]:
    """What tells configs of one name apart: `lr=0.1, width=32`; empty where nothing does.

    A key of several encoders that moves in step is written once.
    """
    columns: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for key in differing(many):
        values = tuple(as_text(facts.get(key)) for facts in many)
        columns.setdefault((key.rsplit(".", 1)[-1], values), []).append(key)
    named = [(keys[0] if len(keys) == 1 else last, v) for (last, v), keys in columns.items()]
    texts = [
        [f"{short_key(key)}={values[row]}" for key, values in named] for row in range(len(many))
    ]
    return [", ".join(parts) for parts in texts]


def labelled(names: Sequence[str], many: Sequence[Facts], joint: str = " · ") -> list[str]:
    """Names, each with what tells it apart from others that are the same.

    Args:
        names: of each config.
        many: what of each config may tell it apart.
        joint: between name and what tells it apart.
    """
    labels = list(names)
    for name in set(names):
        same = [i for i, other in enumerate(names) if other == name]
        for i, suffix in zip(same, suffixes([many[i] for i in same])):
            labels[i] = f"{name}{joint}{suffix}" if suffix else name
    return labels


def short_key(key: str) -> str:
    """A key without the prefix that every reader knows."""
    for prefix in (CALLBACKS, "model.", "data.", "trainer."):
        key = key.removeprefix(prefix)
    return key
