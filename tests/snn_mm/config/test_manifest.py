"""What is listed is what a config can build, all of it and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import pytest
from jsonargparse import ArgumentParser

from snn_mm.config.catalogue import MANIFEST, CatalogueEntry, accepted_by, components
from snn_mm.config.class_names import classes_in, is_choice, is_own, subclasses
from snn_mm.config.manifest import BASES, GIVEN, manifest, others, parameters

BY_COMMANDS = ("snn_mm.analysis.", "snn_mm.commands.")  # callbacks that only these make
CONV = {"class_path": "ConvNet", "init_args": {"in_channels": 1, "channels": [2]}}
BOTH = {"audio": 8, "visual": 8}
VALUES: dict[str, Any] = {
    "bands": 8,
    "classes_per_task": 2,
    "data": "DigitsAV",
    "encoder": CONV,
    "encoders": {"audio": CONV, "visual": CONV},
    "epochs_per_task": 1,
    "exemplar_batch": 2,
    "feature_dims": BOTH,
    "frames": 8,
    "fusion": "Concat",
    "in_channels": 1,
    "in_features": 4,
    "max_lengths": BOTH,
    "memory": 4,
    "network": "LMF",
    "num_classes": 4,
    "protocol": "incremental",
    "run": "runs/another",
    "seed": 0,
    "table": "samples.csv",
    "width": 4,
}
"""A value for what has no default, by the name of the parameter."""

FOR_ONE_CLASS: dict[str, dict[str, Any]] = {
    "AVQAModule": {"encoders": {"audio": "SoundEncoder", "visual": "PooledFrames"}},
    "ContinualModule": {"encoders": {"audio": CONV, "visual": CONV}},
    "GroundingModule": {"encoders": {"audio": "SoundEncoder", "visual": "GroundedFrames"}},
}

NEEDS_FILES = {"ExtractedFeatures": "is missing. Make it"}
"""What is read as soon as it is built, and what it says where there is nothing to read."""


@cache
def written() -> Any:
    return json.loads(json.dumps(manifest()))


def class_of(entry: CatalogueEntry) -> type:
    module, name = entry.location.rsplit(".", 1)
    found: type = getattr(import_module(module), name)
    return found


def test_the_manifest_is_that_of_the_classes() -> None:
    recorded = json.loads(MANIFEST.read_text(encoding="utf-8"))
    same = recorded["versions"] == written()["versions"]
    for part in ("classes", *(["others"] if same else [])):
        assert recorded[part] == written()[part], "make manifest"


@pytest.mark.parametrize("entry", components(), ids=lambda entry: entry.name)
def test_every_listed_class_is_built_from_a_config(entry: CatalogueEntry) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(BASES[entry.group], "x")
    needed = [p.name for p in entry.parameters if p.default is None]
    given = {name: VALUES[name] for name in needed} | FOR_ONE_CLASS.get(entry.name, {})
    config = parser.parse_object({"x": {"class_path": entry.location, "init_args": given}})
    if entry.name in NEEDS_FILES:
        with pytest.raises(ValueError, match=NEEDS_FILES[entry.name]):
            parser.instantiate_classes(config)
    else:
        assert type(parser.instantiate_classes(config).x) is class_of(entry)


def test_nothing_is_missing_that_a_parameter_of_a_listed_class_can_hold() -> None:
    kinds = [class_of(entry) for entry in components()]
    held = {base for kind in kinds for p in parameters(kind) for base in classes_in(p.annotation)}
    bases = {*BASES.values(), *filter(is_own, held)}
    choices = {kind for kind in {*bases, *subclasses(bases)} if is_own(kind) and is_choice(kind)}
    missing = {
        kind.__name__
        for kind in choices - set(kinds)
        if not kind.__module__.startswith(BY_COMMANDS)
    }
    assert missing <= {"LastCheckpoint", "RunRecord", "WandbRecord", "CarryOver"}  # made by `fit`


def parsed_keys(kind: Callable[..., Any]) -> set[str]:
    """The keys that the parser makes of a class, without those within them."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, "x", fail_untyped=False)
    keys = {action.dest for action in parser._actions if action.dest.startswith("x.")}
    return {key.split(".")[1] for key in keys}


def test_no_key_is_unknown_that_the_parser_accepts() -> None:
    known = {entry.location: class_of(entry) for entry in components()}
    known |= {path: kind for path, kind, method in others() if method is None}
    assert len(known) > 100
    for path, kind in known.items():
        assert parsed_keys(kind) - set(GIVEN) == set(accepted_by(path) or {}) - set(GIVEN), path


def test_fields_of_dataclasses_and_typed_dicts_are_keys() -> None:
    accepted = accepted_by("CremaD") or {}
    assert "batch_size" in [field.name for field in accepted["loader"].fields]
    assert "frames" in [field.name for field in accepted["override"].fields]
    assert accepted["root"].fields == ()


def test_a_class_is_known_by_its_former_path() -> None:
    assert accepted_by("snn_mm.spiking_fusion.CMCI") == accepted_by("CMCI") is not None


def test_classes_of_torch_and_lightning_are_known_by_both_names() -> None:
    assert accepted_by("SGD") == accepted_by("torch.optim.SGD") != accepted_by("Adam") is not None
    assert "monitor" in (accepted_by("EarlyStopping") or {})


@pytest.mark.parametrize("name", ["my_package.Own", "Trainer", "snn_mm.nothing.Here", "x", "1e-3"])
def test_of_what_is_not_certain_nothing_is_told(name: str) -> None:
    assert accepted_by(name) is None


def test_of_another_version_of_a_package_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snn_mm.config.catalogue._is_same_version", lambda package: False)
    accepted_by.cache_clear()
    assert accepted_by("SGD") is None
    assert accepted_by("IEMF") is not None
    accepted_by.cache_clear()


def test_a_dictionary_of_encoders_has_members_that_need_a_class() -> None:
    for name in ("IEMFModule", "ContinualModule"):  # the latter may have none at all
        needy = [key for key, p in (accepted_by(name) or {}).items() if p.is_class_dict]
        assert needy == ["encoders"]
