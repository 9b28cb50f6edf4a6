"""Runs find their families by their own configs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from made_runs import callback, write_run

from snn_mm.analysis.variants import Variant, vanilla_partner

VariantsIn = Callable[[Path], list[Variant]]


def labels(variants: list[Variant]) -> list[str]:
    return [variant.label for variant in variants]


def test_vanilla_joint_learning_and_iemf_of_one_family(
    tmp_path: Path, variants_in: VariantsIn
) -> None:
    write_run(tmp_path / "c", callbacks=[callback("IEMF", gamma=1.0)])
    write_run(tmp_path / "b")
    write_run(tmp_path / "a", joint_weight=0.0)
    assert labels(variants_in(tmp_path)) == [
        "Normal, vanilla",
        "Normal, joint learning",
        "Normal, IEMF",
    ]


def test_other_modulations_make_the_family(tmp_path: Path, variants_in: VariantsIn) -> None:
    write_run(tmp_path / "a", callbacks=[callback("OGMGE", alpha=0.8)], joint_weight=0.0)
    both = [callback("OGMGE", alpha=0.8), callback("IEMF", gamma=1.0)]
    write_run(tmp_path / "b", callbacks=both)
    write_run(tmp_path / "c", joint_weight=0.0)
    assert labels(variants_in(tmp_path)) == ["Normal, vanilla", "OGMGE, vanilla", "OGMGE, IEMF"]


def test_a_difference_besides_the_variant_splits_a_family(
    tmp_path: Path, variants_in: VariantsIn
) -> None:
    for alpha in (0.1, 0.8):
        own = callback("OGMGE", alpha=alpha)
        write_run(tmp_path / f"v{alpha}", callbacks=[own], joint_weight=0.0)
        write_run(tmp_path / f"i{alpha}", callbacks=[own, callback("IEMF", gamma=1.0)])
    assert labels(variants_in(tmp_path)) == [
        "OGMGE, OGMGE.alpha=0.1, vanilla",
        "OGMGE, OGMGE.alpha=0.1, IEMF",
        "OGMGE, OGMGE.alpha=0.8, vanilla",
        "OGMGE, OGMGE.alpha=0.8, IEMF",
    ]


def test_ann_and_snn_are_families_of_their_own(tmp_path: Path, variants_in: VariantsIn) -> None:
    write_run(tmp_path / "snn")
    write_run(tmp_path / "ann", neuron="torch.nn.ReLU")
    assert labels(variants_in(tmp_path)) == [
        "Normal, ANN, joint learning",
        "Normal, SNN, joint learning",
    ]


def test_gamma_and_other_options_are_told(tmp_path: Path, variants_in: VariantsIn) -> None:
    write_run(tmp_path / "a", callbacks=[callback("IEMF", gamma=2.0)])
    write_run(tmp_path / "b", callbacks=[callback("IEMF", gamma=0.1)])
    write_run(tmp_path / "c", callbacks=[callback("IEMF", gamma=1.0, kappa="arctan")])
    write_run(tmp_path / "d", callbacks=[callback("IEMF", gamma=1.0)], joint_weight=0.5)
    write_run(tmp_path / "e", joint_weight=0.5)
    assert labels(variants_in(tmp_path)) == [
        "Normal, joint learning (weight 0.5)",
        "Normal, IEMF, γ = 0.1",
        "Normal, IEMF, γ = 2",
        "Normal, IEMF (joint weight 0.5)",
        "Normal, IEMF (kappa=arctan)",
    ]


def test_partner_is_the_vanilla_of_the_same_family(tmp_path: Path, variants_in: VariantsIn) -> None:
    write_run(tmp_path / "a", joint_weight=0.0)
    write_run(tmp_path / "b", callbacks=[callback("IEMF", gamma=1.0)])
    write_run(tmp_path / "c", callbacks=[callback("MSLR"), callback("IEMF", gamma=1.0)])
    vanilla, iemf, lonely = variants_in(tmp_path)
    assert vanilla_partner(iemf, [vanilla, iemf, lonely]) is vanilla
    assert vanilla_partner(vanilla, [vanilla, iemf, lonely]) is None
    assert vanilla_partner(lonely, [vanilla, iemf, lonely]) is None
