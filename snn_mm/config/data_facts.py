"""The lowest layer of a config: what the data are, where no file and no flag says otherwise."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from jsonargparse import Namespace, dict_to_namespace
from lightning.pytorch.cli import LightningArgumentParser

from snn_mm.config.class_names import find_class
from snn_mm.config.manifest import parameters
from snn_mm.config.tree import KeyPath

INPUTS = "inputs"
"""The fact that is for the encoders, by modality."""

KIND = "kind"
"""What an input is, among these facts, where the data have no encoder in mind."""

ENCODERS = {
    "vector": "MLP",
    "sequence": "MLP",
    "picture": "ConvNet",
    "film": "ConvNet",
    "sound": "ConvNet",
    "events": "ConvNet",
}
"""The encoder of an input of each kind where a model has none: `encoders: {}`."""

COMMON = {"neuron": {"class_path": "snn_mm.neurons.IEMFLIF"}, "time_steps": 4}
"""What they have in common: all modalities need one T."""

OWN = {"sequence": {"statistics": ["mean", "std"], "windows": 4}}
"""What one of a kind has beside it: few sequences are told apart best by what windows hold."""


def fill_from_data(
    parser: LightningArgumentParser, settings: Namespace, given: Collection[KeyPath]
) -> None:
    """Give a model what its data module knows of the data before any are read.

    That is what `facts` of the data module returns, each to the parameter of its name; below
    `inputs` to the encoder of a modality. A data module without `facts` tells nothing.

    Args:
        parser: knows how to build the data module.
        settings: with `model` and `data`; changed in place.
        given: keys that files and flags set.
    """
    model, data = settings.get("model"), settings.get("data")
    if not (isinstance(model, Namespace) and isinstance(data, Namespace)):
        return
    if not hasattr(find_class(str(data.get("class_path"))), "facts"):
        return
    known = built(parser, data).facts()
    fill(model, {k: v for k, v in known.items() if k != INPUTS}, ("model",), given)
    if model.get("init_args.encoders") == {}:
        wanted = model.get("init_args.modalities") or known.get(INPUTS, {})
        model["init_args.encoders"] = default_encoders(known.get(INPUTS, {}), wanted)
    encoders = model.get("init_args.encoders")
    for name, inputs in known.get(INPUTS, {}).items():
        if isinstance(encoders, dict) and isinstance(encoders.get(name), Namespace):
            fill(encoders[name], inputs, ("model", "encoders", name), given)


def default_encoders(
    inputs: Mapping[str, Mapping[str, Any]], wanted: Collection[str]
) -> dict[str, Namespace]:
    """An encoder for each modality of whose inputs the data tell the kind.

    Args:
        inputs: what the data know of each modality.
        wanted: modalities of the model.
    """
    return {
        name: dict_to_namespace(
            {
                "class_path": f"snn_mm.encoders.{ENCODERS[known[KIND]]}",
                "init_args": COMMON | OWN.get(known[KIND], {}),
            }
        )
        for name, known in inputs.items()
        if name in wanted and known.get(KIND) in ENCODERS
    }


def built(parser: LightningArgumentParser, data: Namespace) -> Any:
    """A data module of its settings, by which nothing is read; it may refuse its arguments."""
    settings = Namespace(data=data.clone())  # type: ignore[no-untyped-call]
    try:
        parser.validate(settings, skip_required=True)
    except (KeyError, TypeError) as error:  # such as a missing argument
        parser.error(str(error), error)
    return parser.instantiate_classes(settings)["data"]


def fill(
    kind: Namespace, known: Mapping[str, Any], path: KeyPath, given: Collection[KeyPath]
) -> None:
    """Give a class, in place, the values of parameters that are known and that nobody gave.

    Args:
        kind: the class with its arguments.
        known: values by parameter; what the class does not accept is left out.
        path: the key that holds the class.
        given: keys that files and flags set.
    """
    accepted = {parameter.name for parameter in parameters(find_class(kind["class_path"]))}
    for name, value in known.items():
        if name not in accepted:
            continue
        key = f"init_args.{name}"
        if isinstance(value, dict):
            kind[key] = {**value, **(kind.get(key) or {})}
        elif (*path, name) not in given:
            kind[key] = value
