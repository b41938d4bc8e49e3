"""The PCM model against statistics of another implementation (aihwkit 1.2, `PCMLike_gmax25`), 1,000,000 samples a row.

Sample size 1,000,000 cells per target on this side too, fixed seed. Each of the 111 comparisons allows four standard
errors of both samples together: a new seed would fail some comparison about once in 140.
"""

from __future__ import annotations

import csv
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from chipsim.device import CellState, get_device
from chipsim.streams import stream

SAMPLES = 1_000_000
REFERENCE = Path(__file__).parents[1] / "data" / "aihwkit_statistics.csv"
MODEL = "PCMLike_gmax25"
TARGETS = (0.1, 0.5, 1.0)
AGES_S = (0.0, 1.0, 3600.0, 86400.0, 2592000.0, 31536000.0)


@cache
def reference() -> dict[tuple[float, float, str], float]:
    with REFERENCE.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == MODEL]
    return {(float(row["target"]), float(row["time_s"]), row["stat"]): float(row["value"]) for row in rows}


@cache
def programmed(target: float) -> CellState:
    return get_device("pcm").program(np.full(SAMPLES, target * 25e-6), stream(11, "statistics", repr(target)))


def as_read(target: float, age_s: float) -> np.ndarray:
    """One read in microsiemens, slow and fast noise together; the reference clips their sum at zero."""
    rng = stream(12, "read", repr(target), repr(age_s))
    cells = get_device("pcm").at_age(programmed(target), age_s, rng)
    fast = cells.fast_sigma * rng.standard_normal(SAMPLES, dtype=np.float32)
    return np.maximum(cells.conductance + fast, 0).astype(np.float64) * 1e6


def quantile_error(values: np.ndarray, level: float) -> float:
    middle, width = np.quantile(values, level), 0.1 * values.std()
    density = np.mean(np.abs(values - middle) < width) / (2 * width)
    return math.sqrt(level * (1 - level) / SAMPLES) / density


def std_error(values: np.ndarray) -> float:
    relative = (values - values.mean()) / values.std()
    return values.std() * math.sqrt((np.mean(relative**4) - 1) / (4 * SAMPLES))


def compare(values: np.ndarray, target: float, time_s: float, suffix: str) -> None:
    sides = math.sqrt(2)  # both samples have the same size
    checks = {
        f"mean_{suffix}": (values.mean(), sides * values.std() / math.sqrt(SAMPLES)),
        f"std_{suffix}": (values.std(), sides * std_error(values)),
        f"q05_{suffix}": (np.quantile(values, 0.05), sides * quantile_error(values, 0.05)),
        f"q95_{suffix}": (np.quantile(values, 0.95), sides * quantile_error(values, 0.95)),
    }
    for stat, (found, error) in checks.items():
        if (target, time_s, stat) in reference():
            wanted = reference()[target, time_s, stat]
            assert abs(found - wanted) < 4 * error, f"{stat} at {time_s} s: {found} instead of {wanted} ± {error}"


def compare_zeros(values: np.ndarray, target: float, time_s: float) -> None:
    wanted = reference()[target, time_s, "frac_zero"]
    allowed = 2 * 4 * math.sqrt((wanted + 1e-6) / SAMPLES)
    assert abs(np.mean(values == 0) - wanted) < allowed


@pytest.mark.parametrize("target", TARGETS)
def test_programmed_conductances_match(target: float) -> None:
    values = programmed(target).programmed.astype(np.float64) * 1e6
    compare(values, target, -1.0, "g_uS")
    compare_zeros(values, target, -1.0)


@pytest.mark.parametrize("target", TARGETS)
def test_drift_exponents_match(target: float) -> None:
    assert (target, -1.0, "mean_nu") in reference()
    compare(programmed(target).drawn["drift_exponent"].astype(np.float64), target, -1.0, "nu")


@pytest.mark.parametrize("age_s", AGES_S)
@pytest.mark.parametrize("target", TARGETS)
def test_conductances_as_read_match(target: float, age_s: float) -> None:
    values = as_read(target, age_s)
    assert (target, age_s, "q95_g_uS") in reference()
    compare(values, target, age_s, "g_uS")
    compare_zeros(values, target, age_s)
