from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from network_models import assert_like_reference, ideal, model_bytes, node, normal

from chipsim.errors import ModelError
from chipsim.network.layers import DigitalLayer, MatrixLayer
from chipsim.network.reference import run_reference
from chipsim.network.zoo import fit_data, list_networks, load_data, load_network, synthetic_data


@pytest.mark.parametrize(("name", "accuracy"), [("zoo:digits-mlp", 0.95), ("zoo:digits-cnn", 0.97)])
def test_trained_networks_classify_and_equal_the_reference_on_all_test_images(name: str, accuracy: float) -> None:
    network = load_network(name)
    data = fit_data(load_data("zoo:digits"), network)
    assert data.y is not None
    assert len(data.x) == 450
    assert_like_reference(network, data.x, before_softmax=True)
    scores = ideal(network, data.x)[network.outputs[0]]
    assert (scores.argmax(axis=1) == data.y).mean() >= accuracy
    assert network.weights == "file"


def test_the_cnn_holds_a_batch_normalisation_that_folds_away() -> None:
    network = load_network("zoo:digits-cnn")
    operators = [layer.operator for layer in network.layers.values() if isinstance(layer, DigitalLayer)]
    assert b"BatchNormalization" in network.model_bytes()
    assert operators == ["Add", "MaxPool", "Softmax"]


@pytest.mark.parametrize(
    ("name", "giga_macs"), [("onnx:squeezenet", 0.349), ("onnx:shufflenet", 0.125), ("onnx:resnet50", 4.09)]
)
def test_published_networks_equal_the_reference_on_the_same_synthetic_weights(name: str, giga_macs: float) -> None:
    network = load_network(name)
    x = synthetic_data(network, 1, seed=1).x
    assert network.weights == "synthetic"
    assert network.macs == pytest.approx(giga_macs * 1e9, rel=0.01)
    assert_like_reference(network, x, before_softmax=True)
    (logits,) = run_reference(network, x, before_softmax=True)
    assert np.isfinite(logits).all()
    assert logits.std() > 0.1


@pytest.mark.parametrize(("name", "matrices"), [("onnx:densenet121", 121), ("onnx:inception_v2", 70)])
def test_scale_layers_of_published_networks_fold_into_convolutions(name: str, matrices: int) -> None:
    network = load_network(name)
    assert len(network.matrix_layers) == matrices
    left = [layer.operator for layer in network.layers.values() if isinstance(layer, DigitalLayer)]
    assert not {"Mul", "Add"} & set(left)
    assert left.count("BatchNormalization") == (62 if name == "onnx:densenet121" else 0)  # those behind a Concat


def test_synthetic_weights_follow_the_seed_and_the_fan_in() -> None:
    first, again, other = (load_network("onnx:squeezenet", seed=seed) for seed in (0, 0, 1))
    assert first.model_bytes() == again.model_bytes()
    assert first.model_bytes() != other.model_bytes()
    assert first.sha256 == other.sha256
    for layer in first.matrix_layers:
        for matrix in layer.matrices:
            assert not matrix.bias.any()
            assert matrix.weights.std() == pytest.approx(np.sqrt(2 / matrix.rows), rel=0.15)


def test_every_name_is_listed_and_alexnet_is_an_alias() -> None:
    assert len(list_networks()) == 22
    assert load_network("zoo:digits-mlp").name == "zoo:digits-mlp"
    with pytest.raises(ModelError, match="onnx:alexnet"):
        load_network("onnx:alexnett")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("zoo:digits-cn", "zoo:digits-cnn"), ("onnx:resnet", "onnx:resnet50"), ("resnet50", "zoo:resnet50")],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ModelError, match=f"did you mean '{hint}'"):
        load_network(name)


def test_a_path_is_read_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(model_bytes([node("Gemm", "x w", "y")], ("N", 4), {"w": normal(4, 3)}))
    network = load_network(str(path))
    assert (network.name, network.weights) == ("mine", "file")
    with pytest.raises(ModelError, match="there is no file"):
        load_network(str(tmp_path / "other.onnx"))


def test_layers_are_in_topological_order_and_named_once() -> None:
    network = load_network("onnx:shufflenet")
    seen: set[str] = set()
    for name, layer in network.layers.items():
        assert name == layer.name
        assert set(layer.inputs) <= seen
        seen.add(name)
    names = [m.name for layer in network.layers.values() if isinstance(layer, MatrixLayer) for m in layer.matrices]
    assert len(names) == len(set(names))
