"""``python -m chipsim``."""

import sys

from chipsim.cli import main

if __name__ == "__main__":
    sys.exit(main())
