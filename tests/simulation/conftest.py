"""Recurrent operators as the reader makes them, and random parts that run whole, are those of other folders' tests."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("execution", "network"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
