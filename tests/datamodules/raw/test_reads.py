"""A file of the test split, read as a raw file, is the sample of the split, for every data set."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import soundfile
import torch

from datamodules import (
    POM,
    CHSimsV2,
    ClassIncremental,
    CremaD,
    DigitsAV,
    GridCorpus,
    IncrementalScenario,
    KineticsSounds,
    MusicAVQA,
    SampleTable,
    SpokenDigitsEvents,
    UrbanSound8KAV,
    UtdMhad,
)
from datamodules.clips.split import ClipSNR
from datamodules.digits.digits_av import SNR, load_images
from datamodules.digits.spoken_digits_events import EventSNR
from datamodules.store.clip import ClipNote
from snn_mm.errors import UserError
from tests.datamodules import archive_files, avqa_files
from tests.datamodules.av_cil import av_cil_data
from tests.datamodules.feature_files.feature_data import make_content, save
from tests.datamodules.sentiment import test_pom

Files = str | Path | Mapping[str, Any]
pytestmark = pytest.mark.filterwarnings("ignore")


def fresh(data: Any, again: Callable[[], Any]) -> Any:
    """The data module of somebody who has what the run recorded, as JSON, and no data."""
    other = again()
    other.preparation = json.loads(json.dumps(data.preparation))
    return other


def check(data: Any, files: Files, row: int, again: Callable[[], Any]) -> Any:
    """Compare a file, read without the data, with the sample of the test split."""
    expected = data.split("test")[row]
    sample = fresh(data, again).read_raw(files)
    assert set(sample.inputs) == set(expected.inputs)
    for name, x in expected.inputs.items():
        assert sample.inputs[name].dtype == x.dtype
        assert torch.equal(sample.inputs[name], x), name
    batch = data.raw_batch([sample])
    together = data.collate([expected])
    assert {k: v.shape for k, v in batch["inputs"].items()} == {
        k: v.shape for k, v in together["inputs"].items()
    }
    return sample


@pytest.mark.parametrize("noise", [EventSNR(), EventSNR(3.0, 5.0)])
def test_spoken_digits_and_events(
    tmp_path: Path, fsdd_dir: Path, nmnist_dir: Path, noise: EventSNR
) -> None:
    def make(root: str = str(tmp_path)) -> SpokenDigitsEvents:
        return SpokenDigitsEvents(root, val_fraction=0.25, snr_db=noise)

    data = make()
    spoken, seen = data.split("test").ids[3].split(":")
    files = {
        "audio": fsdd_dir / "recordings" / f"{spoken}.wav",
        "events": nmnist_dir / f"{seen}.bs2",
    }
    check(data, files, 3, lambda: make("/nowhere"))
    scenario = IncrementalScenario(data, 2)
    check(scenario, files, 3, lambda: IncrementalScenario(make("/nowhere"), 2))


def test_digits_without_noise(tmp_path: Path, digits_root: str) -> None:
    def make(root: str = digits_root) -> DigitsAV:
        return DigitsAV(root, snr_db=SNR(None, None))

    data = make()
    image, name = data.split("test").ids[5].split(":", 1)
    bank = data._bank()
    row = bank.names.tolist().index(name)
    start = bank.ends[row - 1] if row else 0
    soundfile.write(tmp_path / "a.wav", bank.waves[start : bank.ends[row]], 8000)
    np.save(tmp_path / "v.npy", load_images()[0][int(image.removeprefix("image"))])
    expected = data.split("test")[5].inputs
    other = fresh(data, lambda: make("/nowhere"))
    sample = other.read_raw({"audio": tmp_path / "a.wav", "visual": tmp_path / "v.npy"})
    torch.testing.assert_close(sample.inputs["visual"], expected["visual"])
    torch.testing.assert_close(sample.inputs["audio"], expected["audio"], atol=2e-3, rtol=0)
    (tmp_path / "v.png").write_bytes(_png(load_images()[0][0]))
    assert other.read_raw(tmp_path / "v.png").inputs.keys() == {"visual"}


def test_digits_of_arrays_that_lack_their_scale(digits_root: str) -> None:
    data = DigitsAV(digits_root)
    stored = data._scales()
    arrays = {name: x for name, x in data._arrays().items() if not name.startswith("scale_")}
    data._arrays = lambda: arrays  # type: ignore[method-assign,assignment,return-value]
    for name, scale in data._scales().items():
        np.testing.assert_allclose(scale.mean, stored[name].mean, rtol=1e-4)
        np.testing.assert_allclose(scale.deviation, stored[name].deviation, rtol=1e-4)


def _png(image: np.ndarray) -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray((image * 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("protocol", ["iemf", "pmr"])
@pytest.mark.parametrize("snr_db", [ClipSNR(), ClipSNR(5.0, 5.0)])
def test_clips(prepared_root: str, crema_d_dir: Path, protocol: Any, snr_db: ClipSNR) -> None:
    def make(root: str = prepared_root) -> CremaD:
        return CremaD(root, split="listed", protocol=protocol, snr_db=snr_db)

    data = make()
    name = data.split("test").ids[2]
    files = {
        "audio": crema_d_dir / "AudioWAV" / f"{name}.wav",
        "visual": crema_d_dir / "VideoFlash" / f"{name}.flv",
    }
    sample = check(data, files, 2, lambda: make("/nowhere"))
    assert sample.id == name


def test_films_and_pictures(
    prepared_root: str, kinetics_sounds_dir: Path, urbansound8k_av_dir: Path, tmp_path: Path
) -> None:
    data = KineticsSounds(prepared_root)
    name = data.split("test").ids[0]
    film = next((kinetics_sounds_dir / "test").glob(f"{name.rsplit('_', 1)[0]}*"))
    check(data, film, 0, lambda: KineticsSounds("/nowhere"))
    pictures = UrbanSound8KAV(prepared_root)
    name = pictures.split("test").ids[0]
    found = {path.suffix: path for path in urbansound8k_av_dir.rglob(f"{name}.*")}
    files = {"audio": found[".wav"], "visual": found[".jpg"]}
    check(pictures, files, 0, lambda: UrbanSound8KAV("/nowhere"))


def test_what_a_film_lacks_is_absent_and_said(
    prepared_root: str, write_clip: Callable[..., Path], tmp_path: Path
) -> None:
    data = CremaD(prepared_root)
    silent = write_clip(tmp_path / "silent.mp4", sound=False)
    heard = write_clip(tmp_path / "heard.mp4", 0.3, picture=False, sample_rate=44100)
    with pytest.warns(ClipNote, match="silent.mp4: has no sound"):
        first = data.read_raw(silent)
    with pytest.warns(ClipNote, match="heard.mp4: has no picture"):
        second = data.read_raw(str(heard), "mine")
    assert set(first.inputs) == {"visual"}
    assert set(second.inputs) == {"audio"}
    assert second.inputs["audio"].shape == (1, 257, 188)  # 0.3 s is repeated to 3
    batch = data.raw_batch([first, second])
    assert batch["id"] == ["silent", "mine"]
    assert batch["present"]["audio"].tolist() == [False, True]
    assert batch["present"]["visual"].tolist() == [True, False]
    alone = data.raw_batch([first])
    assert alone["present"]["audio"].tolist() == [False]
    assert "audio" not in alone["inputs"]
    with pytest.raises(UserError, match="no sound"):
        data.read_raw({"audio": silent})


def test_sequences_of_a_feature_file(tmp_path: Path) -> None:
    content = make_content()
    save(content, tmp_path / "ch-simsv2s.pkl")

    def make(root: str = str(tmp_path)) -> CHSimsV2:
        return CHSimsV2(root, standardise=True)

    data = make()
    part, row = content["test"], 1
    lengths = {m: len(x) for m, x in data.split("test")[row].inputs.items()}
    keys = {"text": "text", "audio": "audio", "visual": "vision"}
    arrays = {m: part[key][row][: lengths[m]].astype(np.float32) for m, key in keys.items()}
    np.savez(tmp_path / "one.npz", **arrays)
    check(data, tmp_path / "one.npz", row, lambda: make("/nowhere"))
    save({keys[m]: x for m, x in arrays.items()}, tmp_path / "one.pkl")
    check(data, tmp_path / "one.pkl", row, lambda: make("/nowhere"))
    for name, x in arrays.items():
        np.savetxt(tmp_path / f"{name}.csv", x, delimiter=",", fmt="%.9g")
    files = {name: tmp_path / f"{name}.csv" for name in arrays}
    sample = make("/nowhere")
    sample.preparation = data.preparation
    for name, x in sample.read_raw(files).inputs.items():
        torch.testing.assert_close(x, data.split("test")[row].inputs[name])
    np.save(tmp_path / "wide.npy", np.zeros((2, 9)))
    np.save(tmp_path / "long.npy", np.zeros((10, 3)))
    with pytest.raises(UserError, match=r"audio is \[2, 9\]; accepted is \[any, 3\]"):
        data.read_raw({"audio": tmp_path / "wide.npy"})
    with pytest.raises(UserError, match="audio has 10 steps; accepted are 1 to 9"):
        data.read_raw({"audio": tmp_path / "long.npy"})


def test_reviews_of_pom_lose_their_padding(tmp_path: Path) -> None:
    folder = test_pom.folder.__wrapped__(tmp_path)
    data = POM(pom_dir=str(folder))
    for row in (1, 3):  # the first has no face
        arrays = {}
        for name, stem in (("audio", "audio"), ("visual", "video")):
            with h5py.File(folder / f"{stem}_test.h5") as file:
                arrays[name] = file["d1"][row]
        np.savez(tmp_path / "review.npz", **arrays)
        check(data, tmp_path / "review.npz", row, lambda: POM("/nowhere"))


def test_features_of_classes_in_tasks(tmp_path: Path) -> None:
    folder = av_cil_data.write(tmp_path / "AVE")
    options: dict[str, Any] = {
        "audio_dim": av_cil_data.AUDIO_DIM,
        "visual_shape": av_cil_data.VISUAL_SHAPE,
        "classes_per_task": 2,
        "memory": 0,
    }
    data = ClassIncremental(data_dir=str(folder), **options)
    sample = data.split("test")[1]
    np.savez(tmp_path / "one.npz", **{name: x.numpy() for name, x in sample.inputs.items()})
    check(data, tmp_path / "one.npz", 1, lambda: ClassIncremental("/nowhere", **options))


def test_questions_in_words(tmp_path: Path) -> None:
    folder = avqa_files.write_avqa(tmp_path)

    def make(folder: str) -> MusicAVQA:
        return MusicAVQA(avqa_dir=folder, features=avqa_files.SMALL)

    data = make(str(folder))
    question = data.questions("test")[2]
    layout = avqa_files.SMALL
    files = {
        "audio": folder / layout.audio_dir / f"{question.video_id}.npy",
        "visual": folder / layout.visual_dir / f"{question.video_id}.npy",
        "question": question.text,
    }
    check(data, files, 2, lambda: make("/nowhere"))
    with pytest.raises(UserError, match="the word 'hovercraft' is in no training question"):
        data.read_raw({**files, "question": "hovercraft?"})
    del files["audio"]
    batch = data.raw_batch([data.read_raw(files)])
    assert batch["present"]["audio"].tolist() == [False]


def test_recordings_of_archives(tmp_path: Path) -> None:
    arrays = archive_files.made_mhad()
    file = archive_files.write(tmp_path / "mhad.npz", arrays)
    for depth in ("channels", "steps"):
        data = UtdMhad(file=file, depth=depth)
        row = int(data.parts["test"][4])
        one = {"depth": arrays["depth"][row]}
        for name in ("skeleton", "inertial"):
            begin = int(arrays[f"{name}_len"][:row].sum())
            one[name] = arrays[name][begin : begin + arrays[f"{name}_len"][row]]
        np.savez(tmp_path / "one.npz", **one)
        check(data, tmp_path / "one.npz", 4, lambda: UtdMhad("/nowhere", depth=depth))  # noqa: B023
    arrays = archive_files.made_grid()
    file = archive_files.write(tmp_path / "grid.npz", arrays)
    grid = GridCorpus(file=file)
    row = int(grid.parts["test"][4])
    np.savez(tmp_path / "one.npz", audio=arrays["logmel"][row], visual=arrays["lips"][row])
    check(grid, tmp_path / "one.npz", 4, lambda: GridCorpus("/nowhere"))
    mouths = GridCorpus(file=file, region="mouth")
    check(mouths, tmp_path / "one.npz", 4, lambda: GridCorpus("/nowhere", region="mouth"))
    with pytest.raises(UserError, match=r"data\.window is word"):
        GridCorpus(file=file, window="word").read_raw(tmp_path / "one.npz")


def test_files_of_the_kinds_of_a_table(
    tmp_path: Path, write_random_events: Callable[..., None], write_clip: Callable[..., Path]
) -> None:
    rng, rows = np.random.default_rng(0), []
    for n in range(16):
        np.save(tmp_path / f"v{n}.npy", rng.normal(n % 2, 1, 5).astype(np.float32))
        np.save(tmp_path / f"s{n}.npy", rng.normal(size=(3 + n % 4, 2)))
        soundfile.write(tmp_path / f"w{n}.wav", rng.normal(0, 0.1, 3000 + 100 * n), 8000)
        write_random_events(tmp_path / f"e{n}.bin", n)
        (tmp_path / f"p{n}.png").write_bytes(_png(rng.uniform(size=(9, 9))))
        write_clip(tmp_path / f"f{n}.mp4", 0.5, sound=n % 2 == 0)
        rows.append(
            f"{'no' if n % 2 else 'yes'},{'test' if n > 12 else 'train' if n < 10 else 'val'},"
            f"v{n}.npy,s{n}.npy,w{n}.wav,e{n}.bin,p{n}.png,f{n}.mp4"
        )
    head = "label,split,face,speech,sound,events,picture,film\n"
    (tmp_path / "samples.csv").write_text(head + "\n".join(rows) + "\n")

    def make(folder: Path = tmp_path) -> SampleTable:
        return SampleTable(str(folder / "samples.csv"), root=str(folder / "root"))

    data = make()
    letters = {"face": "v", "speech": "s", "sound": "w", "events": "e", "picture": "p", "film": "f"}
    suffixes = {"v": ".npy", "s": ".npy", "w": ".wav", "e": ".bin", "p": ".png", "f": ".mp4"}
    files = {name: tmp_path / f"{k}14{suffixes[k]}" for name, k in letters.items()}
    check(data, files, 1, lambda: make(Path("/nowhere")))
    with pytest.raises(UserError, match="of which modality"):
        data.read_raw(files["face"])
    del files["speech"]
    batch = data.raw_batch([data.read_raw(files)])
    assert batch["present"]["speech"].tolist() == [False]


def test_words_are_resampled_and_cut_and_both_are_said(
    tmp_path: Path, digits_root: str, write_clip: Callable[..., Path]
) -> None:
    data = DigitsAV(digits_root)
    film = write_clip(tmp_path / "film.mp4", 3.0, sample_rate=44100, channels=2)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        sample = data.read_raw(film)
    assert sample.inputs["audio"].shape == (1, 32, 32)
    assert set(sample.inputs) == {"audio"}
    assert [str(each.message) for each in said] == [
        "film.mp4: is resampled from 44,100 to 8,000 Hz",
        "film.mp4: is longer than 0.8 s of sound; both ends are cut",
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("a.xyz", "a.xyz is of no known kind; accepted: .*.wav"),
        ("gone.wav", "gone.wav can't be read: No such file"),
        ("empty.wav", "empty.wav is empty"),
        ("text.wav", "text.wav is no film or recording"),
        ({"smell": "a.wav"}, "no input 'smell'; accepted: audio, visual"),
        ({"visual": "text.wav"}, "visual: text.wav; accepted are files .*.png"),
        ({"visual": "nan.npy"}, "NaN or infinity"),
        ({"visual": "wide.npy"}, r"wide.npy: visual is \[9, 8\]; accepted is \[8, 8\]"),
        ({"visual": "text.png"}, "text.png is no readable picture"),
        ({"visual": "objects.npy"}, "Python objects"),
        ({}, "no input; accepted: audio, visual"),
    ],
)
def test_mistakes_are_named_in_a_line(
    tmp_path: Path, digits_root: str, files: Any, message: str
) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("hello" * 100)
    (tmp_path / "text.png").write_text("hello" * 100)
    np.save(tmp_path / "nan.npy", np.full((8, 8), np.nan))
    np.save(tmp_path / "wide.npy", np.zeros((9, 8)))
    np.save(tmp_path / "objects.npy", np.array([print], dtype=object))
    named = files if isinstance(files, dict) else None
    given = {k: tmp_path / v for k, v in named.items()} if named is not None else tmp_path / files
    with pytest.raises(UserError, match=message):
        DigitsAV(digits_root).read_raw(given)
