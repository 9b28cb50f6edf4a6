"""The processor's name, and what it computes fast, without torch; and computing on one thread."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
INSTRUCTION_SETS = (
    *("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_fp16"),
    *("asimd", "asimdhp", "sve", "bf16"),
)
"""Those that matter to a training, as Linux calls them."""

NEEDED = {
    "bf16": ("avx512_bf16", "amx_bf16", "bf16"),
    "16": ("avx512_fp16", "amx_fp16", "asimdhp"),
}
"""By the first part of a precision's name: one of these multiplies numbers of 16 bits."""
TYPES = {"bf16": "bfloat16", "16": "float16"}


def processor() -> str:
    """The processor's name, as far as the system says it."""
    return _cpu_field("model name") or platform.processor() or platform.machine()


def instruction_sets() -> list[str]:
    """Which of the instruction sets that matter the processor has; none where it is unknown."""
    there = (_cpu_field("flags") or _cpu_field("Features")).split()
    return [name for name in INSTRUCTION_SETS if name in there]


def missing_instructions(precision: str, there: list[str]) -> tuple[str, ...]:
    """Which sets of instructions, one of them, a precision would be fast with and a CPU lacks.

    Args:
        precision: as the trainer has it, such as `bf16-mixed`.
        there: what the processor has; none of it where that is unknown.

    Returns:
        Their names; none where there is nothing to say.

    Example:
        >>> missing_instructions("16-mixed", ["avx2", "avx512_bf16"])
        ('avx512_fp16', 'amx_fp16', 'asimdhp')
        >>> missing_instructions("bf16-mixed", ["avx2", "avx512_bf16"])
        ()
    """
    needed = NEEDED.get(precision.partition("-")[0], ())
    return () if not there or set(needed) & set(there) else needed


def slow_precision(precision: str) -> str | None:
    """What to tell of a training at this precision on this CPU; None where there is nothing."""
    missing = missing_instructions(precision, instruction_sets())
    if not missing:
        return None
    kind = TYPES[precision.partition("-")[0]]
    return (
        f"precision {precision}: {processor()} has no {kind} instructions "
        f"({', '.join(missing)}), so this may be slower than 32-true"
    )


def _cpu_field(name: str) -> str:
    """What the kernel says of the first core, or nothing."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = (line.partition(":")[2].strip() for line in lines if line.split(":")[0].strip() == name)
    return next(found, "")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread, and afterwards with as many as before.

    Sums of several threads may differ in their last bit.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
