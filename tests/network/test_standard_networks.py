"""Standard networks have the weights and products that their papers and reference implementations give."""

from __future__ import annotations

import pytest
from network_models import assert_like_reference, normal

from chipsim.network.graph import Network
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.standard import BUILDERS
from chipsim.network.standard.inverted_residual import mobilenet
from chipsim.network.standard.vgg import vgg16
from chipsim.network.zoo import list_networks, load_network


def on_tiles(network: Network) -> int:
    return sum(matrix.rows * matrix.columns for layer in network.matrix_layers for matrix in layer.matrices)


@pytest.mark.parametrize(
    ("name", "weights", "macs"),
    [
        # torchvision: 11,689,512; 25,557,032 and 3,504,872 parameters, without biases and normalisation;
        # 1.814, 4.089 and 0.301 GMACs
        ("zoo:resnet18", 11_689_512 - 1000 - 2 * 4_800, 1_814_073_344),
        ("zoo:resnet50", 25_557_032 - 1000 - 2 * 26_560, 4_089_184_256),
        ("zoo:mobilenet", 3_504_872 - 1000 - 2 * 17_056, 300_774_272),
        # Le Gallo et al. 2023: 128 x 2016, 504 x 2016 and 504 x 50; a GRU has three quarters of the first two
        ("zoo:lstm-ptb", 1_299_312, 32 * 1_299_312),
        ("zoo:gru-ptb", 980_784, 32 * 980_784),
        # 12 width^2 weights; attention adds 2 tokens^2 width products
        ("zoo:bert-base-layer", 12 * 768**2, 128 * 12 * 768**2 + 2 * 128**2 * 768),
        ("zoo:bert-large-layer", 12 * 1024**2, 128 * 12 * 1024**2 + 2 * 128**2 * 1024),
    ],
)
def test_weights_and_products(name: str, weights: int, macs: int) -> None:
    network = load_network(name)
    assert on_tiles(network) == weights
    assert network.macs == macs
    assert network.weights == "synthetic"


def test_vgg16_in_thin() -> None:
    """Dense layers are narrow; the convolutions have torchvision's 14,710,464 weights."""
    network = read_onnx(vgg16(0, side=32, classes=10, hidden=64).SerializeToString(), "vgg16")
    assert on_tiles(network) == 14_710_464 + 512 * 64 + 64 * 64 + 64 * 10


def test_weights_depend_on_the_seed_and_repeat() -> None:
    first, again, other = (mobilenet(seed, side=32).SerializeToString(deterministic=True) for seed in (0, 0, 1))
    assert first == again != other


def test_all_are_listed() -> None:
    assert set(BUILDERS) <= set(list_networks())


def test_matrices_are_those_of_the_file() -> None:
    network = read_onnx(mobilenet(3, side=32, classes=7).SerializeToString(), "mobilenet")
    assert_like_reference(network, normal(2, 3, 32, 32))
