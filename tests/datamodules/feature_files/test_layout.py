"""The layout of a feature file is found, or refused with the file and the key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datamodules.feature_files.layout import FeatureFileContent, read_layout
from datamodules.feature_files.unpickle import read_pickle
from snn_mm.errors import UserError

Content = dict[str, Any]
Save = Callable[..., Path]


def laid_out(path: Path, clip_lengths: bool = False) -> FeatureFileContent:
    return read_layout(path, read_pickle(path).content, clip_lengths)


def test_arrays_lengths_labels_and_names_are_found(save: Save, content: Content) -> None:
    splits, notes = laid_out(save(content))
    assert notes == []
    for name, key in {"train": "train", "val": "valid", "test": "test"}.items():
        found, kept = splits[name], content[key]
        np.testing.assert_array_equal(found.arrays["visual"], kept["vision"])
        assert found.lengths["audio"].tolist() == kept["audio_lengths"]
        assert found.lengths["visual"].tolist() == kept["vision_lengths"].tolist()
        assert found.lengths["text"].tolist() == kept["text_bert"][:, 1].sum(axis=1).tolist()
        np.testing.assert_array_equal(found.targets, kept["regression_labels"].astype("f4"))
        own = found.unimodal_targets["visual"]
        np.testing.assert_array_equal(own, kept["regression_labels_V"].astype("f4"))
        assert found.ids == kept["id"]


def test_lists_and_arrays_are_the_same(save: Save, content: Content) -> None:
    before = laid_out(save(content, "a.pkl")).splits["val"]
    part = content["valid"]
    part["regression_labels"] = [np.float64(x) for x in part["regression_labels"]]
    part["vision_lengths"] = part["vision_lengths"].tolist()
    part["id"] = np.array(part["id"], dtype=object)
    part["regression_labels_T"] = part["regression_labels_T"][:, None]
    after = laid_out(save(content, "b.pkl")).splits["val"]
    assert before.ids == after.ids
    np.testing.assert_array_equal(before.targets, after.targets)
    np.testing.assert_array_equal(before.lengths["visual"], after.lengths["visual"])
    np.testing.assert_array_equal(before.unimodal_targets["text"], after.unimodal_targets["text"])


def test_an_aligned_file_is_as_long_as_its_text_but_loses_no_values(
    save: Save, aligned_content: Content
) -> None:
    part = aligned_content["train"]
    length = part["text_bert"][0, 1].sum()
    part["audio"][:, 2:] = 0
    splits, _ = laid_out(save(aligned_content))
    assert splits["train"].lengths["audio"][0] == max(2, length)
    assert splits["train"].lengths["visual"].tolist() == [5] * 7
    assert splits["train"].unimodal_targets == {}


def test_without_tokens_text_ends_with_its_last_step_that_is_not_zero(
    save: Save, content: Content
) -> None:
    for part in (content["train"], content["valid"], content["test"]):
        del part["text_bert"]
    content["test"]["text"][1, 3:] = 0
    content["test"]["text"][1, 0] = 0
    assert laid_out(save(content)).splits["test"].lengths["text"].tolist() == [5, 3, 5]


def test_repeated_names_get_a_number(save: Save, content: Content) -> None:
    content["test"]["id"] = ["a", "b", "a"]
    splits, notes = laid_out(save(content))
    assert splits["test"].ids == ["a#1", "b", "a#2"]
    assert notes == ["test/id: 2 repeated names got a number"]


def test_lengths_of_sequences_that_were_cut_off_may_be_clipped(
    save: Save, content: Content
) -> None:
    content["train"]["audio_lengths"][2] = 12
    path = save(content)
    with pytest.raises(UserError, match=r"train/audio_lengths has the length 12.*9 steps"):
        laid_out(path)
    splits, notes = laid_out(path, clip_lengths=True)
    assert splits["train"].lengths["audio"][2] == 9
    assert notes == ["train/audio_lengths: 1 lengths beyond 9 were clipped"]


def changed(key: str, value: Any) -> Callable[[Content], None]:
    """A damage: another value, or the result of a function of the old one."""

    def damage(content: Content) -> None:
        split, name = key.split("/")
        content[split][name] = value(content[split][name]) if callable(value) else value

    return damage


def removed(*keys: str) -> Callable[[Content], None]:
    def damage(content: Content) -> None:
        for key in keys:
            split, *name = key.split("/")
            if name:
                del content[split][name[0]]
            else:
                del content[split]

    return damage


def with_value(value: float, row: int = 1) -> Callable[[Any], Any]:
    def change(old: Any) -> Any:
        new = np.array(old, dtype=np.float64)
        new[row] = value
        return new

    return change


DAMAGES = {
    "no split 'valid'.*'train', 'test', 'config'": removed("valid"),
    "no split 'train'": lambda content: content.update(train=[1]),
    "train/audio is missing; the split has .*'raw_text'": removed("train/audio"),
    r"train/vision has the shape \(7, 7\); accepted is \[N, L, D\]": changed(
        "train/vision", np.zeros((7, 7))
    ),
    r"test/text has the shape \(3, 0, 6\)": changed("test/text", np.zeros((3, 0, 6))),
    "test/audio has 2 samples, regression_labels 3": changed("test/audio", lambda x: x[:2]),
    "valid/audio has 5 features, train/audio 3": changed("valid/audio", np.zeros((4, 9, 5))),
    "train/text holds <U1; accepted are numbers": changed("train/text", np.full((7, 5, 6), "a")),
    "train/text is a str; accepted are arrays": changed("train/text", "text"),
    "train/vision is a list of other things": changed("train/vision", [[1.0], [2.0]]),
    "train/audio_lengths is missing, and 9 steps are not the 5 steps": removed(
        "train/audio_lengths"
    ),
    "train/audio_lengths has the length 10, but the array 9 steps": changed(
        "train/audio_lengths", with_value(10)
    ),
    "train/vision_lengths has the length -1.0; accepted are 0 to 7": changed(
        "train/vision_lengths", with_value(-1)
    ),
    "train/vision_lengths has the length 2.5": changed("train/vision_lengths", with_value(2.5)),
    "train/vision_lengths has the length nan": changed("train/vision_lengths", with_value(np.nan)),
    "test/regression_labels is nan in sample 'video2._.0001'": changed(
        "test/regression_labels", with_value(np.nan)
    ),
    "valid/regression_labels_A is inf in sample": changed(
        "valid/regression_labels_A", with_value(np.inf)
    ),
    "valid/regression_labels is missing": removed("valid/regression_labels"),
    "valid/regression_labels holds no numbers": changed("valid/regression_labels", ["good"] * 4),
    "test/regression_labels_T is missing, but other splits": removed("test/regression_labels_T"),
    "test/regression_labels is empty": changed("test/regression_labels", []),
    "test/id has 2 samples": changed("test/id", ["a", "b"]),
    r"test/text_bert has the shape \(3, 3, 4\)": changed("test/text_bert", np.zeros((3, 3, 4))),
    "test/text_bert has other values": changed("test/text_bert", lambda x: x + 1),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_what_does_not_fit_is_refused_by_file_and_key(
    save: Save, content: Content, message: str
) -> None:
    DAMAGES[message](content)
    with pytest.raises(UserError, match=rf"features\.pkl:? .*{message}"):
        laid_out(save(content))


def test_what_is_no_dict_is_refused(save: Save) -> None:
    with pytest.raises(UserError, match="no split 'train': it holds list"):
        laid_out(save([1, 2]))
