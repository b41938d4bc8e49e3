from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from chipsim.device import CellsNow, CellState, get_device, list_devices
from chipsim.device.conformance import check_device
from chipsim.device.ideal import Ideal

EXAMPLE_TABLE = Path(__file__).parents[2] / "docs" / "devices" / "example_table.csv"


@pytest.mark.parametrize("name", list_devices())
def test_every_known_device_keeps_the_contract(name: str) -> None:
    check_device(get_device(name, path=str(EXAMPLE_TABLE)) if name == "table" else get_device(name))


def test_parameters_do_not_break_the_contract() -> None:
    check_device(get_device("ideal", g_min="1 uS", g_max="2 uS"))
    check_device(get_device("pcm", g_max="100 uS", read_noise_scale=3.0, drift_scale=0.0))
    check_device(get_device("pcm-hermes", devices_per_polarity=1, programming_noise_scale=2.0))
    check_device(get_device("rram-wan", g_max="10 uS", noise_scale=3.0))
    check_device(get_device("rram-cmo", acceptance_percent=2, corner_s=1.0, relaxation_scale=5.0))
    check_device(get_device("flash", g_max="1 uS", error_scale=4.0, shift_scale=4.0))
    check_device(get_device("sram", round_targets=True))
    check_device(get_device("generic", programming_dependence="inverse", drift_shift=-0.5, drift_dependence="inverse"))
    check_device(get_device("generic", read_distribution="uniform", read_slow_share=1.0, read_spread=0.5))


class GlobalNoise(Ideal):
    def program(self, targets_siemens: ArrayLike, rng: np.random.Generator) -> CellState:
        state = Ideal.program(self, targets_siemens, rng)
        return CellState(state.target, state.target * np.random.random())  # noqa: NPY002


class Forgetful(Ideal):
    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:
        Ideal.check_age(self, age_s)
        return CellsNow(state.target + np.float32(np.random.default_rng().random()))


class AnyAge(Ideal):
    def check_age(self, age_s: float) -> None:
        pass


class Negative(Ideal):
    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:
        return CellsNow(state.programmed - np.float32(1e-6))


class Flat(Ideal):
    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:
        return CellsNow(state.programmed, state.programmed.reshape(-1)[:1])


class Double(Ideal):
    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:
        return CellsNow(state.programmed.astype(np.float64))  # type: ignore[arg-type]


class Between(Ideal):
    levels_siemens = (0.0, 10e-6, 25e-6)


class NoEnds(Ideal):
    levels_siemens = (0.0, 10e-6)


@dataclass(frozen=True)
class Incomplete:
    name: str = "incomplete"
    g_min_siemens: float = 0.0
    g_max_siemens: float = 1.0


@pytest.mark.parametrize(
    ("model", "clause"),
    [
        (GlobalNoise(), "global generator"),
        (Forgetful(), "same state and generator give other cells"),
        (AnyAge(), "lets nan s pass"),
        (Negative(), "conductance at 0 s is negative"),
        (Flat(), "fast_sigma at 0 s has shape"),
        (Double(), "is float64, not float32"),
        (Between(), "programs 5e-06 S, between two levels"),
        (NoEnds(), "levels do not end at g_min and g_max"),
    ],
)
def test_a_broken_model_is_told_which_clause_it_breaks(model: Ideal, clause: str) -> None:
    with pytest.raises(AssertionError, match=clause):
        check_device(model)


def test_an_incomplete_model_is_told_so() -> None:
    with pytest.raises((AssertionError, AttributeError)):
        check_device(Incomplete())  # type: ignore[arg-type]
