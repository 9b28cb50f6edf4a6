from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from snn_mm.modules.avqa.grounding import match_loss, spatial_grounding


def test_grounding_is_the_softmax_of_cosines_over_unit_pixels() -> None:
    rng = np.random.default_rng(0)
    sound, pixels = rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 4))
    found, attention = spatial_grounding(torch.from_numpy(sound), torch.from_numpy(pixels))
    for n in range(2):
        unit = [pixels[n, :, p] / np.sqrt((pixels[n, :, p] ** 2).sum()) for p in range(4)]
        heard = sound[n] / np.sqrt((sound[n] ** 2).sum())
        weights = np.exp([heard @ pixel for pixel in unit])
        weights /= weights.sum()
        expected = sum(w * pixel for w, pixel in zip(weights, unit, strict=True))
        np.testing.assert_allclose(attention[n], weights, rtol=1e-12)
        np.testing.assert_allclose(found[n], expected, rtol=1e-12)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_values_and_gradients_are_those_of_normalised_pixels(
    dtype: torch.dtype, error: float
) -> None:
    generator = torch.Generator().manual_seed(0)
    sound = torch.randn(2, 3, 6, generator=generator, dtype=dtype).requires_grad_()
    pixels = torch.randn(2, 3, 6, 5, generator=generator, dtype=dtype)
    pixels[0, 1, :, 2] = 0.0  # a pixel where nothing was seen
    pixels.requires_grad_()
    upstream = torch.randn(2, 3, 6, generator=generator, dtype=dtype)
    directions = normalize(pixels, dim=-2)
    weights = (normalize(sound, dim=-1).unsqueeze(-2) @ directions).softmax(dim=-1)
    expected = (directions @ weights.transpose(-2, -1)).squeeze(-1)
    found, _ = spatial_grounding(sound, pixels)
    torch.testing.assert_close(found, expected, rtol=error, atol=error)
    ours, theirs = (
        torch.autograd.grad((output * upstream).sum(), (sound, pixels))
        for output in (found, expected)
    )
    seen = pixels.detach().any(dim=-2, keepdim=True)  # what has no direction has no gradient either
    torch.testing.assert_close(ours[0], theirs[0], rtol=error, atol=error)
    torch.testing.assert_close(ours[1] * seen, theirs[1] * seen, rtol=10 * error, atol=10 * error)
    assert ours[1].isfinite().all()


def test_silence_looks_everywhere_alike() -> None:
    _, attention = spatial_grounding(torch.zeros(1, 3), torch.randn(1, 3, 5))
    torch.testing.assert_close(attention, torch.full((1, 5), 0.2))


def test_match_loss_is_the_mean_over_all_pairs() -> None:
    rng = np.random.default_rng(1)
    own, other = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 2))
    losses = [
        np.log(np.exp(row).sum()) - row[truth]
        for logits, truth in ((own, 1), (other, 0))
        for row in logits.reshape(-1, 2)
    ]
    loss = match_loss(torch.from_numpy(own), torch.from_numpy(other))
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-12)
