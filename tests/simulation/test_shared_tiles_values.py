"""Values do not depend on where blocks sit; what tiles compute is what they are simulated to compute."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from packing import shared
from small_machines import dense, source
from small_machines import plan as plan_of_small

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.crossbar.program_verify import WriteCounts
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import Fidelity, block_sites, program_network
from chipsim.mapping.placement import place
from chipsim.network.zoo import load_network
from chipsim.simulation.compensating import reference_cost
from chipsim.simulation.loading import simulate_loading

SMALL = "tile.crossbar.rows=64", "tile.crossbar.columns=64", "grid.shape=[2,8]"


def test_values_do_not_depend_on_where_blocks_sit() -> None:
    """Streams are keyed by layer and block: all on one tile gives the bytes of a tile for each."""
    net = load_network("zoo:digits-mlp")
    apart, roomy = (
        place(net, build_chip(load_spec("hermes64", [*SMALL, f"tile.crossbars={crossbars}"]))) for crossbars in (1, 12)
    )
    x = np.random.default_rng(1).random((24, *net.input_shape), np.float32)
    ranges = calibrate(apart, x)
    output = net.outputs[0]
    together = shared(roomy, 1)
    assert together.tiles_used == 1 < apart.tiles_used
    outputs = []
    for found in (apart, together):
        analog = program_network(found, ranges, Fidelity(converters=True, devices=True, age_s=3600.0), seed=3)
        outputs.append(analog.run(x, (output,))[output])
        assert analog.tile_mvms() == {placed.name: len(x) for placed in found.blocks}
    np.testing.assert_array_equal(*outputs)


def test_a_map_breaks_what_lies_on_its_array(tmp_path) -> None:
    """Cell (70, 3) of a tile's second array is cell (6, 3) of the block that begins in row 64 there."""
    path = tmp_path / "known.csv"
    path.write_text('tile,row,column,line,fault\n"tile(0,0)[1]",70,3,0,on\n"tile(0,0)",*,*,*,open\n')
    roomy = "tile.crossbar.rows=128", "tile.crossbar.columns=96", "grid.shape=[1,2]", "tile.crossbars=3"
    found = place(
        load_network("zoo:digits-mlp"),
        build_chip(load_spec("hermes64", [*roomy, f"tile.crossbar.faults.map={path}"])),
    )
    blocks = {name: layer.blocks[0] for name, layer in found.layers.items()}
    low = replace(blocks["dense4"], tile="tile(0,0)", crossbar=1, first_row=64)
    layers = dict(found.layers)
    for name, block in {"dense2": replace(blocks["dense2"], crossbar=2), "dense4": low}.items():
        [part] = layers[name].slices
        layers[name] = replace(layers[name], slices=(replace(part, blocks=(block,)),))
    [part] = layers["dense3"].slices
    moved = replace(blocks["dense3"], tile="tile(0,1)", crossbar=0)
    layers["dense3"] = replace(layers["dense3"], slices=(replace(part, blocks=(moved,)),))
    plan = replace(found, layers=layers)
    sites = block_sites(plan, calibrate(plan, inputs()), Fidelity(True, True), (0, 0))
    faults = {name: [(f.row, f.column, f.fault) for f in own[0].known_faults] for name, own in sites.items()}
    assert faults == {"dense1": [(None, None, "open")], "dense2": [], "dense3": [], "dense4": [(6, 3, "on")]}


def inputs() -> np.ndarray:
    return np.random.default_rng(1).random((4, *load_network("zoo:digits-mlp").input_shape), np.float32)


def test_blocks_of_a_tile_are_written_one_after_another() -> None:
    changes = {
        "tile.crossbars": 4, "tile.programming.pulse_time": "100 ns", "tile.programming.verify_time": "50 ns",
        "tile.programming.step": 0.2, "tile.programming.tolerance": 0.01, "tile.programming.max_iterations": 4,
    }  # fmt: skip
    built = plan_of_small([source(8), dense("a", "x", 8, 8), dense("b", "a", 8, 8), dense("c", "b", 8, 8)], changes)
    writes = {placed.name: WriteCounts(64, 64, 0, 8, 16) for placed in built.blocks}
    loading = simulate_loading(built, writes)
    spans = sorted((tile.start_ps, tile.end_ps) for tile in loading.tiles)
    assert {tile.tile for tile in loading.tiles} == {"tile(0,0)"}
    assert [end - start for start, end in spans] == [(8 + 16) * 50_000 + 16 * 100_000] * 3
    assert all(before[1] == after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize("together", [1, 3])
def test_blocks_of_a_tile_are_read_one_after_another_for_compensation(together: int) -> None:
    layers = [source(8), dense("a", "x", 8, 8), dense("b", "a", 8, 8), dense("c", "b", 8, 8)]
    one, several = (plan_of_small(layers, {"tile.crossbars": crossbars}) for crossbars in (1, together))
    assert reference_cost(several).reads_ps == together * reference_cost(one).reads_ps
