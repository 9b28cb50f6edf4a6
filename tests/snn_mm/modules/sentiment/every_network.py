"""Every network of sequences that the library has, small, and clips that lack some modalities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from snn_mm.modules import sentiment  # noqa: F401  # makes the classes known
from snn_mm.modules.sentiment.absence import without_absent
from snn_mm.modules.sentiment.memory import Hidden
from snn_mm.modules.sentiment.network import SentimentNetwork
from snn_mm.modules.sgmt import SGMT  # noqa: F401
from snn_mm.modules.sgmt.layer import LayerOptions

SMALL = Hidden(4, 0.2)
WIDTHS = {"text": 5, "audio": 3, "visual": 4}
LONGEST = {"text": 4, "audio": 9, "visual": 6}
SIZES = dict.fromkeys(WIDTHS, 4)
MEMORY = {
    "hidden": SIZES,
    "proposal": SMALL,
    "retain": SMALL,
    "update": SMALL,
    "output": SMALL,
    "memory": 5,
    "steps": 4,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "LFDNN": {"hidden": SIZES, "text_out": 6, "fused_hidden": 4},
    "MLFDNN": {"hidden": SIZES, "text_out": 6, "fused_hidden": 4, "head_hidden": SIZES},
    "TFN": {"hidden": SIZES, "text_out": 6, "fused_hidden": 4},
    "MTFN": {"hidden": SIZES, "text_out": 6, "fused_hidden": 4, "head_hidden": SIZES},
    "LMF": {"hidden": SIZES},
    "MLMF": {"hidden": SIZES, "head_hidden": SIZES},
    "EFLSTM": {"hidden": 6, "layers": 1, "steps": 4},
    "MFN": {**MEMORY, "attention": SMALL},
    "GraphMFN": {**MEMORY, "vertex": 4},
    "MulT": {"dim": 6, "heads": 2, "levels": 1},
    "SGMT": {"width": 8, "layers": 1, "fusion_layers": 2, "steps": 4},
}
SGMT_FORMS: list[dict[str, Any]] = [
    {"merge": merge, "absent": absent}
    for merge in ("features", "projection", "pairwise", "time")
    for absent in ("zeros", "renormalised")
]
LAST = [{"pooling": "last"}, {"padding": "averaged"}, {"kernel_size": 3}]
ANN = [{"merge": merge, "options": LayerOptions(neuron=nn.ReLU)} for merge in ("features", "time")]


def leaves(kind: type) -> Iterator[type]:
    """Every class of the library below one that can be made."""
    for below in kind.__subclasses__():
        if below.__module__.startswith("snn_mm.") and not below.__abstractmethods__:
            yield below
        yield from leaves(below)


def forms(name: str) -> list[dict[str, Any]]:
    return [*SGMT_FORMS, *LAST, *ANN] if name == "SGMT" else [{}]


NETWORKS = {
    f"{kind.__name__}-{'-'.join(map(str, form.values()))[:30]}": partial(
        kind, WIDTHS, LONGEST, **OPTIONS[kind.__name__], **form
    )
    for kind in sorted(set(leaves(SentimentNetwork)), key=lambda kind: kind.__name__)
    for form in forms(kind.__name__)
}
EVERY = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)

# Forms of SGMT differ in how they treat what a module has prepared: one by one in the network.
FEW = {
    name: make
    for name, make in NETWORKS.items()
    if not name.startswith("SGMT") or name.endswith(("features-renormalised", "pairwise-zeros"))
}
EACH = pytest.mark.parametrize("make", FEW.values(), ids=FEW)

PRESENT = {
    "text": torch.tensor([True, True, False, True, False, True, True]),
    "audio": torch.tensor([True, False, True, False, False, True, True]),
    "visual": torch.tensor([True, True, True, False, True, True, False]),
}
SAMPLES = 7

Made = Callable[[], SentimentNetwork]


def clips() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    inputs = {
        name: torch.randn(SAMPLES, LONGEST[name], dim, generator=generator, dtype=torch.float64)
        for name, dim in WIDTHS.items()
    }
    lengths = {
        name: torch.randint(1, steps + 1, (SAMPLES,), generator=generator)
        for name, steps in LONGEST.items()
    }
    return inputs, lengths


def lacking(**present: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Clips of which some are absent, as networks get them."""
    inputs, lengths = clips()
    return *without_absent(inputs, lengths, present, WIDTHS), present


def ready(make: Made, training: bool = False) -> SentimentNetwork:
    torch.manual_seed(0)
    network = make().double()
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):  # a zero bias would hide what it does to what is absent
            nn.init.normal_(parameter, std=0.5)
    return network.train(training)


class Clips(NamedTuple):
    """A batch in float64: sequences `[N, L, D]` and lengths `[N]` by modality."""

    inputs: dict[str, Tensor]
    lengths: dict[str, Tensor]

    def alone(self, i: int) -> Clips:
        """Clip i in a batch of its own, without any padding."""
        cut = {name: x[i : i + 1, : self.lengths[name][i]] for name, x in self.inputs.items()}
        return Clips(cut, {name: length[i : i + 1] for name, length in self.lengths.items()})

    def padded_with(self, value: float) -> Clips:
        """The same clips with other values in their padding."""
        return Clips(
            {
                name: torch.stack(
                    [
                        torch.cat([row[:n], torch.full_like(row[n:], value)])
                        for row, n in zip(x, self.lengths[name].tolist(), strict=True)
                    ]
                )
                for name, x in self.inputs.items()
            },
            self.lengths,
        )


def random_clips(network: SentimentNetwork, samples: int = 5, seed: int = 0) -> Clips:
    """Random clips for a network, the first as long as its data allow, each at least one step."""
    generator = torch.Generator().manual_seed(seed)
    inputs, lengths = {}, {}
    for name, dim in network.feature_dims.items():
        longest = network.max_lengths[name]
        inputs[name] = torch.randn(samples, longest, dim, generator=generator, dtype=torch.float64)
        lengths[name] = torch.randint(1, longest + 1, (samples,), generator=generator)
        lengths[name][0], lengths[name][-1] = longest, 1
    return Clips(inputs, lengths)
