"""Every reader of files from outside, with whole files for it; a new one gets a line here."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import yaml

from datamodules import GridCorpus, UtdMhad
from datamodules.av_cil.dictionary import read_dictionary
from datamodules.av_cil.features import H5Features, PickledFeatures
from datamodules.av_cil.lists import BY_CLASS, BY_ID, ENCODE
from datamodules.av_cil.lists import read_lists as read_av_cil
from datamodules.cache import PreparedArrays
from datamodules.digits.nmnist import list_recordings, read_events
from datamodules.feature_files.layout import read_layout
from datamodules.feature_files.store import FeatureStore, write_store
from datamodules.feature_files.unpickle import read_pickle
from datamodules.music_avqa.features import FeatureFolder
from datamodules.music_avqa.questions import read_questions
from datamodules.sentiment.mosi_files import read_utterances
from datamodules.sentiment.pom import read_array
from datamodules.signal.audio import read_wav
from datamodules.store.clip import DecodeOptions
from datamodules.store.datasets import ave, crema_d, kinetics_sounds
from datamodules.store.frames import read_picture
from datamodules.store.journal import describe_changes
from datamodules.store.media import read_extent
from datamodules.store.sound import read_sound
from datamodules.store.store import ClipStore
from datamodules.store.writer import ClipStoreWriter
from feature_makers.extract.assemble import check_replaceable
from feature_makers.extract.engine import FeatureCache
from feature_makers.extract.labels import read_labels
from feature_makers.extract.openface import read_openface
from feature_makers.pretrained.engine import check_facts
from feature_makers.pretrained.output import FeatureOutput
from feature_makers.weights import read_safetensors, read_state
from snn_mm.analysis.landscape.table import read_values
from snn_mm.analysis.latency.record import TrialResult, TrialTable
from snn_mm.analysis.latency.trials import Trial
from snn_mm.analysis.report.published import read_published
from snn_mm.analysis.robustness.conditions import Condition
from snn_mm.analysis.robustness.record import ConditionResult, ConditionTable
from snn_mm.callbacks.recording.spike_record import SpikeRecord
from snn_mm.callbacks.warm_start import load_state
from snn_mm.commands import report
from snn_mm.commands.resuming.attempts import next_attempt
from snn_mm.config import tree
from snn_mm.config.checkpoints import load_checkpoint
from snn_mm.config.composition import trainer_lists
from snn_mm.config.keys.check import check_indents
from snn_mm.config.options import read_command
from snn_mm.config.restore import read_config
from snn_mm.errors import UserError
from snn_mm.reading.checkpoints import check_trainable
from snn_mm.run.checkpoint_io import AtomicCheckpointIO
from snn_mm.run.directory import RunDirectory, read_json
from snn_mm.run.epoch_table import EpochTable
from snn_mm.run.lock_mark import describe_process, is_running
from snn_mm.run.metrics_file import MetricsFile, last_value, read_rows
from snn_mm.sweep.grid import make_axes
from snn_mm.sweep.request import read_request
from tests.datamodules import archive_files, avqa_files
from tests.fuzz import corpus
from tests.fuzz.forks import Reader

SIZES = {"train": 4, "valid": 3, "test": 3}


def first(make: Callable[[Path], list[Path]], *names: str) -> Callable[[Path], list[Path]]:
    """The same files, of which some are damaged."""
    return lambda folder: [file for file in make(folder) if file.name in names]


def metrics(folder: Path) -> None:
    logger = MetricsFile(RunDirectory(folder))
    last_value(folder / "metrics.csv", "iemf/xi_epoch")
    logger.truncate(4)
    logger.log_metrics({"x": 1.0}, 4)
    logger.save()
    read_rows(folder / "metrics.csv")


def factors(folder: Path) -> None:
    table = EpochTable(folder / "factors.csv", ("step", "epoch", "name", "value"))
    table.drop_from(1)
    table.append([(4, 1, "a", 0.5)])


def spikes(folder: Path) -> None:
    SpikeRecord(folder).drop_from(1)


def whole_report(folder: Path) -> None:
    tree._parsed.cache_clear()
    report.run(["report", str(folder), "--output", str(folder / "page"), "--format", "md,html"])


def resume(folder: Path) -> None:
    tree._parsed.cache_clear()
    assert read_command(["fit", "--resume", str(folder)]).entries is not None
    RunDirectory(folder).record_evaluation("test", Path("best.ckpt"), {"x": 1.0})


def lock(folder: Path) -> None:
    is_running(read_json(folder / ".lock.held"))


def config_file(folder: Path) -> None:
    tree._parsed.cache_clear()
    path = folder / "a.yaml"
    tree.check_configs([path])
    tree.read_entries([path], [])
    check_indents(path)
    trainer_lists(path)
    read_config(RunDirectory(folder))


def sweep_file(folder: Path) -> None:
    tree._parsed.cache_clear()
    request = read_request(folder / "s.yaml")
    make_axes(request.grid, request.seeds, request.seed_keys, request.rows)


def clip_store(folder: Path) -> None:
    store = ClipStore(folder / "prepared" / "crema_d")
    for row in range(len(store)):
        store.wave(row)
        store.sample_rate(row)
        for index in range(store.frame_count(row)):
            store.frame(row, index)
    assert store.labels.max() < len(store.class_names)


def journal(folder: Path) -> None:
    clips = [corpus.clip(folder, name) for name in "ab"]
    describe_changes(folder / "prepared" / "crema_d", clips, corpus.OPTIONS)
    with ClipStoreWriter(folder / "prepared" / "crema_d", corpus.OPTIONS) as writer:
        for clip in clips:
            writer.has(clip)


def split(samples: int) -> dict[str, Any]:
    """A split of a feature file."""
    draw = corpus.RNG.normal
    return {
        "id": [f"v$_${row}" for row in range(samples)],
        "text": draw(size=(samples, 5, 3)),
        "audio": draw(size=(samples, 4, 2)),
        "vision": draw(size=(samples, 6, 2)).astype(np.float32),
        "audio_lengths": [1] * samples,
        "vision_lengths": np.arange(samples) + 1,
        "regression_labels": draw(size=samples),
    }


def feature_files(folder: Path) -> list[Path]:
    content = {name: split(samples) for name, samples in SIZES.items()}
    for protocol in (0, 2, 4, 5):
        (folder / f"{protocol}.pkl").write_bytes(pickle.dumps(content, protocol))
    return sorted(folder.glob("*.pkl"))


def read_feature_files(folder: Path) -> None:
    for path in sorted(folder.glob("*.pkl")):
        read_layout(path, read_pickle(path).content, clip_lengths=True)


def feature_store(folder: Path) -> list[Path]:
    (path,) = feature_files(folder)[:1]
    splits = read_layout(path, read_pickle(path).content).splits
    write_store(folder / "store", splits, {"made_by": "snnmm extract", "bytes": 3})
    return [folder / "store" / "store.json", *sorted((folder / "store").glob("*.npy"))[:3]]


def read_feature_store(folder: Path) -> None:
    with suppress(UserError):
        check_replaceable(folder / "store")
    store = FeatureStore(folder / "store")
    assert store.statistics is not None
    for name in ("train", "val", "test"):
        store.split(name)  # type: ignore[arg-type]


def av_cil(folder: Path) -> list[Path]:
    classes = {"x": 0, "y": 1}
    by_class = {part: {0: [f"{part}a"], 1: [f"{part}b"]} for part in ("train", "val", "test")}
    by_id = {part: {f"{part}a": "x", f"{part}b": "y"} for part in by_class}
    for name, content in ((ENCODE, classes), (BY_CLASS, by_class), (BY_ID, by_id)):
        np.save(folder / name, content)  # type: ignore[arg-type]
    features = {f"{part}{sign}": np.ones(3, np.float32) for part in by_class for sign in "ab"}
    np.save(folder / "features.npy", features)  # type: ignore[arg-type]
    return sorted(folder.glob("*.npy"))


def read_dictionaries(folder: Path) -> None:
    read_av_cil(folder)
    read_dictionary(folder / "features.npy")
    file = PickledFeatures(folder / "features.npy", (3,))
    for key in sorted(map(str, file.ids()))[:3]:
        file.read(key, np.empty(3, np.float32))


def hdf5(folder: Path) -> list[Path]:
    pom, videos = corpus.RNG.normal(size=(6, 20, 43)), corpus.RNG.normal(size=(4, 3))
    halves = {f"v{row}": values.astype(np.float16) for row, values in enumerate(videos)}
    return [
        corpus.hdf5(folder / "audio_train.h5", {"d1": pom}),
        corpus.hdf5(folder / "visual.h5", halves),
        corpus.hdf5(folder / "music.h5", {"features": videos.astype(np.float32)}),
    ]


def read_hdf5(folder: Path) -> None:
    failures = []
    reads: list[Callable[[], object]] = [
        lambda: read_array(folder / "audio_train.h5", (20, 43)),
        lambda: FeatureFolder(folder, (4, 3)).steps("music", 2),
        lambda: FeatureOutput(folder, "visual.h5").names(),
        lambda: read_h5_features(folder / "visual.h5"),
    ]
    for read in reads:
        try:
            read()
        except UserError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def read_h5_features(path: Path) -> None:
    file = H5Features(path, (3,))
    for key in sorted(file.ids())[:4]:
        file.read(key, np.empty(3, np.float32))
    file.close()


def recordings(folder: Path) -> list[Path]:
    archive_files.write(folder / "utd_mhad.npz", archive_files.made_mhad(classes=1, trials=1))
    archive_files.write(folder / "grid_s1.npz", archive_files.made_grid(12))
    return [folder / "utd_mhad.npz", folder / "grid_s1.npz"]


def read_recordings(folder: Path) -> None:
    for data in (UtdMhad(root=str(folder)), GridCorpus(root=str(folder), word="color")):
        assert data.split("train")[0].inputs


def mosi(folder: Path) -> list[Path]:
    table = [["1.5", "2.5", "1"], ["0.5", "1.0", "0"]]
    files = [
        corpus.rows(
            folder / "transcripts.csv", [[f"v{i}_{i}", "a, b", i, i % 2] for i in (1, 2, 3, 4)]
        )
    ]
    for part, numbers in (("train", (0, 1)), ("test", (2, 3))):
        files.append(corpus.rows(folder / f"text_{part}.csv", [[n, "x"] for n in numbers]))
        stems = ("text", "audio", "video")
        files += [corpus.rows(folder / s / f"{s}_{part}0.csv", table) for s in stems]
    return files


def lists(folder: Path) -> list[Path]:
    segments = "-00nar1nEPc_000033_000043,10,13\n-0B3rE1nEPc_000003_000013,10,2\n"
    row = "Church bell&EsfJpLbBeb4&good&0&10\n"
    return [
        corpus.rows(folder / "train.csv", [["1001_DFA_ANG_XX", "ANG"], ["1002_IOM_NEU_XX", "NEU"]]),
        corpus.rows(folder / "test.csv", [["1003_DFA_SAD_XX", "SAD"]]),
        corpus.text(folder / "my_train.txt", segments),
        corpus.text(folder / "my_test.txt", "10nar1nEPcx_33,10,13\n"),
        *(corpus.text(folder / name, f"{ave.HEADER}\n{row}") for name in ave.LISTS.values()),
        corpus.text(folder / "nmnist" / "train_1.txt", "1 5\n2 7\n#\n"),
    ]


def read_all_lists(folder: Path) -> None:
    failures = []
    reads: list[Callable[[], object]] = [
        lambda: crema_d.read_parts(folder),
        lambda: kinetics_sounds.read_lists(folder),
        lambda: ave.read_events(folder, folder),
        lambda: list_recordings(folder / "nmnist"),
    ]
    for read in reads:
        try:
            read()
        except UserError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def labels(folder: Path) -> list[Path]:
    table = [
        ["id", "split", "label", "text", "label_T"],
        ["a", "train", "0.5", "a, b", "1"],
        ["b", "test", "-1", "c", "0"],
    ]
    return [corpus.rows(folder / "labels.csv", table)]


def openface(folder: Path) -> list[Path]:
    names = ["frame", "face_id", "timestamp", "confidence", "success"]
    names += [f"pose_T{axis}" for axis in "xyz"] + [f"pose_R{axis}" for axis in "xyz"]
    table = [names, *([row, 0, row / 30, 0.9, 1, *range(6)] for row in range(1, 6))]
    return [corpus.rows(folder / "a.csv", table)]


def questions(folder: Path) -> list[Path]:
    avqa_files.write_questions(folder, (6, 3, 3))
    return sorted((folder / "json").glob("*.json"))


def cache(folder: Path) -> list[Path]:
    FeatureCache(folder).put("audio", "a", json.dumps({"options": []}), np.ones((3, 2), np.float32))
    return [FeatureCache(folder).path("audio", "a")]


def read_cache(folder: Path) -> None:
    FeatureCache(folder).key("audio", "a")
    FeatureCache(folder).read("audio", "a")


def features_output(folder: Path) -> list[Path]:
    output = FeatureOutput(folder)
    for name in "ab":
        output.add(name, np.ones(3, np.float32), [[3, 4, None]])
    check_facts(folder, {"network": "x"})
    return [folder / "sources.jsonl", folder / "features.json"]


def read_features_output(folder: Path) -> None:
    FeatureOutput(folder).sources()
    check_facts(folder, {"network": "x"})


def weights(folder: Path) -> list[Path]:
    state = {"conv.weight": torch.randn(2, 3), "conv.bias": torch.zeros(2)}
    torch.save(state, folder / "a.pth")
    torch.save(state, folder / "b.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(state, folder / "a.safetensors")
    return [folder / "a.pth", folder / "b.pth", folder / "a.safetensors"]


def read_weights(folder: Path) -> None:
    read_state(folder / "a.pth", "x")
    read_state(folder / "b.pth", "x")
    read_safetensors(folder / "a.safetensors", "x")


def read_checkpoints(folder: Path) -> None:
    saved = load_checkpoint(folder / "last.ckpt")
    check_trainable(saved, folder / "last.ckpt")
    next_attempt(RunDirectory(folder), saved, yaml.safe_dump(corpus.config()), force=True)
    AtomicCheckpointIO().load_checkpoint(folder / "last.ckpt")
    load_state(folder / "last.ckpt")
    AtomicCheckpointIO().load_checkpoint(folder / "state.ckpt")


def media(folder: Path) -> list[Path]:
    (folder / "a.jpg").parent.mkdir(exist_ok=True)
    corpus.Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(folder / "a.jpg")
    corpus.Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(folder / "a.png")
    return [*corpus.wav(folder), folder / "a.jpg", folder / "a.png"]


def read_media(folder: Path) -> None:
    read_picture(folder / "a.jpg", DecodeOptions())
    read_picture(folder / "a.png", DecodeOptions())
    read_extent(folder / "a.wav")
    read_sound(folder / "a.wav", 0.0, None)


def config_files(folder: Path) -> list[Path]:
    tree_of_keys = corpus.config()
    trainer = tree_of_keys.pop("trainer")
    shared = "x: &x {lr: 0.1, betas: [0.9, 0.99]}\ny: {<<: *x, lr: 1e-3}\n"
    return [
        corpus.text(
            folder / "a.yaml", yaml.safe_dump({**tree_of_keys, "trainer": "trainer.yaml"}) + shared
        ),
        corpus.text(folder / "trainer.yaml", yaml.safe_dump(trainer)),
        corpus.text(folder / "config.yaml", yaml.safe_dump(corpus.config())),
    ]


def sweep_files(folder: Path) -> list[Path]:
    grid = (
        "grid:\n  model.fusion: [Sum, FiLM]\n  row: {off: {model.beta: 0}, on: {config: a.yaml}}\n"
    )
    corpus.text(folder / "a.yaml", "model: x\n")
    return [
        corpus.text(
            folder / "s.yaml",
            f"name: n\nbase: b.yaml\n{grid}flags: {{run.root: x, a: [1, {{b: c}}]}}\n",
        ),
        corpus.text(
            folder / "b.yaml",
            f"experiments: [a.yaml]\nseeds: 3\nseed_keys: seed_everything\n{grid}",
        ),
    ]


def read_npy(folder: Path) -> None:
    for array in PreparedArrays(folder).values():
        np.asarray(array).tobytes()
    FeatureFolder(folder, (5, 3)).step("a", 1)


def events(folder: Path) -> list[Path]:
    (folder / "1.bs2").write_bytes(corpus.RNG.integers(0, 30, 500, np.uint8).tobytes())
    return [folder / "1.bs2"]


def marks(folder: Path) -> list[Path]:
    return [corpus.text(folder / ".lock.held", json.dumps(describe_process(1)))]


def landscapes(folder: Path) -> list[Path]:
    return [corpus.rows(folder / "t.csv", [["x", "y", "loss", "accuracy"], [0.0, 1.0, 0.5, 0.9]])]


def conditions(folder: Path) -> list[Path]:
    table, worth = ConditionTable(folder / "t.jsonl"), {"a": 0.5, "b": 0.25}
    table.add(Condition(("x", "y")), ConditionResult({"m": 0.5}, worth, {"a": 1.0}, worth, 0.5))
    table.add(Condition(("x", "y"), "x", "noise", 3), ConditionResult({"m": 0.25}))
    return [table.path]


def trials(folder: Path) -> list[Path]:
    table = TrialTable(folder / "t.jsonl")
    table.add(Trial("trained", 2), TrialResult({"m": 0.5}, {"a": 0.5}, {"a": 1.0}))
    table.add(Trial("int8", 2), TrialResult({"m": 0.25}))
    return [table.path]


def published(folder: Path) -> list[Path]:
    entry = {"row": "1", "dataset": "X", "network": "SNN", "metric": "accuracy", "value": 9.5}
    tables = [{"paper": "IEMF", "table": "1", "entries": [entry, {**entry, "row": "2"}]}]
    return [corpus.text(folder / "published.yaml", yaml.safe_dump({"tables": tables}))]


def read_published_numbers(folder: Path) -> None:
    tree._parsed.cache_clear()
    read_published(folder / "published.yaml")


READERS = [
    Reader("metrics.csv", first(corpus.run, "metrics.csv"), metrics),
    Reader("factors.csv", first(corpus.run, "factors.csv"), factors),
    Reader("spikes.csv", first(corpus.run, "spikes.csv"), spikes),
    Reader("spikes.npz", corpus.histograms, spikes),
    Reader("report on a run", corpus.run, whole_report),
    Reader(
        "--resume of a run",
        first(corpus.run, "config.yaml", "results.json", "environment.json"),
        resume,
    ),
    Reader("mark of a lock", marks, lock),
    Reader("table of a landscape", landscapes, lambda folder: read_values(folder / "t.csv")),
    Reader(
        "record of conditions", conditions, lambda folder: ConditionTable.read(folder / "t.jsonl")
    ),
    Reader("record of trials", trials, lambda folder: TrialTable.read(folder / "t.jsonl")),
    Reader("published numbers", published, read_published_numbers),
    Reader("configs", config_files, config_file),
    Reader("sweep files", sweep_files, sweep_file),
    Reader("checkpoints", corpus.checkpoint, read_checkpoints),
    Reader("weights", weights, read_weights),
    Reader("arrays", corpus.arrays, read_npy),
    Reader(
        "store of clips",
        first(corpus.clip_store, "store.json", "clips.npy", "frames.npy", "frames.bin"),
        clip_store,
    ),
    Reader("journal of a store", first(corpus.clip_store, "journal.jsonl", "store.json"), journal),
    Reader("store of features", feature_store, read_feature_store),
    Reader("feature pickles", feature_files, read_feature_files),
    Reader("dictionaries of AV-CIL", av_cil, read_dictionaries),
    Reader("HDF5", hdf5, read_hdf5),
    Reader("lists of clips", lists, read_all_lists),
    Reader("events", events, lambda folder: read_events(folder / "1.bs2")),
    Reader("files of MOSI", mosi, read_utterances),
    Reader("archives of recordings", recordings, read_recordings),
    Reader("labels of extract", labels, lambda folder: read_labels(folder / "labels.csv", folder)),
    Reader(
        "tables of OpenFace", openface, lambda folder: read_openface(folder / "a.csv", ("pose",))
    ),
    Reader(
        "questions of MUSIC-AVQA",
        questions,
        lambda folder: [read_questions(p) for p in sorted((folder / "json").iterdir())],
    ),
    Reader("extracted features", cache, read_cache),
    Reader("facts of features", features_output, read_features_output),
    Reader("recordings as waves", corpus.wav, lambda folder: read_wav(folder / "a.wav", 8000)),
    Reader("recordings and pictures", media, read_media),
]
