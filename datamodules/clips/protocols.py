"""Protocols: how a prepared clip becomes the inputs of a network.

On CREMA-D the length of the sound and the number of frames alone move the accuracy by ten points,
so that numbers compare only within one protocol. It is named, and every run records its fields.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal, TypedDict, get_args

from snn_mm.errors import UserError, check_choice

ProtocolName = Literal["iemf", "ogm_ge", "pmr"]
Spectrogram = Literal["log_stft", "log_mel", "log_power", "fbank"]
FrameDraw = Literal["epoch", "once"]


class ProtocolFields(TypedDict, total=False):
    """Fields of a `Protocol` that an experiment sets otherwise; the names mean the same there."""

    sample_rate: int
    seconds: float | None
    spectrogram: Spectrogram
    n_fft: int
    hop: int
    n_mels: int
    standardise: bool
    audio_size: int | None
    frames: int
    frame_draw: FrameDraw
    image_size: int
    resize: int | None


NO_OVERRIDE: ProtocolFields = {}


@dataclass(frozen=True)
class Protocol:
    """How a prepared clip becomes the inputs of a network; the defaults are IEMF's on CREMA-D.

    Attributes:
        sample_rate: what the sound is resampled to, in Hz.
        seconds: length of the sound from its beginning, repeated where it is shorter; None takes
            all of it, whatever its length.
        spectrogram: `log_stft` (the code of IEMF and OGM-GE), `log_mel` (the text of IEMF),
            `log_power` (PMR) or `fbank` (Kaldi's, 1024 frames of 10 ms).
        n_fft: samples a Fourier transform sees; not of `fbank`.
        hop: samples from one spectrum to the next; not of `fbank`.
        n_mels: number of bands of `log_mel` and `fbank`.
        standardise: shift and scale each spectrogram to mean 0 and deviation 1.
        audio_size: side of the square that the spectrogram is resized to; None leaves it.
        frames: number of frames; 1 gives `[N, 3, H, W]`, more `[N, L, 3, H, W]`.
        frame_draw: frames of training are drawn anew every `epoch` or `once` for a whole run. In
            evaluation they are always spread evenly.
        image_size: H and W.
        resize: in evaluation the shorter side before the middle is cut out; None squeezes the
            whole picture into the square.
    """

    sample_rate: int = 22050
    seconds: float | None = 3.0
    spectrogram: Spectrogram = "log_stft"
    n_fft: int = 512
    hop: int = 353
    n_mels: int = 64
    standardise: bool = False
    audio_size: int | None = None
    frames: int = 1
    frame_draw: FrameDraw = "epoch"
    image_size: int = 224
    resize: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, int | float) and value <= 0 and name != "standardise":
                raise UserError(f"protocol: {name} is {value}; accepted is more than 0.")
        check_choice("protocol: spectrogram", self.spectrogram, get_args(Spectrogram))
        check_choice("protocol: frame_draw", self.frame_draw, get_args(FrameDraw))
        if self.spectrogram == "fbank" and (self.n_mels < 4 or self.sample_rate < 80):
            raise UserError(
                f"protocol: fbank with n_mels {self.n_mels} at {self.sample_rate} Hz; "
                "accepted are at least 4 and at least 80."
            )
        if self.resize is not None and self.resize < self.image_size:
            raise UserError(
                f"protocol: resize is {self.resize}; accepted is at least image_size, "
                f"{self.image_size}, or null."
            )

    @property
    def step_seconds(self) -> float | None:
        """From one column of the spectrogram to the next; None where clips differ in it."""
        if self.audio_size is not None:
            return None if self.seconds is None else self.seconds / self.audio_size
        return 0.01 if self.spectrogram == "fbank" else self.hop / self.sample_rate

    def changed(self, fields: ProtocolFields) -> Protocol:
        """Return a copy with other fields.

        Raises:
            UserError: a field is unknown or its value is not accepted.
        """
        known = asdict(self)
        if unknown := set(fields) - known.keys():
            raise UserError(
                f"protocol: unknown {', '.join(sorted(unknown))}; accepted are {', '.join(known)}."
            )
        return replace(self, **fields)


IEMF = Protocol()
"""IEMF (He et al.), published code: 3 s at 22,050 Hz, one frame."""

PMR = Protocol(sample_rate=16000, spectrogram="log_power", hop=159, standardise=True, frames=3)
"""PMR (Fan et al., CVPR 2023), published code: 3 s at 16 kHz as `[1, 257, 299]`, three frames."""
