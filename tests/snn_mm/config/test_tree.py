from collections import Counter
from pathlib import Path

import pytest

from snn_mm.cli import main
from snn_mm.config import tree
from snn_mm.config.composition import trainer_lists
from snn_mm.config.tree import Entry, check_configs, read_entries, read_flags
from snn_mm.errors import UserError


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


def test_a_missing_file_has_no_keys_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    assert read_entries([tmp_path / "none.yaml"], []) == []
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(UserError, match=r"a\.yaml:2: no valid YAML"):
        read_entries([tmp_path / "a.yaml"], [])


@pytest.mark.parametrize("text", ["a: a.yaml", "a.yaml", "a: {init_args: b.yaml}"])
def test_a_file_that_names_itself_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text("c: [a.yaml]\nd: a.yaml")
    with pytest.raises(UserError, match=r"a\.yaml: names itself"):
        read_entries([tmp_path / "a.yaml"], [])


def test_a_list_where_a_name_belongs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("model: 1\ndata:\n  [b, c]: 1\n")
    with pytest.raises(UserError, match=r"a\.yaml:3: a list or mapping where a name belongs"):
        check_configs([tmp_path / "a.yaml"])


def test_keys_inside_of_a_mapping_on_the_command_line_are_set_by_its_flag() -> None:
    flag = "--model.optimizer={class_path: Adam, init_args: {lr: 0.1}}"
    found = {entry.path: (entry.origin, entry.value) for entry in read_flags([flag])}
    assert found[("model", "optimizer")] == ("--model.optimizer", "Adam")
    assert found[("model", "optimizer", "lr")] == ("--model.optimizer", "0.1")
    assert len(list(read_flags(["--a={"]))) == 1


def test_keys_that_a_merge_mixes_in_are_keys(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n")
    assert [entry.key for entry in read_entries([path], [])] == ["a", "a.b", "c", "c.b", "c.d"]


@pytest.mark.parametrize(
    ("text", "second", "key", "first"),
    [
        ("model: a\ndata: b\nmodel: c\n", 3, "model", 1),
        ("model:\n  fusion: Sum\n  width: 3\n  fusion: FiLM\n", 4, "fusion", 2),
        ("model:\n- {x: 1,\n   y: 2,\n   x: 1}\n", 4, "x", 2),
    ],
)
def test_a_key_given_twice_is_refused_with_both_lines(
    text: str, second: int, key: str, first: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        check_configs([path])
    assert str(caught.value).startswith(
        f"{path}:{second}: '{key}' is given twice, first in line {first};"
    )


def test_a_key_given_twice_in_the_file_of_a_section_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("class_path: A\ninit_args: {b: 1, b: 2}\n")
    (tmp_path / "a.yaml").write_text("data: data.yaml\n")
    with pytest.raises(UserError, match=r"data\.yaml:2: 'b' is given twice"):
        check_configs([tmp_path / "a.yaml"])


@pytest.mark.parametrize("text", ["a: {x: 1}\nb: {x: 1}\n", "a+: 1\na: 2\n", "1: a\n'1': b\n"])
def test_equal_words_in_different_places_are_no_repetition(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    check_configs([tmp_path / "a.yaml"])


@pytest.mark.parametrize("typed", ["quikstart.yaml", "experiments/quikstart.yml", "quickstart"])
def test_a_missing_file_is_answered_with_the_nearest(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "quickstart.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no such file\nnearest: experiments/quickstart\.yaml"):
        check_configs([Path(typed)])


def test_a_command_reads_each_of_its_config_files_once(
    quickstart: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside jsonargparse, which reads them for itself, with a path class of its own."""
    reads: Counter[str] = Counter()
    read_bytes = Path.read_bytes

    def counted(path: Path) -> bytes:
        reads[path.name] += path.suffix == ".yaml"
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    tree._parsed.cache_clear()
    assert main(["fit", "--config", str(quickstart), "--print_config"]) == 0
    assert reads["quickstart.yaml"] == reads["digits_av.yaml"] == 1


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    for text, value in (("a: 1", "1"), ("a: 23", "23")):
        path.write_text(text)
        assert read_entries([path], [])[0].value == value


@pytest.mark.parametrize("folder", ["", "experiments/", "/elsewhere/experiments/"])
def test_a_file_of_before_is_answered_with_what_does_the_same_now(folder: str) -> None:
    now = f"--config {folder}iemf_ave_ci.yaml --config {folder}_base/continual/lwf.yaml"
    with pytest.raises(UserError, match=rf"no such file\nnow: {now}$"):
        check_configs([Path(f"{folder}iemf_lwf_ave.yaml")])


def test_a_text_that_is_too_long_for_a_path_is_no_file(tmp_path: Path) -> None:
    name = "x" * 5000
    (tmp_path / "a.yaml").write_text(f"trainer: {name}.yaml\nmodel: {name}\n")
    check_configs([tmp_path / "a.yaml"])
    keys = [entry.key for entry in read_entries([tmp_path / "a.yaml"], [])]
    assert keys == ["trainer", "model"]
    assert trainer_lists(tmp_path / "a.yaml") == []
