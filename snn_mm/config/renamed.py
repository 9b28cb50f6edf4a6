"""Names of before, and what is called so now."""

from __future__ import annotations

from pathlib import Path

CI = ("ave", "ks", "vs100")
MMSA = ("ef_lstm", "lf_dnn", "tfn", "lmf", "mfn", "graph_mfn", "mult")
WITH_HEADS = ("mlf_dnn", "mlmf", "mtfn")
ROW = "a row of the sweep {}sweeps/%s.yaml: --grid row=%s, --print commands for its flags"
PART = "`%s` in {}%s.yaml"
DEFAULT = "leave it out; it is what the experiment does"

MODELS = {
    "avqa/baseline": "iemf_avqa_baseline",
    "avqa/grounding": "avqa_grounding",
    "avqa/st_avqa": "iemf_avqa",
    "continual/small_digits": "incremental_digits",
    "iemf_ead_digits": "ead_digits",
    "iemf_small_digits": "imbalanced_digits",
    "iemf_small_ead": "imbalanced_ead",
    "sgmt/model_sims": "sgmt_sims",
    "taaf_ave": "taaf_ave",
    "taaf_ead": "taaf_ead",
    "taaf_resnet18": "taaf_cremad",
    "taaf_small_digits": "taaf_digits",
    **{f"continual/avcil_{data}": f"iemf_{data}_ci" for data in CI},
}
DATA = {
    "avqa/pairs": "avqa_grounding",
    "avqa/questions_with_negatives": "iemf_avqa",
    "crema_d": "iemf_cremad",
    "imbalanced_ead": "imbalanced_ead",
    "incremental_digits": "incremental_digits",
    "kinetics_sounds": "iemf_ks",
    "mosi_utterances": "sgmt_mosi_utterances",
    "music_avqa": "iemf_avqa_baseline",
    "pom": "sgmt_pom",
    "urbansound8k_av": "iemf_us8k",
    **{f"{data}_ci": f"iemf_{data}_ci" for data in CI},
}
MERGED = {
    **{f"iemf_{data}": "iemf_resnet18" for data in ("cremad", "ks", "us8k")},
    **{f"sgmt/model_{data}": "sgmt/model" for data in ("mosi", "mosei")},
    **{f"sgmt/model_{data}": "sgmt/model_small" for data in ("mosi_utterances", "pom")},
}
"""Models of several experiments that are one file: the data complete it."""

EXPERIMENTS: dict[str, str] = {
    **{f"iemf_avcil_{data}": f"--config {{}}iemf_{data}_ci.yaml" for data in CI},
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
    "_base/taaf/without_ta_ead": ROW % ("taaf_ablation_ead", "without_ta_ead"),
    **{
        f"_base/{name}": DEFAULT
        for name in ("snn", "snn_ead", "sgmt/spiking", "avqa/iemf", "taaf/full")
    },
    **{f"_base/{name}": PART % ("model", now) for name, now in MODELS.items()},
    **{f"_base/{name}": PART % ("data", now) for name, now in DATA.items()},
    **{f"_base/{name}": f"{{}}_base/{now}.yaml" for name, now in MERGED.items()},
    **{
        f"_base/continual/{data}_ci_no_memory": f"{PART % ('data', f'iemf_{data}_ci')}, memory: 0"
        for data in CI
    },
    **{
        f"_base/continual/{method}_{data}": f"{PART % ('model', f'iemf_{data}_ci')} "
        f"with --config {{}}_base/continual/{method}.yaml"
        for method in ("lwf", "ssil")
        for data in CI
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
