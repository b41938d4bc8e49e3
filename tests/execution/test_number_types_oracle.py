"""Weights in float16, bfloat16 and float64 go to tiles, and ideal ones give what ONNX Runtime does, as it rounds.

ONNX Runtime computes float16 in float32 and rounds what comes out, as tiles of ideal cells do here. Sums in float32 are
in another order, so that a value near the middle of two float16 numbers may become either: values differ by one step of
the type at most, 2^-10 of a value in float16 and 2^-7 in bfloat16, once for every rounding on the way.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from analog_plans import plan_of
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import IDEAL, program_network
from chipsim.network.layers import DigitalLayer, GateLayer, MatrixLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference

TYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
STEP = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float64": 2.0**-18}
"""Of a value; float64 weights are float32 numbers on tiles, and up to 64 of their errors of 2^-24 add up."""


def kind_of(name: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(TYPES[name])))


def node(operator: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    operands = ["" if name == "-" else name for name in inputs.split()]
    outputs = ["" if name == "-" else name for name in output.split()]
    return helper.make_node(operator, operands, outputs, outputs[-1], **attributes)


def model(nodes, shape, weights, kind, *, edge="", outputs=("y",), opset=17) -> bytes:
    """A model of one type; with ``edge`` its inputs and outputs are of another, and casts stand between."""
    stored = {
        name: np.asarray(value, TYPES[kind] if np.asarray(value).dtype.kind == "f" else None)
        for name, value in weights.items()
    }
    if edge:
        inner = {"x": "x/in", **{name: f"{name}/in" for name in outputs}}
        nodes = [renamed(each, inner) for each in nodes]
        nodes = [
            helper.make_node("Cast", ["x"], ["x/in"], "enter", to=kind_of(kind)),
            *nodes,
            *(helper.make_node("Cast", [f"{name}/in"], [name], f"leave {name}", to=kind_of(edge)) for name in outputs),
        ]
    graph = helper.make_graph(
        nodes,
        "typed",
        [helper.make_tensor_value_info("x", kind_of(edge or kind), shape)],
        [helper.make_tensor_value_info(name, kind_of(edge or kind), None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def renamed(each: onnx.NodeProto, names: dict[str, str]) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(each)
    copy.input[:] = [names.get(value, value) for value in each.input]
    copy.output[:] = [names.get(value, value) for value in each.output]
    return copy


def tiles(content: bytes, x: np.ndarray) -> tuple[list[np.ndarray], object]:
    """What tiles of ideal cells give for each output, and the network."""
    network = read_onnx(content, "typed")
    plan = plan_of(network)
    found = program_network(plan, calibrate(plan, x), IDEAL, seed=0).run(x, dict.fromkeys(network.outputs))
    return [found[name] for name in network.outputs], network


def as_it_is(content: bytes, x: np.ndarray) -> list[np.ndarray]:
    """What ONNX Runtime makes of the file, one input at a time."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    kind = {"tensor(float16)": np.float16, "tensor(double)": np.float64}.get(session.get_inputs()[0].type, np.float32)
    shape = session.get_inputs()[0].shape
    found = [session.run(None, {"x": each[None].astype(kind).reshape([s or 1 for s in shape])}) for each in x]
    return [np.stack([values.astype(np.float64) for values in each]) for each in zip(*found, strict=True)]


def assert_within(found: np.ndarray, wanted: np.ndarray, kind: str, roundings: int = 1) -> None:
    """Each value differs by at most one step per rounding, and by what sums in float32 do among large ones."""
    found, wanted = found.reshape(wanted.shape).astype(np.float64), wanted.astype(np.float64)
    allowed = roundings * STEP[kind] * np.abs(wanted) + 1e-6 * np.abs(wanted).max()
    if roundings > 1:  # what was rounded may be larger than what comes out
        allowed = roundings * STEP[kind] * np.abs(wanted).max()
    assert (np.abs(found - wanted) <= allowed).all()


def all_on_tiles(network) -> None:
    assert network.macs == network.macs_on_tiles > 0
    assert not any(isinstance(layer, DigitalLayer) and layer.macs for layer in network.layers.values())


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape, np.float32)


W, B = normal(12, 7), normal(7)
PRODUCTS = {
    "matmul": ([node("MatMul", "x w", "y")], [1, 12], {"w": W}, 1),
    "gemm": ([node("Gemm", "x w b", "y", alpha=0.5, beta=2.0)], [1, 12], {"w": W, "b": B}, 1),
    "gemm turned": ([node("Gemm", "x w b", "y", transB=1)], [1, 12], {"w": W.T, "b": B}, 1),
    "gemm of a turned input": ([node("Gemm", "x w", "y", transA=1, alpha=0.5)], [1, 12], {"w": normal(1, 7)}, 1),
    "gemm and a matrix": ([node("Gemm", "x w c", "y", beta=3.0)], [1, 12], {"w": W, "c": normal(1, 1)}, 3),
    "tokens": ([node("MatMul", "x w", "y")], [1, 5, 12], {"w": W}, 1),
    "bias and function": (
        [node("MatMul", "x w", "h"), node("Add", "h b", "s"), node("Relu", "s", "y")], [1, 5, 12], {"w": W, "b": B}, 2,
    ),
    "stack": ([node("MatMul", "x w", "y")], [1, 3, 5, 12], {"w": normal(3, 12, 4)}, 1),
    "from the left": ([node("MatMul", "w x", "y")], [1, 12, 6], {"w": W.T}, 1),
    "conv": (
        [node("Conv", "x w b", "y", pads=[1, 1, 1, 1])], [1, 4, 6, 6], {"w": normal(8, 4, 3, 3), "b": normal(8)}, 1,
    ),
    "groups": (
        [node("Conv", "x w b", "y", group=2, strides=[2, 2])], [1, 4, 7, 7],
        {"w": normal(6, 2, 3, 3), "b": normal(6)}, 1,
    ),
    "sequence": ([node("Conv", "x w", "y", dilations=[2])], [1, 3, 20], {"w": normal(5, 3, 3)}, 1),
    "transposed": (
        [node("ConvTranspose", "x w b", "y", group=2, strides=[2, 2])], [1, 4, 3, 3],
        {"w": normal(4, 2, 3, 3), "b": normal(4)}, 1,
    ),
    "normalised": (
        [node("Conv", "x w", "h"), node("BatchNormalization", "h s b m v", "n"), node("Sigmoid", "n", "y")],
        [1, 4, 6, 6],
        {
            "w": normal(3, 4, 3, 3), "s": normal(3), "b": normal(3, seed=1), "m": normal(3, seed=2),
            "v": 1 + normal(3) ** 2,
        },
        3,
    ),
}  # fmt: skip
DOUBLES = ("matmul", "gemm", "gemm turned", "tokens", "bias and function", "stack", "from the left")


@pytest.mark.parametrize("edge", ["", "float32"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_float16_products_equal_onnxruntime(name, edge):
    nodes, shape, weights, roundings = PRODUCTS[name]
    content, x = model(nodes, shape, weights, "float16", edge=edge), inputs(shape)
    (found,), network = tiles(content, x)
    all_on_tiles(network)
    assert_within(found, as_it_is(content, x)[0], "float16", roundings)
    assert_within(run_reference(network, x)[0], as_it_is(content, x)[0], "float16", roundings)
    assert any("the model has float16 weights" in note for note in network.notes)


def inputs(shape: list[int], count: int = 4) -> np.ndarray:
    """As many examples as a network with this input takes; one where axis 0 is no batch."""
    rest = shape[1:] if shape[0] == 1 else shape
    return normal(count, *rest, seed=5).astype(np.float16).astype(np.float32)


@pytest.mark.parametrize("name", PRODUCTS)
def test_float16_outputs_are_float16_numbers(name):
    nodes, shape, weights, _ = PRODUCTS[name]
    (found,), network = tiles(model(nodes, shape, weights, "float16"), inputs(shape))
    assert found.dtype == np.float32
    assert (found.astype(np.float16).astype(np.float32) == found).all()
    assert all(layer.number_type == "float16" for layer in network.matrix_layers)


@pytest.mark.parametrize("name", DOUBLES)
def test_float64_products_equal_onnxruntime(name):
    nodes, shape, weights, _ = PRODUCTS[name]
    content, x = model(nodes, shape, weights, "float64"), inputs(shape)
    (found,), network = tiles(content, x)
    all_on_tiles(network)
    assert found.dtype == np.float64
    assert_within(found, as_it_is(content, x)[0], "float64")
    assert any("rounded to float32" in note for note in network.notes)


@pytest.mark.parametrize("name", ["conv", "groups", "sequence", "transposed", "normalised"])
def test_float64_that_onnxruntime_lacks_runs_in_float32(name):
    """The oracle is ONNX's own reference implementation, in float64."""
    nodes, shape, weights, _ = PRODUCTS[name]
    content, x = model(nodes, shape, weights, "float64"), inputs(shape)
    with pytest.raises(Exception, match="NOT_IMPLEMENTED"):
        as_it_is(content, x)
    (found,), network = tiles(content, x)
    all_on_tiles(network)
    if name == "transposed":  # which the reference implementation computes without groups only
        wanted = as_it_is(model(nodes, shape, weights, "float32"), x)[0]
    else:
        evaluator = ReferenceEvaluator(onnx.load_model_from_string(content))
        wanted = np.stack([evaluator.run(None, {"x": each[None].astype(np.float64)})[0] for each in x])
    assert_within(found, wanted, "float64")
    assert_within(run_reference(network, x)[0], wanted, "float64")
    assert any("of float64 here: the model is computed in float32" in note for note in network.notes)


@pytest.mark.parametrize("edge", ["", "float32"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_bfloat16_products_equal_float32_rounded_after_every_operator(name, edge):
    """ONNX Runtime has none of these in bfloat16: the oracle is its float32 with the same, exactly widened weights."""
    nodes, shape, weights, roundings = PRODUCTS[name]
    content, x = model(nodes, shape, weights, "bfloat16", edge=edge), bfloat(inputs(shape))
    (found,), network = tiles(content, x)
    all_on_tiles(network)
    widened = {name: bfloat(value) if value.dtype == np.float32 else value for name, value in weights.items()}
    wanted = as_it_is(model(nodes, shape, widened, "float32"), x)[0]
    assert (bfloat(found) == found).all()
    assert_within(found, wanted, "bfloat16", roundings)
    assert_within(run_reference(network, x)[0], wanted, "bfloat16", roundings)
    assert any("rounded to bfloat16, in the reference too" in note for note in network.notes)


def bfloat(values: np.ndarray) -> np.ndarray:
    return values.astype(ml_dtypes.bfloat16).astype(np.float32)


def recurrent(operator: str, **attributes: object) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    sums = {"RNN": 1, "LSTM": 4, "GRU": 3}[operator]
    ways = 2 if attributes.get("direction") == "bidirectional" else 1
    weights = {
        "w": 0.5 * normal(ways, sums * 5, 4), "r": 0.5 * normal(ways, sums * 5, 5), "b": normal(ways, 2 * sums * 5),
        "h": normal(ways, 1, 5),
    }  # fmt: skip
    operands = "x w r b - h"
    if operator == "LSTM":
        weights |= {"c": normal(ways, 1, 5, seed=1), "p": normal(ways, 15)}
        operands += " c p"
    return [node(operator, operands, "y last", hidden_size=5, **attributes)], weights


RECURRENT = [
    ("RNN", {}), ("LSTM", {}), ("GRU", {}), ("GRU", {"linear_before_reset": 1}), ("LSTM", {"direction": "reverse"}),
    ("LSTM", {"direction": "bidirectional"}), ("RNN", {"direction": "bidirectional"}), ("LSTM", {"clip": 0.5}),
]  # fmt: skip


@pytest.mark.parametrize("edge", ["", "float32"])
@pytest.mark.parametrize(("operator", "attributes"), RECURRENT)
def test_float16_recurrent_operators_equal_onnxruntime(operator, attributes, edge):
    """ONNX Runtime keeps the state in float32 and rounds what the operator gives."""
    nodes, weights = recurrent(operator, **attributes)
    content = model(nodes, [6, 1, 4], weights, "float16", edge=edge, outputs=("y", "last"))
    x = inputs([1, 6, 4])[:, :, None]
    found, network = tiles(content, x.reshape(len(x), *network_shape(content)))
    all_on_tiles(network)
    for values, wanted in zip(found, as_it_is(content, x), strict=True):
        assert_within(values, wanted, "float16")


def network_shape(content: bytes) -> tuple[int, ...]:
    return tuple(read_onnx(content, "typed").input_shape)


@pytest.mark.parametrize("kind", ["bfloat16", "float64"])
@pytest.mark.parametrize(("operator", "attributes"), RECURRENT[:4])
def test_recurrent_operators_that_onnxruntime_lacks_run_in_float32(operator, attributes, kind):
    nodes, weights = recurrent(operator, **attributes)
    content = model(nodes, [6, 1, 4], weights, kind, outputs=("y", "last"))
    x = bfloat(inputs([1, 6, 4]))[:, :, None]
    found, network = tiles(content, x.reshape(len(x), *network_shape(content)))
    all_on_tiles(network)
    rounded = {name: value.astype(TYPES[kind]).astype(np.float32) for name, value in weights.items()}
    wanted = as_it_is(model(nodes, [6, 1, 4], rounded, "float32", outputs=("y", "last")), x)
    for values, expected in zip(found, wanted, strict=True):
        assert_within(values, expected, kind)


def test_a_state_that_is_data_is_float16_too():
    nodes = [node("Gemm", "x k", "s"), node("Reshape", "s to", "h"), node("Reshape", "x steps", "t"),
             node("GRU", "t w r - - h", "- y", hidden_size=5)]  # fmt: skip
    weights = {
        "k": normal(12, 5), "to": np.array([1, 1, 5]), "steps": np.array([3, 1, 4]), "w": 0.5 * normal(1, 15, 4),
        "r": 0.5 * normal(1, 15, 5),
    }  # fmt: skip
    content, x = model(nodes, [1, 12], weights, "float16"), inputs([1, 12])
    (found,), network = tiles(content, x)
    all_on_tiles(network)
    assert any(isinstance(layer, GateLayer) and layer.number_type == "float16" for layer in network.layers.values())
    assert_within(found, as_it_is(content, x)[0], "float16", roundings=2)


def test_a_float16_network_with_all_sorts_of_layers_equals_onnxruntime():
    """Convolution, pooling, sums, functions on digital units, a dense layer: seven roundings of about the same size."""
    nodes = [
        node("Conv", "x k kb", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p k2", "d", pads=[1, 1, 1, 1]),
        node("Add", "d p", "a"),
        node("Relu", "a", "e"),
        node("GlobalAveragePool", "e", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f w b", "l"),
        node("Softmax", "l", "y", axis=-1),
    ]
    weights = {
        "k": 0.3 * normal(6, 3, 3, 3), "kb": normal(6), "k2": 0.2 * normal(6, 6, 3, 3), "w": normal(6, 4),
        "b": normal(4),
    }  # fmt: skip
    for edge in ("", "float32"):
        content, x = model(nodes, [1, 3, 8, 8], weights, "float16", edge=edge), inputs([1, 3, 8, 8], 8)
        (found,), network = tiles(content, x)
        all_on_tiles(network)
        assert_within(found, as_it_is(content, x)[0], "float16", roundings=7)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_a_stored_weight_that_the_graph_casts_is_a_float32_layer(kind):
    nodes = [node("Cast", "w", "v", to=TensorProto.FLOAT), node("MatMul", "x v", "y")]
    graph = helper.make_graph(
        nodes, "cast", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(W.astype(TYPES[kind]), "w")],
    )  # fmt: skip
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    x = inputs([1, 12])
    (found,), network = tiles(content, x)
    (layer,) = (layer for layer in network.layers.values() if isinstance(layer, MatrixLayer))
    assert layer.number_type == ""
    wanted = x.astype(np.float64) @ W.astype(TYPES[kind]).astype(np.float64)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6 * np.abs(wanted).max())


def test_the_smallest_float16_numbers_are_held():
    """Denormal ones are normal float32 numbers."""
    tiny = (np.arange(1, 25, dtype=np.float32).reshape(12, 2) * np.float32(2.0**-24)).astype(np.float16)
    content, x = model([node("MatMul", "x w", "y")], [1, 12], {"w": tiny}, "float16"), 1000 * inputs([1, 12])
    (found,), _ = tiles(content, x)
    wanted = as_it_is(content, x)[0]
    assert np.abs(wanted).max() > 0
    assert np.abs(found.reshape(wanted.shape) - wanted).max() <= 2.0**-24  # one step of denormal numbers


def test_what_float16_cannot_hold_is_infinite_as_in_onnxruntime():
    content = model([node("MatMul", "x w", "y")], [1, 2], {"w": np.array([[6e4], [6e4]])}, "float16")
    x = np.array([[1, 1], [1, -1]], np.float32)
    (found,), _ = tiles(content, x)
    assert found.ravel().tolist() == as_it_is(content, x)[0].ravel().tolist() == [np.inf, 0]
