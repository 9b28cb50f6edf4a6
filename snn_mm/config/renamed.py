"""Names of before, and what is called so now."""

from __future__ import annotations

from pathlib import Path

CI = ("ave", "ks", "vs100")
MMSA = ("ef_lstm", "lf_dnn", "tfn", "lmf", "mfn", "graph_mfn", "mult")
WITH_HEADS = ("mlf_dnn", "mlmf", "mtfn")
ROW = "a row of the sweep {}sweeps/%s.yaml: --grid row=%s, --print commands for its flags"

EXPERIMENTS: dict[str, str] = {
    **{
        f"iemf_avcil_{data}": f"--config {{}}iemf_{data}_ci.yaml" for data in ("ave", "ks", "vs100")
    },
    **{
        f"iemf_{method}_{data}": f"--config {{}}iemf_{data}_ci.yaml "
        f"--config {{}}_base/continual/{method}.yaml"
        for method in ("lwf", "ssil")
        for data in CI
    },
    "_base/modulation_iemf": "--config {}_base/methods/iemf.yaml",
    "_base/modulation_none": "--config {}_base/methods/normal.yaml",
    **{f"_base/baselines/{name}_sims": ROW % ("sgmt_table1_sims", name) for name in MMSA},
    **{f"_base/baselines/{name}_mosei": ROW % ("sgmt_table2_mosei", name) for name in MMSA},
    **{
        f"_base/baselines/{name}_small": ROW % ("sentiment_mosi", name)
        for name in (*MMSA, *WITH_HEADS)
    },
    **{
        f"_base/baselines/{name}_{data}": f"--config {{}}_base/baselines/{name}.yaml"
        for name in WITH_HEADS
        for data in ("sims", "mosei")
    },
    **{
        f"_base/sgmt/{name}_only": f"--model.modalities [{name}]"
        for name in ("text", "audio", "visual")
    },
    **{
        f"_base/taaf/{name}": ROW % ("taaf_ablation_ead", name)
        for name in ("full_ead", "la_ta_ead", "no_attention", "detached", "off")
    },
    **{
        f"_base/taaf/{name}": ROW % ("taaf_digits", name)
        for name in ("no_adjustment", "neither", "attention_on_fusion")
    },
}
"""Config files that are gone, below `experiments/`, and what does the same; {} is that folder."""


def now_called(path: Path) -> str | None:
    """What does now what a config file of before did; None if it never was there."""
    old = path.with_suffix("").as_posix()
    for name, now in EXPERIMENTS.items():
        if f"/{old}".endswith(f"/{name}"):
            return now.replace("{}", old.removesuffix(name))
    return None
