"""Names of before, and what is called so now."""

from __future__ import annotations

from pathlib import Path

EXPERIMENTS: dict[str, tuple[str, ...]] = {
    **{f"iemf_avcil_{data}": (f"iemf_{data}_ci",) for data in ("ave", "ks", "vs100")},
    **{
        f"iemf_{method}_{data}": (f"iemf_{data}_ci", f"_base/continual/{method}")
        for method in ("lwf", "ssil")
        for data in ("ave", "ks", "vs100")
    },
    "_base/modulation_iemf": ("_base/methods/iemf",),
    "_base/modulation_none": ("_base/methods/normal",),
    **{
        f"_base/baselines/{name}_{data}": (f"_base/baselines/{name}",)
        for name in ("mlf_dnn", "mlmf")
        for data in ("sims", "mosei")
    },
}
"""Config files that are gone, below `experiments/`, and what does the same in this order."""


def now_called(path: Path) -> str | None:
    """The flags that do what a config file of before did; None if it never was there."""
    old = path.with_suffix("").as_posix()
    for name, files in EXPERIMENTS.items():
        if f"/{old}".endswith(f"/{name}"):
            folder = old.removesuffix(name)
            return " ".join(f"--config {folder}{file}.yaml" for file in files)
    return None
