"""What is known of a run's minimum, beside the points themselves: a JSON file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from snn_mm.analysis.landscape.basin import Basin, measure_basin
from snn_mm.analysis.landscape.probe import open_probe
from snn_mm.analysis.landscape.settings import LandscapeSettings, PartScope
from snn_mm.analysis.landscape.sharpness import Sharpness, sharpness
from snn_mm.analysis.landscape.surface import Surface, compute_surface, table_path
from snn_mm.analysis.workers import Progress, RunPlace
from snn_mm.config.restore import open_run, restore
from snn_mm.errors import UserError
from snn_mm.run.directory import read_json, write_json
from snn_mm.run.processor import one_thread

RISE = 1.0
"""Nats above the minimum within which its basin is measured."""


@dataclass(frozen=True)
class Search:
    """How sharpness (Eq. 14) is searched for.

    Attributes:
        radii: ρ, one search each.
        scope: whose weights ε moves; batch norm keeps the statistics of training.
        steps: gradient evaluations of each start.
        starts: the first along the gradient, the others at random.
        seed: of the random starts.
    """

    radii: tuple[float, ...] = (0.05, 0.5)
    scope: PartScope = "fusion"
    steps: int = 20
    starts: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.radii or min(self.radii) <= 0 or min(self.steps, self.starts) < 1:
            raise UserError("--sharpness_radius, _steps, _starts: all must be positive")


@dataclass(frozen=True)
class Landscape:
    """The landscape of one run with the numbers that sum it up."""

    surface: Surface
    basin: Basin
    sharpness: tuple[Sharpness, ...]


def measure_landscape(
    place: RunPlace,
    settings: LandscapeSettings,
    search: Search,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Landscape:
    """Compute a run's landscape and sharpness, or what is missing of them, and keep them.

    Raises:
        UserError: see `compute_surface`.
    """
    surface = compute_surface(place, settings, jobs, progress)
    path = table_path(open_run(place.run), settings).with_suffix(".json")
    known = [entry for entry in read_json(path).get("sharpness", []) if isinstance(entry, dict)]
    found = tuple(find_sharpness(place, settings, search, known))
    landscape = Landscape(surface, measure_basin(surface.ticks, surface.loss, RISE), found)
    write_json(path, _content(place, settings, search, landscape))
    return landscape


def find_sharpness(
    place: RunPlace, settings: LandscapeSettings, search: Search, known: list[dict[str, Any]]
) -> list[Sharpness]:
    """Sharpness for every radius, searched for unless it is among what is known."""
    options = {"steps": search.steps, "starts": search.starts, "seed": search.seed}
    found: dict[float, Sharpness] = {}
    for radius in search.radii:
        wanted = {**options, "radius": radius, "scope": search.scope}
        for entry in known:
            if wanted.items() <= entry.items():
                values = {name: value for name, value in entry.items() if name != "scope"}
                found[radius] = Sharpness(**values)
    missing = [radius for radius in search.radii if radius not in found]
    if missing:
        with one_thread():
            restored = restore(place.run, place.device, place.data_root)
            probe = open_probe(restored, settings, search.scope)
            weights = list(probe.weights.values())
            for radius in missing:
                found[radius] = sharpness(probe.summands, weights, radius, **options)
    return [found[radius] for radius in search.radii]


def _content(
    place: RunPlace, settings: LandscapeSettings, search: Search, landscape: Landscape
) -> dict[str, Any]:
    loss, accuracy = landscape.surface.centre
    width, is_open = landscape.basin
    return {
        "run": str(place.run),
        "settings": asdict(settings),
        "loss": loss,
        "accuracy": accuracy,
        "basin": {"rise": RISE, "width": width, "is_open": is_open},
        "sharpness": [{**asdict(found), "scope": search.scope} for found in landscape.sharpness],
    }
