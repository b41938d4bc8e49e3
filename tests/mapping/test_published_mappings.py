"""Published numbers of tiles, exact, with the default strategy: in order, one block per tile, no sharing.

References
----------
M. Le Gallo et al., "A 64-core mixed-signal in-memory compute chip based on phase-change memory for deep neural network
inference", Nature Electronics 6 (2023): cores of 256 x 256; ResNet-9 on 40 of them (Fig. 3), PTB character LSTM on 26
(Fig. 4).

S. Jain et al., IEEE Transactions on VLSI Systems 31 (2023), with figures from Burr et al., IEDM 2023: tiles of 512 x
512; 38 for a layer of BERT-base, 48 for one of BERT-large; ResNet-32 for CIFAR with two projection shortcuts, 464,432
weights, on 43.
"""

from __future__ import annotations

import numpy as np
import pytest
from network_models import model_bytes, node

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.network.onnx_reader import read_onnx
from chipsim.planning.choose import make_plan

TILES_OF_512 = ("tile.crossbar.rows=512", "tile.crossbar.columns=512")


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def mapped(network: Network, *overrides: str) -> Plan:
    plan = make_plan(network, build_chip(load_spec("hermes64", overrides)))
    assert plan.tiles_used == len(plan.blocks)
    return plan


def weights(network: Network) -> int:
    return sum(matrix.weights.size for layer in network.matrix_layers for matrix in layer.matrices)


def matrices(network: Network) -> list[tuple[int, ...]]:
    return [matrix.weights.shape for layer in network.matrix_layers for matrix in layer.matrices]


def residual_network(sizes: list[tuple[str, str, int, int, int]], image: int, classes: int, width: int) -> bytes:
    """Convolutions given as (output, input, outputs, inputs, stride), all 3x3 but projections, which are called p...;
    sums are made where an output is called like ``s1=c2+c0``."""
    nodes, values = [], {}
    for name, before, outputs, inputs, stride in sizes:
        if "=" in name:
            result, terms = name.split("=")
            nodes += [node("Add", terms.replace("+", " "), f"{result}a"), node("Relu", f"{result}a", result)]
            continue
        kernel = 1 if name.startswith("p") else 3
        values[f"w{name}"] = zeros(outputs, inputs, kernel, kernel)
        pads = [kernel // 2] * 4
        nodes.append(node("Conv", f"{before} w{name}", name, pads=pads, strides=[stride, stride]))
    last = sizes[-1][0].split("=")[0]
    nodes += [
        node("GlobalAveragePool", last, "pooled"),
        node("Flatten", "pooled", "flat"),
        node("Gemm", "flat w b", "y"),
    ]
    return model_bytes(nodes, ("N", 3, image, image), values | {"w": zeros(width, classes), "b": zeros(classes)})


def resnet9() -> Network:
    """27x56, 504x112, 1008x112 twice, 1008x224, 2016x224 three times, 224x10."""
    steps = [
        ("c0", "x", 56, 3, 1), ("c1", "c0", 112, 56, 2), ("c2", "c1", 112, 112, 1), ("c3", "c2", 112, 112, 1),
        ("s1=c3+c1", "", 0, 0, 0), ("c4", "s1", 224, 112, 2), ("c5", "c4", 224, 224, 2), ("c6", "c5", 224, 224, 1),
        ("c7", "c6", 224, 224, 1), ("s2=c7+c5", "", 0, 0, 0),
    ]  # fmt: skip
    return read_onnx(residual_network(steps, 32, 10, 224), "resnet9")


def resnet32() -> Network:
    """Three stages of five blocks of two convolutions, 16, 32 and 64 channels; projections where the width changes."""
    steps, before, channels = [("c", "x", 16, 3, 1)], "c", 16
    for stage, width in enumerate((16, 32, 64)):
        for block in range(5):
            name, stride = f"{stage}{block}", 2 if width != channels else 1
            steps += [(f"a{name}", before, width, channels, stride), (f"b{name}", f"a{name}", width, width, 1)]
            shortcut = before
            if width != channels:
                steps.append((f"p{name}", before, width, channels, stride))
                shortcut = f"p{name}"
            steps.append((f"s{name}=b{name}+{shortcut}", "", 0, 0, 0))
            before, channels = f"s{name}", width
    return read_onnx(residual_network(steps, 32, 10, 64), "resnet32")


def test_hermes_resnet9_takes_40_cores():
    network = resnet9()
    assert matrices(network) == [
        (27, 56), (504, 112), (1008, 112), (1008, 112), (1008, 224), (2016, 224), (2016, 224), (2016, 224), (224, 10),
    ]  # fmt: skip
    assert weights(network) == 1_866_536
    assert mapped(network).tiles_used == 40


def test_hermes_character_lstm_takes_26_cores():
    """Inputs 128 (embedded), hidden 504, 50 characters: 128x2016, 504x2016 and 504x50."""
    nodes = [node("LSTM", "x w r", "h", hidden_size=504), node("Squeeze", "h axes", "s"), node("MatMul", "s o", "y")]
    content = model_bytes(
        nodes, (8, 1, 128),
        {"w": zeros(1, 2016, 128), "r": zeros(1, 2016, 504), "o": zeros(504, 50), "axes": np.array([1])},
    )  # fmt: skip
    network = read_onnx(content, "lstm")
    assert sorted(matrices(network)) == [(128, 2016), (504, 50), (504, 2016)]
    assert weights(network) == 1_299_312
    assert mapped(network).tiles_used == 26


def bert_layer(width: int, tokens: int = 4) -> Network:
    """One encoder layer: attention with four square matrices, two dense layers of four times the width."""
    nodes = [node("MatMul", f"x w{name}", name) for name in "qkv"]
    nodes += [node("Transpose", "k", "kt", perm=[0, 2, 1]), node("MatMul", "q kt", "scores")]
    nodes += [node("Softmax", "scores", "weights", axis=-1), node("MatMul", "weights v", "mixed")]
    nodes += [node("MatMul", "mixed wo", "attended"), node("Add", "attended x", "first")]
    nodes += [node("MatMul", "first w1", "up"), node("Relu", "up", "act"), node("MatMul", "act w2", "down")]
    nodes += [node("Add", "down first", "y")]
    values = {f"w{name}": zeros(width, width) for name in "qkvo"}
    values |= {"w1": zeros(width, 4 * width), "w2": zeros(4 * width, width)}
    return read_onnx(model_bytes(nodes, ("N", tokens, width), values), f"bert{width}")


@pytest.mark.parametrize(
    ("width", "fused", "tiles"), [(768, True, 38), (768, False, 40), (1024, True, 48), (1024, False, 48)]
)
def test_bert_layers_on_tiles_of_512(width, fused, tiles):
    network = bert_layer(width)
    assert weights(network) == 12 * width**2
    plan = mapped(network, *TILES_OF_512, f"mapping.fuse_parallel={str(fused).lower()}")
    assert plan.tiles_used == tiles
    assert weights(plan.network) == weights(network)
    assert ((width, 3 * width) in matrices(plan.network)) == fused


def test_resnet32_takes_43_tiles_of_512():
    network = resnet32()
    assert weights(network) == 464_432
    assert mapped(network, *TILES_OF_512).tiles_used == 43
