from __future__ import annotations

import numpy as np
import torch

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
