"""Whoever names a config file of before is told what does the same now."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from snn_mm.config.renamed import EXPERIMENTS
from snn_mm.sweep.request import read_request

FOLDER = Path(__file__).parents[3] / "experiments"
GONE = """
iemf_avcil_ave iemf_avcil_ks iemf_avcil_vs100 iemf_lwf_ave iemf_lwf_ks iemf_lwf_vs100
iemf_ssil_ave iemf_ssil_ks iemf_ssil_vs100 _base/ave_ci _base/avqa/baseline _base/avqa/grounding
_base/avqa/iemf _base/avqa/pairs _base/avqa/questions_with_negatives _base/avqa/st_avqa
_base/baselines/ef_lstm_mosei _base/baselines/ef_lstm_sims _base/baselines/ef_lstm_small
_base/baselines/graph_mfn_mosei _base/baselines/graph_mfn_sims _base/baselines/graph_mfn_small
_base/baselines/lf_dnn_mosei _base/baselines/lf_dnn_sims _base/baselines/lf_dnn_small
_base/baselines/lmf_mosei _base/baselines/lmf_sims _base/baselines/lmf_small
_base/baselines/mfn_mosei _base/baselines/mfn_sims _base/baselines/mfn_small
_base/baselines/mlf_dnn_mosei _base/baselines/mlf_dnn_sims _base/baselines/mlf_dnn_small
_base/baselines/mlmf_mosei _base/baselines/mlmf_sims _base/baselines/mlmf_small
_base/baselines/mtfn_mosei _base/baselines/mtfn_sims _base/baselines/mtfn_small
_base/baselines/mult_mosei _base/baselines/mult_sims _base/baselines/mult_small
_base/baselines/tfn_mosei _base/baselines/tfn_sims _base/baselines/tfn_small
_base/continual/avcil_ave _base/continual/avcil_ks _base/continual/avcil_vs100
_base/continual/ave_ci_no_memory _base/continual/ks_ci_no_memory _base/continual/lwf_ave
_base/continual/lwf_ks _base/continual/lwf_vs100 _base/continual/small_digits
_base/continual/ssil_ave _base/continual/ssil_ks _base/continual/ssil_vs100
_base/continual/vs100_ci_no_memory _base/crema_d _base/iemf_cremad _base/iemf_ead_digits
_base/iemf_ks _base/iemf_small_digits _base/iemf_small_ead _base/iemf_us8k _base/imbalanced_ead
_base/incremental_digits _base/kinetics_sounds _base/ks_ci _base/modulation_iemf
_base/modulation_none _base/mosi_utterances _base/music_avqa _base/pom _base/sgmt/audio_only
_base/sgmt/model_mosei _base/sgmt/model_mosi _base/sgmt/model_mosi_utterances
_base/sgmt/model_pom _base/sgmt/model_sims _base/sgmt/spiking _base/sgmt/text_only
_base/sgmt/visual_only _base/snn _base/snn_ead _base/taaf/attention_on_fusion
_base/taaf/detached _base/taaf/full _base/taaf/full_ead _base/taaf/la_ta_ead _base/taaf/neither
_base/taaf/no_adjustment _base/taaf/no_attention _base/taaf/off _base/taaf/without_ta_ead
_base/taaf_ave _base/taaf_ead _base/taaf_resnet18 _base/taaf_small_digits _base/urbansound8k_av
_base/vs100_ci
"""
"""Config files of before that are not there any more."""


def test_every_file_that_is_gone_is_answered_with_what_is_there() -> None:
    assert sorted(EXPERIMENTS) == sorted(GONE.split())
    for old, now in EXPERIMENTS.items():
        assert not (FOLDER / f"{old}.yaml").exists()
        named = re.findall(r"\{\}([\w/]+\.yaml)", now)
        assert [name for name in named if not (FOLDER / name).is_file()] == []
        for section in re.findall(r"`(\w+)` in", now):
            assert "class_path" in yaml.safe_load((FOLDER / named[0]).read_text())[section]
        for row in re.findall(r"row=(\w+)", now):
            assert row in read_request(FOLDER / named[0]).rows["row"]
