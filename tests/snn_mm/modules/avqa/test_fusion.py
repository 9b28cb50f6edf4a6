from __future__ import annotations

import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.modules.avqa import QuestionFusion

N, D, K = 3, 4, 5
DIMS = {"audio": D, "visual": D}


def asked() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {name: torch.randn(1, N, D).double() for name in ("audio", "visual", "question")}


@pytest.mark.parametrize("form", ["iemf", "original"])
def test_tanh_stands_before_fusion_and_answer_in_the_original_form_alone(form: str) -> None:
    fusion, features = QuestionFusion(DIMS, K, form=form).double(), asked()  # type: ignore[arg-type]
    bend = torch.tanh if form == "original" else torch.nn.Identity()
    joined = bend(torch.cat([features["audio"], features["visual"]], dim=-1))
    expected = fusion.answer(bend(fusion.projection(joined) * features["question"]))
    torch.testing.assert_close(fusion.fuse(features), expected)


def test_heads_see_what_was_found_in_their_modality_times_the_question() -> None:
    fusion, features = QuestionFusion(DIMS, K).double().eval(), asked()
    output = fusion(features)
    for name, found in output.features.items():
        expected = fusion.heads[name](found * features["question"])
        torch.testing.assert_close(output.unimodal[name], expected)


def test_shared_logits_silence_the_other_modality_and_keep_the_question() -> None:
    fusion, features = QuestionFusion(DIMS, K, unimodal="shared").double(), asked()
    silent = {**features, "visual": torch.zeros(1, N, D).double()}
    torch.testing.assert_close(fusion.shared_logits("audio", features), fusion.fuse(silent))


def test_other_widths_and_forms_are_refused() -> None:
    with pytest.raises(UserError, match=r"different widths \(audio: 4, visual: 8\)"):
        QuestionFusion({"audio": 4, "visual": 8}, K)
    with pytest.raises(UserError, match="accepted: iemf, original"):
        QuestionFusion(DIMS, K, form="paper")  # type: ignore[arg-type]
