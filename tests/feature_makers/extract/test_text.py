"""Directories of text encoders: what is refused, and one that really runs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from feature_makers.extract.text import TextEncoder, check_encoder, encoder_digest
from snn_mm.errors import UserError

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "i", "like", "this", "film", "very", "much"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory that looks like an encoder's."""
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def test_without_the_package_the_message_says_how_to_get_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r'run `pip install "snn_mm\[text\]"`'):
        check_encoder(directory)


def test_an_unfit_directory_is_named(directory: Path) -> None:
    with pytest.raises(UserError, match="no such directory; accepted is a directory with config"):
        TextEncoder(directory / "nowhere")
    (directory / "model.safetensors").unlink()
    with pytest.raises(UserError, match="has no weights"):
        TextEncoder(directory)
    (directory / "pytorch_model.bin").touch()
    with pytest.raises(UserError, match=r"only pytorch_model\.bin, a pickle, which is never load"):
        TextEncoder(directory)
    (directory / "config.json").unlink()
    with pytest.raises(UserError, match=r"has no config\.json"):
        TextEncoder(directory)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "vocab.txt"])
def test_every_file_of_the_encoder_counts_in_its_digest(directory: Path, name: str) -> None:
    before = encoder_digest(directory)
    for other in ("README.md", f"._{name}"):
        (directory / other).write_text("of no account")
    assert encoder_digest(directory) == before
    (directory / name).write_text("[]")  # as long as before
    assert encoder_digest(directory) != before


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tiny BERT with random weights."""
    import transformers

    directory = tmp_path_factory.mktemp("bert")
    vocabulary = directory / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS))
    transformers.BertTokenizer(str(vocabulary)).save_pretrained(directory)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(directory)
    return directory


@pytest.mark.slow
def test_a_transcript_has_its_tokens_hidden_states(bert: Path) -> None:
    import transformers

    model = transformers.BertModel.from_pretrained(bert).eval()
    ids = [WORDS.index(word) for word in ["[CLS]", "i", "like", "this", "film", "[SEP]"]]
    with torch.no_grad():
        expected = model(torch.tensor([ids])).last_hidden_state[0].numpy()
    alone, beside, empty = TextEncoder(bert).encode(["I like this film", "very", ""])
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    assert [len(alone), len(beside), len(empty)] == [6, 3, 2]


@pytest.mark.slow
def test_a_long_transcript_is_cut(bert: Path) -> None:
    (states,) = TextEncoder(bert, max_tokens=5).encode(["i like this film very much"])
    assert states.shape == (5, 16)


@pytest.mark.slow
def test_incomplete_weights_are_refused(bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(bert / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"lack 1 tensors .* encoder\.layer\.1\.output"):
        TextEncoder(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_encoder_is_refused(bert: Path, tmp_path: Path, name: str) -> None:
    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:100])
    with pytest.raises(UserError, match=f"text encoder {tmp_path}: "):
        TextEncoder(tmp_path)


@pytest.mark.slow
def test_weights_of_other_shapes_are_refused(bert: Path, tmp_path: Path) -> None:
    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(
        config.replace('"intermediate_size": 32', '"intermediate_size": 48')
    )
    with pytest.raises(UserError, match=f"text encoder {tmp_path}: "):
        TextEncoder(tmp_path)
