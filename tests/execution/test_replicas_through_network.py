"""Copies of a layer compute the layer's values, each with cells of its own."""

from __future__ import annotations

import numpy as np
from analog_plans import convolution

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import IDEAL, QUANTISED, Fidelity, program_network
from chipsim.mapping.placement import place
from chipsim.streams import stream

KERNEL = stream(1, "w").standard_normal((6, 3, 3, 3), np.float32)
X = stream(1, "x").standard_normal((5, 3, 9, 9)).astype(np.float32)
NOISY = Fidelity(True, True, 3600.0, compensated=True)


def outputs(copies: int, fidelity: Fidelity, chunk: int | None = None, *overrides: str) -> np.ndarray:
    network = convolution(KERNEL, 9)
    chip = build_chip(load_spec("hermes64", ("tile.crossbar.rows=20", "grid.shape=[10,10]", *overrides)))
    plan = place(network, chip, {"conv0": copies})
    [name] = network.outputs
    analog = program_network(plan, calibrate(plan, X), fidelity, 0)
    values = analog.run(X, (name,), chunk)[name]
    assert analog.tile_mvms() == {
        placed.tile: 5 * len(placed.replica.positions(49)) for placed in plan.layers["conv0"].blocks
    }
    return values


def assert_equal_but_for_ties(found: np.ndarray, whole: np.ndarray) -> None:
    """A product on another place of a BLAS call may round differently, and now and then so does its conversion."""
    apart = np.abs(found - whole)
    assert np.mean(apart > 2e-6 * np.abs(whole).max()) < 2e-3
    assert apart.max() < 0.05 * np.abs(whole).max()


def test_copies_change_no_value_where_cells_are_ideal():
    for fidelity in (IDEAL, QUANTISED):
        whole = outputs(1, fidelity)
        for copies in (2, 3, 49):
            assert_equal_but_for_ties(outputs(copies, fidelity), whole)


def test_ranges_taken_vector_by_vector_follow_the_positions():
    whole = outputs(1, QUANTISED, None, "tile.dac.range=per-vector")
    found = outputs(4, QUANTISED, None, "tile.dac.range=per-vector")
    assert_equal_but_for_ties(found, whole)


def test_each_copy_has_draws_of_its_own_and_the_first_is_the_layer_without_copies():
    quiet = ("tile.crossbar.device={model: pcm, parameters: {read_noise_scale: 0}}",)
    fresh = Fidelity(True, True)
    whole, found = (outputs(k, fresh, None, *quiet).reshape(5, 6, 49) for k in (1, 3))
    same = np.isclose(found, whole, rtol=0, atol=2e-6 * np.abs(whole).max())
    assert same[:, :, 0::3].all()
    assert same[:, :, 1::3].mean() < 0.7
    assert same[:, :, 2::3].mean() < 0.7


def test_chunks_change_no_byte():
    whole = outputs(3, NOISY)
    for chunk in (1, 2):
        assert outputs(3, NOISY, chunk).tobytes() == whole.tobytes()


def test_a_run_with_copies_counts_every_mvm_once():
    result = chipsim.run(
        "hermes64", "zoo:digits-cnn", data="zoo:digits", programmings=1, replicas=["stem=4", "block1=4", "block2=3"]
    )
    plain = chipsim.run("hermes64", "zoo:digits-cnn", data="zoo:digits", programmings=1)
    assert result.data["chip"]["tile_mvms"] == plain.data["chip"]["tile_mvms"]
    assert result.tiles["mvms"].sum() == plain.tiles["mvms"].sum()
    assert result.data["chip"]["throughput_inputs_per_s"] > 1.5 * plain.data["chip"]["throughput_inputs_per_s"]
    assert abs(result.data["accuracy"]["noisy"] - plain.data["accuracy"]["noisy"]) < 0.01
    by_layer = result.layers.set_index("layer")["replicas"]
    assert by_layer["block1"] == 4
    assert sorted(result.tiles.query("layer == 'block2'")["replica"].unique()) == [0, 1, 2]
