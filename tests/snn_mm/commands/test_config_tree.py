from pathlib import Path

from snn_mm.commands.config_tree import Entry, read_entries, read_flags


def test_keys_lose_the_wrappers_between_class_and_parameters(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("model:\n  class_path: Net\n  init_args:\n    width: 3\n")
    assert read_entries([path], []) == [
        Entry(("model",), f"{path}:1", None),
        Entry(("model",), f"{path}:2", "Net"),
        Entry(("model", "width"), f"{path}:4", "3"),
    ]


def test_files_that_a_config_names_are_read_from_beside_it(tmp_path: Path) -> None:
    (tmp_path / "_base").mkdir()
    base = tmp_path / "_base" / "data.yaml"
    base.write_text("class_path: Digits\ninit_args: {seed: 1}\n")
    (tmp_path / "a.yaml").write_text("data: _base/data.yaml\n")
    entries = read_entries([tmp_path / "a.yaml"], [])
    assert Entry(("data", "seed"), f"{base}:2", "1") in entries


def test_flags_are_keys_in_both_spellings() -> None:
    assert list(read_flags(["--model.init_args.width=3", "--trainer.max_epochs", "2"])) == [
        Entry(("model", "width"), "--model.init_args.width", "3"),
        Entry(("trainer", "max_epochs"), "--trainer.max_epochs", "2"),
    ]


def test_lists_count_their_items(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("callbacks+:\n- IEMF\n- class_path: Other\n")
    values = {entry.path: entry.value for entry in read_entries([path], [])}
    assert values[("callbacks", "0")] == "IEMF"
    assert values[("callbacks", "1")] == "Other"


def test_files_that_can_not_be_read_have_no_keys(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    assert read_entries([tmp_path / "a.yaml", tmp_path / "none.yaml"], []) == []


def test_keys_inside_of_a_mapping_on_the_command_line_are_set_by_its_flag() -> None:
    flag = "--model.optimizer={class_path: Adam, init_args: {lr: 0.1}}"
    found = {entry.path: (entry.place, entry.value) for entry in read_flags([flag])}
    assert found[("model", "optimizer")] == ("--model.optimizer", "Adam")
    assert found[("model", "optimizer", "lr")] == ("--model.optimizer", "0.1")
    assert len(list(read_flags(["--a={"]))) == 1
