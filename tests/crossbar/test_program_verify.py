"""Program-and-verify: against a loop pulse by pulse, closed forms, and statistics of another implementation."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from crossbar_blocks import normal
from hypothesis import given, settings
from hypothesis import strategies as st

from chipsim.crossbar import ProgramVerify, WeightSlices, column_scale, program_block, program_slices
from chipsim.crossbar.faults import CODES, Faults
from chipsim.crossbar.program_verify import WriteCounts
from chipsim.device import CellsNow, CellState, DeviceModel, get_device
from chipsim.device.ideal import Ideal
from chipsim.errors import SpecError
from chipsim.streams import stream

ENOUGH = ProgramVerify(step=0.5, tolerance=0.01, max_iterations=20)
REFERENCE = Path(__file__).parents[1] / "data" / "aihwkit_statistics.csv"
REFERENCE_NAMES = {"pcm": "PCMLike_gmax25", "pcm-hermes": "Hermes_2dev_gmax20.7", "rram-wan": "ReRamWan2022_gmax40"}


def reference(model: str, target: float, stat: str) -> float:
    """Of conductances right after programming, a million samples."""
    with REFERENCE.open(newline="") as file:
        for row in csv.DictReader(file):
            place = row["model"], float(row["target"]), float(row["time_s"]), row["stat"]
            if place == (REFERENCE_NAMES[model], target, -1.0, f"{stat}_g_uS"):
                return float(row["value"])
    raise KeyError(model)


def written(model: str, target: float, verify: ProgramVerify | None, count: int = 1_000_000) -> CellState:
    """G+ of a block whose weights all have one target."""
    device = get_device(model)
    span = device.g_max_siemens - device.g_min_siemens
    weights = np.full((count // 250, 250), target, np.float32)
    return program_block(weights, np.full(250, 1 / span), device, stream(3, model, repr(target)), verify=verify).plus


@pytest.mark.parametrize("target", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("model", REFERENCE_NAMES)
def test_with_enough_iterations_the_error_is_the_published_one(model: str, target: float) -> None:
    """1,000,000 cells against as many of the reference, 18 comparisons at four errors: one false alarm in 870 seeds."""
    state = written(model, target, ENOUGH)
    assert state.programmed.tobytes() == written(model, target, None).programmed.tobytes()
    values = state.programmed.astype(np.float64) * 1e6
    assert abs(values.mean() - reference(model, target, "mean")) < 4 * values.std() * math.sqrt(2e-6)
    relative = (values - values.mean()) / values.std()
    spread_error = values.std() * math.sqrt(((relative**4).mean() - 1) / 4 * 2e-6)
    assert abs(values.std() - reference(model, target, "std")) < 4 * spread_error


@pytest.mark.parametrize(("step", "most"), [(0.25, 3), (0.6, 1), (0.1, 12)])
@pytest.mark.parametrize("model", REFERENCE_NAMES)
def test_with_too_few_iterations_the_published_conductances_are_missed_by_the_closed_form(
    model: str, step: float, most: int
) -> None:
    """All start at zero here, so what is reached is a share 1 - (1 - step)^max of the reference; as above."""
    verify = ProgramVerify(step, tolerance=1e-6, max_iterations=most)
    values = written(model, 1.0, verify).programmed.astype(np.float64) * 1e6
    reached = 1 - (1 - step) ** most
    mean, spread = reached * reference(model, 1.0, "mean"), reached * reference(model, 1.0, "std")
    assert abs(values.mean() - mean) < 4 * spread * math.sqrt(2e-6)
    assert abs(values.std() / spread - 1) < 4 * math.sqrt(2 * 2e-6)  # twice the error of normal samples


@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("model", ["ideal", "pcm", "pcm-hermes", "rram-wan", "rram-cmo", "flash", "sram", "generic"])
def test_what_is_missing_is_missing_when_cells_are_read(model: str, share: float) -> None:
    """Mean over 100,000 cells, to 1 % of the range: at least eleven errors of the mean for every model."""
    device = get_device(model, **({"round_targets": True} if model == "sram" else {}))
    span, low = device.g_max_siemens - device.g_min_siemens, device.g_min_siemens
    weights, scale = np.full((400, 250), share, np.float32), np.full(250, 1 / span)
    verify = ProgramVerify(0.25, tolerance=1e-9, max_iterations=2)

    def mean(how: ProgramVerify | None, age_s: float) -> float:
        block = program_block(weights, scale, device, stream(4), verify=how)
        return float(device.at_age(block.plus, age_s, stream(5)).conductance.mean(dtype=np.float64))

    for age_s in (device.earliest_age_s, min(86400.0, device.latest_age_s)):
        whole = mean(None, age_s) - low
        missing = mean(None, age_s) - mean(verify, age_s)
        assert abs(missing - 0.75**2 * whole) < 0.01 * span


@settings(max_examples=150)
@given(
    step=st.floats(0.01, 1.0), tolerance=st.floats(1e-4, 0.9), most=st.integers(1, 12), heads=st.integers(1, 9),
    rows=st.integers(1, 12), columns=st.integers(1, 4), devices=st.integers(1, 2),
    model=st.sampled_from(["pcm", "rram-cmo"]),
)  # fmt: skip
def test_a_loop_pulse_by_pulse_finds_the_same(
    step: float, tolerance: float, most: int, heads: int, rows: int, columns: int, devices: int, model: str
) -> None:
    device = get_device(model)
    low, span = device.g_min_siemens, device.g_max_siemens - device.g_min_siemens
    state = device.program(low + span * stream(6).random((devices, rows, columns)), stream(7))
    found, counts = ProgramVerify(step, tolerance, most, heads).write(state, device)
    pulses = np.zeros(state.programmed.shape, int)
    unconverged = 0
    for place, end in np.ndenumerate(state.programmed.astype(np.float64)):
        now = low
        while abs(end - now) > tolerance * span * (1 + 1e-6) and pulses[place] < most:
            now += step * (end - now)
            pulses[place] += 1
        stopped = abs(end - now) > tolerance * span * (1 + 1e-6)
        unconverged += stopped
        assert found.programmed[place] == pytest.approx(now if stopped else end, rel=1e-5, abs=1e-5 * span)
    rounds = groups = 0
    for device_lines in pulses:
        for line in device_lines.T:
            for first in range(0, rows, heads):
                rounds, groups = rounds + max(line[first : first + heads]), groups + 1
    assert counts == WriteCounts(pulses.size, int(pulses.sum()), unconverged, groups, rounds)
    assert counts.verifies == pulses.size + pulses.sum()


def test_cells_below_their_start_are_brought_down() -> None:
    device = get_device("rram-cmo")
    low, span = device.g_min_siemens, device.g_max_siemens - device.g_min_siemens
    state = CellState(np.full((1, 1), low), np.full((1, 1), low - 0.1 * span), {"relaxation": np.zeros((1, 1))})  # type: ignore[arg-type]
    found, counts = ProgramVerify(0.5, 0.01, 2).write(state, device)
    assert counts == WriteCounts(1, 2, 1, 1, 2)
    np.testing.assert_allclose(found.programmed, low - 0.075 * span, rtol=1e-5)


def test_one_pulse_of_a_whole_step_is_enough() -> None:
    device = get_device("pcm")
    state = device.program(np.full((8, 3), 20e-6), stream(8))
    found, counts = ProgramVerify(1.0, 0.5, 1, write_heads=3).write(state, device)
    assert found is state
    assert counts == WriteCounts(24, 24, 0, 9, 9)


@pytest.mark.parametrize("devices", [1, 3])
def test_both_cells_of_all_pairs_and_devices_are_written(devices: int) -> None:
    """Ideal cells, a whole step: a pulse for every cell that is not at its lowest conductance."""
    weights = normal(20, 7)
    weights[:3] = 0
    device = get_device("ideal")
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    verify = ProgramVerify(1.0, 1e-4, 1)
    block = program_block(weights, scale, device, stream(9), devices=devices, verify=verify)
    pulses = devices * 17 * 7
    assert block.writes == WriteCounts(2 * devices * 140, pulses, 0, 2 * devices * 140, pulses)


@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize("devices", [1, 2])
def test_all_cells_of_slices_are_written(offset: bool, devices: int) -> None:
    """Ideal cells, a whole step: a pulse for every cell that holds a level above 0, those of the unit column too."""
    device, slices = get_device("ideal"), WeightSlices(6, 2, offset)
    integers = stream(10).integers(-31, 32, (12, 5))
    integers[0] = 31
    scale = np.full(5, 31 / (device.g_max_siemens - device.g_min_siemens))
    verify = ProgramVerify(1.0, 0.01, 1, write_heads=4)
    block = program_slices(integers, scale, device, slices, stream(11), devices=devices, verify=verify)
    held = integers + 32 if offset else np.abs(integers)
    above = sum(np.count_nonzero(held >> shift & 3) for shift in (0, 2, 4))
    cells, lines = (3 * 60 + 12, 3 * 5 + 1) if offset else (6 * 60, 6 * 5)
    assert block.writes is not None
    assert (block.writes.cells, block.writes.groups) == (devices * cells, devices * lines * 3)
    assert block.writes.pulses == devices * (above + (12 if offset else 0))
    np.testing.assert_allclose(block.at_age(0.0, stream(1)).weights, integers, atol=1e-4)


def test_slices_that_stop_short_hold_less() -> None:
    device, slices = get_device("ideal"), WeightSlices(6, 2)
    integers = stream(10).integers(-31, 32, (12, 5))
    integers[0] = 31
    scale = np.full(5, 31 / (device.g_max_siemens - device.g_min_siemens))
    block = program_slices(integers, scale, device, slices, stream(1), verify=ProgramVerify(0.5, 1e-3, 3))
    np.testing.assert_allclose(block.at_age(0.0, stream(1)).weights, integers * (1 - 0.5**3), atol=1e-4)


def test_a_broken_cell_takes_all_iterations_unless_it_shows_what_is_wanted() -> None:
    device = get_device("ideal")
    weights = np.float32([[1.0, -1.0], [1.0, -1.0], [1.0, -1.0]])
    states = np.zeros((2, 3, 2), np.int8)
    states[0, 0, 0] = CODES["off"]  # wanted: highest
    states[0, 1, 0] = CODES["on"]  # what is wanted
    states[1, 2, 0] = CODES["open"]  # wanted: lowest, which is 0 too
    states[1, 0, 1] = CODES["open"]  # wanted: highest
    faults = Faults(states, np.zeros((1, 3), np.int8))
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    block = program_block(weights, scale, device, stream(1), faults=faults, verify=ProgramVerify(0.5, 0.1, 10))
    assert block.writes is not None
    assert block.writes.unconverged == 2
    assert block.writes.pulses == 3 * 4 + 2 * 10  # 0.5^4 < 0.1; stuck at what is wanted: none


def test_writing_draws_nothing_of_its_own() -> None:
    rng, other = stream(12), stream(12)
    weights = normal(20, 7)
    device = get_device("pcm")
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    program_block(weights, scale, device, rng, verify=ProgramVerify(0.1, 1e-6, 1))
    program_block(weights, scale, device, other)
    assert rng.random() == other.random()


@dataclass(frozen=True, slots=True)
class Forgetful:
    """Keeps where it ends in a place of its own."""

    name: ClassVar[str] = "forgetful"
    earliest_age_s: ClassVar[float] = 0.0
    latest_age_s: ClassVar[float] = math.inf

    g_min_siemens: float = 0.0
    g_max_siemens: float = 1e-6

    def check_age(self, age_s: float) -> None:
        Ideal().check_age(age_s)

    def program(self, targets_siemens, rng):
        targets = np.asarray(targets_siemens, np.float32)
        return CellState(targets, targets, {"held": targets})

    def at_age(self, state, age_s, rng):
        return CellsNow(state.drawn["held"])


def test_a_model_whose_cells_cannot_stop_short_is_refused_only_where_they_do() -> None:
    device: DeviceModel = Forgetful()
    state = device.program(np.full((2, 2), 1e-6), stream(1))
    assert ENOUGH.write(state, device)[0] is state
    with pytest.raises(SpecError, match=r"'forgetful'.*raise tile\.programming\.max_iterations"):
        ProgramVerify(0.1, 0.01, 1).write(state, device)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"step": 0.0}, "step"), ({"step": 1.5}, "step"), ({"tolerance": 1.0}, "tolerance"), ({"tolerance": 0.0}, "toler"),
     ({"max_iterations": 0}, "max_iterations"), ({"write_heads": 0}, "write_heads")],
)  # fmt: skip
def test_impossible_ways_to_write_are_refused(changes: dict[str, float], words: str) -> None:
    given = {"step": 0.5, "tolerance": 0.1, "max_iterations": 3, "write_heads": 1, **changes}
    with pytest.raises(SpecError, match=words):
        ProgramVerify(**given)  # type: ignore[arg-type]
