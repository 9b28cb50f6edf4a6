"""Reads what W&B wrote offline: protobuf records in a LevelDB log (header, 32 KiB blocks)."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

FILE_HEADER, BLOCK, HEADER = 7, 32768, 7
COMPLETE = (1, 4)  # a whole record, or the last fragment of one; 2 and 3 go on


@dataclass
class WandbFile:
    """What W&B would show of a run.

    Attributes:
        run: id, group and project of the run.
        config: the config, nested values as they were given.
        hidden: metrics without a chart.
        axes: the x axis of each metric, or of a pattern of them.
        history: the rows that were logged.
        summary: the last values.
        files: files that are uploaded.
    """

    run: Any = None
    config: dict[str, Any] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    axes: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    @property
    def sections(self) -> set[str]:
        """Sections of panels: what stands before the first slash."""
        names = {name for row in self.history for name in row if "/" in name}
        return {name.split("/")[0] for name in names - self.hidden}


def read_wandb(run: Path) -> WandbFile:
    """Read the only offline run of a run directory."""
    (path,) = run.glob("wandb/offline-run-*/run-*.wandb")
    content = WandbFile()
    for record in records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            content.run = record.run
        elif kind == "config":
            content.config.update(pairs(record.config.update))
        elif kind == "metric":
            add_metric(content, record.metric)
        elif kind == "history":
            content.history.append(pairs(record.history.item))
        elif kind == "summary":
            content.summary.update(pairs(record.summary.update))
        elif kind == "files":
            content.files.update(file.path for file in record.files.files)
    return content


def add_metric(content: WandbFile, metric: Any) -> None:
    name = metric.name or metric.glob_name
    if metric.options.hidden:
        content.hidden.add(name)
    if metric.step_metric:
        content.axes[name] = metric.step_metric


def pairs(items: Any) -> dict[str, Any]:
    """Keys and values; the parts of a nested key are joined with dots."""
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def records(data: bytes) -> Iterator[Record]:
    place, whole = FILE_HEADER, b""
    while place + HEADER <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _checksum, length, kind = struct.unpack_from("<IHB", data, place)
        whole += data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in COMPLETE:
            yield Record.FromString(whole)
            whole = b""
