"""Train, compare and explain multimodal spiking neural networks.

Importing this package stays cheap: nothing here imports torch, so `snnmm --help` answers at once.

The alphabet of every shape in this project: T time steps, N batch, C channels, H W height and
width, F frequency bins, L frames or sequence length, D features, K classes, M modalities.
"""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from snn_mm import renamed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from snn_mm.config.restore import Restored

__all__ = ["__version__", "load_run"]

__version__ = "0.1.0"


def load_run(
    path: str | Path,
    device: torch.device | str = "cpu",
    data_root: str | None = None,
    stages: tuple[str, ...] = ("fit", "test"),
    trust: Sequence[str] = (),
) -> Restored:
    """Load what a run trained, from its directory alone: module, data and directory.

        module, data, run = snn_mm.load_run("runs/quickstart/RUN_ID")
        batch = next(iter(data.test_dataloader()))
        logits = module.readout(module(batch["inputs"]))["fused"]  # [N, K]

    The module has the weights of `checkpoints/best.ckpt` and is in evaluation mode. The run's
    config says what is built: `trust` the modules in it that are your own.

    Args:
        path: directory of the run, or one of its checkpoints, such as `checkpoints/last.ckpt`.
        device: where the module goes.
        data_root: instead of `data.root` of the config, which is relative to the working directory.
        stages: for which the data are set up; with none, `()`, the data need not be there.
        trust: packages and modules whose classes the config may name, such as `["own_fusion"]`.

    Raises:
        UserError: no run, no checkpoint, one of another model, or the data are missing.
    """
    from snn_mm.config.restore import restore
    from snn_mm.config.trust.packages import checked, trusting

    with trusting(checked(trust, "trust")):
        return restore(Path(path), device, data_root, stages)


def _prefer_own_datamodules() -> None:
    """See to it that `datamodules` is the package beside this one.

    Its name is so plain that a project may well have a folder of that name, which Python finds
    first when started in it with `python -m`.
    """
    home = Path(__file__).resolve().parent.parent
    spec = None if "datamodules" in sys.modules else find_spec("datamodules")
    found = [Path(place).resolve() for place in (spec and spec.submodule_search_locations) or []]
    if spec is not None and home / "datamodules" not in found:
        sys.path.insert(0, str(home))
        place = spec.origin or found[0]
        warnings.warn(
            f"{place} has the name of snn_mm's own package `datamodules`, which is used "
            "instead of it; give it another name to use both",
            stacklevel=3,
        )


_prefer_own_datamodules()
renamed.install()
