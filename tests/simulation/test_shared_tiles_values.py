"""Values do not depend on where blocks sit; what tiles compute is what they are simulated to compute."""

from __future__ import annotations

import numpy as np
from packing import shared

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import Fidelity, program_network
from chipsim.mapping.placement import place
from chipsim.network.zoo import load_network

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
