"""Readable names of methods."""

from __future__ import annotations

from typing import Any

import pytest

from snn_mm.analysis.report.config_facts import flatten
from snn_mm.analysis.report.naming import Library, method_name, suffixes

LIBRARY = Library(
    {"IEMF": {"gamma": 1.0, "kappa": "tanh", "seed": None}, "Concat": {"unimodal": "heads"}},
    frozenset({"FiringRateMonitor"}),
)


def encoder(neuron: str = "snn_mm.neurons.IEMFLIF", steps: int | None = 4) -> dict[str, Any]:
    return {"class_path": "e.ConvNet", "init_args": {"neuron": neuron, "time_steps": steps}}


def name(
    encoders: dict[str, Any] | None = None,
    callbacks: list[dict[str, Any]] | None = None,
    profile: str | None = None,
    unimodal: str = "heads",
) -> str:
    encoders = encoders or {"audio": encoder(), "visual": encoder()}
    fusion = {"class_path": "f.Concat", "init_args": {"unimodal": unimodal}}
    arguments = {"encoders": encoders, "fusion": fusion}
    config = {
        "model": {"class_path": "m.IEMFModule", "init_args": arguments},
        "trainer": {"callbacks": callbacks},
        "run": {"profile": profile},
    }
    return method_name(flatten(config), LIBRARY)


def tasks(method: str, trunk: dict[str, Any]) -> dict[str, Any]:
    """The config of a model that learns in tasks, with one network for all modalities."""
    parts = {
        "encoders": None,
        "method": {"class_path": f"c.{method}"},
        "trunk": {"class_path": "c.DualAttention", "init_args": trunk},
    }
    return {"class_path": "m.ContinualModule", "init_args": parts}


def callback(class_name: str, **options: Any) -> dict[str, Any]:
    return {"class_path": f"snn_mm.callbacks.{class_name}", "init_args": options}


def test_plain_method() -> None:
    assert name() == "IEMFModule · Concat · SNN T=4"


def test_modulations_show_options_that_are_not_defaults() -> None:
    given = [callback("OGM"), callback("IEMF", gamma=2.0, kappa="tanh", seed=3)]
    assert name(callbacks=given) == "IEMFModule · Concat · OGM + IEMF(gamma=2) · SNN T=4"


def test_callbacks_that_look_on_are_no_part_of_the_method() -> None:
    assert name(callbacks=[callback("FiringRateMonitor")]) == name()


def test_fusion_shows_its_options() -> None:
    assert name(unimodal="shared") == "IEMFModule · Concat(unimodal=shared) · SNN T=4"


@pytest.mark.parametrize(
    ("encoders", "expected"),
    [
        ({"a": encoder("torch.nn.ReLU", 1), "b": encoder("torch.nn.ReLU", 1)}, "ANN"),
        ({"a": encoder("torch.nn.ReLU", 4), "b": encoder()}, "hybrid T=4"),
        ({"a": encoder(steps=5), "b": encoder(steps=None)}, "SNN T=5"),
        ({"audio": encoder()}, "audio only · SNN T=4"),
    ],
)
def test_kind_of_network(encoders: dict[str, Any], expected: str) -> None:
    assert name(encoders) == f"IEMFModule · Concat · {expected}"


def test_profile_is_shown() -> None:
    assert name(profile="released").endswith(" · profile released")


def test_suffixes_tell_configs_apart() -> None:
    assert suffixes([{"model.lr": 0.1, "x": 1}, {"model.lr": 0.05, "x": 1}]) == [
        "lr=0.1",
        "lr=0.05",
    ]


def test_a_key_of_several_encoders_is_written_once() -> None:
    many = [{f"model.encoders.{m}.width": w for m in ("audio", "visual")} for w in (32, 64)]
    assert suffixes(many) == ["width=32", "width=64"]


def test_equal_configs_have_no_suffix() -> None:
    assert suffixes([{"a": 1}, {"a": 1}]) == ["", ""]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            {"class_path": "m.SentimentModule", "init_args": {"network": {"class_path": "n.LMF"}}},
            "SentimentModule · LMF · ANN",
        ),
        (
            {"class_path": "m.SGMTModule", "init_args": {"neuron": "snn_mm.neurons.SGMTLIF"}},
            "SGMTModule · SNN",
        ),
        (tasks("LwF", {"neuron": None, "time_steps": 1}), "ContinualModule · LwF · ANN"),
        (
            tasks("SSIL", {"neuron": "snn_mm.neurons.IEMFLIF", "time_steps": 4}),
            "ContinualModule · SSIL · SNN T=4",
        ),
        (
            {"class_path": "m.SGMTModule", "init_args": {"neuron": "torch.nn.ReLU"}},
            "SGMTModule · ANN",
        ),
    ],
)
def test_models_for_sequences_are_named_by_network_and_neuron(
    model: dict[str, Any], expected: str
) -> None:
    assert method_name(flatten({"model": model}), LIBRARY) == expected
