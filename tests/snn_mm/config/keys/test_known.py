"""What source tells of a class is what the parser finds by importing it, or nothing."""

from __future__ import annotations

from importlib import import_module

import pytest
from jsonargparse import ArgumentParser
from lightning import Callback, Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

import datamodules
from snn_mm.config.catalogue import components
from snn_mm.config.class_names import subclasses
from snn_mm.config.keys.known import GIVEN, Known
from snn_mm.config.keys.layout import TRAINER

KNOWN = Known()
OWN = {entry.name: entry.location for entry in components()}
OTHERS = {
    kind.__name__: f"{kind.__module__}.{kind.__name__}"
    for kind in subclasses([Optimizer, LRScheduler, Callback])
    if kind.__module__.startswith(("torch.optim", "lightning.pytorch.callbacks"))
    and not kind.__name__.startswith("_")
}
datamodules.import_all()


def parsed_keys(location: str) -> set[str]:
    """The keys that the parser makes of a class, without those within them."""
    module, name = location.rsplit(".", 1)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(getattr(import_module(module), name), "x", fail_untyped=False)
    keys = {action.dest for action in parser._actions if action.dest.startswith("x.")}
    return {key.split(".")[1] for key in keys}


@pytest.mark.parametrize("location", [*OWN.values(), *OTHERS.values(), TRAINER])
def test_no_key_is_unknown_that_the_parser_accepts(location: str) -> None:
    found = KNOWN.find(location)
    accepted = KNOWN.parameters(found) if found is not None else None
    if accepted is not None:
        assert parsed_keys(location) - set(GIVEN) <= set(accepted)


def test_most_classes_are_known_to_their_last_key() -> None:
    found = {name: KNOWN.find(name) for name in OWN}
    known = [name for name, cls in found.items() if cls and KNOWN.parameters(cls) is not None]
    assert len(known) == len(OWN)
    assert {"SGD", "Adam", "StepLR", "EarlyStopping"} <= {
        name for name in OTHERS if (cls := KNOWN.find(name)) and KNOWN.parameters(cls)
    }


def test_fields_of_dataclasses_and_typed_dicts_are_keys() -> None:
    data = KNOWN.find("CremaD")
    assert data is not None
    accepted = KNOWN.parameters(data) or {}
    assert "batch_size" in (KNOWN.fields(accepted["loader"]) or {})
    assert "frames" in (KNOWN.fields(accepted["override"]) or {})
    assert KNOWN.fields(accepted["root"]) is None


@pytest.mark.parametrize("name", ["my_package.Own", "Trainer", "snn_mm.nothing.Here", "x", "1e-3"])
def test_of_what_is_not_certain_nothing_is_told(name: str) -> None:
    assert KNOWN.find(name) is None


def test_a_method_of_the_trainer_is_found() -> None:
    found = KNOWN.find(TRAINER)
    assert found is not None
    assert {"fit", "validate", "test", "predict"} <= set(found.methods)
    assert hasattr(Trainer, "predict")


def test_a_dictionary_of_encoders_has_members_that_need_a_class() -> None:
    for name in ("IEMFModule", "ContinualModule"):  # the latter may have none at all
        found = KNOWN.find(name)
        assert found is not None
        accepted = KNOWN.parameters(found) or {}
        needy = [key for key, typed in accepted.items() if KNOWN.abstract_values(typed)]
        assert needy == ["encoders"]
