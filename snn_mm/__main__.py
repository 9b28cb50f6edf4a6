"""Makes `python -m snn_mm` the same as `snnmm`."""

import sys

from snn_mm.cli import main

if __name__ == "__main__":
    sys.exit(main())
