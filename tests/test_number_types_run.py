"""The zoo's convolutional network in other types: whole runs give what the float32 one does, all MACs on tiles."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import AttributeProto, helper, numpy_helper

import chipsim
from chipsim.network.zoo import load_network

TOLD = {"data": "zoo:digits", "programmings": 1, "age": "1 day"}
TYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float64": np.float64}


def converted(kind: str) -> onnx.ModelProto:
    """Every float32 tensor, input and output in another type."""
    model = onnx.load_model_from_string(load_network("zoo:digits-cnn").model_bytes())
    number = int(helper.np_dtype_to_tensor_dtype(np.dtype(TYPES[kind])))
    model.opset_import[0].version = max(model.opset_import[0].version, 15)
    tensors = [*model.graph.initializer]
    tensors += [a.t for node in model.graph.node for a in node.attribute if a.type == AttributeProto.TENSOR]
    for tensor in tensors:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(TYPES[kind])
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            value.type.tensor_type.elem_type = number
    return model


@pytest.fixture(scope="module")
def plain():
    return chipsim.run("hermes64", "zoo:digits-cnn", **TOLD).data


@pytest.mark.parametrize("kind", TYPES)
def test_a_converted_network_runs_like_the_plain_one(plain, kind, tmp_path):
    onnx.save(converted(kind), tmp_path / "cnn.onnx")
    found = chipsim.run("hermes64", str(tmp_path / "cnn.onnx"), **TOLD).data
    assert found["network"]["macs"] == found["network"]["macs_on_tiles"] == plain["network"]["macs"]
    for name, most in (("reference", 0.005), ("ideal", 0.005), ("quantised", 0.01), ("noisy", 0.02)):
        assert abs(found["accuracy"][name] - plain["accuracy"][name]) <= most
    for key in ("makespan_s", "latency_first_input_s"):
        assert found["chip"][key] == plain["chip"][key]
    assert any(kind in note for note in found["network"]["notes"])


@pytest.mark.parametrize("kind", TYPES)
def test_bytes_do_not_depend_on_chunks(kind, tmp_path):
    onnx.save(converted(kind), tmp_path / "cnn.onnx")
    told = {"data": "zoo:digits", "programmings": 1}
    one, other = (chipsim.run("hermes64", str(tmp_path / "cnn.onnx"), chunk=chunk, **told).data for chunk in (7, 64))
    for key in ("accuracy", "signal_to_noise_db"):
        assert one[key] == other[key]
