"""Standard networks with random weights on ideal devices equal onnxruntime to 1e-5 of the largest value."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.execution.calibration import Ranges
from chipsim.execution.functional import IDEAL, program_network
from chipsim.mapping.placement import pieces, place
from chipsim.network.layers import DigitalLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference
from chipsim.network.standard.inverted_residual import mobilenet
from chipsim.network.standard.recurrent import gru_ptb, lstm_ptb
from chipsim.network.standard.residual import resnet18, resnet50
from chipsim.network.standard.transformer import encoder_layer
from chipsim.network.standard.vgg import vgg16
from chipsim.network.zoo import load_data, load_network


def assert_equal_on_ideal_devices(network: onnx.ModelProto | str, x: np.ndarray | None = None) -> None:
    if isinstance(network, str):
        net = load_network(network)
    else:
        net = read_onnx(network.SerializeToString(), network.graph.name)
    if x is None:
        x = np.random.default_rng(4).standard_normal((2, *net.input_shape), np.float32)
    spec = load_spec("hermes64")
    assert isinstance(spec, InMemorySpec)
    side = math.isqrt(len(pieces(net, build_chip(spec)))) + 1
    large = load_spec("hermes64", (f"grid.shape=[{side},{side}]",))
    assert isinstance(large, InMemorySpec)
    chip = build_chip(large)
    units = {layer.name: chip.digital_units[0] for layer in net.layers.values() if isinstance(layer, DigitalLayer)}
    plan = place(net, chip, digital_units=units)
    ranges = {name: Ranges(1.0, {}) for name in plan.layers}
    found = program_network(plan, ranges, IDEAL, seed=0).run(x, net.outputs)
    for name, expected in zip(net.outputs, run_reference(net, x), strict=True):
        assert np.abs(expected).max() > 0.01
        assert expected.std() > 1e-3  # not the same everywhere
        assert np.abs(found[name] - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(
    "model",
    [
        resnet18(1, side=64), resnet50(2, side=64), vgg16(3, side=32, hidden=512), mobilenet(4, side=64),
        lstm_ptb(5, steps=6), gru_ptb(6, steps=6), encoder_layer("encoder", 7, 16, 128, 4),
    ],
    ids=lambda model: str(model.graph.name),
)  # fmt: skip
def test_random_networks(model: onnx.ModelProto) -> None:
    assert_equal_on_ideal_devices(model)


@pytest.mark.parametrize("name", ["zoo:vowels-lstm", "zoo:vowels-gru", "zoo:vowels-transformer"])
def test_trained_networks_on_their_data(name: str) -> None:
    data = load_data("zoo:vowels")
    assert data.x.shape == (370, 29, 12)
    assert data.y is not None
    assert_equal_on_ideal_devices(name, data.x[:40])
    (outputs,) = run_reference(load_network(name), data.x)
    assert (outputs.argmax(axis=1) == data.y).mean() > 0.95
