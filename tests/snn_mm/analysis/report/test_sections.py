"""What the sections say about runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snn_mm.analysis.report.document import Block, Figure, Section, Table, TableCell, Text
from snn_mm.analysis.report.groups import Comparison, compare
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.naming import Library
from snn_mm.analysis.report.published import PublishedNumber
from snn_mm.analysis.report.run_files import read_run
from snn_mm.analysis.report.sections.cost import cost_section, energy_section
from snn_mm.analysis.report.sections.provenance import (
    count_statuses,
    difference_section,
    runs_section,
)
from snn_mm.analysis.report.sections.results import Results, find_baseline, results_section
from snn_mm.analysis.report.sections.trends import (
    factor_section,
    firing_section,
    learning_section,
)
from snn_mm.errors import UserError

MakeRun = Callable[..., Path]
ACCURACY = Metric("test/accuracy/fused")
LIBRARY = Library({}, frozenset())
IEMF = {"trainer.callbacks": [{"class_path": "snn_mm.callbacks.IEMF", "init_args": {"gamma": 1.0}}]}


def table(section: Section, name: str) -> list[list[str]]:
    found = next(b for b in section.blocks if isinstance(b, Table) and b.name == name)
    return [[cell.text for cell in row] for row in found.cells]


def figures(section: Section) -> list[str]:
    blocks: list[Block] = section.blocks
    return [p.title for block in blocks if isinstance(block, Figure) for p in block.panels]


def add_json(path: Path, name: str, content: dict[str, Any]) -> None:
    file = path / name
    before = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**before, **content}) + "\n")


def gather(paths: list[Path], **options: Any) -> Comparison:
    return compare([read_run(path) for path in paths], LIBRARY, **options)


@pytest.fixture
def paths(make_run: MakeRun) -> list[Path]:
    """Three seeds without and three with IEMF."""
    plain = [make_run(f"a/{s}", seed=s, accuracy=0.7 + 0.01 * s) for s in range(3)]
    ours = [make_run(f"b/{s}", seed=s, accuracy=0.8 + 0.01 * s, **IEMF) for s in range(3)]
    return [*plain, *ours]


def test_main_table_has_means_and_marks_the_best(paths: list[Path]) -> None:
    section = results_section(Results(gather(paths), ACCURACY))
    assert table(section, "results") == [
        ["A. IEMFModule · Concat · SNN T=4", "71.00 ± 1.00 (3)"],
        ["B. IEMFModule · Concat · IEMF · SNN T=4", "81.00 ± 1.00 (3)"],
    ]
    assert isinstance(section.blocks[0], Table)
    assert [row[1].bold for row in section.blocks[0].cells] == [False, True]


def test_low_is_best_for_a_loss(make_run: MakeRun) -> None:
    paths = [make_run("a/1"), make_run("b/1", **IEMF)]
    for path, loss in zip(paths, (0.5, 0.9)):
        add_json(path, "results.json", {"test": {"test/loss": loss}})
    section = results_section(Results(gather(paths), Metric("test/loss")))
    assert isinstance(section.blocks[0], Table)
    assert [row[1].bold for row in section.blocks[0].cells] == [True, False]


def test_a_paper_s_number_stands_below_ours(paths: list[Path]) -> None:
    number = PublishedNumber(
        *("IEMF", "Table S3", "w/ IEMF", "Digits-AV", "SNN", "accuracy", 82.5),
        module="IEMFModule",
        fusion="Concat",
        modulations=["IEMF"],
    )
    section = results_section(Results(gather(paths), ACCURACY, [number]))
    assert isinstance(section.blocks[0], Table)
    details = [row[1].detail for row in section.blocks[0].cells]
    assert details == ["", "IEMF, Table S3, w/ IEMF: 82.50"]


def test_a_cell_whose_runs_differ_is_marked_and_explained(
    make_run: MakeRun, paths: list[Path]
) -> None:
    other = make_run("a/9", seed=9, environment={"data": "d2"})
    comparison = gather([*paths, other])
    first, second = table(results_section(Results(comparison, ACCURACY)), "results")
    assert first[1].endswith("(4) †")
    assert not second[1].endswith("†")
    assert table(difference_section(comparison), "differences") == [
        ["A on DigitsAV", "data fingerprint", "d1 (3), d2 (1)"],
        ["all of DigitsAV", "data fingerprint", "d1 (6), d2 (1)"],
    ]


def test_runs_that_agree_are_said_to_agree(paths: list[Path]) -> None:
    (text,) = difference_section(gather(paths)).blocks
    assert isinstance(text, Text)
    assert "agree" in text.text


def test_repeated_seeds_are_marked(make_run: MakeRun, paths: list[Path]) -> None:
    again = make_run("a/again", seed=0, accuracy=0.1, environment={"started": "2020"})
    comparison = gather([*paths, again])
    assert table(difference_section(comparison), "differences") == [
        ["A on DigitsAV", "several runs of one seed", "seed 0: the newest run counts"]
    ]
    assert table(results_section(Results(comparison, ACCURACY)), "results")[0][1].endswith("†")


def test_methods_are_tested_in_pairs_of_seeds(make_run: MakeRun, paths: list[Path]) -> None:
    extra = make_run("b/9", seed=9, accuracy=0.1, **IEMF)
    section = results_section(Results(gather([*paths, extra]), ACCURACY))
    (row,) = table(section, "paired")
    assert row[1:] == ["DigitsAV", "3", "+10.00", "0.25 (0.25)"]


def test_baseline_may_be_named_by_letter_or_part(paths: list[Path]) -> None:
    comparison = gather(paths)
    assert find_baseline(comparison, "B") == find_baseline(comparison, "iemf ·")
    assert find_baseline(comparison, None) == comparison.methods[0]


@pytest.mark.parametrize("name", ["IEMFModule", "nothing"])
def test_baseline_has_to_be_one_row(paths: list[Path], name: str) -> None:
    with pytest.raises(UserError, match=r"several rows|no row"):
        find_baseline(gather(paths), name)


def test_modalities_have_a_table(paths: list[Path]) -> None:
    test = {"test/accuracy/fused": 0.9, "test/accuracy/audio": 0.5, "test/accuracy/visual": 0.25}
    add_json(paths[0], "results.json", {"test": test})
    rows = table(results_section(Results(gather(paths), ACCURACY)), "unimodal")
    assert [row[1:] for row in rows] == [["50.00 (1)", "25.00 (1)"], ["—", "—"]]


def test_nothing_finished_leaves_a_page_that_says_so(make_run: MakeRun) -> None:
    comparison = gather([make_run("a/1", status="running")])
    (text,) = results_section(Results(comparison, ACCURACY)).blocks
    assert isinstance(text, Text)
    assert "--all" in text.text
    assert count_statuses(comparison) == "1 run: 1 stopped. 0 enter the means."


def test_curves_are_drawn_by_modality_fused_first(paths: list[Path]) -> None:
    assert figures(learning_section(gather(paths), ACCURACY)) == ["fused", "audio"]


def test_of_five_methods_each_also_has_a_chart_of_its_own(make_run: MakeRun) -> None:
    runs = []
    for place in range(5):
        callbacks = [{"class_path": f"snn_mm.callbacks.Method{place}"}]
        runs.append(make_run(f"m{place}/0", **{"trainer.callbacks": callbacks}))
    overview, apart = learning_section(gather(runs), ACCURACY).blocks
    assert isinstance(overview, Figure)
    assert isinstance(apart, Figure)
    assert not any("faint" in panel.svg for panel in overview.panels)
    assert [panel.title[:2] for panel in apart.panels] == ["A.", "B.", "C.", "D.", "E."]
    assert [panel.svg.count(" grey") for panel in apart.panels] == [4] * 5
    assert len({panel.name for panel in (*overview.panels, *apart.panels)}) == 2 + 5


def test_epochs_of_charts_count_from_one(paths: list[Path]) -> None:
    (figure,) = learning_section(gather(paths), ACCURACY).blocks
    assert isinstance(figure, Figure)
    assert "at epoch 1, " in figure.panels[0].svg
    assert "at epoch 0" not in figure.panels[0].svg


def test_factors_are_drawn(paths: list[Path]) -> None:
    assert figures(factor_section(gather(paths), ACCURACY)) == ["IEMF ξ"]


def test_firing_rates_by_modality_and_layer(paths: list[Path]) -> None:
    test = {"test/accuracy/fused": 0.9, "test/firing_rate/audio": 0.125}
    add_json(paths[0], "results.json", {"test": test})
    head = "epoch,stage,modality,layer,rate,silent,saturated\n"
    (paths[0] / "spikes.csv").write_text(head + "0,val,audio,l0,.1,.2,0\n")
    section = firing_section(gather(paths), ACCURACY)
    assert table(section, "firing")[0][2:] == ["0.1250 (1)"]
    assert table(section, "layers")[0][2:5] == ["audio", "l0", "0.1000 (1)"]


def energy(compute: float, model: str = "45 nm") -> dict[str, Any]:
    total = {"compute_pj": compute * 1e6, "purity": 0.5}
    return {"cost_model": {"name": model}, "total": total, "parts": {"audio": total}}


def test_energy_against_accuracy(paths: list[Path]) -> None:
    for path, spent in zip(paths, (1.0, 2.0, 3.0)):
        add_json(path, "energy.json", energy(spent))
    section = energy_section(gather(paths), ACCURACY)
    (row,) = table(section, "energy")
    assert row[1:5] == ["DigitsAV", "3", "45 nm", "2.000 ± 1.000"]
    assert figures(section) == ["DigitsAV"]


def test_operations_that_are_in_no_energy_are_named_with_the_most_results(
    paths: list[Path],
) -> None:
    for path, number in zip(paths, (1200.0, 1500.0, 900.0)):
        left_out = {"without_rule": {"tanh": 3.0, "mul": number}}
        add_json(path, "energy.json", energy(1.0) | left_out)
    last = energy_section(gather(paths), ACCURACY).blocks[-1]
    assert isinstance(last, Text)
    assert last.text.endswith("mul 1,500, tanh 3.")


@pytest.mark.parametrize(
    ("section", "callback"),
    [(energy_section, "EnergyEstimator"), (firing_section, "FiringRateMonitor")],
)
def test_what_was_not_recorded_names_the_callback(
    paths: list[Path], section: Callable[[Comparison, Metric], Section], callback: str
) -> None:
    (text,) = section(gather(paths), ACCURACY).blocks
    assert isinstance(text, Text)
    assert callback in text.text


def test_cost_has_time_epochs_and_steps(paths: list[Path]) -> None:
    for path, seconds in zip(paths, (60, 80, 100)):
        add_json(path, "results.json", {"train_seconds": seconds})
    rows = table(cost_section(gather(paths)), "cost")
    assert [row[2:5] for row in rows] == [["1 min 20 s (3)", "2", "10"], ["—", "2", "10"]]


def test_every_run_is_listed_with_its_place(make_run: MakeRun, paths: list[Path]) -> None:
    broken = make_run("c/cut", seed=7)
    (broken / "results.json").write_text('{"status": "fini')
    (broken / "metrics.csv").write_text("")
    output = broken.parents[2] / "report"
    section = runs_section(gather([*paths, broken]), ACCURACY, output)
    runs, problems = table(section, "runs"), table(section, "problems")
    assert len(runs) == 7
    assert runs[0][:6] == ["a/0", "finished", "A on DigitsAV", "70.00", "0", "0123456"]
    reason = "results.json: cut short or damaged; metrics.csv: empty"
    assert problems == [["c/cut", "unreadable", reason]]


def test_runs_are_linked_relative_to_the_page(paths: list[Path]) -> None:
    output = paths[0].parents[2] / "report"
    section = runs_section(gather(paths), ACCURACY, output)
    assert isinstance(section.blocks[0], Table)
    cell = section.blocks[0].rows[0][0]
    assert isinstance(cell, TableCell)
    assert cell.href == "../runs/a/0"
