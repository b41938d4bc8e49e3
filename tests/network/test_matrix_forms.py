"""Products under other names go to tiles and give what ONNX Runtime does: Einsum, fused ones, linear models."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from network_models import ideal, node, normal
from onnx import TensorProto, helper, numpy_helper

from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import compared_layers, run_reference

MS, ML = "com.microsoft", "ai.onnx.ml"
CLOSE = 1e-5  # of the largest value


def content(nodes, shape, weights=None, outputs=("y",), kind=TensorProto.FLOAT, opset=17) -> bytes:
    graph = helper.make_graph(
        nodes, "forms", [helper.make_tensor_value_info("x", kind, ["N", *shape])],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in (weights or {}).items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MS, 1), helper.make_opsetid(ML, 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def check(model: bytes, *, share: float | None = 1.0, count: int = 3) -> Network:
    """Ideal values, the reference and ONNX Runtime on the file agree; so many of the MACs are on tiles."""
    network = read_onnx(model, "forms")
    x = normal(count, *network.input_shape, seed=3)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    wanted = session.run(None, {"x": x})
    values, reference = ideal(network, x), run_reference(network, x)
    for name, kept, right in zip(network.outputs, reference, wanted, strict=True):
        size = max(np.abs(right).max(), 1e-30)
        assert np.abs(values[name].reshape(right.shape) - right).max() <= CLOSE * size
        assert np.abs(kept.reshape(right.shape) - right).max() <= CLOSE * size
    if share is not None:
        assert network.macs_on_tiles == pytest.approx(share * network.macs)
        assert network.macs > 0
    return network


EINSUMS = [
    ("nd,de->ne", (6,), (6, 4)), ("nd,ed->ne", (6,), (4, 6)), ("ntd,de->nte", (5, 6), (6, 4)),
    ("ntd,dhe->nthe", (5, 6), (6, 2, 3)), ("ntd,dhe->nhte", (5, 6), (6, 2, 3)), ("nthd,hde->nte", (5, 2, 3), (2, 3, 4)),
    ("nhtd,hde->nte", (2, 5, 3), (2, 3, 4)), ("nhtd,hde->nhte", (2, 5, 3), (2, 3, 4)),
    ("nthd,hde->nthe", (5, 2, 3), (2, 3, 4)), ("nde,de->nd", (4, 3), (4, 3)),
    ("nchw,oc->nohw", (3, 4, 5), (2, 3)), ("...d,de->...e", (5, 6), (6, 4)), ("nd,d->n", (6,), (6,)),
    ("nhd,hde->nhe", (2, 3), (2, 3, 4)), ("ntd,d->nt", (5, 6), (6,)),
]  # fmt: skip


@pytest.mark.parametrize(("equation", "shape", "sizes"), EINSUMS)
@pytest.mark.parametrize("first", [True, False])
def test_einsums_that_are_products_of_matrices(equation, shape, sizes, first):
    terms, _, output = equation.partition("->")
    turned = equation if first else ",".join(terms.split(",")[::-1]) + "->" + output
    made = node("Einsum", "x w" if first else "w x", "y", equation=turned)
    check(content([made], shape, {"w": normal(*sizes)}))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_random_einsums(data):
    """Whatever the order of axes; what is no product of matrices stays on the digital unit with the same values."""
    sizes = {letter: data.draw(st.integers(1, 3)) for letter in "abcde"} | {"n": 1}
    source = "n" + "".join(data.draw(st.permutations("abcd"))[: data.draw(st.integers(1, 3))])
    weights = "".join(data.draw(st.permutations("abcde"))[: data.draw(st.integers(1, 3))])
    both = [each for each in source + weights if each != "n"]
    output = "n" + "".join(data.draw(st.permutations(sorted(set(both))))[: data.draw(st.integers(0, 3))])
    model = content(
        [node("Einsum", "x w", "y", equation=f"{source},{weights}->{output}")], [sizes[each] for each in source[1:]],
        {"w": normal(*(sizes[each] for each in weights))},
    )  # fmt: skip
    single = {each for each in both if both.count(each) == 1}
    summed = {each for each in both if both.count(each) == 2 and each not in output}
    expected = bool(summed) and single <= set(output)
    network = check(model, share=None)
    assume(network.macs)
    assert (network.macs_on_tiles == network.macs) == expected


@pytest.mark.parametrize("equation", ["nd,de->n", "nd,nd->n", "nd,de->en"])
def test_other_einsums_stay_where_they_were(equation):
    weights = normal(*(1 if each == "n" else 4 for each in equation.partition(",")[2].partition("->")[0]))
    shape = [4] * (len(equation.partition(",")[0]) - 1)
    network = read_onnx(content([node("Einsum", "x w", "y", equation=equation)], shape, {"w": weights}), "forms")
    layer = network.layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert layer.operator == "Einsum"


@pytest.mark.parametrize("attributes", [{}, {"alpha": 0.5}, {"transB": 1}, {"transA": 1}, {"transA": 1, "transB": 1}])
@pytest.mark.parametrize("side", ["right", "left"])
def test_fused_matmuls(attributes, side):
    size = (6, 6)
    operands = "x w" if side == "right" else "w x"
    made = node("FusedMatMul", operands, "y", domain=MS, **attributes)
    network = check(content([made], size, {"w": normal(6, 6)}))
    assert network.macs == 6 * 6 * 6


def test_a_fused_matmul_of_one_vector():
    network = check(content([node("FusedMatMul", "x w", "y", domain=MS, alpha=3.0)], (6,), {"w": normal(6, 4)}))
    assert [layer.name for layer in network.layers.values()] == ["x", "y"]


def test_a_fused_matmul_whose_batch_axes_move_stays_where_it_was():
    made = node("FusedMatMul", "x w", "y", domain=MS, transBatchA=1, transA=1)
    network = read_onnx(content([made], (5, 6), {"w": normal(5, 1, 4)}), "forms")
    assert network.macs_on_tiles == 0


@pytest.mark.parametrize(
    ("activation", "more"), [("Relu", {}), ("Tanh", {}), ("Sigmoid", {}), ("LeakyRelu", {"activation_alpha": 0.3})]
)
def test_fused_gemms(activation, more):
    made = node("FusedGemm", "x w b", "y", domain=MS, activation=activation, alpha=0.5, beta=2.0, transB=1, **more)
    network = check(content([made], (6,), {"w": normal(4, 6), "b": normal(4)}))
    (layer,) = network.matrix_layers
    assert len(layer.activations) == 1


LEFT = [((6, 5), (4, 6)), ((3, 6, 5), (4, 6)), ((3, 6, 5), (3, 4, 6)), ((2, 3, 6, 5), (3, 4, 6)), ((6, 5), (1, 4, 6))]


@pytest.mark.parametrize(("shape", "sizes"), LEFT)
def test_constants_on_the_left(shape, sizes):
    check(content([node("MatMul", "w x", "y")], shape, {"w": normal(*sizes)}))


def linear(operator: str, features: int, rows: int, **attributes) -> onnx.NodeProto:
    outputs = ["label", "y"] if operator == "LinearClassifier" else ["y"]
    numbers = normal(rows, features)
    given = {"coefficients": numbers.ravel().tolist(), "intercepts": normal(rows).tolist()}
    if operator == "LinearClassifier":
        given["classlabels_ints"] = [*range(3, 3 + max(rows, 2))]
    return helper.make_node(operator, ["x"], outputs, "model", domain=ML, **(given | attributes))


@pytest.mark.parametrize("targets", [1, 3])
def test_linear_regressors(targets):
    made = linear("LinearRegressor", 6, targets, targets=targets)
    network = check(content([made], (6,)))
    assert (network.macs, [*network.layers]) == (6 * targets, ["x", "model"])


def test_a_linear_regressor_of_float64_runs_in_float32():
    """Which ONNX Runtime has none of; the oracle is a plain product."""
    model = content([linear("LinearRegressor", 6, 2, targets=2)], (6,), kind=TensorProto.DOUBLE)
    network = read_onnx(model, "forms")
    x = normal(3, 6)
    wanted = x @ normal(2, 6).T + normal(2)
    np.testing.assert_allclose(ideal(network, x)["model"], wanted, atol=1e-5)
    np.testing.assert_allclose(run_reference(network, x)[0], wanted, atol=1e-5)
    assert network.macs_on_tiles == network.macs == 12


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC"])
@pytest.mark.parametrize("outputs", [("y",), ("y", "label"), ("label",)])
@pytest.mark.parametrize("classes", [2, 5])
def test_linear_classifiers(transform, outputs, classes):
    made = linear("LinearClassifier", 6, classes, post_transform=transform)
    network = check(content([made], (6,), outputs=outputs), count=1)
    assert network.macs == 6 * classes
    names = compared_layers(network, before_softmax=True)
    x = normal(2, 6)
    for name, reference in zip(names, run_reference(network, x, before_softmax=True), strict=True):
        np.testing.assert_allclose(ideal(network, x)[name].reshape(reference.shape), reference, atol=1e-5)


def test_a_linear_classifier_of_several_rows_within_one_example():
    nodes = [
        node("Reshape", "x rows", "two"), linear("LinearClassifier", 6, 3, post_transform="SOFTMAX"),
        node("Reshape", "y line", "s"),
    ]  # fmt: skip
    nodes[1].input[0] = "two"
    check(content(nodes, (12,), {"rows": np.array([2, 6]), "line": np.array([1, 6])}, ("s", "label")), count=1)


def test_scores_of_classes_whose_labels_are_text():
    made = linear("LinearClassifier", 6, 3)
    del made.attribute[[each.name for each in made.attribute].index("classlabels_ints")]
    made.attribute.append(helper.make_attribute("classlabels_strings", ["a", "b", "c"]))
    check(content([made], (6,)))


@pytest.mark.parametrize(("rows", "transform"), [(1, "NONE"), (1, "LOGISTIC"), (4, "SOFTMAX_ZERO")])
def test_products_of_other_classifiers_are_counted_once(rows, transform):
    """Both outputs are read: the second layer picks one of the scores."""
    made = linear("LinearClassifier", 6, rows, post_transform=transform)
    network = check(content([made], (6,), outputs=("label", "y")), share=0.0, count=1)
    assert network.macs == 6 * rows
    first, second = (layer for layer in network.layers.values() if isinstance(layer, DigitalLayer))
    assert (first.macs, second.macs, second.element_operations) == (6 * rows, 0, max(rows, 2))


def test_a_linear_support_vector_regressor_is_one_column():
    vectors, numbers = normal(7, 6), normal(7)
    made = helper.make_node(
        "SVMRegressor", ["x"], ["y"], "model", domain=ML, kernel_type="LINEAR", n_supports=7, rho=[0.25],
        support_vectors=vectors.ravel().tolist(), coefficients=numbers.tolist(), kernel_params=[0.1, 0.0, 3.0],
    )  # fmt: skip
    network = check(content([made], (6,)))
    assert network.macs == 6
    curved = onnx.NodeProto()
    curved.CopyFrom(made)
    next(each for each in curved.attribute if each.name == "kernel_type").s = b"RBF"
    assert read_onnx(content([curved], (6,)), "forms").macs_on_tiles == 0


def test_float16_operands_keep_their_type():
    made = [
        node("Cast", "x", "h", to=10),
        node("Einsum", "h w", "p", equation="ntd,de->nte"),
        node("Cast", "p", "y", to=1),
    ]
    network = read_onnx(content(made, (5, 6), {"w": normal(6, 4).astype(np.float16)}), "forms")
    (layer,) = network.matrix_layers
    assert layer.number_type == "float16"
    x = normal(3, 5, 6).astype(np.float16).astype(np.float32)
    found, wanted = ideal(network, x)["y"], run_reference(network, x)[0]
    assert np.abs(found - wanted).max() <= 2.0**-10 * np.abs(wanted).max()
