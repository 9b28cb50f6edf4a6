"""`snnmm analyse answers`: a page of sample answers (IEMF Fig. 4) and accuracies by kind."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from datamodules import MusicAVQA
from snn_mm.analysis.answer_page import Answered, answer_page
from snn_mm.analysis.report.document import Table
from snn_mm.analysis.report.html import to_html
from snn_mm.analysis.report.run_files import find_runs, read_run
from snn_mm.analysis.restore import Restored, restore
from snn_mm.commands.analyse.runs import add_runs, make_parser, output_folder, write_analysis
from snn_mm.contracts import FUSED
from snn_mm.errors import UserError
from snn_mm.modules.avqa import AVQAModule
from snn_mm.run.directory import write_text

DESCRIPTION = """\
Asks the best checkpoint of every run all test questions: accuracies by kind, by group and over all,
and answers.html, which shows questions with the truth and each run's answer, those on which runs
disagree first."""

EXAMPLE = "snnmm analyse answers runs/iemf_avqa/joint runs/iemf_avqa/iemf"


class Replies(NamedTuple):
    """What one run answered.

    Attributes:
        ids: of the samples.
        classes: answers `[N]`.
        targets: right answers `[N]`.
        kinds: indices into `QUESTION_KINDS`, `[N]`.
        texts: the questions.
        names: of the K answers.
    """

    ids: list[str]
    classes: Tensor
    targets: Tensor
    kinds: Tensor
    texts: list[str]
    names: Sequence[str]


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `answers` first.

    Returns:
        The exit code.

    Raises:
        UserError: no finished run, one that answers no questions, or runs that were asked others.
    """
    options = _parser().parse_args(argv[1:])
    runs = [found for found in map(read_run, find_runs(options.runs)) if found.is_finished]
    if not runs:
        raise UserError(f"answers: no finished run in {options.runs[0]}")
    replies = {
        found.name: ask(
            restore(found.path, options.device, options.data_root, stages=("test",)), options.device
        )
        for found in runs
    }
    page = answer_page(list(side_by_side(replies)), list(replies), options.samples)
    folder = output_folder(options.out, options.runs)
    accuracies = page.sections[0].blocks[0]
    assert isinstance(accuracies, Table)  # noqa: S101 what `answer_page` begins with
    write_analysis(folder, "answers", [accuracies])
    write_text(folder / "answers.html", to_html(page))
    print(folder / "answers.html")
    return 0


@torch.no_grad()
def ask(restored: Restored, device: str) -> Replies:
    """Ask a run the questions of its test split.

    Args:
        restored: the run.
        device: where its module is.

    Raises:
        UserError: it was not trained to answer questions.
    """
    module, data = restored.module, restored.data
    if not isinstance(module, AVQAModule) or not isinstance(data, MusicAVQA):
        raise UserError(
            f"answers: {restored.run.path} trained {type(module).__name__} on "
            f"{type(data).__name__}; accepted are runs of AVQAModule on MusicAVQA"
        )
    ids: list[str] = []
    found: list[Tensor] = []
    for batch in data.test_dataloader():
        inputs = {name: value.to(device) for name, value in batch["inputs"].items()}
        logits = module.readout(module(inputs))[FUSED]
        ids += batch["id"]
        answers = logits.argmax(dim=-1).cpu()
        found.append(torch.stack([answers, batch["target"], batch["kind"]]))  # [3, N]
    classes, targets, kinds = torch.cat(found, dim=1)
    texts = [question.text for question in data.questions("test")]
    return Replies(ids, classes, targets, kinds, texts, data.class_names)


def side_by_side(replies: dict[str, Replies]) -> Iterator[Answered]:
    """The questions with the answers of all runs.

    Raises:
        UserError: two runs were asked different questions.
    """
    first_name, first = next(iter(replies.items()))
    for name, other in replies.items():
        if other.ids != first.ids:
            raise UserError(
                f"answers: {first_name} and {name} were asked different questions\n"
                "accepted are runs with the same release and videos of MusicAVQA"
            )
    for index, (sample, text) in enumerate(zip(first.ids, first.texts, strict=True)):
        given = tuple(reply.names[int(reply.classes[index])] for reply in replies.values())
        truth = first.names[int(first.targets[index])]
        yield Answered(sample, int(first.kinds[index]), text, truth, given)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("answers", DESCRIPTION, EXAMPLE)
    add_runs(parser)
    add = parser.add_argument
    add("--samples", type=int, default=6, metavar="N", help="questions shown of each kind (6)")
    add("--device", default="cpu", help="where the models run (cpu)")
    add("--data.root", dest="data_root", metavar="DIR", help="where data lie now")
    return parser
