"""What conversions take, from the values of a network to its times and its ledger (T41, T43)."""

from __future__ import annotations

import numpy as np
import pytest
from analog_plans import Bench, dense_network, plan_of

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.execution.affine_refit import ideal_moments, refit
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import QUANTISED, Fidelity, program_network
from chipsim.execution.split import Split, split_data
from chipsim.mapping.placement import place
from chipsim.network.dataset import fit_data, load_data
from chipsim.network.zoo import load_network
from chipsim.simulation.engine import simulate_chip
from chipsim.streams import stream

NAME = "zoo:digits-mlp"
APART = ("tile.mvm_latency=null", "tile.mvm_energy=null")
COUNTER = (*APART, "tile.adc.kind=counter", "tile.adc.energy_per_cycle=2 fJ")
STOPS = (
    *APART, "tile.adc.kind=ramp", "tile.adc.early_stop=true", "tile.adc.cycle_time=1 ns", "tile.dac.early_stop=true",
    "tile.adc.energy_per_cycle=2 fJ", "tile.adc.columns_per_adc=64",
)  # fmt: skip


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    digits = load_data("zoo:digits")
    path = tmp_path_factory.mktemp("digits") / "few.npz"
    np.savez(path, x=digits.x[:12], y=digits.y[:12], x_calibration=digits.x[20:60])
    return path


def programmed(few, *overrides, programming=0):
    """The network of a run with these overrides, programmed apart and read with the same inputs."""
    network = load_network(NAME)
    plan = place(network, build_chip(load_spec("hermes64", overrides)))
    split = split_data(fit_data(load_data(str(few)), network))
    fidelity = Fidelity(converters=True, devices=True, age_s=86_400.0, compensated=True)
    analog = program_network(plan, calibrate(plan, split.calibration), fidelity, 0, programming)
    analog.count_conversions()
    analog.run(split.x, (), chunk=5)
    return analog


def run(few, *overrides, **settings):
    return chipsim.run("hermes64", NAME, data=few, overrides=overrides, age="1 day", **settings)


def test_bits_of_whole_numbers_give_the_cycles_of_integer_arithmetic():
    """200 x 30 weights in 2-bit offset slices, inputs bit by bit, 8 converters per slice: 4 turns a plane."""
    weights = stream(1, "w").integers(-127, 128, (30, 200)).astype(np.float32)
    weights[:, 0], weights[:, 130] = 127, -127
    x = stream(1, "x").integers(-127, 128, (9, 200)).astype(np.float32)
    x[:, [0, 130]] = 127
    plan = plan_of(
        dense_network(weights.T.copy()), *STOPS, "tile.crossbar.rows=128", "tile.crossbar.columns=64",
        "tile.adc.columns_per_adc=8", "tile.dac.range_percentile=100", "tile.adc.range=one-lsb", "tile.adc.bits=6",
        "tile.crossbar.encoding.kind=offset", "tile.crossbar.encoding.weight_bits=8",
        "tile.crossbar.encoding.bits_per_cell=2", "tile.dac.encoding=bit-serial", "tile.dac.signs=twos-complement",
    )  # fmt: skip
    analog = Bench(plan, Split(x, None, x, ""), calibrate(plan, x)).program(QUANTISED)
    analog.count_conversions()
    analog.run(x, (), chunk=4)
    found = analog.conversion_counts()
    for placed in plan.layers["dense0"].blocks:
        block = placed.block
        rows = slice(block.first_row, block.first_row + block.rows)
        levels = weights.T[rows].astype(int) + 128
        slices = [*((levels >> shift) & 3 for shift in (0, 2, 4, 6)), np.ones((block.rows, 1), int)]
        ramps, cycles = np.zeros((9, 8), int), np.zeros(9, int)
        for plane in range(8):
            bits = (x[:, rows].astype(int) % 256) >> plane & 1
            codes = [np.minimum(bits @ part, 63) for part in slices]
            for turn in range(4):
                mine = np.concatenate([part[:, 8 * turn : 8 * turn + 8] for part in codes], axis=1)
                ramps[:, plane] += mine.max(axis=1) + 1
                cycles += (mine.max(axis=1) + 1) * mine.shape[1]
        counts = found[placed.tile]
        assert counts.ramps.tolist() == ramps.tolist()
        assert counts.cycles.tolist() == cycles.tolist()
        assert counts.ramps.max() == 4 * 64  # some saturate


def test_nothing_is_counted_where_nobody_asks(few):
    assert programmed(few, *APART, "tile.adc.conversion_time=5 ns").conversion_counts() == {}
    counted = programmed(few, *COUNTER).conversion_counts()
    assert counted
    assert all(each.pulses is None and each.ramps is None for each in counted.values())


def test_counting_changes_no_value(few):
    plain = run(few, *APART, "tile.adc.conversion_time=5 ns", programmings=2).data
    for overrides in (STOPS, COUNTER):
        found = run(few, *overrides, programmings=2).data
        assert (found["accuracy"], found["signal_to_noise_db"]) == (plain["accuracy"], plain["signal_to_noise_db"])


@pytest.mark.parametrize("overrides", [STOPS, COUNTER])
def test_the_ledger_pays_the_first_programming_and_sums_to_the_total(few, overrides):
    result = run(few, *overrides, programmings=2)
    rows = {(row["component"], row["action"]): row for row in result.tables["ledger"]}
    for tile, counts in programmed(few, *overrides).conversion_counts().items():
        row = rows[tile, "adc cycle"]
        assert row["amount"] == counts.cycles.sum()
        assert row["energy_j"] == pytest.approx(2e-15 * float(counts.cycles.sum()))
        assert row["source"].endswith("counted from the values")
        assert rows[tile, "reference adc cycle"]["source"].endswith("full scale assumed; drift compensation")
    total = sum(row["energy_j"] for row in result.tables["ledger"])
    assert result.data["chip"]["energy_per_input_j"] == pytest.approx(total / 12)


QUIET = "tile.crossbar.device={model: pcm, parameters: {read_noise_scale: 0}}"  # every reading of a code is the same


@pytest.mark.parametrize("overrides", [STOPS, COUNTER])
def test_a_refit_pays_what_its_calibration_inputs_count_in_the_refitted_network(few, overrides):
    """Found layer by layer, they are those of the whole network with the factors, reading the same inputs afresh."""
    fields = (*overrides, QUIET, "tile.compensation.kind=affine")
    result = run(few, *fields, programmings=2)
    rows = {(row["component"], row["action"]): row for row in result.tables["ledger"]}
    network = load_network(NAME)
    plan = place(network, build_chip(load_spec("hermes64", fields)))
    x = split_data(fit_data(load_data(str(few)), network)).calibration
    ranges = calibrate(plan, x)
    fidelity = Fidelity(converters=True, devices=True, age_s=86_400.0, compensated=True)
    analog, _ = refit(program_network(plan, ranges, fidelity, 0), ideal_moments(plan, ranges, x), x)
    analog.count_conversions()
    analog.run(x, ())
    counts = analog.conversion_counts()
    for tile, each in counts.items():
        row = rows[tile, "refit adc cycle"]
        assert row["amount"] == each.cycles.sum()
        assert row["source"].endswith("counted from the values; calibration inputs of drift compensation")
    most = simulate_chip(plan, 40)
    assert sum(each.cycles.sum() for each in counts.values()) < sum(
        row.amount for row in most.ledger.rows() if row.action == "adc cycle"
    )
    time_s = result.data["chip"]["drift_compensation"]["time_s"]
    assert time_s == simulate_chip(plan, 40, counts=counts).makespan_ps * 1e-12
    assert (time_s < most.makespan_ps * 1e-12) == (overrides is STOPS)


def test_a_run_without_values_assumes_the_full_scale(few):
    known, assumed = (run(few, *COUNTER, programmings=1, timing_only=only) for only in (False, True))
    cycles = [
        {row["component"]: row for row in result.tables["ledger"] if row["action"] == "adc cycle"}
        for result in (known, assumed)
    ]
    for tile, row in cycles[0].items():
        assert 0 < row["amount"] < cycles[1][tile]["amount"]
        assert cycles[1][tile]["amount"] % (127 * 12) == 0
        assert "full scale assumed" in cycles[1][tile]["source"]
    assert known.data["chip"]["latency_first_input_s"] == assumed.data["chip"]["latency_first_input_s"]


def test_the_first_input_is_faster_by_what_its_own_values_leave_out(few):
    """One tile per layer, one after the other: the latency is that of the worst case minus what every tile saves."""
    known, assumed = (run(few, *STOPS, programmings=1, timing_only=only).data["chip"] for only in (False, True))
    saved_ns = 0
    for layer in programmed(few, *STOPS).layers.values():
        (block,) = layer.blocks
        (counts,) = block.counted[:1]
        turns = -(-block.placed.block.columns // 4)
        saved_ns += (127 - max(1, int(counts.pulses[0, 0]))) + (128 * turns - int(counts.ramps[0, 0]))
    assert assumed["latency_first_input_s"] - known["latency_first_input_s"] == pytest.approx(saved_ns * 1e-9)
    assert saved_ns > 0
    assert known["peak_tops"] == assumed["peak_tops"]
    assert known["makespan_s"] < assumed["makespan_s"]


def test_neither_threads_nor_chunks_change_times_of_values(few):
    one, other = (run(few, *STOPS, programmings=1, threads=n, chunk=c).data for n, c in ((1, 12), (2, 5)))
    assert one["chip"] == other["chip"]
