"""Affine factors give every channel the moments of the ideal network, layer after layer."""

import numpy as np
import pytest
from analog_plans import Bench, convolution, plan_of, zoo_bench

from chipsim.execution.affine import Affine, Moments
from chipsim.execution.affine_refit import ideal_moments, refit
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import IDEAL, Fidelity
from chipsim.execution.split import Split
from chipsim.units import parse_age

YEAR_S = parse_age("1 year")
AGED = Fidelity(True, True, YEAR_S)
QUIET = "tile.crossbar.device={model: pcm, parameters: {read_noise_scale: 0}}"  # no noise that is fresh in every MVM


@pytest.fixture(scope="module", params=["zoo:digits-mlp", "zoo:digits-cnn"])
def quiet(request):
    return zoo_bench(request.param, QUIET)


def refitted(bench, fidelity=AGED, chunk=None):
    x = bench.split.calibration
    return refit(bench.program(fidelity), ideal_moments(bench.plan, bench.ranges, x, chunk=chunk), x, chunk)


def channels(values):
    """Mean and standard deviation per channel of outputs (n, C, ...), by NumPy."""
    rows = np.moveaxis(values.astype(np.float64), 1, -1).reshape(-1, values.shape[1])
    return rows.mean(axis=0), rows.std(axis=0)


def test_outputs_have_the_mean_and_spread_of_the_ideal_network(quiet):
    """The last layer has no activation, and sees what the refitted layers before it make of the inputs."""
    network, _ = refitted(quiet)
    x, last = quiet.split.calibration, quiet.output
    wanted = channels(quiet.program(IDEAL).run(x, (last,))[last])
    found = channels(network.run(x, (last,))[last])
    plain = channels(quiet.program(AGED).run(x, (last,))[last])
    np.testing.assert_allclose(found[0], wanted[0], atol=1e-4 * wanted[1].max())
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-4)
    assert (plain[1] < 0.5 * wanted[1]).all()


def test_bytes_do_not_depend_on_the_chunk_or_the_threads():
    bench = zoo_bench("zoo:digits-cnn")
    found = []
    for chunk, threads in ((None, 2), (7, 1), (50, 2)):
        network, got = refitted(bench, chunk=chunk)
        network.threads = threads
        values = network.run(bench.split.x[:40], (bench.output,), chunk)[bench.output]
        found.append((values.tobytes(), {name: each.scale.tobytes() for name, each in got.affine.items()}))
        conductance = got.conductance
    assert found[0] == found[1] == found[2]
    assert all(amount > 0 for amount in conductance.values())


def test_scored_inputs_see_the_same_noise_as_without_the_refit(quiet):
    """Factors of one and shifts of zero change no byte."""
    aged = quiet.program(Fidelity(True, True, YEAR_S))
    nothing = {
        name: Affine(np.ones(layer.plan.layer.channels), np.zeros(layer.plan.layer.channels))
        for name, layer in aged.layers.items()
    }
    noisy = zoo_bench("zoo:digits-mlp")
    network = noisy.program(AGED)
    unit = {
        name: Affine(np.ones(each.plan.layer.channels), np.zeros(each.plan.layer.channels))
        for name, each in network.layers.items()
    }
    x, output = noisy.split.x[:20], noisy.output
    assert (network.with_affine(unit).run(x, (output,))[output] == network.run(x, (output,))[output]).all()
    x, output = quiet.split.x[:20], quiet.output
    assert (aged.with_affine(nothing).run(x, (output,))[output] == aged.run(x, (output,))[output]).all()


def test_ideal_cells_need_next_to_nothing():
    bench = zoo_bench("zoo:digits-mlp", "tile.crossbar.device=ideal")
    _, found = refitted(bench, Fidelity(True, True, 1.0))
    for affine in found.affine.values():
        np.testing.assert_allclose(affine.scale, 1.0, atol=0.03)  # converters of eight bits


def test_moments_are_those_of_numpy_beyond_one_part():
    rows = np.random.default_rng(0).normal(3.0, 2.0, (10_000, 5)).astype(np.float32)
    moments = Moments.of(rows)
    np.testing.assert_allclose(moments.mean, rows.astype(np.float64).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.std, rows.astype(np.float64).std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("constant", ["now", "wanted"])
def test_a_constant_channel_gets_the_scale_of_the_others_and_its_own_mean(constant):
    rng = np.random.default_rng(1)
    now, wanted = rng.normal(1.0, 1.0, (200, 4)), rng.normal(5.0, 3.0, (200, 4))
    (now if constant == "now" else wanted)[:, 2] = 0.25
    affine = Affine.between(Moments.of(now), Moments.of(wanted))
    scaled = affine.apply(now)
    others = [0, 1, 3]
    np.testing.assert_allclose(scaled[:, others].std(axis=0), wanted[:, others].std(axis=0))
    np.testing.assert_allclose(scaled.mean(axis=0), wanted.mean(axis=0))
    assert affine.scale[2] == np.median(affine.scale[others])


def test_a_layer_without_any_variance_is_only_shifted():
    affine = Affine.between(Moments.of(np.full((3, 2), 1.0)), Moments.of(np.full((3, 2), 4.0)))
    assert affine.scale.tolist() == [1.0, 1.0]
    assert affine.shift.tolist() == [3.0, 3.0]


def test_one_calibration_input_of_one_position_is_enough_to_run():
    weights = np.random.default_rng(2).normal(size=(3, 2, 3, 3)).astype(np.float32)
    plan, x = plan_of(convolution(weights, 3)), np.ones((1, 2, 3, 3), np.float32)
    bench = Bench(plan, Split(x, None, x, ""), calibrate(plan, x))
    network, found = refitted(bench)
    assert all((each.scale == 1).all() for each in found.affine.values())
    assert np.isfinite(network.run(x, (bench.output,))[bench.output]).all()
