"""`python -m tests.fuzz [MUTATIONS [WORD]]`: of every reader, or those with a word in the name."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.fuzz.forks import main
from tests.fuzz.readers import READERS

if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    wanted = (
        [reader for reader in READERS if sys.argv[2] in reader.name] if sys.argv[2:] else READERS
    )
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(wanted, count, Path(folder)))
