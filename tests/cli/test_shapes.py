"""Open sizes of a model on the command line, and what the commands say of digital units."""

import json

import numpy as np
import onnx
import pytest
from command_line import here
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture
def model(tmp_path):
    """A convolution, an operator without a form of its own, and a product of activations, over maps of any height."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], "conv"),
        helper.make_node("Erf", ["c"], ["e"], "erf"),
        helper.make_node("MatMul", ["e", "c"], ["y"], "product"),
    ]
    graph = helper.make_graph(
        nodes,
        "open",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, "height", "height"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(rng.standard_normal((3, 2, 3, 3), np.float32), "k")],
    )
    path = tmp_path / "open.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def run(capsys, *words):
    outcome = here(capsys, "run", "hermes64", *words, "--json")
    assert outcome.code == 0, outcome.error
    return json.loads(outcome.out)


def test_a_shape_binds_the_open_sizes(capsys, model):
    data = run(capsys, str(model), "--shape", "x=1x2x6x6", "--timing-only")
    assert data["network"]["input_shape"] == [2, 6, 6]
    assert data["settings"]["shapes"] == ["x=1x2x6x6"]
    assert data["network"]["notes"] == []
    on_tiles, off_tiles = 16 * 2 * 9 * 3, 3 * 4 * 4 * 4
    assert data["network"]["macs_on_tiles"] == on_tiles
    assert data["network"]["macs"] == on_tiles + off_tiles


def test_data_binds_them_too(capsys, model, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(1).random((8, 2, 5, 5)))
    data = run(capsys, str(model), "--data", str(tmp_path / "x.npz"), "--programmings", "1")
    assert data["network"]["input_shape"] == [2, 5, 5]
    assert data["network"]["notes"] == []


def test_otherwise_a_guess_is_said(capsys, model):
    outcome = here(capsys, "run", "hermes64", str(model), "--timing-only")
    words = " ".join(outcome.out.split())
    assert "height, height taken as 32, the smallest size tried that works" in words
    assert "of them on tiles" in words


def test_map_lists_digital_units_and_the_share_on_tiles(capsys, model):
    outcome = here(capsys, "map", "hermes64", str(model), "--shape", "x=1x2x6x6")
    assert outcome.code == 0
    for word in ("conv", "erf", "Erf", "product", "MatMul", "digital(0)", "81.82 % of 1,056 per input"):
        assert word in outcome.out


@pytest.mark.parametrize("shape", ["x=2x2x6x6", "x=1x3x6x6", "y=1x2x6x6", "x"])
def test_a_shape_that_does_not_fit_is_bad_input(capsys, model, shape):
    outcome = here(capsys, "map", "hermes64", str(model), "--shape", shape)
    assert outcome.code == 2
    assert "--shape" in outcome.error
