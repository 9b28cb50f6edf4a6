"""Flat facts from configs, and what each is about."""

from __future__ import annotations

import pytest

from snn_mm.analysis.report.config_facts import differing, flatten, role, select


def test_classes_go_by_short_names_and_init_args_vanish() -> None:
    tree = {"model": {"class_path": "a.b.Net", "init_args": {"fusion": "snn_mm.fusion.Sum"}}}
    assert flatten(tree) == {"model": "Net", "model.fusion": "Sum"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("snn_mm.modules.taaf.module.shared_concat", "shared_concat"),
        ("torch.nn.functional.relu", "relu"),
        ("clips.tar.gz", "clips.tar.gz"),
        ("a.b_c", "a.b_c"),
    ],
)
def test_a_function_goes_by_its_name_and_a_file_by_its_own(value: str, shown: str) -> None:
    assert flatten({"model": {"fusion": value}}) == {"model.fusion": shown}


def test_callbacks_go_by_class_instead_of_number() -> None:
    tree = {"trainer": {"callbacks": [{"class_path": "x.IEMF", "init_args": {"gamma": 2}}]}}
    assert flatten(tree) == {"trainer.callbacks.IEMF": "IEMF", "trainer.callbacks.IEMF.gamma": 2}


def test_lists_of_numbers_stay_whole() -> None:
    assert flatten({"channels": [16, 32]}) == {"channels": [16, 32]}


@pytest.mark.parametrize("value", ["paper", "data/fsdd.zip", "val/loss", "a.b", 3, None])
def test_what_is_no_class_stays_as_it_is(value: object) -> None:
    assert flatten({"key": value}) == {"key": value}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("model.optimizer.lr", "method"),
        ("trainer.callbacks.IEMF.gamma", "method"),
        ("run.profile", "method"),
        ("data.snr_db.audio", "data"),
        ("data.loader.batch_size", "protocol"),
        ("trainer.max_epochs", "protocol"),
        ("checkpoint.monitor", "protocol"),
        ("seed_everything", None),
        ("data.seed", None),
        ("trainer.callbacks.IEMF.seed", None),
        ("trainer.callbacks.FiringRateMonitor", None),
        ("data.loader.num_workers", None),
        ("data.fsdd_dir", None),
        ("data.root", None),
        ("trainer.accelerator", None),
        ("trainer.logger.project", None),
        ("run.root", None),
    ],
)
def test_role_of_a_key(key: str, expected: str | None) -> None:
    assert role(key, {"FiringRateMonitor"}) == expected


def test_what_a_task_trains_on_is_the_method_and_a_way_of_reading_clips_is_the_data() -> None:
    tasks = {"data": "AVE", "data.memory": 80, "data.exemplar_batch": 32, "data.protocol": "joint"}
    assert list(select(tasks, "method", ())) == [
        "data.memory",
        "data.exemplar_batch",
        "data.protocol",
    ]
    assert list(select(tasks, "data", ())) == ["data"]
    clips = {"data": "AVE", "data.protocol": "iemf"}
    assert select(clips, "data", ()) == clips


def test_a_class_that_differs_hides_its_options() -> None:
    facts = [{"f": "Concat", "f.a": 1, "g": 1}, {"f": "FiLM", "f.a": 2, "g": 1}]
    assert differing(facts) == ["f"]


def test_a_key_that_older_configs_lack_makes_no_difference() -> None:
    assert differing([{"a": 1}, {"a": 1, "b": 2}]) == []


def test_one_and_one_point_zero_are_the_same() -> None:
    assert differing([{"a": 1}, {"a": 1.0}]) == []
