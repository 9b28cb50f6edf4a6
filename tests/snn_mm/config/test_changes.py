"""What a run says of the differences from its experiment file."""

from __future__ import annotations

from jsonargparse import Namespace

from snn_mm.config.changes import MAX_CHANGES, describe_changes
from snn_mm.config.tree import read_flags


def kind(name: str, **arguments: object) -> Namespace:
    return Namespace(class_path=f"package.{name}", init_args=Namespace(**arguments))


def settings() -> Namespace:
    model = kind("Net", encoders={"audio": kind("Conv", width=3), "visual": kind("Conv", width=3)})
    trainer = Namespace(max_epochs=10, callbacks=[kind("IEMF", gamma=1.0)])
    return Namespace(model=model, trainer=trainer, run=Namespace(root="runs"))


def test_removals_come_first_and_a_class_stands_for_what_is_below_it() -> None:
    after = settings()
    after.trainer.callbacks = [kind("EarlyStopping", monitor="val/loss")]
    after.model.init_args.encoders = {"audio": kind("Conv", width=5, depth=1)}
    flags = list(read_flags(["--trainer.callbacks", "EarlyStopping"]))
    assert describe_changes(settings(), after, flags) == [
        "removed  trainer.callbacks.IEMF  (--trainer.callbacks+ adds to the list)",
        "removed  model.encoders.visual: Conv",
        "changed  model.encoders.audio.width: 3 -> 5",
        "added    trainer.callbacks.EarlyStopping",
    ]


def test_a_default_is_no_difference_but_a_flag_is() -> None:
    after = settings()
    after.model.init_args.depth = 2
    after.model.init_args.beta = None
    assert describe_changes(settings(), after, []) == []
    flags = list(read_flags(["--model.depth=2"]))
    assert describe_changes(settings(), after, flags) == ["set      model.depth: 2"]


def test_another_class_is_one_line_without_what_it_does_not_accept() -> None:
    after = settings()
    after.model.init_args.encoders["visual"] = kind("ResNet", depth=18)
    lines = describe_changes(settings(), after, [])
    assert lines == ["changed  model.encoders.visual: Conv -> ResNet"]


def test_a_schedule_that_follows_says_what() -> None:
    before, after = settings(), settings()
    before.model.init_args.lr_scheduler = kind("Cosine", T_max=10)
    after.model.init_args.lr_scheduler = kind("Cosine", T_max=3)
    (line,) = describe_changes(before, after, [])
    assert line == "changed  model.lr_scheduler.T_max: 10 -> 3  (follows trainer.max_epochs)"


def test_two_members_of_a_class_are_two_and_many_changes_are_cut() -> None:
    before, after = settings(), settings()
    members = [kind("IEMF", gamma=1.0), kind("IEMF", **{f"p{i}": 0 for i in range(12)})]
    before.trainer.callbacks, after.trainer.callbacks = members, [members[0]]
    assert describe_changes(before, after, []) == ["removed  trainer.callbacks.IEMF#2"]
    wide = kind("IEMF", **{f"p{i}": 1 for i in range(12)})
    after.trainer.callbacks = [members[0], wide]
    lines = describe_changes(before, after, [])
    assert len(lines) == MAX_CHANGES + 1
    assert lines[-1] == "and 4 more, see config.yaml"


def test_a_single_callback_is_a_list_of_one() -> None:
    after = settings()
    after.trainer.callbacks = kind("EarlyStopping", monitor="val/loss")
    assert describe_changes(settings(), after, list(read_flags(["--trainer.callbacks=x"]))) == [
        "removed  trainer.callbacks.IEMF  (--trainer.callbacks+ adds to the list)",
        "added    trainer.callbacks.EarlyStopping",
    ]
