"""Networks with several inputs: read, given data by name, and computed as onnxruntime computes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from network_models import node, normal
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import DataError, InputError, ModelError
from chipsim.network.dataset import fit_data, load_data, synthetic_data
from chipsim.network.graph import Network
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference

NODES = [
    node("Conv", "image k", "c", pads=[1, 1, 1, 1]),
    node("GlobalAveragePool", "c", "g"),
    node("Flatten", "g", "f"),
    node("MatMul", "facts m", "h"),
    node("Cast", "kind", "t", to=TensorProto.FLOAT),
    node("Concat", "f h t", "j", axis=1),
    node("Gemm", "j w", "y"),
]
WEIGHTS = {"k": normal(4, 2, 3, 3), "m": normal(5, 3), "w": normal(9, 2)}


def model(batch: int | str = "N", facts: tuple[Any, ...] = ("N", 5)) -> bytes:
    inputs = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 2, "H", 6]),
        helper.make_tensor_value_info("facts", TensorProto.FLOAT, list(facts)),
        helper.make_tensor_value_info("kind", TensorProto.INT64, ["N", 2]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    stored = [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items()]
    graph = helper.make_graph(NODES, "test", inputs, outputs, stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


ARRAYS = {"image": normal(6, 2, 5, 6), "facts": normal(6, 5), "kind": np.arange(12).reshape(6, 2)}


def archive(tmp_path: Path, **changes: Any) -> str:
    path = tmp_path / "data.npz"
    arrays = {key: value for key, value in (ARRAYS | changes).items() if value is not None}
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return str(path)


def read(data: str) -> Network:
    return read_onnx(model(), "net", data_shape=load_data(data).shapes)


def test_values_are_those_of_onnxruntime_on_the_file(tmp_path: Path) -> None:
    import onnxruntime

    data = archive(tmp_path)
    network = read(data)
    fitted = fit_data(load_data(data), network)
    session = onnxruntime.InferenceSession(model(), providers=["CPUExecutionProvider"])
    feeds = {name: values.astype(np.int64 if name == "kind" else np.float32) for name, values in ARRAYS.items()}
    (expected,) = session.run(None, feeds)
    np.testing.assert_allclose(run_reference(network, fitted.x)[0], expected, rtol=1e-5, atol=1e-5)


def test_inputs_are_joined_and_split_again(tmp_path: Path) -> None:
    data = archive(tmp_path)
    network = read(data)
    fitted = fit_data(load_data(data), network)
    assert network.input_shape == (2 * 5 * 6 + 5 + 2,)
    assert fitted.x.shape == (6, 67)
    for name, values in network.split_inputs(fitted.x).items():
        np.testing.assert_array_equal(values, ARRAYS[name])
    assert network.split_inputs(fitted.x)["kind"].dtype == np.int64


def test_open_sizes_are_bound_input_by_input() -> None:
    network = read_onnx(model(), "net", shapes={"image": (1, 2, 9, 6)})
    assert [layer.output_shape for layer in network.input_layers] == [(2, 9, 6), (5,), (2,)]
    guessed = read_onnx(model(), "net")
    assert guessed.input_layers[0].output_shape == (2, 1, 6)
    assert guessed.notes[0].startswith("input 'image' is Nx2xHx6: H taken as 1")


def test_data_is_made_up_for_all_inputs() -> None:
    network = read_onnx(model(), "net", shapes={"image": (1, 2, 5, 6)})
    assert synthetic_data(network, 3, 0).x.shape == (3, 67)


def test_calibration_arrays_go_by_name(tmp_path: Path) -> None:
    own = {f"{name}_calibration": values[:2] for name, values in ARRAYS.items()}
    data = archive(tmp_path, **own)
    fitted = fit_data(load_data(data), read(data))
    assert fitted.x_calibration is not None
    np.testing.assert_array_equal(fitted.x_calibration, fitted.x[:2])


def test_one_input_may_go_by_its_own_name(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [node("MatMul", "facts m", "y")],
        "one",
        [helper.make_tensor_value_info("facts", TensorProto.FLOAT, ["N", 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(WEIGHTS["m"], "m")],
    )
    content = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    data = load_data(archive(tmp_path))
    np.testing.assert_array_equal(fit_data(data, read_onnx(content, "one")).x, ARRAYS["facts"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"facts": None}, "has no array 'facts'; net has the inputs 'image', 'facts', 'kind', the archive 'image'"),
        ({"facts": None, "fact": ARRAYS["facts"]}, "did you mean 'fact'"),
        ({"facts": ARRAYS["facts"][:4]}, "different numbers of inputs: 'image' has 6, 'facts' has 4, 'kind' has 6"),
        ({"y": np.arange(5)}, "different numbers of inputs: .*'y' has 5"),
        ({"facts": normal(6, 4)}, r"'facts' inputs have the shape \(4,\), but net takes \(5,\)"),
        ({"facts": np.full((6, 5), np.nan)}, "'facts' holds NaN"),
        ({"image_calibration": ARRAYS["image"]}, "has no array 'facts_calibration'; give one for every input or none"),
        ({"facts": np.array([["a"] * 5] * 6)}, "'facts' does not hold numbers"),
    ],
)  # fmt: skip
def test_data_that_does_not_fit(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    network = read_onnx(model(), "net", shapes={"image": (1, 2, 5, 6)})
    with pytest.raises(DataError, match=message):
        fit_data(load_data(archive(tmp_path, **changes)), network)


def test_a_shape_of_an_input_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"--shape imag: net has no such input; there are 'image', 'facts', 'kind'"):
        read_onnx(model(), "net", shapes={"imag": (1, 2, 5, 6)})


def test_different_batches() -> None:
    with pytest.raises(ModelError, match=r"every input must be the same batch \('image' has 4, 'facts' has 2\)"):
        read_onnx(model(4, (2, 5)), "net")


def test_an_input_without_a_batch() -> None:
    with pytest.raises(ModelError, match=r"input 'facts' has the shape \[5\]; axis 0 must be the batch"):
        read_onnx(model(facts=(5,)), "net")


def test_a_model_without_inputs() -> None:
    made = onnx.load_model_from_string(model())
    del made.graph.input[:]
    made.graph.initializer.extend(numpy_helper.from_array(values[:1], name) for name, values in ARRAYS.items())
    with pytest.raises(ModelError, match="none of its nodes reads an input"):
        read_onnx(made.SerializeToString(), "net")
