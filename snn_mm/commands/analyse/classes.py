"""`snnmm analyse classes`: confusion matrices and t-SNE of features of one run."""

from __future__ import annotations

import argparse

from snn_mm.commands.analyse.landscape import choose_device
from snn_mm.commands.analyse.one_run import add_run, figures_folder, open_one
from snn_mm.commands.analyse.runs import make_parser, write_analysis
from snn_mm.errors import UserError

POINTS = 2000

DESCRIPTION = """\
For each modality and the fusion: what every class is taken for, and where t-SNE puts the samples:
features of a modality (mean over time) and logits of the fusion, coloured by class. Tables and
figures, classes*.csv and classes_{confusion,tsne}.png, in the run's figures."""


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `classes` first.

    Returns:
        The exit code.

    Raises:
        UserError: no run of a classifier, or no data.
    """
    options = _parser().parse_args(argv[1:])
    if options.points < 1 or options.seed < 0:
        typed = f"--points {options.points}, --seed {options.seed}"
        raise UserError(f"{typed}: accepted are numbers from 1 and from 0 on")
    device = choose_device(options.device)
    restored = open_one(options, device)
    from snn_mm.analysis.classes.figures import draw_confusion, draw_layouts
    from snn_mm.analysis.classes.study import (
        class_names,
        classifier,
        classify,
        confusion,
        evenly,
        layouts,
    )
    from snn_mm.analysis.classes.tables import confusion_table, layout_table, recall_table
    from snn_mm.analysis.sentiment.clip_loading import batches
    from snn_mm.figures.style import save_figure

    module = classifier(restored)
    given = batches(restored.data, options.split, device)
    found = classify(module, given, class_names(restored.data, module))
    counts, points = confusion(found), evenly(len(found.ids), options.points)
    placed = layouts(found, points, options.seed)
    tables = [
        recall_table(found, counts),
        confusion_table(found, counts),
        layout_table(found, points, placed),
    ]
    folder = figures_folder(options, restored)
    write_analysis(folder, "classes", tables)
    figures = {
        "confusion": draw_confusion(counts, found.names),
        "tsne": draw_layouts(placed, found.target[points].numpy(), found.names),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / f"classes_{name}.png")
        print(folder / f"classes_{name}.{{csv,png}}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("classes", DESCRIPTION, "snnmm analyse classes runs/quickstart/RUN")
    add_run(parser)
    add = parser.add_argument
    add("--points", type=int, default=POINTS, metavar="N",
        help=f"at most so many samples in the t-SNE, evenly spread ({POINTS})")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="of the t-SNE (0)")
    add(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="cpu",
        help="where the model runs (cpu)",
    )
    return parser
