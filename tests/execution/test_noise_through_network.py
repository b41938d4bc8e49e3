"""Noise through the layers of a network has the distribution that fresh cells per MVM would give.

Each statistic is over 20,000 MVMs with a fixed seed and compared at five standard errors: fewer than 100
comparisons in all, so a false alarm in less than one of 10,000 choices of the seed.
"""

import numpy as np
import pytest
from analog_plans import Bench, convolution, dense_network, plan_of

from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import Fidelity
from chipsim.execution.split import Split

MVMS, SIGMAS = 20_000, 5.0
NOISY = Fidelity(converters=False, devices=True, age_s=3600.0)


def bench_of(network, x, *overrides):
    plan = plan_of(network, *overrides)
    return Bench(plan, Split(x, None, x, "all"), calibrate(plan, x))


def brute_force(analog, vector, rng):
    """Outputs of one dense layer with every cell's noise drawn afresh for each MVM, in float64."""
    (layer,) = analog.layers.values()
    outputs = np.zeros((MVMS, layer.plan.layer.channels))
    for run in layer.blocks:
        block, array = run.placed.block, run.array
        mine = vector[block.first_row : block.first_row + block.rows].astype(np.float64)
        sigma = np.sqrt(array.fast_variance.astype(np.float64))
        for column in range(block.columns):
            cells = array.difference[:, column] + sigma[:, column] * rng.standard_normal((MVMS, block.rows))
            outputs[:, block.first_column + column] += cells @ mine * array.output_scale[column]
    return outputs


def assert_same_distribution(found, wanted):
    variance = wanted.var(axis=0)
    assert (variance > 0).all()
    apart = np.abs(found.mean(axis=0) - wanted.mean(axis=0)) / np.sqrt(2 * variance / MVMS)
    assert apart.max() < SIGMAS
    assert (np.abs(found.var(axis=0) / variance - 1) / np.sqrt(4 / MVMS)).max() < SIGMAS
    correlation = np.corrcoef(found, rowvar=False) - np.eye(found.shape[1])
    assert np.abs(correlation).max() < SIGMAS / np.sqrt(MVMS)


@pytest.mark.parametrize("rows", [256, 3])
def test_dense_layer_equals_fresh_cells_per_mvm(rows):
    rng = np.random.default_rng(11)
    weights, vector = rng.standard_normal((7, 5)), rng.standard_normal(7).astype(np.float32)
    x = np.repeat(vector[None], MVMS, axis=0)
    bench = bench_of(dense_network(weights), x, f"tile.crossbar.rows={rows}", "tile.crossbar.columns=2")
    found = bench.run(NOISY, seed=3).astype(np.float64)
    assert_same_distribution(found, brute_force(bench.program(NOISY, seed=3), vector, rng))


def test_every_position_of_a_convolution_has_noise_of_its_own():
    kernel = np.random.default_rng(2).standard_normal((2, 1, 2, 2))
    x = np.ones((MVMS // 4, 1, 3, 3), np.float32)
    bench = bench_of(convolution(kernel, 3), x)
    found = bench.run(NOISY, seed=3).reshape(len(x), 2, 4)  # all four positions see the same inputs
    spread = found.std(axis=0)
    assert (spread > 0).all()
    assert np.abs(spread / spread.mean(axis=1, keepdims=True) - 1).max() < SIGMAS / np.sqrt(2 * len(x))
    for channel in (0, 1):
        correlation = np.corrcoef(found[:, channel], rowvar=False) - np.eye(4)
        assert np.abs(correlation).max() < SIGMAS / np.sqrt(len(x))


def test_without_noise_scales_programming_is_exact():
    weights = np.random.default_rng(1).standard_normal((6, 4)).astype(np.float32)
    x = np.eye(6, dtype=np.float32)
    quiet = [
        f"tile.crossbar.device.parameters.{name}=0"
        for name in ("programming_noise_scale", "read_noise_scale", "drift_scale")
    ]
    bench = bench_of(dense_network(weights), x, *quiet)
    np.testing.assert_allclose(bench.run(NOISY), weights, rtol=0, atol=1e-5 * np.abs(weights).max())


def test_more_read_noise_gives_less_signal():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((500, 16)).astype(np.float32)
    network = dense_network(rng.standard_normal((16, 8)))
    errors = []
    for scale in (0.5, 1.0, 2.0):
        only_reads = ["programming_noise_scale=0", "drift_scale=0", f"read_noise_scale={scale}"]
        bench = bench_of(network, x, *(f"tile.crossbar.device.parameters.{text}" for text in only_reads))
        errors.append(np.square(bench.run(NOISY) - bench.reference()).mean())
    assert errors[0] < errors[1] < errors[2]


def test_integrated_conductance_is_that_of_codes_and_cells():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((50, 7)).astype(np.float32)
    bench = bench_of(dense_network(rng.standard_normal((7, 5))), x, "tile.crossbar.rows=4", "tile.crossbar.columns=3")
    analog = bench.program(Fidelity(converters=True, devices=True))
    analog.run(x, (bench.output,))
    (layer,) = analog.layers.values()
    step = bench.ranges["dense0"].input / 127
    codes = np.clip(np.rint(x.astype(np.float64) / step), -127, 127)
    for run in layer.blocks:
        block = run.placed.block
        mine = np.abs(codes[:, block.first_row : block.first_row + block.rows])
        wanted = float((mine @ run.array.row_conductance_siemens).sum())
        assert run.integrated_conductance == pytest.approx(wanted, rel=1e-3)  # codes at a tie may round either way
        assert run.mvms == len(x)
