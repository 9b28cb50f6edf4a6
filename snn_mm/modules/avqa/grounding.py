"""Spatial grounding: where in a frame a sound comes from, and whether it comes from there at all.

Li et al., "Learning to Answer Questions in Dynamic Audio-Visual Scenarios", section 4.2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

MATCHED, MISMATCHED = 1, 0
"""Classes of the match head."""

EPSILON = 1e-12
"""Least length that a vector is divided by, that of `torch.nn.functional.normalize`."""


def spatial_grounding(sound: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Attend to the positions of a frame by their likeness to its sound (Li et al., Eq. 1).

    α = softmax over positions of cos(sound, pixel), grounded = Σ_p α_p pixel_p / |pixel_p|. The
    cosines have no temperature, so that no position gets more than e² times the weight of another.

    Source: Li et al., CVPR 2022, and its released code; the paper leaves the norms out of the sum.

    Args:
        sound: features `[..., D]`; a zero vector is alike to all positions.
        pixels: features `[..., D, P]` at P positions.

    Returns:
        The grounded features `[..., D]`, of length 1 at most, and α `[..., P]`, summing to one.
    """
    # Norms divide what comes of the pixels: normalised pixels would be a copy of all of them.
    shrunk = _reciprocal_lengths(pixels).unsqueeze(-2)  # [..., 1, P]
    cosine = (normalize(sound, dim=-1).unsqueeze(-2) @ pixels) * shrunk  # [..., 1, P]
    attention = cosine.softmax(dim=-1)
    grounded = (attention * shrunk) @ pixels.transpose(-2, -1)  # [..., 1, D]
    return grounded.squeeze(-2), attention.squeeze(-2)  # [..., D], [..., P]


def _reciprocal_lengths(pixels: Tensor) -> Tensor:
    """1 / |pixel| `[..., P]` of pixels `[..., D, P]`, in their own precision."""
    traced = torch.compiler.is_compiling()  # a loop over frames would fix their number
    if traced or pixels.device.type != "cpu" or pixels.dim() < 3:
        lengths: Tensor = torch.linalg.vector_norm(pixels, dim=-2)
        return lengths.clamp_min(EPSILON).reciprocal()
    # Frame by frame the squares stay in the cache; torch's own norm takes thrice as long.
    single = torch.promote_types(pixels.dtype, torch.float32)
    frames = pixels.flatten(0, -3)  # [B, D, P]
    squares = torch.stack([frame.to(single).square().sum(dim=-2) for frame in frames])  # [B, P]
    shrunk = squares.clamp_min(EPSILON**2).rsqrt().to(pixels.dtype)
    return shrunk.reshape(*pixels.shape[:-2], -1)


def match_loss(positive: Tensor, negative: Tensor) -> Tensor:
    """Cross-entropy of telling frames of a sound's own video from those of others (Li et al., L_s).

    Every sound is paired once with a frame of its video and once with another's, so that both
    classes weigh the same.

    Args:
        positive: logits `[..., 2]` of the classes mismatched and matched, own frames.
        negative: the same for other videos' frames.

    Returns:
        A scalar in nats, mean over all pairs.
    """
    own, other = positive.reshape(-1, 2), negative.reshape(-1, 2)
    target = torch.full((len(own) + len(other),), MATCHED, device=own.device)
    target[len(own) :] = MISMATCHED
    return cross_entropy(torch.cat([own, other]), target)
