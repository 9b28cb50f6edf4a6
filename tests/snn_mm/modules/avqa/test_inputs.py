from __future__ import annotations

from types import SimpleNamespace

import pytest

from snn_mm.errors import UserError
from snn_mm.modules.avqa import SoundEncoder
from snn_mm.modules.avqa.inputs import check_encoders, check_task


@pytest.mark.parametrize("name", ["visual", "smell"])
def test_encoders_that_see_no_frames_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"{name}: SoundEncoder\naccepted: audio, and visual"):
        check_encoders({name: SoundEncoder(3, feature_dim=4)})


@pytest.mark.parametrize("grounding", [False, True])
def test_data_of_the_other_task_are_named_by_their_key(grounding: bool) -> None:
    check_task(SimpleNamespace(grounding=grounding), grounding)
    check_task(object(), grounding)
    accepted = f"accepted: data.grounding: {str(grounding).lower()}"
    with pytest.raises(UserError, match=accepted):
        check_task(SimpleNamespace(grounding=not grounding), grounding)
