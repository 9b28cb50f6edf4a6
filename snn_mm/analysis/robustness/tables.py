"""What a study of robustness found, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from snn_mm.analysis.differences import paired_text
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.groups import Group
from snn_mm.analysis.report.metric import Metric
from snn_mm.analysis.report.statistics import summarise
from snn_mm.analysis.report.wording import NOTHING, mean_text
from snn_mm.analysis.robustness.conditions import SEVERITIES, Condition
from snn_mm.analysis.robustness.contribution import worth_of_record
from snn_mm.analysis.robustness.study import (
    BySeed,
    Corrupted,
    Study,
    clean,
    curves,
    modalities,
    steps,
)
from snn_mm.contracts import FUSED
from snn_mm.metrics.contribution import shapley_values

P_NOTE = "p of the exact sign-flip test over shared seeds, not corrected for several comparisons."


def absence_table(study: Study) -> Table:
    """Every choice of modalities that are present."""
    names = shown_names(study)
    rows = [
        [study.label(group), condition.name, *cells(study, group, condition, names)]
        for group in study.groups
        for condition in study.record(group)
        if not condition.severity
    ]
    caption = (
        "By the modalities that are present: mean ± standard deviation over seeds (number of "
        "seeds), accuracies in percent. Calibration error: expected, 15 bins. Energy of the "
        "arithmetic of an inference in µJ (45 nm, 32 bits)."
    )
    heads = [heading(study, name) for name in names]
    return Table("absence", caption, ["Method", "Present", *heads], rows)


def curve_table(study: Study) -> Table | None:
    """Every corruption by severity; None if nothing was corrupted."""
    rows = [
        [study.label(group), *what, *curve_cells(study, group, what)]
        for group in study.groups
        for what in curves(study.record(group))
    ]
    shown = study.metric
    caption = (
        f"{shown.name}{shown.unit} by severity (0 is clean): mean ± standard deviation over seeds. "
        "Relative robustness: area under the curve; effective: mean height above the curve of "
        f"{study.label(study.base)}, moved to the same clean value, more is better (Liang et al. "
        "2021). Rates are of the corrupted modality's encoder; energy in µJ."
    )
    columns = ["Method", "Modality", "Corruption", *map(str, (0, *SEVERITIES))]
    columns += ["Relative robustness", "Effective robustness"]
    columns += ["Calibration error, 0 → 5", "Firing rate, 0 → 5", "Energy, 0 → 5"]
    return Table("corruption", caption, columns, rows) if rows else None


def curve_cells(study: Study, group: Group, what: Corrupted) -> list[str]:
    """A row of `curve_table` after its heads."""
    metric, conditions = study.metric, steps(study.record(group), what)
    found = [study.summary(group, condition, metric.name) for condition in conditions]
    along = [mean_text(each, metric.scale, metric.digits, size=False) for each in found]
    areas = [
        mean_text(summarise(list(values.values())), metric.scale, metric.digits)
        for values in (study.relative(group, what), study.effective(group, what))
    ]
    others = (f"calibration_error/{FUSED}", f"firing_rate/{what[0]}", "energy/compute_uj")
    stage = metric.name.split("/")[0]
    return [*along, *areas, *(change(study, group, conditions, f"{stage}/{n}") for n in others)]


def contribution_table(study: Study) -> Table | None:
    """What each modality contributes; None if no network has two."""
    rows = [
        [study.label(group), modality, *contribution_cells(study, group, modality)]
        for group in study.groups
        for modality in modalities(study.record(group))
        if len(modalities(study.record(group))) > 1
    ]
    caption = (
        "What each modality contributes: mean ± standard deviation over seeds. Shapley value of "
        "the accuracy against 1 / K (of scores: of minus the mean absolute error against the "
        "neutral score 0), and of the probability of the true class, mean over samples. "
        "Utilisation: conditional utilisation given all others (Wu et al. 2022). Alone: the "
        "network with this modality alone; twin: a network trained on it alone, and how much "
        f"better it is. {P_NOTE}"
    )
    columns = ["Method", "Modality", "Shapley value", "Shapley value, probability"]
    columns += ["Utilisation", "Alone", "Twin", "Twin − alone"]
    return Table("contribution", caption, columns, rows) if rows else None


def contribution_cells(study: Study, group: Group, modality: str) -> list[str]:
    """A row of `contribution_table` after its heads."""
    kinds = ("shapley", "shapley_probability", "utilisation", "alone")
    found = [study.contribution(group, modality, kind) for kind in kinds]
    twin = study.twin(group, modality)
    trained = study.contribution(twin, modality, "alone") if twin else {}
    scale, digits = (1.0, 4) if "mae" in study.metric.kind else (100.0, 2)
    gap = paired_text(trained, found[-1], scale, digits)
    texts = [mean_text(summarise(list(v.values())), scale, digits) for v in (*found, trained)]
    return [*texts, gap]


def paired_table(study: Study) -> Table | None:
    """Every method against the baseline, paired by seed; None if there is one method."""
    base, metric = study.base, study.metric
    rows = [
        [study.label(group), title, paired_text(ours, theirs, metric.scale, metric.digits)]
        for group in study.groups
        if group is not base
        for title, ours, theirs in compared(study, group, base)
    ]
    unit = " in percentage points" if metric.is_share else ""
    caption = (
        f"Mean difference of {metric.name}{unit} from {study.label(base)} under each condition, "
        f"and of the relative robustness to each corruption. {P_NOTE}"
    )
    return Table("paired", caption, ["Method", "Under", "Difference"], rows) if rows else None


def compared(study: Study, group: Group, base: Group) -> Iterator[tuple[str, BySeed, BySeed]]:
    """What two methods are compared in: conditions and corruptions that both have."""
    ours, theirs = study.record(group), study.record(base)
    name = study.metric.name
    for condition in ours:
        if not condition.severity and condition in theirs:
            both_clean = condition == clean(ours) == clean(theirs)
            title = "clean" if both_clean else f"{condition.name} alone"
            yield title, study.values(group, condition, name), study.values(base, condition, name)
    for what in curves(ours):
        if what in curves(theirs):
            yield " ".join(what), study.relative(group, what), study.relative(base, what)


def condition_table(study: Study) -> Table:
    """Every number of every run, one a line."""
    rows = [
        [study.label(group), run.path.name, run.seed, *line]
        for group in study.groups
        for run in group.counted
        for condition, measured in study.records[run.path].items()
        for line in long_rows(condition, measured.metrics)
    ]
    columns = ["Method", "Run", "Seed", "Present", "Modality", "Corruption", "Severity"]
    columns += ["Metric", "Value"]
    return Table("conditions", "Every number.", columns, rows, latex=False, folded=True)


def long_rows(condition: Condition, metrics: dict[str, float]) -> Iterator[list[str]]:
    """The numbers of a condition, one a line."""
    head = [" + ".join(condition.present), condition.modality, condition.corruption]
    for name, value in metrics.items():
        yield [*head, str(condition.severity), name, repr(value)]


def sample_table(study: Study) -> Table:
    """The Shapley values of every sample, of the probability of its class or minus its error."""
    rows = [
        [study.label(group), run.path.name, run.seed, *line]
        for group in study.groups
        for run in group.counted
        for line in sample_rows(study, run.path)
    ]
    columns = ["Method", "Run", "Seed", "Sample", "Modality", "Shapley value"]
    return Table("samples", "By sample.", columns, rows, latex=False, folded=True)


def sample_rows(study: Study, run: Path) -> Iterator[list[str]]:
    """The Shapley values of the samples of a run, one a line."""
    worth = worth_of_record(study.records[run])
    found = shapley_values(worth.value)
    for place, name in enumerate(worth.ids):
        for modality in worth.modalities:
            yield [name, modality, repr(float(found[modality][place]))]


def shown_names(study: Study) -> list[str]:
    """Metrics of `absence_table`: that of every head, calibration, rates and energy."""
    stage, kind, *_ = study.metric.name.split("/")
    known = dict.fromkeys(
        n for g in study.groups for n in study.record(g)[clean(study.record(g))].metrics
    )
    wanted = [study.metric.name]
    wanted += [name for name in known if name.startswith(f"{stage}/{kind}/")]
    wanted += [f"{stage}/calibration_error/{FUSED}"]
    wanted += [name for name in known if name.startswith(f"{stage}/firing_rate/")]
    wanted += [f"{stage}/energy/compute_uj"]
    return [name for name in dict.fromkeys(wanted) if name in known]


def heading(study: Study, name: str) -> str:
    """A metric as the head of a column."""
    _, kind, *head = name.split("/")
    if kind == "energy":
        return "Energy, µJ"
    return ", ".join([Metric(name).label.replace("_", " ").capitalize(), *head])


def cells(study: Study, group: Group, condition: Condition, names: Sequence[str]) -> Iterator[str]:
    """Metrics of a method under a condition."""
    for name in names:
        metric = Metric(name)
        yield mean_text(study.summary(group, condition, name), metric.scale, metric.digits)


def change(study: Study, group: Group, conditions: Sequence[Condition], name: str) -> str:
    """Means of a metric at both ends of a curve."""
    ends = [study.summary(group, condition, name) for condition in (conditions[0], conditions[-1])]
    texts = [NOTHING if each is None else f"{each.mean:.4g}" for each in ends]
    return NOTHING if set(texts) == {NOTHING} else " → ".join(texts)
