"""Random networks in float16, bfloat16 and float64 equal onnxruntime's, whatever merges with what.

Each step rounds once, by half a step of the type at most, and passes on what came before: with gains of about one the
errors of n steps add up to about n steps of the type, times what a convolution of 36 rows makes of independent errors.
Four times that is allowed, and float64 as much as float32 resolves.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from network_models import ideal, model_bytes, node, normal
from onnx import numpy_helper
from test_random_networks import CHANNELS, STEPS, nodes_of, weights_of

from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference

TYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float64": np.float64}
STEP = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float64": 2.0**-20}


def in_type(content: bytes, kind: str) -> bytes:
    """The same model with casts behind its input and before its output, and everything between in a type."""
    model = onnx.load_model_from_string(content)
    number = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(TYPES[kind]))
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(TYPES[kind]), tensor.name))
    for each in model.graph.node:
        for values in (each.input, each.output):
            values[:] = [f"{value}/in" if value in ("x", "y") else value for value in values]
    enter = onnx.helper.make_node("Cast", ["x"], ["x/in"], "enter", to=number)
    leave = onnx.helper.make_node("Cast", ["y/in"], ["y"], "leave", to=onnx.TensorProto.FLOAT)
    nodes = [enter, *model.graph.node, leave]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model.SerializeToString()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), min_size=1, max_size=6), st.booleans(),
    st.sampled_from(sorted(TYPES)),
)  # fmt: skip
def test_any_chain_of_operators_in_any_type(steps: list[tuple[str, int]], dense: bool, kind: str) -> None:
    nodes, weights, values = [], {}, ["x"]
    for number, (step, which) in enumerate(steps):
        name = f"v{number}"
        weights |= weights_of(step, name, seed=which)
        nodes += nodes_of(step, name, values[-1], values[which % len(values)])
        values.append(name)
    if dense:
        weights |= {"w": normal(CHANNELS * 36, 3) * 0.1, "b": normal(3)}
        nodes += [node("Flatten", values[-1], "flat"), node("Gemm", "flat w b", "y")]
    else:
        nodes.append(node("Relu", values[-1], "y"))
    content = in_type(model_bytes(nodes, ("N", CHANNELS, 6, 6), weights), kind)
    network = read_onnx(content, "typed")
    x = normal(3, CHANNELS, 6, 6, seed=9).astype(TYPES[kind]).astype(np.float32)
    found, wanted = ideal(network, x)[network.outputs[0]], run_reference(network, x)[0]
    size = max(np.abs(wanted).max(), 1.0)
    assert np.abs(found - wanted).max() <= 4 * (len(steps) + 1) * STEP[kind] * size
    assert network.macs_on_tiles == network.macs
