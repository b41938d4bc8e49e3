"""Layers that share weights read the same cells; ideal values are those of onnxruntime."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analog_plans import Bench
from sequence_models import assert_equals_onnxruntime, bench_of, model, network_of, node, recurrent_weights

from chipsim.architecture.compensation_spec import Compensation
from chipsim.crossbar.sliced_block import SlicedArray
from chipsim.execution.ageing import compute_ageing
from chipsim.execution.calibration import calibrate
from chipsim.execution.fitting import fitting
from chipsim.execution.functional import IDEAL, QUANTISED, AnalogNetwork, Fidelity, program_network
from chipsim.execution.stored import ProgrammingFile, ProgrammingWriter
from chipsim.execution.values_outcome import ValuesOutcome, note_activity
from chipsim.network.graph import Network
from chipsim.network.weight_sharing import without_sharing

NOISY = Fidelity(converters=True, devices=True, age_s=86400.0, compensated=True)
WIDE = 9
SLICED = "tile.crossbar.encoding={kind: slices, weight_bits: 4, bits_per_cell: 2}"


def unrolled(steps: int = 3) -> bytes:
    """A plain recurrent network as an export without loops writes it; all steps have the same weights."""
    rng = np.random.default_rng(3)
    weights = {
        "w": 0.4 * rng.standard_normal((WIDE, WIDE), np.float32),
        "r": 0.4 * rng.standard_normal((WIDE, WIDE), np.float32),
    }
    weights |= {f"b{step}": rng.standard_normal(WIDE).astype(np.float32) for step in range(steps)}
    weights |= {f"at{step}": np.array(step) for step in range(steps)}
    nodes = []
    for step in range(steps):
        nodes.append(node("Gather", f"x at{step}", f"x{step}", axis=1))
        nodes.append(node("Gemm", f"x{step} w b{step}", f"i{step}"))
        before = f"i{step}"
        if step:
            nodes.append(node("MatMul", f"h{step - 1} r", f"m{step}"))
            nodes.append(node("Add", f"i{step} m{step}", f"s{step}"))
            before = f"s{step}"
        nodes.append(node("Tanh", before, f"h{step}"))
    return model(nodes, ("N", steps, WIDE), weights, [f"h{steps - 1}"])


def data(examples: int = 24, steps: int = 3) -> np.ndarray:
    x = np.random.default_rng(1).standard_normal((examples, steps, WIDE), np.float32)
    return x * np.float32([1, 3, 0.5])[:, None]


def bench(*overrides: str) -> Bench:
    return bench_of(network_of(unrolled()), data(), *overrides)


def values_of(analog: AnalogNetwork, x: np.ndarray, chunk: int | None = None) -> bytes:
    return b"".join(each.tobytes() for each in analog.run(x, analog.plan.network.outputs, chunk).values())


def own_weights(network: Network) -> Network:
    return replace(network, layers=without_sharing(network.layers))


def test_an_unrolled_loop_equals_onnxruntime_on_two_sets_of_tiles() -> None:
    network = assert_equals_onnxruntime(unrolled())
    assert [layer.shares for layer in network.matrix_layers] == ["", "i0", "", "i0", "m1"]
    found = bench()
    alone = bench_of(own_weights(found.network), data())
    assert found.plan.tiles_used == len(found.plan.stored_blocks) == 2 * 2
    assert alone.plan.tiles_used == 5 * 2
    assert found.plan.tile_mvms == alone.plan.tile_mvms


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_two_recurrent_operators_with_the_same_weights_equal_onnxruntime(kind: str) -> None:
    weights = recurrent_weights(kind, "", 8, 8, 1, np.random.default_rng(7))
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node(kind, "t W R B", "Y", hidden_size=8),
        node("Squeeze", "Y one", "S"),
        node(kind, "S W R", "Z", hidden_size=8),
    ]
    network = assert_equals_onnxruntime(model(nodes, ("N", 4, 8), weights | {"one": np.array([1])}, ["Z"]))
    assert sum(bool(layer.shares) for layer in network.matrix_layers) == len(network.matrix_layers) / 2


@pytest.mark.parametrize("overrides", [(), ("tile.dac.range=per-vector",), (SLICED, "tile.crossbar.device=ideal")])
def test_cells_and_converters_are_one_and_ranges_are_common(overrides: tuple[str, ...]) -> None:
    found = bench(*overrides)
    analog = found.program(NOISY)
    for name, layer in analog.layers.items():
        shares = layer.plan.layer.shares
        for own, other in zip(layer.blocks, analog.layers[shares or name].blocks, strict=True):
            assert own.ready is other.ready
            share = [
                np.divide(run.site.ranges.outputs[run.placed.matrix, run.placed.block.row, run.placed.block.column],
                          1.0 if isinstance(run.array, SlicedArray) else run.site.ranges.input)
                for run in (own, other)
            ]  # fmt: skip
            np.testing.assert_allclose(share[0], share[1], rtol=1e-12)
    inputs = {found.ranges[name].input for name in ("i0", "i1", "i2")}
    assert len(inputs) == (1 if "per-vector" in str(overrides) else 3)  # each layer's own


def test_the_common_range_is_the_widest() -> None:
    found = bench()
    alone = calibrate(bench_of(own_weights(found.network), data()).plan, found.split.calibration)
    for key in found.ranges["i0"].outputs:
        wanted = max(alone[name].outputs[key][0] / alone[name].input for name in ("i0", "i1", "i2"))
        for name in ("i0", "i1", "i2"):
            assert found.ranges[name].outputs[key][0] == pytest.approx(wanted * alone[name].input, rel=1e-12)


def test_bytes_depend_neither_on_chunk_nor_threads() -> None:
    found, x = bench(), data(19)
    whole = values_of(found.program(NOISY), x)
    for chunk in (1, 4, 7):
        assert values_of(found.program(NOISY), x, chunk) == whole
    assert values_of(replace(found.program(NOISY), threads=1), x) == whole
    assert values_of(found.program(NOISY, seed=1), x) != whole


def test_fast_noise_is_that_of_the_layer_that_reads() -> None:
    """The same codes on the same cells give other values in another layer, and the same without noise."""
    nodes = [node("MatMul", "x w", "a"), node("MatMul", "x w", "b")]
    weights = {"w": np.random.default_rng(0).standard_normal((WIDE, WIDE)).astype(np.float32)}
    network = network_of(model(nodes, ("N", WIDE), weights, ["a", "b"]))
    x = data()[:, 0]
    found = bench_of(network, x)
    for fidelity, same in ((IDEAL, True), (QUANTISED, True), (NOISY, False)):
        values = found.program(fidelity).run(x, ("a", "b"))
        assert np.array_equal(values["a"], values["b"]) is same


def test_reads_for_compensation_and_writes_count_once() -> None:
    programming = (
        "tile.programming={pulse_time: 125 ns, verify_time: 768 ns, step: 0.25, tolerance: 0.02, max_iterations: 30, "
        "write_heads: 32}"
    )
    found = bench(programming)
    analog, outcome = found.program(NOISY), ValuesOutcome()
    analog.run(data(5), ())
    note_activity(outcome, analog)
    stored = {placed.name for placed in found.plan.stored_blocks}
    assert set(outcome.writes) == {name for name, _ in outcome.reference_reads} == stored
    assert set(outcome.tile_mvms) == {placed.name for placed in found.plan.blocks} > stored
    assert set(outcome.tile_mvms.values()) == {5}


def test_stored_programmings_hold_cells_once(tmp_path) -> None:
    found, path = bench(), tmp_path / "cells.npz"
    analog = found.program(NOISY)
    with ProgrammingWriter.open(path, found.plan, "float32", found.ranges, NOISY.age_s) as writer:
        writer.add(analog)
    with np.load(path) as arrays:
        layers = {name.split("/")[1] for name in arrays.files if name.startswith("0/")}
    assert layers == {"i0", "m1"}
    with ProgrammingFile.open(path, found.plan, "float32") as stored:
        assert stored.ranges(found.plan) == found.ranges
        again = program_network(found.plan, found.ranges, NOISY, 99, stored=stored)
        first = next(iter(again.layers.values())).blocks[0].array
    np.testing.assert_array_equal(first.difference, next(iter(analog.layers.values())).blocks[0].array.difference)
    alone = bench_of(own_weights(found.network), data())
    assert fitting(alone.plan, "float32")["blocks"] != fitting(found.plan, "float32")["blocks"]


def test_cells_age_together() -> None:
    found = bench()
    scores = compute_ageing(
        found.plan, found.split, 0, (60.0, 86400.0), 1,
        [Compensation(kind=kind) for kind in ("none", "global", "affine")], progress=lambda _: None,
    ).scores  # fmt: skip
    assert [score.signal_to_noise_db is not None and score.signal_to_noise_db > 0 for score in scores] == [True] * 6
