"""Parallel layers as one matrix, depthwise convolutions on digital units: the same values, and both engines agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from network_models import ideal, model_bytes, node, normal
from onnx import helper
from second_engine import SecondEngine
from small_machines import add, chip, conv, network, relu, source, view
from test_second_engine import BOUNDED, CHIPS, compare, least_buffers

from chipsim.architecture.mapping_spec import Mapping
from chipsim.errors import CapacityError
from chipsim.mapping.placement import place
from chipsim.mapping.prepare import prepared
from chipsim.network.layers import DigitalLayer, MatrixLayer, ViewLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference
from chipsim.simulation.engine import simulate_chip

FUSED, DIGITAL = Mapping(fuse_parallel=True), Mapping(depthwise="digital")


def same_as_reference(net, shape):
    x = normal(3, *shape, seed=4)
    found = ideal(net, x)
    for name, expected in zip(net.outputs, run_reference(net, x), strict=True):
        assert np.abs(found[name] - expected).max() <= 1e-5 * np.abs(expected).max()


def test_queries_keys_and_values_become_one_matrix_with_the_same_values():
    nodes = [node("MatMul", f"x w{name}", name) for name in "qkv"]
    nodes += [node("Transpose", "k", "kt", perm=[0, 2, 1]), node("MatMul", "q kt", "scores")]
    nodes += [node("Softmax", "scores", "weights", axis=-1), node("MatMul", "weights v", "mixed")]
    nodes += [node("MatMul", "mixed wo", "y")]
    weights = {f"w{name}": normal(8, 8, seed=i) * 0.3 for i, name in enumerate("qkvo")}
    net = read_onnx(model_bytes(nodes, ("N", 5, 8), weights), "attention")
    fused = prepared(net, FUSED)
    matrices = {layer.name: layer.matrices[0].weights.shape for layer in fused.matrix_layers}
    assert sorted(matrices.values()) == [(8, 8), (8, 24)]
    assert sum(isinstance(layer, ViewLayer) and layer.first_channel is not None for layer in fused.layers.values()) == 3
    assert fused.macs == net.macs
    same_as_reference(fused, (5, 8))


def test_convolutions_side_by_side_are_fused_as_far_as_their_geometry_is_equal():
    nodes = [
        node("Conv", "x wa ba", "a", pads=[1, 1, 1, 1]),
        node("Conv", "x wb", "b", pads=[1, 1, 1, 1]),
        node("Conv", "x wc", "c", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Conv", "x wd", "d", pads=[1, 1, 1, 1]),
        node("Relu", "d", "r"),
        node("Concat", "a b", "y", axis=1),
    ]
    weights = {f"w{n}": normal(c, 3, 3, 3, seed=c) for n, c in (("a", 2), ("b", 3), ("c", 2), ("d", 4))}
    content = model_bytes(nodes, ("N", 3, 6, 6), weights | {"ba": normal(2)}, outputs=("y", "c", "r", "b"))
    net = read_onnx(content, "parallel")
    fused = prepared(net, FUSED)
    assert sorted(len(layer.name.split("+")) for layer in fused.matrix_layers) == [
        1,
        1,
        2,
    ]  # another stride, and a ReLU
    same_as_reference(fused, (3, 6, 6))
    assert prepared(net, Mapping()) is net


@pytest.mark.parametrize("kernel", [(3, 3), (1, 5)])
@pytest.mark.parametrize("strides", [(1, 1), (2, 1)])
def test_depthwise_convolutions_on_digital_units_give_the_same_values(kernel, strides):
    nodes = [
        node("Conv", "x w0 b0", "a", group=4, strides=strides, pads=[1, 2, 0, 1]),
        node("Relu", "a", "r"),
        node("Conv", "r w1", "y"),
    ]
    weights = {"w0": normal(8, 1, *kernel), "b0": normal(8), "w1": normal(5, 8, 1, 1)}
    net = read_onnx(model_bytes(nodes, ("N", 4, 7, 6), weights), "depthwise")
    changed = prepared(net, DIGITAL)
    moved = next(layer for layer in changed.layers.values() if isinstance(layer, DigitalLayer))
    before = net.layers[moved.name]
    assert isinstance(before, MatrixLayer)
    assert (moved.macs, moved.reason) == (before.macs, "mapping.depthwise: digital")
    assert moved.element_operations == 2 * before.macs + 2 * np.prod(before.output_shape)  # bias and ReLU
    assert changed.macs == net.macs
    assert changed.macs_on_tiles == net.macs - before.macs
    same_as_reference(changed, (4, 7, 6))


def test_what_is_not_depthwise_stays_on_tiles():
    nodes = [node("Conv", "x w0", "a", group=2), node("ConvTranspose", "a w1", "y", group=4, strides=[2, 2])]
    content = model_bytes(nodes, ("N", 4, 6, 6), {"w0": normal(4, 2, 3, 3), "w1": normal(4, 1, 2, 2)})
    net = read_onnx(content, "other")
    left = prepared(net, DIGITAL)
    assert left.layers == net.layers
    assert left.notes[:-1] == net.notes
    assert left.notes[-1] == (
        "mapping.depthwise: digital leaves on tiles what is transposed with a stride, cuts its input, or is over "
        "several maps of one example: y"
    )


@pytest.mark.parametrize("attributes", [{}, {"strides": [2], "pads": [2, 1]}, {"dilations": [3], "pads": [0, 4]}])
def test_depthwise_convolutions_over_sequences_run_on_digital_units(attributes):
    nodes = [node("Conv", "x w b", "a", group=4, **attributes), node("Relu", "a", "r"), node("Conv", "r v", "y")]
    weights = {"w": normal(8, 1, 3), "b": normal(8), "v": normal(5, 8, 1)}
    net = read_onnx(model_bytes(nodes, ("N", 4, 9), weights), "sequence")
    changed = prepared(net, DIGITAL)
    (moved,) = (layer for layer in changed.layers.values() if isinstance(layer, DigitalLayer))
    assert (moved.pattern, moved.reason, changed.notes) == ("window", "mapping.depthwise: digital", ())
    assert changed.macs == net.macs
    assert changed.macs_on_tiles == net.layers["y"].macs
    same_as_reference(changed, (4, 9))
    plan = place(changed, chip({"host.max_inputs_in_flight": "2"}))
    outcome = simulate_chip(plan, 3)
    compare(plan, outcome, SecondEngine(plan, 3, plan.chip.spec.host.max_inputs_in_flight).run(), 3)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_depthwise_convolutions_of_any_type_keep_it(kind):
    weights = {"w": normal(4, 1, 3, 3).astype(kind), "b": normal(4).astype(kind)}
    nodes = [
        node("Cast", "x", "c", to=helper.np_dtype_to_tensor_dtype(np.dtype(kind))),
        node("Conv", "c w b", "a", group=4),
        node("Cast", "a", "y", to=1),
    ]
    changed = prepared(read_onnx(model_bytes(nodes, ("N", 4, 6, 6), weights), "typed"), DIGITAL)
    assert changed.macs_on_tiles == 0
    x = normal(3, 4, 6, 6).astype(kind).astype(np.float32)
    found, wanted = ideal(changed, x)["y"], run_reference(changed, x)[0]
    assert (found.astype(kind) == found).all()
    assert np.abs(found - wanted).max() <= np.finfo(kind).eps * np.abs(wanted).max()


def test_a_transposed_depthwise_convolution_without_a_stride_runs_on_digital_units():
    content = model_bytes([node("ConvTranspose", "x w", "y", group=4)], ("N", 4, 6, 6), {"w": normal(4, 1, 3, 3)})
    changed = prepared(read_onnx(content, "turned"), DIGITAL)
    assert (changed.macs_on_tiles, changed.notes) == (0, ())
    same_as_reference(changed, (4, 6, 6))


@st.composite
def parallel_networks(draw):
    """Convolutions that read one map side by side, and what reads some of them."""
    x = source(draw(st.sampled_from([1, 2, 4])), 3, 3)
    before = relu("r", x) if draw(st.booleans()) else x
    kernel, pads = draw(st.sampled_from([(1, 0), (2, 0), (3, 1)]))
    twins = [
        conv(f"c{i}", before, draw(st.sampled_from([2, 3, 5])), kernel, 1, pads) for i in range(draw(st.integers(2, 3)))
    ]
    made = [x, *([before] if before is not x else []), *twins]
    for number in range(draw(st.integers(0, 3))):
        one = draw(st.sampled_from(made[1:]))
        kind = draw(st.sampled_from(["conv", "relu", "add", "view"]))
        if len(one.output_shape) == 1:
            kind = "relu"
        if kind == "conv":
            made.append(conv(f"l{number}", one, 3, draw(st.sampled_from([1, 2]))))
        elif kind == "add":
            made.append(
                add(f"l{number}", one, draw(st.sampled_from([m for m in made if m.output_shape == one.output_shape])))
            )
        elif kind == "view":
            made.append(view(f"l{number}", one, int(np.prod(one.output_shape))))
        else:
            made.append(relu(f"l{number}", one))
    read = {name for layer in made for name in layer.inputs}
    return prepared(network(made, tuple(layer.name for layer in made[1:] if layer.name not in read)), FUSED)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(parallel_networks(), CHIPS, st.integers(1, 3), st.booleans())
def test_two_engines_agree_where_layers_are_fused(net, changes, inputs, bounded):
    limits = BOUNDED if bounded else {}
    try:
        plan = place(net, chip({**changes, **limits, "grid.shape": "[7, 7]"}))
    except CapacityError:
        assume(False)
    assert any("+" in layer.name for layer in net.matrix_layers)
    if bounded:
        with least_buffers():
            outcome = simulate_chip(plan, inputs)
    else:
        outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=bounded).run()
    compare(plan, outcome, second, inputs)


def test_a_reader_of_one_view_is_sent_its_channels_and_no_others():
    """Convolutions of 3 and 5 channels over 4 positions: one is an output, the other is read by a layer on a tile."""
    x = source(2, 2, 2)
    a, b = conv("a", x, 3), conv("b", x, 5)
    net = prepared(network([x, a, b, conv("c", b, 1)], ("a", "c")), FUSED)
    outcome = simulate_chip(place(net, chip()), 1)
    into = {target: size for _, _, target, _, size, _ in outcome.links if target in ("host", "tile(0,1)")}
    assert into == {"host": 4 * 3 + 4 * 1, "tile(0,1)": 4 * 5}


@pytest.mark.parametrize(("group", "on_tiles"), [(4, 0), (2, 2)])
def test_only_depthwise_convolutions_give_up_shared_tiles(group, on_tiles):
    """The notes say what stands on tiles once, and nothing of what is on digital units."""
    nodes = [node("Conv", "x w", "a", group=group, pads=[1, 1, 1, 1]), node("Relu", "a", "r"),
             node("Conv", "r w", "y", group=group, pads=[1, 1, 1, 1])]  # fmt: skip
    net = read_onnx(model_bytes(nodes, ("N", 4, 5, 5), {"w": normal(4, 4 // group, 3, 3)}), "shared")
    [note] = net.notes
    assert "share their weights, which stand on tiles once" in note
    changed = prepared(net, DIGITAL)
    assert len(changed.matrix_layers) == on_tiles
    assert changed.notes == (net.notes if on_tiles else ())
    same_as_reference(changed, (4, 5, 5))


def test_what_shared_weights_with_a_layer_that_left_the_tiles_has_its_own():
    """A depthwise convolution whose input is cut stays on tiles."""
    nodes = [node("Conv", "x w", "a", group=4), node("Conv", "a w", "y", group=4)]
    net = read_onnx(model_bytes(nodes, ("N", 4, 8, 8), {"w": normal(4, 1, 3, 3)}), "shared")
    first, second = net.matrix_layers
    assert second.shares == first.name
    cut = replace(second, window=replace(second.window, pads=(-1, 0, 1, 0)))
    changed = prepared(replace(net, layers={**net.layers, cut.name: cut}), DIGITAL)
    assert [layer.shares for layer in changed.matrix_layers] == [""]
    [note] = changed.notes
    assert note.endswith("or is over several maps of one example: y")
