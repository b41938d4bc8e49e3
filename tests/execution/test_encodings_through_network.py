"""Encodings of weights and inputs, from the architecture file to the values of a network."""

from __future__ import annotations

import numpy as np
import pytest
from analog_plans import Bench, dense_network, plan_of, zoo_bench

import chipsim
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import IDEAL, QUANTISED, REFERENCE_READS, Fidelity
from chipsim.execution.split import Split
from chipsim.streams import stream

NAME = "zoo:digits-mlp"
NOISY = Fidelity(converters=True, devices=True, age_s=3600.0, compensated=True)
SLICES = ("tile.crossbar.encoding.kind=slices", "tile.crossbar.encoding.weight_bits=8",
          "tile.crossbar.encoding.bits_per_cell=2")  # fmt: skip
OFFSET = ("tile.crossbar.encoding.kind=offset", *SLICES[1:])
SERIAL = ("tile.dac.encoding=bit-serial",)
TWOS = (*SERIAL, "tile.dac.signs=twos-complement")
EVERY = {
    "pulse-count": ("tile.dac.encoding=pulse-count",),
    "phases": ("tile.dac.signs=positive-negative",),
    "serial": SERIAL,
    "serial-2": (*SERIAL, "tile.dac.bits_per_cycle=2"),
    "slices": SLICES,
    "offset": (*OFFSET, "tile.adc.range=full-scale", "tile.adc.bits=14"),
    "slices-serial": (*SLICES, *SERIAL, "tile.dac.bits_per_cycle=3"),
    "offset-serial": (*OFFSET, *TWOS),
    "offset-serial-one-lsb": (*OFFSET, *TWOS, "tile.adc.range=one-lsb", "tile.adc.bits=10"),
    "per-vector": ("tile.dac.range=per-vector",),
    "per-vector-offset": (*OFFSET, *TWOS, "tile.dac.range=per-vector"),
    "devices": ("tile.crossbar.encoding.devices_per_polarity=2",),
}


def integer_bench(*overrides: str) -> Bench:
    """A dense layer of whole numbers and whole inputs that its 8-bit converters hold exactly."""
    weights = stream(1, "w").integers(-127, 128, (30, 200)).astype(np.float32)
    weights[:, :], weights[:, 0], weights[:, 130] = weights, 127, -127  # both row blocks of all columns reach the limit
    x = stream(1, "x").integers(-127, 128, (40, 200)).astype(np.float32)
    x[:, [0, 130]] = 127
    plan = plan_of(
        dense_network(weights.T.copy()), "tile.crossbar.rows=128", "tile.dac.range_percentile=100", *overrides
    )
    return Bench(plan, Split(x, None, x, ""), calibrate(plan, x))


@pytest.mark.parametrize("serial", [SERIAL, TWOS, (*SERIAL, "tile.dac.signs=positive-negative")])
@pytest.mark.parametrize("encoding", [SLICES, OFFSET])
@pytest.mark.parametrize("dac_range", ["calibrated", "per-vector"])
def test_steps_of_one_level_give_integer_arithmetic(encoding, serial, dac_range):
    bench = integer_bench(
        *encoding, *serial, "tile.adc.range=one-lsb", "tile.adc.bits=10", f"tile.dac.range={dac_range}"
    )
    wanted = bench.reference()
    assert np.abs(bench.run(QUANTISED) - wanted).max() <= 2e-7 * np.abs(wanted).max()


@pytest.mark.parametrize("overrides", EVERY.values(), ids=EVERY)
def test_every_encoding_keeps_the_classes_of_nearly_all(overrides):
    bench = zoo_bench(NAME, *overrides)
    reference = bench.reference()
    np.testing.assert_allclose(bench.run(IDEAL), reference, atol=1e-5 * np.abs(reference).max())
    found = bench.run(QUANTISED)
    assert np.mean(found.argmax(axis=1) == reference.argmax(axis=1)) >= 0.97
    assert np.square(found - reference).mean() < 0.05**2 * np.square(reference).mean()


@pytest.mark.parametrize("overrides", [EVERY["offset-serial"], EVERY["slices-serial"], EVERY["devices"]])
def test_aged_cells_with_compensation_still_classify_and_repeat(overrides):
    bench = zoo_bench(NAME, *overrides)
    network = bench.program(NOISY)
    found = network.run(bench.split.x, (bench.output,))[bench.output]
    again = bench.program(NOISY).run(bench.split.x, (bench.output,), chunk=64)[bench.output]
    assert found.tobytes() == again.tobytes()
    assert np.mean(found.reshape(len(found), -1).argmax(axis=1) == bench.split.y) >= 0.8
    for layer in network.layers.values():
        for block in layer.blocks:
            assert block.integrated_conductance > 0
            assert block.ready.reference_conductance > 0


def test_conversions_count_planes_slices_and_unit_columns():
    run = integer_bench(*OFFSET, *TWOS, "tile.adc.range=one-lsb").program(QUANTISED)
    run.run(np.ones((3, 200), np.float32), ())
    blocks = run.layers["dense0"].blocks
    assert [block.conversions for block in blocks] == [3 * 8 * (4 * block.placed.block.columns + 1) for block in blocks]


def test_pulses_with_noise_of_their_own_are_quieter():
    """Variances of 200 runs of 30 columns: their ratio within 5 standard errors (2 %) of the closed form."""
    x = np.zeros((400, 200), np.float32)
    x[:] = stream(2, "x").integers(-127, 128, 200)
    spreads, drive = [], {}
    for encoding in ("pulse-width", "pulse-count"):
        bench = integer_bench(f"tile.dac.encoding={encoding}", "tile.adc.bits=16")
        run = bench.program(Fidelity(converters=True, devices=True))
        spreads.append(run.run(x, (bench.output,))[bench.output].reshape(400, -1).var(axis=0).mean())
    run = integer_bench().program(Fidelity(converters=True, devices=True))
    codes = np.abs(run.layers["dense0"].input_converter.convert(x[:1])[0][0].astype(np.float64))
    for power in (1, 2):
        drive[power] = sum(
            (codes[b.placed.block.first_row :][: b.placed.block.rows] ** power @ b.array.fast_variance
             * b.array.output_scale**2).sum()
            for b in run.layers["dense0"].blocks
        )  # fmt: skip
    assert spreads[1] / spreads[0] == pytest.approx(drive[1] / drive[2], rel=0.1)


def test_reference_reads_and_mvms_cost_every_plane_slice_and_unit_column():
    overrides = ["tile.mvm_latency=null", "tile.mvm_energy=null", "tile.adc.conversion_time=2 ns",
                 "tile.adc.energy_per_conversion=1 pJ", *OFFSET, *TWOS, "tile.adc.range=full-scale"]  # fmt: skip
    result = chipsim.run("hermes64", NAME, data="zoo:digits", overrides=overrides, programmings=1, age="1 hour")
    rows = [row for row in result.tables["ledger"] if row["kind"] == "tile"]
    amounts = {(row["action"], row["component"]): row["amount"] for row in rows}
    inputs = result.data["settings"]["inputs"]
    for tile in {tile for _, tile in amounts}:
        assert amounts["adc of unit column", tile] == inputs * 8
        assert amounts["reference adc", tile] * inputs == amounts["adc", tile] * REFERENCE_READS
        assert amounts["reference dac", tile] * inputs == amounts["dac", tile] * REFERENCE_READS
        assert amounts["reference adc of unit column", tile] == 8 * REFERENCE_READS
        assert amounts["adc", tile] % (4 * 8 * inputs) == 0
