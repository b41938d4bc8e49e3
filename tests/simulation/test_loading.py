"""Loading a network: against closed forms and the published figures of one chip."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_machines import NS, dense, plan, source, spec

from chipsim.architecture.programming_spec import Programming
from chipsim.crossbar import ProgramVerify
from chipsim.crossbar.program_verify import WriteCounts
from chipsim.device import get_device
from chipsim.errors import SpecError
from chipsim.mapping.plan import Plan
from chipsim.simulation.loading import simulate_loading, weight_bits, writing_ps
from chipsim.streams import stream

SECTION = {
    "tile.programming.pulse_time": "3 ns",
    "tile.programming.verify_time": "7 ns",
    "tile.programming.pulse_energy": "10 pJ",
    "tile.programming.verify_energy": "2 pJ",
    "tile.programming.step": 0.5,
    "tile.programming.tolerance": 0.01,
    "tile.programming.max_iterations": 9,
    "tile.programming.write_heads": 4,
}
HERMES = {"pulse_time": "125 ns", "verify_time": "768 ns", "step": 0.25, "tolerance": 0.02, "max_iterations": 30}


@dataclass(frozen=True)
class Counted:
    """Counts as the functional plane hands them over."""

    cells: int = 0
    pulses: int = 0
    verifies: int = 0
    unconverged: int = 0
    groups: int = 0
    rounds: int = 0


def four_tiles(**changes: Any) -> Plan:
    """Two dense layers on two tiles each: blocks of 16x8, 4x8, 8x16 and 8x14 weights."""
    fields = {f"tile.programming.{name}": value for name, value in changes.items()}
    return plan([source(20), dense("a", "x", 20, 8), dense("b", "a", 8, 30)], SECTION | fields)


WRITES = {
    "tile(0,0)": Counted(256, 100, 356, 3, 64, 20),
    "tile(0,1)": Counted(64, 30, 94, 0, 16, 10),
    "tile(0,2)": Counted(256, 10, 266, 0, 64, 5),
    "tile(0,3)": Counted(224, 50, 274, 1, 56, 30),
}
SIZES = [128, 32, 128, 112]
WRITING_NS = [64 * 7 + 20 * 10, 16 * 7 + 10 * 10, 64 * 7 + 5 * 10, 56 * 7 + 30 * 10]


def arrivals_ns(place: Plan) -> list[int]:
    """1 byte per ns one after the other over the host's port, then 5 ns for each link between routers (rule T10)."""
    sent = np.cumsum(SIZES).tolist()
    return [end + 5 * place.chip.hops("host", tile) for end, tile in zip(sent, WRITES, strict=True)]


def test_tiles_are_written_side_by_side_when_their_weights_are_there() -> None:
    place = four_tiles()
    found = simulate_loading(place, WRITES)
    assert [tile.tile for tile in found.tiles] == list(WRITES)
    assert [tile.bytes for tile in found.tiles] == SIZES
    assert [tile.arrived_ps for tile in found.tiles] == [NS * time for time in arrivals_ns(place)]
    assert all(tile.start_ps == tile.arrived_ps for tile in found.tiles)
    assert [tile.end_ps - tile.start_ps for tile in found.tiles] == [NS * time for time in WRITING_NS]
    ends = [arrived + writing for arrived, writing in zip(arrivals_ns(place), WRITING_NS, strict=True)]
    assert found.end_ps == NS * max(ends)


def test_one_tile_at_a_time_takes_the_sum() -> None:
    place = four_tiles(tiles_in_parallel=1)
    found = simulate_loading(place, WRITES)
    assert found.end_ps == NS * (arrivals_ns(place)[0] + sum(WRITING_NS))
    for before, after in zip(found.tiles, found.tiles[1:], strict=False):
        assert after.start_ps == before.end_ps


def test_two_tiles_at_a_time_wait_for_the_one_that_is_done_first() -> None:
    place = four_tiles(tiles_in_parallel=2)
    arrived, found = arrivals_ns(place), simulate_loading(place, WRITES)
    free, ends = [0, 0], []
    for time, writing in zip(arrived, WRITING_NS, strict=True):
        start = max(time, min(free))
        free[free.index(min(free))] = start + writing
        ends.append(start + writing)
    assert [tile.end_ps for tile in found.tiles] == [NS * end for end in ends]


@given(most=st.integers(1, 4), rounds=st.lists(st.integers(0, 500), min_size=4, max_size=4))
def test_more_tiles_at_a_time_are_never_slower_and_no_cell_is_lost(most: int, rounds: list[int]) -> None:
    writes = {tile: Counted(5, 7, 12, 1, 3, count) for tile, count in zip(WRITES, rounds, strict=True)}
    found = simulate_loading(four_tiles(tiles_in_parallel=most), writes)
    assert simulate_loading(four_tiles(), writes).end_ps <= found.end_ps
    assert (found.cells, found.pulses, found.verifies, found.unconverged) == (20, 28, 48, 4)
    busy = [(tile.start_ps, tile.end_ps) for tile in found.tiles]
    for start, _ in busy:
        assert sum(begin <= start < end for begin, end in busy) <= most


def test_energy_is_that_of_bytes_pulses_and_verifies() -> None:
    costs = {"host.energy_per_byte": "5 pJ/B", "link.energy_per_byte": "2 pJ/B", "router.energy_per_byte": "1 pJ/B"}
    place = plan([source(20), dense("a", "x", 20, 8), dense("b", "a", 8, 30)], SECTION | costs)
    found = simulate_loading(place, WRITES)
    hops = [place.chip.hops("host", tile) for tile in WRITES]
    sent = sum(size * (5 + 3 * count) for size, count in zip(SIZES, hops, strict=True))
    assert found.transfer_j == pytest.approx(sent * 1e-12)
    assert (found.pulse_j, found.verify_j) == (pytest.approx(1900e-12), pytest.approx(1980e-12))
    assert found.joules == pytest.approx((sent + 1900 + 1980) * 1e-12)


def test_weights_travel_as_wide_as_they_are_held() -> None:
    assert weight_bits(spec()) == 8
    encoding = {"kind": "slices", "weight_bits": 6, "bits_per_cell": 2}
    fields = {f"tile.crossbar.encoding.{name}": value for name, value in encoding.items()}
    place = plan([source(3), dense("a", "x", 3, 5)], SECTION | fields | {"widths.packet_header_bytes": 4})
    found = simulate_loading(place, {"tile(0,0)": Counted(1, 0, 1, 0, 1, 0)})
    assert found.weight_bits == 6
    assert found.bytes == 12 + 4  # 15 weights of 6 bits, rounded up once


def test_time_is_rounded_up_once() -> None:
    given = Programming.model_validate(HERMES | {"pulse_time": "0.0001 ns", "verify_time": "0.0003 ns"})
    assert writing_ps(given, 3, 4) == -(-(7 * 3 + 4 * 1) // 10)
    assert writing_ps(given, 0, 0) == 0


def test_a_full_core_of_the_hermes_chip_with_its_published_figures() -> None:
    """Le Gallo et al. 2023: 256 x 256 unit cells, 32 write heads; 30 times 125 ns + 512 ns + 256 ns at most.

    Ideal cells at the highest conductance with a step of 0.1 and a tolerance of 0.02 would need 38 pulses and stop
    after 30. 256 columns x 8 groups of G+, and as many of G-, which are verified only.
    """
    device = get_device("ideal")
    state = device.program(np.full((256, 256), device.g_max_siemens), stream(1))
    _, plus = ProgramVerify(0.1, 0.02, 30, write_heads=32).write(state, device)
    minus = WriteCounts(256 * 256, 0, 0, 256 * 8, 0)
    counts = plus + minus
    assert (plus.rounds, plus.unconverged) == (2048 * 30, 256 * 256)
    given = Programming.model_validate(HERMES)
    exact_s = Fraction(2 * 2048 * 768 + 2048 * 30 * (125 + 512 + 256), 10**9)
    assert writing_ps(given, counts.groups, counts.rounds) == exact_s * 10**12
    assert float(exact_s) == pytest.approx(58.01e-3, rel=1e-3)


def test_without_the_section_there_is_nothing_to_simulate() -> None:
    place = plan([source(3), dense("a", "x", 3, 5)])
    with pytest.raises(SpecError, match=r"tile\.programming"):
        simulate_loading(place, {})
