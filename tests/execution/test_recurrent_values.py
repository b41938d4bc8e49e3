"""Noise, converters, counts and stored cells in the loops of recurrent operators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analog_plans import Bench, plan_of
from sequence_models import bench_of, model, network_of, node, recurrent_weights

import chipsim.execution.functional as functional
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.errors import InputError
from chipsim.execution.affine_refit import ideal_moments
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import QUANTISED, AnalogNetwork, Fidelity, program_network
from chipsim.execution.split import split_data
from chipsim.mapping.placement import place
from chipsim.network.dataset import Dataset
from chipsim.network.graph import Network

STEPS, INPUTS, HIDDEN = 5, 6, 8
NOISY = Fidelity(converters=True, devices=True, age_s=3600.0)


def network(kind: str = "GRU", direction: str = "bidirectional") -> Network:
    rng = np.random.default_rng(7)
    directions = 2 if direction == "bidirectional" else 1
    weights = recurrent_weights(kind, "", INPUTS, HIDDEN, directions, rng)
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node(kind, "t W R B", "Y Yh", hidden_size=HIDDEN, direction=direction),
    ]
    return network_of(model(nodes, ("N", STEPS, INPUTS), weights, ["Y", "Yh"]))


def data(examples: int = 24) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((examples, STEPS, INPUTS), np.float32)


def all_values(analog: AnalogNetwork, x: np.ndarray, chunk: int | None = None) -> bytes:
    found = analog.run(x, list(analog.plan.network.outputs), chunk)
    return b"".join(values.tobytes() for values in found.values())


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_bytes_depend_neither_on_chunk_nor_threads_nor_on_how_inputs_arrive(kind: str) -> None:
    bench, x = bench_of(network(kind), data()), data(19)
    whole = all_values(bench.program(NOISY), x)
    for chunk in (1, 4, 7):
        assert all_values(bench.program(NOISY), x, chunk) == whole
    single = replace(bench.program(NOISY), threads=1)
    assert all_values(single, x) == whole
    analog = bench.program(NOISY)
    parts = [analog.run(x[a:b], bench.network.outputs) for a, b in ((0, 5), (5, 6), (6, 19))]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in bench.network.outputs}
    assert b"".join(values.tobytes() for values in joined.values()) == whole
    assert all_values(bench.program(NOISY, seed=1), x) != whole


def test_fast_noise_is_fresh_in_every_step_and_of_the_size_that_the_cells_have() -> None:
    """With a state that is always zero, what the recurrent tiles give is noise of their converters alone."""
    given = network("RNN", "forward")
    for layer in given.matrix_layers:
        for matrix in layer.matrices:
            matrix.weights[:] = 0
            matrix.bias[:] = 0
    bench = bench_of(given, data(8), "tile.adc.noise=0.2", "tile.adc.bits=12")
    recurrent = next(layer for layer in given.matrix_layers if layer.delay)
    x = np.zeros((400, STEPS, INPUTS), np.float32)
    sums = bench.program(replace(QUANTISED)).run(x, [recurrent.name])[recurrent.name]
    steps = sums.reshape(400, STEPS, HIDDEN)
    deviation = steps.std(axis=0)
    assert np.all(deviation > 0)
    for a in range(STEPS):
        for b in range(a):
            assert not np.array_equal(steps[:, a], steps[:, b])
            correlation = np.corrcoef(steps[:, a].ravel(), steps[:, b].ravel())[0, 1]
            assert abs(correlation) < 4 / np.sqrt(400 * HIDDEN)  # ten pairs: one false alarm in 1500 seeds


def test_each_tile_computes_one_product_per_step_and_counts_are_in_the_order_of_inputs() -> None:
    """Counts of a run are those of runs of one input each, one after the other."""
    fields = ("tile.mvm_latency=null", "tile.dac.early_stop=true", "tile.adc.kind=ramp", "tile.adc.cycle_time=1 ns")
    fields += ("tile.adc.conversion_time=null", "tile.adc.early_stop=true")
    bench, x = bench_of(network(), data(), *fields), data(6)
    whole, single = bench.program(NOISY), bench.program(NOISY)
    for analog in (whole, single):
        analog.count_conversions()
    all_values(whole, x)
    for i in range(len(x)):
        all_values(single, x[i : i + 1])
    assert whole.tile_mvms() == single.tile_mvms() == dict.fromkeys(whole.tile_mvms(), STEPS * len(x))
    counts, others = whole.conversion_counts(), single.conversion_counts()
    assert set(counts) == set(whole.tile_mvms())
    for name, count in counts.items():
        assert len(count.pulses) == STEPS * len(x)
        np.testing.assert_array_equal(count.pulses, others[name].pulses)
        np.testing.assert_array_equal(count.ramps, others[name].ramps)


def test_ranges_are_those_of_all_steps_with_ideal_cells() -> None:
    given, x = network("RNN", "forward"), data(16)
    bench = bench_of(given, x, "tile.crossbar.rows=64", "tile.crossbar.columns=64", "tile.dac.range_percentile=100",
                     "tile.adc.range_percentile=100")  # fmt: skip
    (recurrent,) = (layer for layer in given.matrix_layers if layer.delay)
    (state,) = recurrent.inputs
    y = bench.program(functional.IDEAL).run(bench.split.calibration, [state])[state]
    assert bench.ranges[recurrent.name].input == pytest.approx(np.abs(y[:, :-1]).max(), rel=1e-5)
    weights = recurrent.matrices[0].weights
    products = y[:, :-1].reshape(-1, HIDDEN) @ (weights / np.abs(weights).max(axis=0))
    assert bench.ranges[recurrent.name].outputs[0, 0, 0][0] == pytest.approx(np.abs(products).max(), rel=1e-4)


@pytest.mark.parametrize(
    "fields",
    [
        ("tile.dac.range=per-vector",),
        (
            "tile.crossbar.encoding.kind=offset",
            "tile.crossbar.encoding.weight_bits=8",
            "tile.crossbar.encoding.bits_per_cell=2",
        ),
        ("tile.dac.encoding=bit-serial",),
        ("tile.crossbar.faults.stuck_off_rate=0.05", "tile.adc.gain_spread=0.02"),
    ],
)  # fmt: skip
def test_other_encodings_and_errors_go_round_the_loop(fields: tuple[str, ...]) -> None:
    bench, x = bench_of(network(), data(), *fields), data(4)
    noisy = bench.program(NOISY)
    assert all_values(noisy, x) == all_values(bench.program(NOISY), x, 1)
    quantised = bench.program(QUANTISED).run(x, bench.network.outputs)
    ideal = bench.program(functional.IDEAL).run(x, bench.network.outputs)
    for name in bench.network.outputs:
        error = np.square(quantised[name] - ideal[name]).mean()
        assert 0 < error < 0.1**2 * np.square(ideal[name]).mean()


def test_copies_take_turns_at_steps() -> None:
    given, x = network("GRU", "forward"), data()
    names = [layer.name for layer in given.matrix_layers]
    chip = build_chip(load_spec("hermes64", ()))
    plan, split = place(given, chip, {names[1]: 2, names[2]: 3}), split_data(Dataset("given", x, None, None, ""))
    bench = Bench(plan, split, calibrate(plan, split.calibration))
    analog = bench.program(functional.IDEAL)
    found = analog.run(x, given.outputs)
    alone = bench_of(given, x, "tile.crossbar.rows=64", "tile.crossbar.columns=64")
    for name, values in alone.program(functional.IDEAL).run(x, given.outputs).items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-6)
    for name, counts in ((names[1], [3, 2]), (names[2], [2, 2, 1])):
        mvms = [run.mvms for run in analog.layers[name].blocks]
        assert mvms == [each * len(x) for each in counts]
    noisy = bench.program(NOISY)
    assert all_values(noisy, x) == all_values(bench.program(NOISY), x, 5)


def test_scale_and_shift_per_channel_are_refused_by_name() -> None:
    bench = bench_of(network("LSTM", "forward"), data())
    with pytest.raises(InputError, match=r"layer Y/recurrent goes round a loop.*use global or per-column"):
        ideal_moments(bench.plan, bench.ranges, bench.split.calibration)


@pytest.mark.parametrize("kind", ["global", "per-column"])
def test_factors_make_up_for_drift_in_loops(kind: str) -> None:
    bench = bench_of(network("LSTM", "forward"), data(), f"tile.compensation.kind={kind}")
    year, x = 3.2e7, data()
    ideal = bench.program(functional.IDEAL).run(x, bench.network.outputs)
    errors = []
    for compensated in (True, False):
        fidelity = Fidelity(converters=True, devices=True, age_s=year, compensated=compensated)
        found = program_network(bench.plan, bench.ranges, fidelity, 0).run(x, bench.network.outputs)
        errors.append(sum(np.square(found[name] - ideal[name]).mean() for name in ideal))
    assert errors[0] < 0.7 * errors[1]


def test_plans_name_the_neuron_unit_of_the_gates() -> None:
    plan = plan_of(network())
    for name, unit in plan.gate_units.items():
        layer = plan.network.layers[name]
        state = layer.state or name  # type: ignore[union-attr]
        assert unit == plan.layers[f"{state}/recurrent"].slices[0].neuron_unit
