"""CMU-MOSI from files in the distributed layout."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from datamodules import Mosi
from snn_mm.errors import UserError

sys.path.insert(0, str(Path(__file__).parents[1] / "feature_files"))
from feature_data import make_aligned_content, make_content, save


def test_both_files_lie_side_by_side(tmp_path: Path) -> None:
    save(make_aligned_content(), tmp_path / "aligned_50.pkl")
    unaligned = tmp_path / "MOSI" / "Processed" / "unaligned_50.pkl"
    save(make_content(), unaligned)
    with pytest.warns(UserWarning, match="is not the published file"):
        aligned = Mosi(str(tmp_path)).max_lengths
    with pytest.warns(UserWarning, match="is not the published file"):
        longer = Mosi(str(tmp_path), alignment="unaligned").max_lengths
    assert aligned == {"text": 5, "audio": 5, "visual": 5}
    assert longer == {"text": 5, "audio": 9, "visual": 7}
    with pytest.raises(UserError, match=r"unaligned_50.pkl is not the published file"):
        Mosi(str(tmp_path), alignment="unaligned", verify=True).prepare_data()


def test_another_alignment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="alignment is 'both'; accepted: aligned, unaligned"):
        Mosi(str(tmp_path), alignment="both")  # type: ignore[arg-type]
