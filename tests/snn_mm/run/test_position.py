from lightning import Trainer

from snn_mm.run.position import training_position


def loop_state(ready: int, processed: int, batches: int) -> Trainer:
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    loop = trainer.fit_loop
    for counter in (loop.epoch_progress.total, loop.epoch_progress.current):
        counter.ready = counter.started = ready
        counter.processed = processed
    loop.epoch_loop.batch_progress.current.processed = batches
    return trainer


def test_a_training_that_is_new_begins_with_the_first_batch() -> None:
    assert training_position(loop_state(0, 0, 0)) == (0, 0)


def test_a_resumed_one_begins_where_its_checkpoint_was_written() -> None:
    trainer = loop_state(ready=3, processed=2, batches=4)
    trainer.fit_loop.restarting = True
    assert training_position(trainer) == (2, 4)


def test_between_epochs_the_batches_of_the_last_one_are_over() -> None:
    trainer = loop_state(ready=2, processed=2, batches=7)
    trainer.fit_loop.restarting = True
    assert training_position(trainer) == (2, 0)


def test_later_epochs_are_whole() -> None:
    assert training_position(loop_state(ready=3, processed=2, batches=4)) == (2, 0)
