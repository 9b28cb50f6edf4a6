"""What decides how clips are decoded."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from snn_mm.errors import UserError


@dataclass(frozen=True)
class DecodeOptions:
    """What decides the contents of a store, beside the clips.

    Attributes:
        frames_per_second: how many frames of each second of picture are kept.
        min_frames: frames that a clip has at least, however short it is.
        short_side: larger pictures are scaled down to this many pixels on their shorter side.
        jpeg_quality: 95 is where more bytes no longer show.
    """

    frames_per_second: float = 1.0
    min_frames: int = 3
    short_side: int = 256
    jpeg_quality: int = 95

    def __post_init__(self) -> None:
        if not 0 < self.frames_per_second <= 240 or self.min_frames < 1 or self.short_side < 1:
            raise UserError(
                f"frames_per_second is {self.frames_per_second}, min_frames {self.min_frames} and "
                f"short_side {self.short_side}; accepted are above 0 to 240, and at least 1."
            )

    def as_dict(self) -> dict[str, object]:
        """Return the options by name."""
        return asdict(self)
