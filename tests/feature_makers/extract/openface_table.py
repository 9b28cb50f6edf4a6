"""Writes tables as OpenFace 2 lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

UNITS = [f"{unit:02d}" for unit in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)]


def column_names() -> list[str]:
    """Return the 714 columns of a full table, 5 of which are no features."""
    names = ["frame", "face_id", "timestamp", "confidence", "success"]
    names += [f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"]
    names += ["gaze_angle_x", "gaze_angle_y"]
    names += [f"eye_lmk_{axis}_{i}" for axis in "xyXYZ" for i in range(56)]
    names += [f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"]
    names += [f"{axis}_{i}" for axis in "xyXYZ" for i in range(68)]
    names += ["p_scale", "p_rx", "p_ry", "p_rz", "p_tx", "p_ty", *(f"p_{i}" for i in range(34))]
    names += [f"AU{unit}_r" for unit in UNITS]
    return names + [f"AU{unit}_c" for unit in sorted([*UNITS, "28"])]


def write_table(
    path: Path, features: NDArray[np.float64], success: Sequence[int], separator: str = ", "
) -> Path:
    """Write features `[F, 709]` of F frames; OpenFace 2.0 puts a blank after each comma."""
    lines = [separator.join(column_names())]
    for frame, (row, tracked) in enumerate(zip(features, success, strict=True), start=1):
        head = [str(frame), "0", f"{frame / 30:.3f}", "0.98", str(tracked)]
        lines.append(separator.join([*head, *map(repr, row.tolist())]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
