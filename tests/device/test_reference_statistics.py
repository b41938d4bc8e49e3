"""Three models against the statistics of another implementation (aihwkit 1.2), 1,000,000 samples a row.

Sample size 1,000,000 cells per target on this side too, fixed seed. Each of the 282 comparisons allows four standard
errors of both samples together: a new seed would fail some comparison about once in 56.
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
TARGETS = (0.1, 0.5, 1.0)
PROGRAMMED = -1.0
MODELS = {"pcm": "PCMLike_gmax25", "pcm-hermes": "Hermes_2dev_gmax20.7", "rram-wan": "ReRamWan2022_gmax40"}
PCM_AGES_S = (0.0, 1.0, 3600.0, 86400.0, 2592000.0, 31536000.0)
AGES_S = {"pcm": PCM_AGES_S, "pcm-hermes": PCM_AGES_S, "rram-wan": (1.0, 86400.0, 172800.0)}


@cache
def reference() -> dict[tuple[str, float, float, str], float]:
    with REFERENCE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {(r["model"], float(r["target"]), float(r["time_s"]), r["stat"]): float(r["value"]) for r in rows}


def wanted(model: str, target: float, time_s: float) -> dict[str, float]:
    """Statistic -> value of one group of rows."""
    place = (MODELS[model], target, time_s)
    return {key[3]: value for key, value in reference().items() if key[:3] == place}


@cache
def programmed(model: str, target: float) -> CellState:
    device = get_device(model)
    return device.program(np.full(SAMPLES, target * device.g_max_siemens), stream(11, "statistics", repr(target)))


def as_read(model: str, target: float, age_s: float) -> np.ndarray:
    """One read in microsiemens, slow and fast noise together; the reference clips their sum at zero."""
    rng = stream(12, "read", repr(target), repr(age_s))
    cells = get_device(model).at_age(programmed(model, target), age_s, rng)
    if cells.fast_sigma is None:
        return cells.conductance.astype(np.float64) * 1e6
    fast = cells.fast_sigma * rng.standard_normal(SAMPLES, dtype=np.float32)
    return np.maximum(cells.conductance + fast, 0).astype(np.float64) * 1e6


def quantile_error(values: np.ndarray, level: float) -> float:
    middle, width = np.quantile(values, level), 0.1 * values.std()
    density = np.mean(np.abs(values - middle) < width) / (2 * width)
    return math.sqrt(level * (1 - level) / SAMPLES) / density


def std_error(values: np.ndarray) -> float:
    relative = (values - values.mean()) / values.std()
    return values.std() * math.sqrt((np.mean(relative**4) - 1) / (4 * SAMPLES))


def compare(values: np.ndarray, rows: dict[str, float], suffix: str) -> int:
    """Compare what the rows hold, and return how many comparisons that were."""
    sides = math.sqrt(2)  # both samples have the same size
    checks = {
        f"mean_{suffix}": lambda: (values.mean(), values.std() / math.sqrt(SAMPLES)),
        f"std_{suffix}": lambda: (values.std(), std_error(values)),
        f"q05_{suffix}": lambda: (np.quantile(values, 0.05), quantile_error(values, 0.05)),
        f"q95_{suffix}": lambda: (np.quantile(values, 0.95), quantile_error(values, 0.95)),
    }
    found = {stat: check() for stat, check in checks.items() if stat in rows}
    for stat, (value, error) in found.items():
        assert abs(value - rows[stat]) <= 4 * sides * error, f"{stat}: {value} instead of {rows[stat]} ± {error}"
    return len(found)


def compare_zeros(values: np.ndarray, share: float) -> int:
    assert abs(np.mean(values == 0) - share) < 2 * 4 * math.sqrt((share + 1e-6) / SAMPLES)
    return 1


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", MODELS)
def test_programmed_conductances_match(model: str, target: float) -> None:
    values = programmed(model, target).programmed.astype(np.float64) * 1e6
    rows = wanted(model, target, PROGRAMMED)
    assert compare(values, rows, "g_uS") + compare_zeros(values, rows["frac_zero"]) == 5


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", ["pcm", "pcm-hermes"])
def test_drift_exponents_match(model: str, target: float) -> None:
    values = programmed(model, target).drawn["drift_exponent"].astype(np.float64)
    assert compare(values, wanted(model, target, PROGRAMMED), "nu") == 2


@pytest.mark.parametrize(("model", "age_s"), [(model, age_s) for model in MODELS for age_s in AGES_S[model]])
@pytest.mark.parametrize("target", TARGETS)
def test_conductances_as_read_match(model: str, age_s: float, target: float) -> None:
    values, rows = as_read(model, target, age_s), wanted(model, target, age_s)
    assert compare(values, rows, "g_uS") + compare_zeros(values, rows["frac_zero"]) == 5


def test_every_row_of_the_reference_is_compared() -> None:
    compared = {(MODELS[model], target, time_s) for model in MODELS for target in TARGETS
                for time_s in (PROGRAMMED, *AGES_S[model])}  # fmt: skip
    assert {key[:3] for key in reference()} == compared
    assert len(reference()) == 282
