"""`snnmm analyse landscape RUNS...`: the loss around trained networks, and how sharp it is."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from snn_mm.analysis.landscape.settings import Settings
from snn_mm.analysis.report.run_files import find_runs
from snn_mm.errors import UserError

if TYPE_CHECKING:
    from snn_mm.analysis.landscape.record import Landscape
    from snn_mm.analysis.landscape.surface import Progress

SUMMARY = "the loss around a trained network"


def run(argv: list[str]) -> int:
    """Run the command.

    Args:
        argv: what was typed after `snnmm analyse`, `landscape` first.

    Returns:
        The exit code.

    Raises:
        UserError: no run, no checkpoint, no data, or an option that makes no sense.
    """
    options = _parser().parse_args(argv[1:])
    settings = read_settings(options)
    in_order = dict.fromkeys(found for path in options.runs for found in find_runs([path]))
    runs = name_runs(list(in_order), options.labels)
    from snn_mm.commands.quiet import silence
    from snn_mm.config.restore import open_run

    silence()
    for path in runs.values():
        open_run(path)  # all mistakes before hours of work
    landscapes = measure(runs, settings, options)
    out = options.out or default_folder(list(runs.values()))
    print_table(landscapes)
    for file in draw(landscapes, out, f"{settings.scope}-{settings.dimensions}d"):
        print(file)
    return 0


def measure(
    runs: dict[str, Path], settings: Settings, options: argparse.Namespace
) -> dict[str, Landscape]:
    """Landscapes by name of the run; what a run's folder holds already is not computed again."""
    from snn_mm.analysis.landscape.record import Search, measure_landscape
    from snn_mm.analysis.landscape.surface import Place

    search = Search(
        tuple(options.sharpness_radius),
        options.sharpness_scope,
        options.sharpness_steps,
        options.sharpness_starts,
        settings.seed,
    )
    device = choose_device(options.device)
    jobs = options.jobs or (1 if device.startswith("cuda") else os.cpu_count() or 1)
    landscapes = {}
    for name, path in runs.items():
        with progress_bar(name) as progress:
            place = Place(path, device, options.data_root)
            landscapes[name] = measure_landscape(place, settings, search, jobs, progress)
    return landscapes


def read_settings(options: argparse.Namespace) -> Settings:
    """The options that decide the numbers."""
    return Settings(
        options.dimensions,
        options.resolution,
        options.range,
        options.split,
        options.samples,
        options.batch_norm,
        options.scope,
        options.vectors,
        options.seed,
    )


def name_runs(paths: list[Path], labels: list[str] | None) -> dict[str, Path]:
    """Runs by what figures call them: labels, else ids, with the experiment where it differs.

    Raises:
        UserError: as many labels as runs are accepted, each once.
    """
    if labels is not None and (len(labels) != len(paths) or len(set(labels)) != len(labels)):
        raise UserError(
            f"--labels: {len(labels)} given; accepted are {len(paths)} different ones, "
            f"in the order {', '.join(path.name for path in paths)}"
        )
    same = len({path.parent for path in paths}) == 1
    names = labels or [p.name if same else f"{p.parent.name}/{p.name}" for p in paths]
    return dict(zip(names, paths, strict=True))


def choose_device(name: str) -> str:
    """A device by name; `auto` is a GPU if there is one.

    Raises:
        UserError: there is no such device.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"--device {name}: torch sees no GPU here; see `snnmm doctor`")
    return name


def default_folder(runs: list[Path]) -> Path:
    """Where figures go: into the run, or beside several."""
    above = runs[0] if len(runs) == 1 else Path(os.path.commonpath(runs))
    return above / "landscape"


def draw(landscapes: dict[str, Landscape], out: Path, prefix: str) -> Iterator[Path]:
    """Write the figures; yield their files."""
    from snn_mm.analysis.landscape.figures import draw_contours, draw_profile, draw_surface
    from snn_mm.figures.style import save_figure

    surfaces = {name: landscape.surface for name, landscape in landscapes.items()}
    figures = {"profile": draw_profile(surfaces)}
    if all(len(surface.loss) > 1 for surface in surfaces.values()):
        figures |= {"contours": draw_contours(surfaces), "surface": draw_surface(surfaces)}
    for kind, figure in figures.items():
        path = out / f"{prefix}-{kind}.png"
        save_figure(figure, path)
        yield path


def print_table(landscapes: dict[str, Landscape]) -> None:
    """Print loss, accuracy, sharpness and width of every run."""
    radii = [found.radius for found in next(iter(landscapes.values())).sharpness]
    head = ["run", "loss", "accuracy", *(f"sharpness ρ={r:g}" for r in radii), "width at loss+1"]
    lines = [head]
    for name, landscape in landscapes.items():
        loss, accuracy = landscape.surface.centre
        sharpness = [f"{found.value:.4g}" for found in landscape.sharpness]
        width = f"{'> ' if landscape.basin.is_open else ''}{landscape.basin.width:.3f}"
        lines.append([name, f"{loss:.4f}", f"{accuracy:.4f}", *sharpness, width])
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


@contextmanager
def progress_bar(name: str) -> Iterator[Progress]:
    """A bar on a terminal; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "snnmm analyse landscape",
        description="Loss and accuracy of trained networks along filter-normalised random "
        "directions (Li et al. 2018), and the sharpness of IEMF Eq. 14. Points are kept in "
        "RUN/landscape/ and a second call goes on; runs compared in one call share directions "
        "and scale.",
    )
    default = Settings()
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUNS", help="run directories or folders above them")
    add("--dimensions", type=int, choices=(1, 2), default=2, help="a line or a plane (2)")
    add("--resolution", type=int, default=default.resolution, help="points a direction, odd (21)")
    add("--range", type=float, default=default.extent, help="length of the directions (1.0)")
    add("--split", choices=("train", "val", "test"), default=default.split, help="samples (test)")
    add("--samples", type=int, default=default.samples, help="at most so many (512)")
    add("--batch_norm", choices=("frozen", "recomputed"), default=default.batch_norm,
        help="its statistics at a moved point (recomputed)")  # fmt: skip
    add("--scope", choices=("network", "fusion"), default=default.scope, help="what moves")
    add("--vectors", choices=("ignored", "normalised"), default=default.vectors,
        help="whether biases and batch norm move too (ignored)")  # fmt: skip
    add("--seed", type=int, default=default.seed, help="of the directions (0)")
    add("--sharpness_radius", type=float, nargs="+", default=[0.05, 0.5], metavar="RHO",
        help="radii of Eq. 14 (0.05 0.5)")  # fmt: skip
    add("--sharpness_scope", choices=("network", "fusion"), default="fusion",
        help="whose weights Eq. 14 perturbs (fusion)")  # fmt: skip
    add("--sharpness_steps", type=int, default=20, help="of each ascent (20)")
    add("--sharpness_starts", type=int, default=4, help="ascents: the gradient's and random (4)")
    add("--jobs", type=int, default=0, help="processes (one a CPU core; 1 on a GPU)")
    add("--device", default="auto", help="auto, cpu, cuda (auto)")
    add("--data_root", metavar="DIR", help="where the data are now, if the config's root moved")
    add("--labels", nargs="+", metavar="NAME", help="what figures call the runs")
    add("--out", type=Path, metavar="DIR", help="folder of the figures (RUN/landscape)")
    return parser
