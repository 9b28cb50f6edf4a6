"""`snnmm sweep` whose runs are `fake_fit.py`."""

import sys
from pathlib import Path

from snn_mm.commands import sweep

FAKE = (sys.executable, str(Path(__file__).with_name("fake_fit.py")))
sys.exit(sweep.run(sys.argv[1:], FAKE))
