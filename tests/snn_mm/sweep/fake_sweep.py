"""`snnmm sweep` whose runs are `fake_fit.py`."""

import sys
from pathlib import Path

import fake_fit

from snn_mm import cli
from snn_mm.commands import sweep

FAKE = (sys.executable, str(Path(__file__).with_name("fake_fit.py")))
if __name__ == "__main__":  # forks import this file too
    cli.main, sweep.WARM = fake_fit.main, "fake_fit"
    sys.exit(sweep.run(sys.argv[1:], FAKE))
