"""``python -m chipsim``."""

import sys

from chipsim.cli import main

if __name__ == "__main__":
    code = main()
    exec("")  # else Python ends as by a signal where an interrupt, long caught, went through exec (dataclasses use it)
    sys.exit(code)
