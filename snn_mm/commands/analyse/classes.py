"""`snnmm analyse classes`: confusion matrices and t-SNE of features of one run."""

from __future__ import annotations

import argparse

from snn_mm.commands.analyse.findings import Findings
from snn_mm.commands.analyse.runs import add_device, add_run, choose_device, open_one
from snn_mm.errors import UserError

POINTS = 2000

DESCRIPTION = """\
For each modality and the fusion: what every class is taken for, and where t-SNE puts the samples:
features of a modality (mean over time) and logits of the fusion, coloured by class. Tables and
figures, classes*.csv and classes_{confusion,tsne}.png, in the run's figures."""

EXAMPLE = "snnmm analyse classes runs/quickstart/RUN"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which run, and what is laid out."""
    add_run(parser)
    add = parser.add_argument
    add("--points", type=int, default=POINTS, metavar="N",
        help=f"at most so many samples in the t-SNE, evenly spread ({POINTS})")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="of the t-SNE (0)")
    add_device(parser, "the model runs")


def analyse(options: argparse.Namespace) -> Findings:
    """Ask a classifier for the class of every sample."""
    if options.points < 1 or options.seed < 0:
        typed = f"--points {options.points}, --seed {options.seed}"
        raise UserError(f"{typed}: accepted are numbers from 1 and from 0 on")
    device = choose_device(options.device)
    restored = open_one(options, device)
    from snn_mm.analysis.classes import figures, study, tables
    from snn_mm.analysis.sentiment.clip_loading import batches

    module = study.classifier(restored)
    given = batches(restored.data, options.split, device)
    found = study.classify(module, given, study.class_names(restored.data, module))
    counts, points = study.confusion(found), study.evenly(len(found.ids), options.points)
    placed = study.layouts(found, points, options.seed)
    classes = found.target[points].numpy()
    return Findings(
        restored.run.figures,
        [
            tables.recall_table(found, counts),
            tables.confusion_table(found, counts),
            tables.layout_table(found, points, placed),
        ],
        {
            "classes_confusion": figures.draw_confusion(counts, found.names),
            "classes_tsne": figures.draw_layouts(placed, classes, found.names),
        },
    )
