"""Small chips, random networks and small models are those of other folders' tests."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("simulation", "network"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
