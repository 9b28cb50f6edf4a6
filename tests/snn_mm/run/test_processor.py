"""What a processor is called, and which precisions it has instructions for."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn_mm.run import processor
from snn_mm.run.processor import instruction_sets, slow_precision


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A processor with instructions for bfloat16 alone, as the kernel tells of it."""
    file = tmp_path / "cpuinfo"
    file.write_text(
        "model name\t: Some CPU 9\nflags\t\t: fpu avx2 sse avx512_bf16\n\nflags\t: no\n"
    )
    monkeypatch.setattr(processor, "CPUINFO", file)
    return file


def test_a_processor_is_read_from_what_the_kernel_says(said: Path) -> None:
    assert (processor.processor(), instruction_sets()) == ("Some CPU 9", ["avx2", "avx512_bf16"])
    said.unlink()
    assert (processor.processor() != "", instruction_sets()) == (True, [])


@pytest.mark.parametrize("precision", ["16-mixed", "16-true"])
def test_a_precision_without_instructions_is_told_in_one_line(said: Path, precision: str) -> None:
    line = slow_precision(precision)
    assert line is not None
    assert line.startswith(f"precision {precision}: Some CPU 9 has no float16 instructions")
    assert "\n" not in line


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "32-true", "64-true"])
def test_nothing_is_said_of_a_precision_that_is_fast(said: Path, precision: str) -> None:
    assert slow_precision(precision) is None


def test_nothing_is_said_of_an_unknown_processor(said: Path) -> None:
    said.unlink()
    assert slow_precision("16-mixed") is None
