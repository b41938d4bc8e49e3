"""ONNX models with recurrent operators and tokens, as exporters write them, and how they are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from analog_plans import Bench, plan_of
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import IDEAL
from chipsim.execution.split import split_data
from chipsim.network.dataset import Dataset
from chipsim.network.graph import Network
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference

Values = NDArray[Any]
SUMS = {"RNN": 1, "GRU": 3, "LSTM": 4}
CLOSE = 1e-5


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """Operands and results are separated by spaces, ``-`` is an omitted one; the first result gives the name."""
    operands, results = ([" " * 0 if name == "-" else name for name in text.split()] for text in (inputs, outputs))
    name = next(result for result in results if result)
    return helper.make_node(operator, operands, results, name, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto], shape: Sequence[int | str], weights: Mapping[str, Values], outputs: Sequence[str],
    opset: int = 17,
) -> bytes:  # fmt: skip
    graph = helper.make_graph(
        list(nodes),
        "sequences",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    return bytes(made.SerializeToString())


def recurrent_weights(
    kind: str, name: str, inputs: int, hidden: int, directions: int, rng: np.random.Generator, scale: float = 0.4
) -> dict[str, Values]:
    rows = SUMS[kind] * hidden
    shapes = {"W": (directions, rows, inputs), "R": (directions, rows, hidden), "B": (directions, 2 * rows)}
    return {f"{name}{key}": scale * rng.standard_normal(shape, np.float32) for key, shape in shapes.items()}


def network_of(content: bytes) -> Network:
    return read_onnx(content, "sequences")


def bench_of(network: Network, x: Values, *overrides: str) -> Bench:
    """On crossbars so small that matrices are cut, unless overrides say otherwise."""
    small = ("tile.crossbar.rows=7", "tile.crossbar.columns=11", "grid.shape=[12,12]")
    plan, split = plan_of(network, *small, *overrides), split_data(Dataset("given", x, None, None, ""))
    return Bench(plan, split, calibrate(plan, split.calibration))


def assert_equals_onnxruntime(content: bytes, examples: int = 3, seed: int = 0, *overrides: str) -> Network:
    """All outputs of the network on tiles, with ideal cells and no converters, are those of onnxruntime."""
    network = network_of(content)
    x = np.random.default_rng(seed).standard_normal((examples, *network.input_shape), np.float32)
    bench = bench_of(network, x, *overrides)
    found = bench.program(IDEAL).run(x, network.outputs)
    for name, reference in zip(network.outputs, run_reference(network, x), strict=True):
        assert found[name].shape == reference.shape, name
        assert np.abs(found[name] - reference).max() <= CLOSE * np.abs(reference).max(), name
    return network
