import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from snn_mm.callbacks.reproducibility import EpochSeed, derive_seed, seed_everywhere


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: S311, NPY002


def trainer(epoch: int, rank: int = 0) -> Any:
    return SimpleNamespace(current_epoch=epoch, global_rank=rank)


MODULE: Any = SimpleNamespace(device=torch.device("cpu"))


def first_draws(callback: EpochSeed, epoch: int, rank: int = 0) -> Any:
    """What the loader and the first step of an epoch draw."""
    callback.on_train_epoch_start(trainer(epoch, rank), MODULE)
    loading = draw()
    callback.on_train_batch_start(trainer(epoch, rank), MODULE, None, 0)
    return loading, draw()


def test_all_generators_are_seeded() -> None:
    seed_everywhere(3)
    first = draw()
    seed_everywhere(3)
    assert draw() == first


def test_an_epoch_draws_the_same_whatever_came_before() -> None:
    callback = EpochSeed(seed=1)
    after_two = [first_draws(callback, epoch) for epoch in (1, 2)][-1]
    seed_everywhere(99)
    assert first_draws(callback, 2) == after_two


def test_seed_epoch_rank_and_stream_all_matter() -> None:
    keys = [(0, 0, 0, "loading"), (1, 0, 0, "loading"), (0, 1, 0, "loading")]
    keys += [(0, 0, 1, "loading"), (0, 0, 0, "training"), (0, 0, 0, "evaluation")]
    assert len({derive_seed(*key) for key in keys}) == len(keys)  # type: ignore[arg-type]


def test_a_resumed_run_seeds_its_first_epoch_before_the_loader_is_made() -> None:
    whole = first_draws(EpochSeed(seed=1), 4)
    resumed = EpochSeed(seed=1)
    resumed.on_load_checkpoint(trainer(0), None, {"epoch": 4})  # type: ignore[arg-type]
    resumed.on_fit_start(trainer(0), MODULE)
    loading = draw()
    resumed.on_train_epoch_start(trainer(4), MODULE)
    resumed.on_train_batch_start(trainer(4), MODULE, None, 0)
    assert (loading, draw()) == whole


def test_a_step_draws_the_same_whatever_the_steps_before_drew() -> None:
    def draws(spent: int) -> Any:
        callback = EpochSeed(seed=1)
        callback.on_train_batch_start(trainer(3), MODULE, None, 6)
        for _ in range(spent):
            draw()
        callback.on_train_batch_end(trainer(3), MODULE, None, None, 6)
        fetched = draw()
        callback.on_train_batch_start(trainer(3), MODULE, None, 7)
        return fetched, draw()

    assert draws(0) == draws(5)


def test_steps_of_an_epoch_draw_differently() -> None:
    seeds = {derive_seed(0, 2, 0, "training", batch) for batch in range(50)}
    assert len(seeds) == 50
