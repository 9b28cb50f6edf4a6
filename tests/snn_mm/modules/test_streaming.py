"""A network that is fed piece by piece says what it says of the whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snn_mm.contracts import FUSED, FusionOutput
from snn_mm.encoders import MLP, ConvNet, Encoder, RecurrentNet, ResNet18, SequenceRNN, SequenceTCN
from snn_mm.errors import UserError
from snn_mm.fusion import (
    CMCI,
    MISNET,
    SCA,
    SCMRL,
    Added,
    AVAttention,
    Concat,
    FiLM,
    Fusion,
    Gated,
    Sum,
    WeightAttention,
)
from snn_mm.modules import IEMFModule, MultimodalModule, TAAFModule
from snn_mm.modules.continual import ContinualModule
from snn_mm.modules.continual.dual_attention import DualAttention
from snn_mm.modules.streaming import StreamingNetwork, StreamOutput, StreamState
from snn_mm.neurons import IEMFLIF, TAAFLIF

T, N, D = 4, 2, 16
CHUNKINGS: list[tuple[int, ...]] = [
    (1, 1, 1, 1),
    (1, 3),
    (3, 1),
    (2, 2),
    (1, 1, 2),
    (1, 2, 1),
    (2, 1, 1),
]

ENCODERS: dict[str, tuple[Callable[[], Encoder], tuple[int, ...]]] = {
    "events": (
        lambda: ConvNet(2, time_steps=T, channels=[8, 32], feature_dim=D, input_kind="events"),
        (N, T, 2, 16, 16),
    ),
    "resnet": (lambda: ResNet18(2, time_steps=T, width=2, input_kind="events"), (N, T, 2, 32, 32)),
    "postactivation": (
        lambda: ResNet18(2, time_steps=T, width=2, input_kind="events", form="postactivation"),
        (N, T, 2, 32, 32),
    ),
    "recurrent": (
        lambda: RecurrentNet(4, 8, time_steps=T, hidden=(12,), feature_dim=D),
        (N, 1, 4, 8),
    ),
    "frames": (
        lambda: ConvNet(2, time_steps=T, channels=[8], feature_dim=D, input_kind="frames"),
        (N, 3, 2, 8, 8),
    ),
    "picture": (lambda: ConvNet(2, time_steps=T, channels=[8], feature_dim=D), (N, 2, 8, 8)),
    "vector": (lambda: MLP(10, time_steps=T, hidden=[12], feature_dim=D), (N, 10)),
}
TIMED = {"events": 1, "resnet": 1, "postactivation": 1, "recurrent": -1}
"""Which inputs have time, and along which dimension."""

FUSIONS: dict[str, Callable[..., Fusion]] = {
    "added": Added,
    "attention": AVAttention,
    "concat": Concat,
    "sum": Sum,
    "film": FiLM,
    "gated": Gated,
    "cmci": CMCI,
    "misnet": MISNET,
    "sca": SCA,
    "weights": WeightAttention,
}


def _trained(module: MultimodalModule, inputs: dict[str, Tensor]) -> MultimodalModule:
    """Statistics of batch norms that let neurons fire; weights that are not those of the start."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.05 * torch.randn_like(p))
        for norm in module.modules():
            if isinstance(norm, nn.modules.batchnorm._BatchNorm):
                norm.momentum = 1.0
        module.train()(inputs)
    return module.eval()


def _case(
    names: tuple[str, ...],
    fusion: Callable[..., Fusion],
    dtype: torch.dtype = torch.float32,
    made: Callable[..., MultimodalModule] = IEMFModule,
    **options: Any,
) -> tuple[MultimodalModule, dict[str, Tensor]]:
    torch.manual_seed(0)
    encoders = {name: ENCODERS[name][0]() for name in names}
    module = made(encoders=encoders, fusion=fusion, num_classes=3, **options).to(dtype)
    inputs = {name: 2 * torch.randn(ENCODERS[name][1], dtype=dtype) for name in names}
    return _trained(module, inputs), inputs


def _chunk(inputs: dict[str, Tensor], start: int, stop: int) -> dict[str, Tensor]:
    found = dict(inputs)
    for name in TIMED.keys() & inputs.keys():
        per_step = inputs[name].shape[TIMED[name]] // T
        dim, length = TIMED[name], (stop - start) * per_step
        found[name] = inputs[name].narrow(dim, start * per_step, length)
    return found


def _streamed(
    network: StreamingNetwork, inputs: dict[str, Tensor], sizes: tuple[int, ...]
) -> tuple[list[StreamOutput], StreamState]:
    state, outputs = network.start(), []
    for start, stop in pairwise(accumulate(sizes, initial=0)):
        output, state = network.step(_chunk(inputs, start, stop), state, stop - start)
        outputs.append(output)
    return outputs, state


def _tensors(outputs: list[StreamOutput]) -> list[Tensor]:
    """All logits and features of a stream, one after the other, and its last decision."""
    parts = [output.output for output in outputs]
    names = list(parts[0].features)
    found = [torch.cat([part.fused for part in parts])]
    for kind in ("unimodal", "features"):
        found += [torch.cat([getattr(part, kind)[name] for part in parts]) for name in names]
    return [*found, *(outputs[-1].logits[name] for name in (*names, FUSED))]


def _whole(module: MultimodalModule, output: FusionOutput) -> list[Tensor]:
    return _tensors([StreamOutput(module.readout(output), output)])


def _check(
    module: MultimodalModule, inputs: dict[str, Tensor], chunkings: list[tuple[int, ...]]
) -> None:
    network = StreamingNetwork(module)
    with torch.no_grad():
        whole = _whole(module, module(inputs))
    assert any(name in inputs and whole[0].std() > 0 for name in inputs)
    first = _tensors(_streamed(network, inputs, (T,))[0])
    tolerance = 1e-12 if whole[0].dtype == torch.float64 else 1e-5
    for streamed, expected in zip(first, whole, strict=True):
        torch.testing.assert_close(streamed, expected, rtol=tolerance, atol=tolerance)
    for sizes in chunkings:
        for streamed, expected in zip(
            _tensors(_streamed(network, inputs, sizes)[0]), first, strict=True
        ):
            assert torch.equal(streamed, expected), sizes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ENCODERS)
def test_any_chunks_of_every_encoder_equal_the_whole(name: str, dtype: torch.dtype) -> None:
    _check(*_case((name,), Concat, dtype), CHUNKINGS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("unimodal", ["heads", "shared"])
@pytest.mark.parametrize("name", FUSIONS)
def test_any_chunks_of_every_fusion_equal_the_whole(
    name: str, unimodal: str, dtype: torch.dtype
) -> None:
    fusion = partial(FUSIONS[name], unimodal=unimodal)
    _check(*_case(("events", "recurrent"), fusion, dtype), CHUNKINGS[:2])
    _check(
        *_case(("picture", "recurrent", "vector"), fusion, dtype),
        CHUNKINGS[:2],
    )


def _of_tasks(encoders: Any, fusion: Any, num_classes: int) -> ContinualModule:
    return ContinualModule(num_classes, 1, encoders, fusion)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_that_learned_classes_in_tasks_runs_step_by_step(dtype: torch.dtype) -> None:
    module, inputs = _case(("events", "recurrent"), Concat, dtype)
    tasks = _of_tasks(module.encoders, Concat, 3).to(dtype).eval()
    _check(tasks, inputs, CHUNKINGS[:2])


def test_a_trunk_is_refused_by_name() -> None:
    trunk = DualAttention(4, 4, 4, frames=2)
    with pytest.raises(UserError, match=r"DualAttention: can't run step by step"):
        StreamingNetwork(ContinualModule(4, 2, trunk=trunk).eval())


@pytest.mark.parametrize("attention", ["logits", "features", "none"])
def test_scores_of_taaf_are_exact_within_the_window(attention: str) -> None:
    case = partial(_case, ("events", "picture"), partial(Concat, unimodal="shared"), torch.float64)
    _check(*case(made=TAAFModule, width=12, neuron=TAAFLIF, attention=attention), CHUNKINGS)


def test_the_decision_is_that_of_the_last_steps_beyond_the_window() -> None:
    module, inputs = _case(("events",), Concat)
    outputs, state = _streamed(StreamingNetwork(module, window=2), inputs, (1, 3))
    last = torch.cat([output.output.fused for output in outputs])[-2:]
    assert torch.equal(outputs[-1].logits[FUSED], last.mean(dim=0))
    assert (state.steps, len(state.recent)) == (4, 2)


def test_two_streams_on_one_network_do_not_hear_each_other() -> None:
    module, inputs = _case(("events", "recurrent"), partial(MISNET, unimodal="shared"))
    network, others = StreamingNetwork(module), {n: -x.flip(0) for n, x in inputs.items()}
    alone = [_tensors(_streamed(network, x, (1,) * T)[0]) for x in (inputs, others)]
    states = [network.start(), network.start()]
    outputs: list[list[StreamOutput]] = [[], []]
    for t in range(T):
        for at, x in enumerate((inputs, others)):
            output, states[at] = network.step(_chunk(x, t, t + 1), states[at])
            outputs[at].append(output)
            module(x)  # what the network does besides leaves no trace either
    for at in (0, 1):
        for streamed, expected in zip(_tensors(outputs[at]), alone[at], strict=True):
            assert torch.equal(streamed, expected)
    assert not torch.equal(alone[0][0], alone[1][0])


def test_a_state_can_be_gone_on_from_twice() -> None:
    module, inputs = _case(("events", "recurrent"), CMCI)
    network = StreamingNetwork(module)
    _, state = network.step(_chunk(inputs, 0, 2), network.start())
    before = {key: value.clone() for key, value in state.states.items()}
    first, _ = network.step(_chunk(inputs, 2, 4), state)
    second, _ = network.step(_chunk(inputs, 2, 4), state)
    assert torch.equal(first.output.fused, second.output.fused)
    assert before
    assert all(torch.equal(before[key], value) for key, value in state.states.items())


def test_a_stream_leaves_the_network_at_rest() -> None:
    module, inputs = _case(("events", "recurrent"), MISNET)
    expected = module(inputs).fused
    _streamed(StreamingNetwork(module), inputs, (1, 3))
    assert torch.equal(module(inputs).fused, expected)


def test_a_modality_that_the_stream_lacks_is_absent() -> None:
    module, inputs = _case(("events", "recurrent"), partial(Sum, unimodal="shared"), torch.float64)
    present = {"recurrent": torch.zeros(N, dtype=torch.bool)}
    whole = module(inputs, present)
    outputs, state = _streamed(StreamingNetwork(module), {"events": inputs["events"]}, (1, 3))
    fused = torch.cat([output.output.fused for output in outputs])
    torch.testing.assert_close(fused, whole.fused, rtol=1e-12, atol=1e-12)
    with pytest.raises(UserError, match=r"accepted: events, of which"):
        StreamingNetwork(module).step(_chunk(inputs, 0, 1), state)


@pytest.mark.parametrize("steps", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_long_stream_takes_no_more_memory_than_a_short_one(steps: int) -> None:
    torch.manual_seed(0)
    encoders: dict[str, Encoder] = {
        "audio": RecurrentNet(2, 4, time_steps=4, hidden=(), feature_dim=4),
        "vector": MLP(3, time_steps=4, feature_dim=4),
    }
    fusion = partial(MISNET, unimodal="shared")
    module = TAAFModule(encoders, 3, fusion, width=None, neuron=IEMFLIF).eval()
    network, chunk = StreamingNetwork(module), {"vector": torch.randn(1, 3)}
    _, state = network.step({"audio": torch.randn(1, 1, 2, 10), **chunk}, network.start())
    size, held = state.size, len(state.states)
    _, state = network.step({"audio": torch.randn(1, 1, 2, steps), **chunk}, state)
    assert state.steps == steps + 10
    assert (state.size, len(state.states)) == (size, held)
    assert 0 < size < 2000


REFUSED: dict[str, tuple[Callable[[], Encoder], Callable[..., Fusion], str]] = {
    "SequenceRNN": (lambda: SequenceRNN(3), Concat, "SequenceRNN: .* its end is known"),
    "SequenceTCN": (lambda: SequenceTCN(3), Concat, "SequenceTCN: .* its end is known"),
    "statistics": (lambda: MLP(3, statistics=["mean"]), Concat, "MLP: .* whole sequence"),
    "ann": (
        lambda: ConvNet(2, neuron=nn.ReLU, time_steps=1, channels=[4], input_kind="events"),
        Concat,
        "ConvNet: .* mean over all bins",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_encoder_that_needs_the_whole_input_is_refused_by_name(case: str) -> None:
    made, fusion, message = REFUSED[case]
    network = StreamingNetwork(IEMFModule({"x": made()}, fusion, 3).eval())
    chunk = torch.zeros(1, 4, 2, 8, 8) if case == "ann" else torch.zeros(1, 5, 3)
    with pytest.raises(UserError, match=message):
        network.step({"x": chunk}, network.start())


class Reversed(Concat):
    """Looks at time backwards and says nothing of it."""

    def fuse(self, features: dict[str, Tensor], present: Any = None) -> Tensor:
        return super().fuse({name: value.flip(0) for name, value in features.items()})


@pytest.mark.parametrize("fusion", [SCMRL, partial(SCA, tokens="time"), Reversed])
def test_a_fusion_that_sees_later_steps_is_refused_by_name(fusion: Callable[..., Fusion]) -> None:
    module, _ = _case(("picture", "vector"), fusion)
    name = type(module.fusion).__name__
    with pytest.raises(UserError, match=f"{name}: can't run step by step"):
        StreamingNetwork(module)


def test_what_else_sees_the_whole_is_refused() -> None:
    module, _ = _case(("picture",), Concat, made=TAAFModule, attention_on="fusion")
    with pytest.raises(UserError, match="attention_on"):
        StreamingNetwork(module)
    with pytest.raises(UserError, match=r"(?s)Linear: can't .* IEMFModule"):
        StreamingNetwork(nn.Linear(1, 1))
    with pytest.raises(UserError, match=r"module.eval\(\)"):
        StreamingNetwork(_case(("picture",), Concat)[0].train())
    aligned, inputs = _case(("picture",), Concat, made=TAAFModule, time_steps=2)
    network = StreamingNetwork(aligned)
    with pytest.raises(UserError, match=r"TimeAlignment: .* makes 2 time steps of all 4"):
        network.step(inputs, network.start())


def test_chunks_that_do_not_fit_are_refused_and_change_nothing() -> None:
    module, inputs = _case(("events", "recurrent"), Concat)
    network = StreamingNetwork(module)
    _, state = network.step(_chunk(inputs, 0, 1), network.start())
    three, two = _chunk(inputs, 0, 3)["events"], _chunk(inputs, 0, 2)["recurrent"]
    for chunk, message in (
        ({"events": three, "recurrent": two}, "events: 3, recurrent: 2"),
        ({"events": three, "recurrent": two[..., :3]}, "2 columns a time step"),
        ({"events": three[:, :0], "recurrent": two[..., :0]}, "or have none"),
        ({"events": three * torch.nan, "recurrent": two}, "NaN"),
        ({n: x[:1] for n, x in _chunk(inputs, 0, 1).items()}, "number of samples"),
    ):
        with pytest.raises(UserError, match=message):
            network.step(chunk, state)
    expected, _ = network.step(_chunk(inputs, 1, 2), state)
    again = _streamed(network, inputs, (1, 1))[0][-1]
    assert torch.equal(expected.output.fused, again.output.fused)
