"""Which corruptions there are, what they act on, and how bad each of five severities is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple, get_args

from snn_mm.errors import UserError, check_choice, check_range

FormKind = Literal["sound", "picture", "events", "sequence", "array"]
"""What corruptions act on: a wave `[samples]`; a picture `[C, H, W]` or film `[L, C, H, W]` in
[0, 1]; counts of events `[T, P, H, W]`; features `[L, ...]` over time, or `[...]` without."""

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
SEVERITIES = range(1, 6)


class Kind(NamedTuple):
    """One corruption; its function has the same name and says what it does.

    Attributes:
        room: the module of its function.
        levels: of the severities 1 to 5.
        unit: what a level is.
        needs: what the function takes beside values, level and random stream.
    """

    room: str
    levels: tuple[float, float, float, float, float]
    unit: str
    needs: tuple[str, ...] = ()


_SNR = (10.0, 5.0, 0.0, -5.0, -10.0)
"""Of the noisy tests of AV-HuBERT (Shi et al., Interspeech 2022), in dB."""

_FEATURES = {
    "noise": Kind("features", _SNR, "SNR in dB", ("deviation",)),
    # As MultiBench (Liang et al., NeurIPS 2021) drops values and steps of time series.
    "missing_values": Kind("features", (0.1, 0.2, 0.3, 0.5, 0.7), "part of the values"),
}

CORRUPTIONS: Mapping[FormKind, Mapping[str, Kind]] = {
    "sound": {
        "white_noise": Kind("sound", _SNR, "SNR in dB"),
        "pink_noise": Kind("sound", _SNR, "SNR in dB"),
        "babble": Kind("sound", _SNR, "SNR in dB", ("others",)),
        # The rooms of the REVERB challenge (Kinoshita et al., 2013), and two larger ones.
        "reverberation": Kind(
            "sound", (0.25, 0.5, 0.7, 1.0, 1.5), "RT60 in seconds", ("sample_rate",)
        ),
        # audiomentations' ClippingDistortion goes to 40 %.
        "clipping": Kind("sound", (0.05, 0.1, 0.2, 0.3, 0.4), "part of the samples"),
        # Packets and losses as in the packet loss concealment challenge of Interspeech 2022.
        "packet_loss": Kind(
            "sound", (0.05, 0.1, 0.2, 0.3, 0.5), "part of the packets", ("sample_rate",)
        ),
        # ITU-R BT.1359-1: what is noticed and no longer accepted of an early and of a late sound.
        "time_shift": Kind("sound", (0.045, 0.09, 0.125, 0.185, 0.37), "seconds", ("sample_rate",)),
    },
    # ImageNet-C (Hendrycks and Dietterich, ICLR 2019); occlusion and frame loss are ours.
    "picture": {
        "gaussian_noise": Kind("picture", (0.08, 0.12, 0.18, 0.26, 0.38), "deviation"),
        "gaussian_blur": Kind("picture", (1, 2, 3, 4, 6), "deviation in pixels, of 224"),
        "brightness": Kind("picture", (0.1, 0.2, 0.3, 0.4, 0.5), "added value"),
        "jpeg": Kind("picture", (25, 18, 15, 10, 7), "quality"),
        "occlusion": Kind("picture", (0.1, 0.2, 0.3, 0.4, 0.5), "part of the area"),
        "frame_loss": Kind("picture", (0.1, 0.2, 0.3, 0.5, 0.7), "part of the frames"),
    },
    "events": {
        "hot_pixels": Kind("events", (0.001, 0.005, 0.01, 0.02, 0.05), "part of the pixels"),
        # The ratios of EventDrop (Gu et al., IJCAI 2021) go from 0.1 to 0.9.
        "event_loss": Kind("events", (0.1, 0.3, 0.5, 0.7, 0.9), "part of the events"),
        "jitter": Kind("events", (0.5, 1.0, 1.5, 2.0, 3.0), "deviation in pixels"),
        "time_jitter": Kind("events", (0.05, 0.1, 0.15, 0.2, 0.3), "deviation over the duration"),
        "background_activity": Kind("events", _SNR, "SNR in dB"),
    },
    "sequence": {
        **_FEATURES,
        "missing_span": Kind("features", (0.1, 0.2, 0.3, 0.5, 0.7), "part of the steps"),
    },
    "array": _FEATURES,
}
"""By what they act on, then by name."""

NAMES = tuple(dict.fromkeys(chain.from_iterable(CORRUPTIONS.values())))


@dataclass(frozen=True)
class Corruption:
    """One corruption of one modality.

    Attributes:
        kind: its name, such as `babble`; which fit depends on what the modality is.
        severity: 1 to 5.
        parts: of the data in which it acts.
        probability: of a sample being corrupted.
    """

    kind: str
    severity: int = 3
    parts: tuple[Part, ...] = PARTS
    probability: float = 1.0

    def __post_init__(self) -> None:
        if "." in self.kind:
            raise UserError(
                f"data.corruptions: kind is {self.kind}, an import path; accepted are names, whose "
                f"five severities are what networks are compared by: {', '.join(NAMES)}\n"
                "a change of your own belongs into the data module (load_split of a subclass)"
            )
        check_choice("data.corruptions: kind", self.kind, NAMES)
        check_range("data.corruptions: severity", self.severity, SEVERITIES[0], SEVERITIES[-1])
        for part in self.parts:
            check_choice("data.corruptions: parts", part, PARTS)
        if not 0 <= self.probability <= 1:
            raise UserError(
                f"data.corruptions: probability is {self.probability}; accepted is 0 to 1"
            )


Corruptions = Mapping[str, Sequence[Corruption]]
"""By modality, one after the other."""


def level_of(kind: Kind, severity: int) -> float:
    """What a severity from 1 to 5 means.

    Example:
        >>> level_of(CORRUPTIONS["picture"]["jpeg"], 5)
        7
    """
    return kind.levels[severity - 1]
