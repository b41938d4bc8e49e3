"""What the architecture file says of converters and scales reaches the values."""

from __future__ import annotations

import numpy as np
import pytest
from analog_plans import zoo_bench

from chipsim.execution.functional import IDEAL, QUANTISED

NAME = "zoo:digits-mlp"


@pytest.fixture(scope="module")
def plain():
    bench = zoo_bench(NAME)
    return bench.run(IDEAL), bench.run(QUANTISED)


def error(values, ideal):
    return float(np.square(values - ideal).mean())


def test_per_tensor_scale_changes_nothing_ideal_and_costs_precision_quantised(plain):
    ideal, quantised = plain
    bench = zoo_bench(NAME, "tile.crossbar.scale=per-tensor")
    np.testing.assert_allclose(bench.run(IDEAL), ideal, atol=1e-5 * np.abs(ideal).max())
    columns = bench.program(IDEAL).layers[bench.network.matrix_layers[0].name].blocks[0].array.output_scale
    assert (columns == columns[0]).all()
    assert error(bench.run(QUANTISED), ideal) != error(quantised, ideal)


def test_full_scale_never_saturates_and_is_coarser(plain):
    ideal, quantised = plain
    bench = zoo_bench(NAME, "tile.adc.range=full-scale")
    network = bench.program(QUANTISED)
    found = network.run(bench.split.x, (bench.output,))[bench.output].reshape(ideal.shape)
    assert sum(block.saturated_outputs for layer in network.layers.values() for block in layer.blocks) == 0
    assert error(found, ideal) > 4 * error(quantised, ideal)
    finer = zoo_bench(NAME, "tile.adc.range=full-scale", "tile.adc.bits=14").run(QUANTISED)
    assert error(finer, ideal) < error(found, ideal) / 4


@pytest.mark.parametrize("field", ["noise=3.0", "gain_spread=0.05", "offset_spread=3.0"])
def test_errors_of_output_converters_show_only_where_converters_are_on(plain, field):
    ideal, quantised = plain
    bench = zoo_bench(NAME, f"tile.adc.{field}")
    assert bench.run(IDEAL).tobytes() == ideal.tobytes()
    assert error(bench.run(QUANTISED), ideal) > 1.5 * error(quantised, ideal)
    assert bench.run(QUANTISED, seed=1).tobytes() != bench.run(QUANTISED, seed=2).tobytes()
