"""All nine topologies that come with onnx are read, mapped and simulated; layers and weights are counted apart."""

from __future__ import annotations

import math

import pytest

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.mapping.placement import place
from chipsim.network.zoo import list_networks, load_network
from chipsim.simulation.engine import simulate_chip

# 10^9 multiply-accumulates per input, counted from the sizes of the layers
GIGA_MACS = {
    "onnx:bvlc_alexnet": 0.66, "onnx:densenet121": 2.83, "onnx:inception_v1": 1.43, "onnx:inception_v2": 2.02,
    "onnx:resnet50": 4.09, "onnx:shufflenet": 0.125, "onnx:squeezenet": 0.349, "onnx:vgg19": 19.6,
    "onnx:zfnet512": 1.48,
}  # fmt: skip
SIMULATED = ("onnx:bvlc_alexnet", "onnx:inception_v1", "onnx:shufflenet", "onnx:squeezenet", "onnx:zfnet512")


def test_these_are_all() -> None:
    assert set(GIGA_MACS) == {name for name in list_networks() if name.startswith("onnx:")}


@pytest.mark.parametrize("name", GIGA_MACS)
def test_a_published_network_is_mapped_whole(name: str) -> None:
    network = load_network(name)
    assert network.weights == "synthetic"
    assert network.macs == pytest.approx(GIGA_MACS[name] * 1e9, rel=0.01)
    plan = place(network, build_chip(load_spec("hermes64", ["grid.shape=[56,56]"])))
    weights = sum(matrix.weights.size for layer in network.matrix_layers for matrix in layer.matrices)
    assert sum(layer.cells_used for layer in plan.layers.values()) == weights
    assert plan.tiles_used >= math.ceil(weights / 256**2)
    if name in SIMULATED:
        outcome = simulate_chip(plan, 1)
        assert sum(outcome.tile_mvms.values()) == plan.tile_mvms
