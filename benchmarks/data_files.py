"""Data sets in the layouts they are read in and of the real shapes, a few samples each.

For `data_rates.py`; a data set is a folder that `--data.root` names.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import h5py
import numpy as np
import soundfile
from feature_file import FILE, write_file
from prepared_forms import make_clips

from datamodules.av_cil.module import AUDIO, VISUAL_H5
from datamodules.digits.digits_av import DigitsAV
from datamodules.music_avqa.questions import QUESTION_KINDS
from datamodules.music_avqa.vocabulary import NUM_WORDS, RELEASED_ANSWERS
from datamodules.sentiment.pom import DIMS, FILE_PARTS, FILE_STEMS, LABEL_CENTRES, STEPS
from datamodules.store.clip import Clip
from datamodules.store.writer import ClipStoreWriter

PARTS = ("train", "train", "train", "val", "test")


def clips(root: Path, data_set: str) -> None:
    """Some 200 clips with ten seconds of sound and ten frames each, a fifth of them to validate."""
    names = import_module(f"datamodules.store.datasets.{data_set}").CLASS_NAMES
    made, sound = make_clips(8), root / "recording"
    sound.touch()
    (root / "prepared" / data_set).mkdir(parents=True)
    with ClipStoreWriter(root / "prepared" / data_set, {}) as writer:
        found = [
            Clip(f"{label:02d}{place}_0", label, part, sound, sound)
            for label in range(len(names))
            for place, part in enumerate(PARTS * -(-40 // len(names)))
        ]
        for row, clip in enumerate(found):
            writer.add(clip, made[row % len(made)])
        writer.finish(found, list(names), {"unreadable": 0})


def avqa(root: Path, suffix: str = ".npy") -> None:
    """420 questions about four videos, whose maps of 60 seconds take 24 MB each."""
    folder = root / "music_avqa"
    (folder / "json").mkdir(parents=True)
    words = itertools.cycle(f"word{number}" for number in range(NUM_WORDS - 1))
    videos = [f"{number:08d}" for number in range(4)]
    for first, part in enumerate(("train", "val", "test")):
        entries = [
            {
                "video_id": videos[number % len(videos)],
                "question_id": 420 * first + number,
                "type": json.dumps(list(QUESTION_KINDS[number % len(QUESTION_KINDS)])),
                "question_content": " ".join(itertools.islice(words, 10)) + "?",
                "templ_values": "[]",
                "anser": RELEASED_ANSWERS[number % len(RELEASED_ANSWERS)],
            }
            for number in range(420)
        ]
        (folder / "json" / f"avqa-{part}.json").write_text(json.dumps(entries))
    rng = np.random.default_rng(0)
    for name, shape in {"vggish": (60, 128), "res18_14x14": (60, 512, 14, 14)}.items():
        (folder / "feats" / name).mkdir(parents=True)
        for video in videos:
            values = rng.standard_normal(shape, np.float32)
            if suffix == ".npy" or name == "vggish":
                np.save(folder / "feats" / name / f"{video}.npy", values)
            else:
                with h5py.File(folder / "feats" / name / f"{video}.h5", "w") as file:
                    file["features"] = values


def av_cil(root: Path) -> None:
    """AVE-CI: five samples a class, whose visual features take 4.8 MB each."""
    folder, names = root / "AVE", [f"class {label}" for label in range(28)]
    for path in (folder / AUDIO, folder / VISUAL_H5):
        path.parent.mkdir(parents=True)
    counts = {"train": 3, "val": 1, "test": 1}
    by_class = {
        part: {k: [f"{part}{k:02d}{i}" for i in range(n)] for k in range(28)}
        for part, n in counts.items()
    }
    by_id = {
        part: {key: names[k] for k, keys in classes.items() for key in keys}
        for part, classes in by_class.items()
    }
    np.save(folder / "all_classId_vid_dict.npy", np.array(by_class))
    np.save(folder / "all_id_category_dict.npy", np.array(by_id))
    encode = {name: label for label, name in enumerate(names)}
    np.save(folder / "category_encode_dict.npy", np.array(encode))
    rng, ids = np.random.default_rng(0), [key for part in by_id.values() for key in part]
    audio = {key: rng.standard_normal(768, np.float32) for key in ids}
    np.save(folder / AUDIO, np.array(audio))
    with h5py.File(folder / VISUAL_H5, "w") as file:
        for key in ids:
            file[key] = rng.standard_normal((1568, 768), np.float32)


def sims(root: Path) -> None:
    """The pickle of CH-SIMS v2 with fewer samples."""
    write_file(root / FILE, [256, 16, 16])


def pom(root: Path) -> None:
    """POM whole."""
    rng = np.random.default_rng(0)
    (root / "pom").mkdir()
    for part, count in zip(FILE_PARTS.values(), (600, 100, 203)):
        shapes = {FILE_STEMS[m]: (count, STEPS, dim) for m, dim in DIMS.items()}
        for stem, shape in {**shapes, "y": (count, len(LABEL_CENTRES))}.items():
            with h5py.File(root / "pom" / f"{stem}_{part}.h5", "w") as file:
                file["d1"] = rng.standard_normal(shape)


def digits(root: Path) -> None:
    """What the demo synthesises, whole."""
    DigitsAV(str(root)).prepare_data()


def events(root: Path) -> None:
    """FSDD and N-MNIST with 30 spoken and 60 seen digits a class."""
    rng = np.random.default_rng(0)
    (root / "fsdd" / "recordings").mkdir(parents=True)
    for digit, take in itertools.product(range(10), range(30)):
        wave = rng.normal(0, 0.1, 4000)
        soundfile.write(root / "fsdd" / "recordings" / f"{digit}_theo_{take}.wav", wave, 8000)
    for part, digit, number in itertools.product(("Train", "Test"), range(10), range(30)):
        folder = root / "nmnist" / part / str(digit)
        folder.mkdir(parents=True, exist_ok=True)
        rows = rng.integers(0, (34, 34, 4, 256, 256), (4000, 5)).astype(np.uint8)
        rows.tofile(folder / f"{digit}{number:04d}.bin")


MAKERS: dict[str, Callable[[Path], None]] = {
    "iemf_cremad": lambda root: clips(root, "crema_d"),
    "iemf_ks": lambda root: clips(root, "kinetics_sounds"),
    "iemf_us8k": lambda root: clips(root, "urbansound8k_av"),
    "taaf_ave": lambda root: clips(root, "ave"),
    "iemf_avqa": avqa,
    "avqa_grounding": avqa,
    "iemf_ave_ci": av_cil,
    "sgmt_sims": sims,
    "sgmt_pom": pom,
    "quickstart": digits,
    "ead_digits": events,
}
"""By experiment what writes its data into an empty folder."""
