"""Wires and faults, from the architecture file to the values of a network."""

from __future__ import annotations

import numpy as np
import pytest
from analog_plans import Bench, dense_network, plan_of, zoo_bench

import chipsim
from chipsim.crossbar.wires import WireResistance, effective_pair
from chipsim.errors import SpecError
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import IDEAL, QUANTISED, Fidelity
from chipsim.execution.split import Split
from chipsim.streams import stream

NOISY = Fidelity(converters=True, devices=True)
WIRES = ("tile.crossbar.wires.word_line_segment=2 ohm", "tile.crossbar.wires.bit_line_segment=1 ohm",
         "tile.crossbar.wires.driver=100 ohm")  # fmt: skip
IDEAL_CELLS = "tile.crossbar.device=ideal"
FINE = ("tile.dac.bits=16", "tile.adc.bits=16", "tile.adc.range_percentile=100", "tile.dac.range_percentile=100")


def bench(*overrides: str) -> Bench:
    weights, x = stream(1, "w").standard_normal((24, 50), np.float32), stream(1, "x").standard_normal((30, 50))
    plan = plan_of(dense_network(weights.T.copy()), *overrides)
    x = x.astype(np.float32)
    return Bench(plan, Split(x, None, x, ""), calibrate(plan, x))


def test_values_are_those_of_the_effective_matrix():
    found = bench(IDEAL_CELLS, *FINE, *WIRES)
    [run] = found.program(IDEAL).layers[found.network.matrix_layers[0].name].blocks
    weights = run.array.difference
    device = run.site.device
    span = device.g_max_siemens - device.g_min_siemens
    plus, minus = (
        device.g_min_siemens + span * np.maximum(weights, 0),
        device.g_min_siemens - span * np.minimum(weights, 0),
    )
    solved = effective_pair(plus, minus, WireResistance(2.0, 1.0, 100.0))
    wanted = found.split.x @ ((solved[0] - solved[1]) / span * run.array.output_scale)
    clean = found.reference()
    assert np.abs(wanted - clean).max() > 0.02 * np.abs(clean).max()
    np.testing.assert_allclose(found.run(NOISY), wanted, atol=2e-4 * np.abs(wanted).max())


def test_only_the_noisy_run_has_wires_and_faults():
    plain, broken = bench(IDEAL_CELLS), bench(IDEAL_CELLS, *WIRES, "tile.crossbar.faults.stuck_on_rate=0.1")
    for fidelity in (IDEAL, QUANTISED):
        assert broken.run(fidelity).tobytes() == plain.run(fidelity).tobytes()
    assert (broken.run(NOISY) != plain.run(NOISY)).mean() > 0.5


def test_a_dead_output_of_a_map_gives_the_bias_alone(tmp_path):
    path = tmp_path / "known.csv"
    path.write_text('tile,row,column,line,fault\n"tile(0,0)",*,3,*,open\n"tile(0,0)",200,5,*,on\n\n', encoding="utf-8")
    whole, broken = bench(IDEAL_CELLS), bench(IDEAL_CELLS, f"tile.crossbar.faults.map={path}")
    assert broken.plan.layers[broken.network.matrix_layers[0].name].blocks[0].tile == "tile(0,0)"
    values, other = broken.run(NOISY), whole.run(NOISY)
    assert not values[:, 3].any()
    np.testing.assert_array_equal(np.delete(values, 3, axis=1), np.delete(other, 3, axis=1))


def test_draws_belong_to_blocks_and_maps_to_tiles(tmp_path):
    path = tmp_path / "known.csv"
    path.write_text('tile,row,column,line,fault\n"tile(7,7)",*,*,*,open\n', encoding="utf-8")
    rate = "tile.crossbar.faults.stuck_off_rate=0.2"
    here, elsewhere = bench(rate), bench(rate, "grid.shape=[4,4]")
    assert here.run(NOISY).tobytes() == elsewhere.run(NOISY).tobytes()
    assert bench(f"tile.crossbar.faults.map={path}").run(NOISY).tobytes() == bench().run(NOISY).tobytes()


def test_accuracy_falls_with_the_share_of_stuck_cells():
    scores = []
    for rate in (0, 0.02, 0.3):
        found = zoo_bench("zoo:digits-mlp", f"tile.crossbar.faults.stuck_on_rate={rate}")
        scores.append(np.mean(found.run(NOISY).argmax(axis=1) == found.split.y))
    assert scores[0] > 0.97
    assert scores[0] > scores[1] > scores[2]


@pytest.mark.parametrize("encoding", [(), ("tile.crossbar.encoding.kind=offset", "tile.crossbar.encoding.weight_bits=4",
                                           "tile.crossbar.encoding.bits_per_cell=2")])  # fmt: skip
@pytest.mark.parametrize("noise", ["per-read", "per-mvm"])
def test_wires_faults_and_planes_go_together_and_repeat(encoding, noise):
    fields = (
        *encoding, *WIRES, "tile.crossbar.faults.dead_row_rate=0.05", "tile.crossbar.faults.stuck_off_rate=0.05",
        f"tile.crossbar.fast_noise={noise}", "tile.dac.encoding=bit-serial", "tile.dac.signs=twos-complement",
    )  # fmt: skip
    found = bench(*fields)
    aged = Fidelity(True, True, 3600.0, compensated=True)
    values = found.run(aged)
    assert values.tobytes() == bench(*fields).run(aged).tobytes()
    reference = found.reference()
    assert np.corrcoef(values.ravel(), reference.ravel())[0, 1] > 0.5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('"tile(9,9)",0,0,0,on', r"line 2: 'tile\(9,9\)' is no tile of the chip"),
        ('"tile(0,0)",256,0,0,on', r"line 2: row '256' must be 0 to 255, or \* for all"),
        ('"tile(0,0)",0,0,2,on', r"line 2: line '2' must be 0 to 1, or \* for all"),
        ('"tile(0,0)",0,-1,0,on', r"line 2: column '-1' must be 0 to 255"),
        ('"tile(0,0)",0,0,0,broken', "line 2: fault 'broken' must be one of on, off, open"),
        ("tile(0,0),0,0,0,on", "line 2: 6 values, but 5 columns"),
    ],
)
def test_a_wrong_line_of_a_map_is_named(tmp_path, line, message):
    path = tmp_path / "known.csv"
    path.write_text(f"tile,row,column,line,fault\n{line}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        bench(f"tile.crossbar.faults.map={path}").run(NOISY)


@pytest.mark.parametrize(
    ("text", "message"), [(None, "cannot be read"), ("a,b\n", "line 1: the columns must be tile,row")]
)
def test_a_map_that_is_none_is_refused(tmp_path, text, message):
    path = tmp_path / "known.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match=message):
        chipsim.run("hermes64", "zoo:digits-mlp", overrides=[f"tile.crossbar.faults.map={path}"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("wires.undriven_rows=floating", "reference"),
        ("wires.driver=5", "ohm"),
        ("wires.driver=-5 ohm", "zero or greater"),
        ("faults.stuck_on_rate=1.5", "must be at most 1"),
        ("faults={stuck_on_rate: 0.7, stuck_off_rate: 0.7}", "above 1 together"),
        ("wires={method: polynomial, driver: 5 ohm}", "bit_line_segment alone"),
        ("fast_noise=sometimes", "per-mvm"),
    ],
)
def test_wrong_fields_are_refused(override, message):
    with pytest.raises(SpecError, match=message):
        plan_of(dense_network(np.ones((2, 2), np.float32)), f"tile.crossbar.{override}")


def test_a_number_of_a_map_that_never_ends_is_refused(tmp_path):
    path = tmp_path / "known.csv"
    path.write_text(f'tile,row,column,line,fault\n"tile(0,0)",{"1" * 5000},0,0,on\n', encoding="utf-8")
    with pytest.raises(SpecError, match="must be 0 to 255"):
        bench(f"tile.crossbar.faults.map={path}").run(NOISY)


def test_resistances_that_no_wire_has_are_refused():
    with pytest.raises(SpecError, match=r"driver must be at most 1e.12 ohm"):
        plan_of(dense_network(np.ones((2, 2), np.float32)), "tile.crossbar.wires={driver: 1e13 ohm}")
