"""Sound that comes in piece by piece becomes what the whole would be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchaudio.transforms import Resample

from datamodules.clips.protocols import IEMF, PMR, Protocol
from datamodules.clips.sound import columns_of, spectrogram
from datamodules.signal.hops import Resampling
from snn_mm.errors import UserError

PROTOCOLS = [IEMF, PMR, replace(IEMF, spectrogram="log_mel"), replace(IEMF, hop=700)]


def sound(samples: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return 0.2 * torch.randn(samples, generator=torch.Generator().manual_seed(0), dtype=dtype)


def through(stream: object, wave: Tensor, longest: int) -> tuple[Tensor, int]:
    """What a stream makes of pieces of random lengths, and the largest state on the way."""
    state, made, largest, done = stream.start(), [], 0, 0  # type: ignore[attr-defined]
    lengths = torch.Generator().manual_seed(longest)
    while done < len(wave):
        size = int(torch.randint(0, longest, (), generator=lengths))
        output, state = stream.step(wave[done : done + size], state)  # type: ignore[attr-defined]
        made.append(output)
        done, largest = done + size, max(largest, len(state))
    return torch.cat(made, dim=-1), largest


@pytest.mark.parametrize("longest", [50, 5000])
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: f"{p.spectrogram}-{p.hop}")
def test_columns_that_come_hop_by_hop_are_those_of_the_whole(
    protocol: Protocol, longest: int
) -> None:
    wave = sound(30000)
    hops, _ = columns_of(protocol, 3.0)
    columns, largest = through(hops, wave, longest)
    whole = spectrogram(wave, protocol)
    seen = hops.lead + len(wave) - max(hops.window, hops.hop)
    assert columns.shape[1] == 1 + seen // hops.hop
    torch.testing.assert_close(columns, whole[:, : columns.shape[1]], rtol=0, atol=1e-12)
    assert largest < max(hops.window, hops.hop) + hops.hop


def test_a_protocol_says_how_many_columns_its_seconds_have() -> None:
    for protocol in PROTOCOLS:
        samples = round(3.0 * protocol.sample_rate)
        assert columns_of(protocol, 3.0)[1] == spectrogram(sound(samples), protocol).shape[1]
    with pytest.raises(UserError, match="fbank is not made hop by hop"):
        columns_of(replace(IEMF, spectrogram="fbank"), 3.0)


@pytest.mark.parametrize("longest", [50, 9000])
@pytest.mark.parametrize(
    ("before", "after"), [(48000, 22050), (44100, 22050), (8000, 22050), (16000, 16000)]
)
def test_samples_that_come_piece_by_piece_are_resampled_as_the_whole(
    before: int, after: int, longest: int
) -> None:
    wave = sound(before // 2)
    resampling = Resampling(before, after)
    made, largest = through(resampling, wave, longest)
    whole = Resample(before, after).double()(wave)
    blocks = len(wave) // resampling.taken - resampling.beside
    assert len(made) == blocks * resampling.given
    torch.testing.assert_close(made, whole[: len(made)], rtol=0, atol=1e-12)
    assert largest <= (2 * resampling.beside + 1) * resampling.taken
