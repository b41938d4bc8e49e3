"""Convolutions and transposed convolutions of one to three axes equal onnxruntime, on tiles too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_models import model_bytes, node, normal, read_and_check

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import IDEAL, program_network
from chipsim.mapping.placement import place
from chipsim.network.edges import edges
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, MatrixLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference
from chipsim.simulation.engine import simulate_chip

SIZES = (5, 4, 3)


def options_of(data: st.DataObject, axes: int, transposed: bool) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Attributes, and the kernel."""

    def sizes(low: int, high: int) -> list[int]:
        return [data.draw(st.integers(low, high)) for _ in range(axes)]

    kernel, strides, dilations = sizes(1, 3), sizes(1, 3), sizes(1, 2)
    options: dict[str, Any] = {"strides": strides, "dilations": dilations, "group": data.draw(st.sampled_from([1, 2]))}
    mode = data.draw(st.sampled_from(["NOTSET", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    options["auto_pad"] = mode
    if mode.startswith("SAME"):  # onnxruntime refuses the two together
        options["dilations"] = [1] * axes
        if transposed:  # it would need negative padding, which onnxruntime and ONNX treat differently
            kernel = [max(k, s) for k, s in zip(kernel, strides, strict=True)]
    if mode == "NOTSET":
        reach = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
        options["pads"] = [data.draw(st.integers(0, min(2, r + (not transposed)))) for r in reach * 2]
    if transposed and mode == "NOTSET":
        options["output_padding"] = [data.draw(st.integers(0, s - 1)) for s in strides]
    return options, tuple(kernel)


def refused(options: dict[str, Any], kernel: tuple[int, ...], transposed: bool) -> bool:
    """Whether nothing would come out along some axis."""
    axes = len(kernel)
    pads = options.get("pads", [0] * (2 * axes))
    for a in range(axes):
        reach = (kernel[a] - 1) * options["dilations"][a] + 1
        pad = pads[a] + pads[axes + a]
        if transposed:
            if (SIZES[a] - 1) * options["strides"][a] + reach + options.get("output_padding", [0] * axes)[a] - pad < 1:
                return True
        elif SIZES[a] + pad < reach and not options["auto_pad"].startswith("SAME"):
            return True
    return False


@settings(max_examples=120)
@given(st.data(), st.integers(1, 3), st.booleans(), st.booleans())
def test_any_convolution_equals_onnxruntime(data: st.DataObject, axes: int, transposed: bool, bias: bool) -> None:
    options, kernel = options_of(data, axes, transposed)
    if refused(options, kernel, transposed):
        return
    groups = options["group"]
    shape = (4, 6 // groups, *kernel) if transposed else (6, 4 // groups, *kernel)
    weights = {"w": normal(*shape)} | ({"b": normal(6)} if bias else {})
    operator = "ConvTranspose" if transposed else "Conv"
    content = model_bytes([node(operator, " ".join(["x", *weights]), "y", **options)], ("N", 4, *SIZES[:axes]), weights)
    network = read_and_check(content)
    (layer,) = network.matrix_layers
    assert len(layer.matrices) == groups
    assert layer.positions == math.prod(layer.output_shape[1:])


@pytest.mark.parametrize("size", [(9, 7), (10, 8), (11, 9)])
def test_a_transposed_convolution_to_a_stated_size(size: tuple[int, int]) -> None:
    options = {"strides": [2, 2], "output_shape": list(size)}
    content = model_bytes([node("ConvTranspose", "x w", "y", **options)], ("N", 2, 5, 4), {"w": normal(2, 3, 3, 3)})
    assert read_and_check(content).layers["y"].output_shape == (3, *size)


def test_stuffed_zeros_are_no_useful_work() -> None:
    transposed = node("ConvTranspose", "x w", "y", strides=[3, 2])
    network = read_and_check(model_bytes([transposed], ("N", 2, 5, 4), {"w": normal(2, 3, 3, 2)}))
    assert network.macs == 5 * 4 * 2 * 3 * 3 * 2
    assert network.matrix_layers[0].window.stuffing == (3, 2)


def volume() -> Network:
    """A network over a volume with everything that keeps positions, and a dense layer at the end."""
    nodes = [
        node("Conv", "x a", "c", pads=[1] * 6),
        node("BatchNormalization", "c s s s s", "n"),
        node("Relu", "n", "r"),
        node("Erf", "r", "e"),
        node("Add", "e r", "d"),
        node("MaxPool", "d", "p", kernel_shape=[2, 2, 1], strides=[2, 2, 1]),
        node("ConvTranspose", "p t", "u", strides=[1, 2, 1]),
        node("Flatten", "u", "f"),
        node("Gemm", "f w", "y"),
    ]
    weights = {"a": normal(3, 2, 3, 3, 3), "s": np.ones(3, np.float32), "t": normal(3, 2, 1, 2, 2)}
    content = model_bytes(nodes, ("N", 2, 4, 4, 3), weights | {"w": normal(2 * 2 * 4 * 4, 5)})
    return read_onnx(content, "volume")


def decoder() -> Network:
    """An autoencoder with skip connection, as segmentation networks have them."""
    nodes = [
        node("Conv", "x a", "c", pads=[1] * 4, strides=[2, 2]),
        node("Relu", "c", "r"),
        node("Conv", "r g", "d", pads=[1] * 4, strides=[2, 2], group=2),
        node("ConvTranspose", "d t b", "u", strides=[2, 2], pads=[1] * 4, output_padding=[1, 1]),
        node("Concat", "u r", "j", axis=1),
        node("ConvTranspose", "j v", "w2", strides=[2, 2], group=2),
        node("Sigmoid", "w2", "y"),
    ]
    weights = {"a": normal(4, 1, 3, 3), "g": normal(4, 2, 3, 3), "t": normal(4, 4, 3, 3), "b": normal(4)}
    return read_onnx(model_bytes(nodes, ("N", 1, 8, 8), weights | {"v": normal(8, 1, 2, 2)}), "decoder")


def sequence() -> Network:
    nodes = [
        node("Conv", "x a", "c", strides=[2], dilations=[2], pads=[2, 2]),
        node("LeakyRelu", "c", "r"),
        node("ConvTranspose", "r t", "y", strides=[3], pads=[1, 0], dilations=[2]),
    ]
    return read_onnx(model_bytes(nodes, ("N", 3, 17), {"a": normal(4, 3, 3), "t": normal(4, 2, 2)}), "sequence")


@pytest.mark.parametrize("network", [volume(), decoder(), sequence()], ids=["volume", "decoder", "sequence"])
@pytest.mark.parametrize("rows", [256, 10])
def test_on_tiles_with_ideal_cells(network: Network, rows: int) -> None:
    """Values equal onnxruntime's, and both planes count the same products."""
    overrides = [f"tile.crossbar.rows={rows}", "grid.shape=[12,12]"]
    plan = place(network, build_chip(load_spec("hermes64", overrides)))
    x = normal(3, *network.input_shape, seed=4)
    programmed = program_network(plan, calibrate(plan, x), IDEAL, seed=0)
    (name,) = network.outputs
    found, (reference,) = programmed.run(x, [name])[name], run_reference(network, x)
    assert np.abs(found - reference).max() <= 1e-5 * np.abs(reference).max()
    outcome = simulate_chip(plan, 3, 1)
    assert outcome.tile_mvms == programmed.tile_mvms()


def test_positions_of_a_volume_flow_through_the_whole_network() -> None:
    network = volume()
    waits = {edge.consumer: edge for edge in edges(network)}
    assert network.layers["c"].positions == 4 * 4 * 3
    for name in ("e", "d"):
        layer = network.layers[name]
        assert isinstance(layer, DigitalLayer)
        assert waits[name].need.tolist() == list(range(1, 49))
    assert waits["p"].need[0] == 16  # the second plane's second row
    assert waits["u"].need[0] == 1
    dense = network.layers["y"]
    assert isinstance(dense, MatrixLayer)
    assert not waits["y"].mixed
