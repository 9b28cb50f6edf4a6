from __future__ import annotations

from itertools import combinations
from typing import get_args

import pytest
import torch

from snn_mm.errors import UserError
from snn_mm.modules.sgmt.fusion import FusionNetwork, Merge, concatenate_in_time
from snn_mm.modules.sgmt.layer import Connection, LayerOptions
from snn_mm.neurons.connected_lif import ConnectedLIF, random_connection
from snn_mm.sequences import Sequence

NAMES = ("text", "audio", "visual")
WIDTH = 4


def network(merge: Merge, names: tuple[str, ...] = NAMES) -> FusionNetwork:
    return FusionNetwork(names, WIDTH, 1, merge, LayerOptions(heads=2), Connection())


@pytest.mark.parametrize(
    ("merge", "width", "outputs", "steps"),
    [
        ("features", 3 * WIDTH, 1, 5),
        ("projection", WIDTH, 1, 5),
        ("pairwise", 6 * WIDTH, 6, 5),
        ("time", WIDTH, 1, 15),
    ],
)
def test_each_merge_has_the_width_and_steps_of_its_name(
    merge: Merge, width: int, outputs: int, steps: int
) -> None:
    lengths = torch.tensor([5, 3])
    sequences = {name: Sequence.of(torch.randn(5, 2, WIDTH), lengths) for name in NAMES}
    fusion = network(merge)
    merged = fusion(sequences)
    assert fusion.out_width == width == sum(sequence.x.shape[2] for sequence in merged)
    assert len(merged) == outputs
    assert merged[0].x.shape[0] == steps


def test_one_after_the_other_leaves_no_padding_between() -> None:
    first = Sequence.of(torch.tensor([[1.0, 1.0], [2.0, 0.0]]).unsqueeze(-1), torch.tensor([2, 1]))
    second = Sequence.of(torch.tensor([[7.0, 7.0], [0.0, 8.0]]).unsqueeze(-1), torch.tensor([1, 2]))
    joined = concatenate_in_time([first, second])
    assert joined.lengths.tolist() == [3, 3]
    assert joined.x[:3, :, 0].T.tolist() == [[1.0, 2.0, 7.0], [1.0, 7.0, 8.0]]


def test_by_features_lasts_as_long_as_the_longest_modality() -> None:
    sequences = {
        "text": Sequence.of(torch.randn(5, 2, WIDTH), torch.tensor([1, 5])),
        "audio": Sequence.of(torch.randn(5, 2, WIDTH), torch.tensor([4, 2])),
    }
    (merged,) = network("features", ("text", "audio"))(sequences)
    assert merged.lengths.tolist() == [4, 5]


@pytest.mark.parametrize("merge", get_args(Merge))
def test_no_two_layers_of_neurons_share_their_connection(merge: Merge) -> None:
    options, connection = LayerOptions(heads=2), Connection(seed=7, normalised=True)
    fusion = FusionNetwork(NAMES, WIDTH, 2, merge, options, connection)
    matrices = [p.connection for p in fusion.modules() if isinstance(p, ConnectedLIF)]
    assert len(matrices) == (6 * 2 * 3 if merge == "pairwise" else 2 * 2)
    assert not any(torch.equal(a, b) for a, b in combinations(matrices, 2))
    expected = random_connection(len(matrices[0]), 7, normalised=True)
    assert torch.equal(matrices[0], expected)


def test_pairs_need_two_modalities() -> None:
    with pytest.raises(UserError, match="pairwise needs at least two"):
        network("pairwise", ("text",))
