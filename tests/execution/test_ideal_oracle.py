"""With ideal cells and no converters, values through the tiles are those of onnxruntime."""

import numpy as np
import pytest
from analog_plans import plan_of, zoo_bench

from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import IDEAL, QUANTISED, program_network
from chipsim.network.dataset import synthetic_data
from chipsim.network.reference import compared_layers, run_reference
from chipsim.network.zoo import load_network

CLOSE = 1e-5  # of the largest reference value of the tensor


@pytest.fixture(scope="module", params=["zoo:digits-mlp", "zoo:digits-cnn"])
def bench(request):
    return zoo_bench(request.param)


def assert_close(found, reference):
    assert np.abs(found - reference).max() <= CLOSE * np.abs(reference).max()


def test_whole_test_set_equals_onnxruntime(bench):
    found, reference = bench.run(IDEAL), bench.reference()
    assert len(found) == 450
    assert_close(found, reference)
    assert (found.argmax(axis=1) == reference.argmax(axis=1)).all()


def test_trained_networks_classify(bench):
    least = {"zoo:digits-mlp": 0.95, "zoo:digits-cnn": 0.97}[bench.network.name]
    assert np.mean(bench.reference().argmax(axis=1) == bench.split.y) >= least


def test_eight_bit_converters_keep_the_classes_of_nearly_all(bench):
    found, reference = bench.run(QUANTISED), bench.reference()
    assert np.mean(found.argmax(axis=1) == reference.argmax(axis=1)) >= 0.98
    assert 0 < np.square(found - reference).mean() < 0.03**2 * np.square(reference).mean()


@pytest.mark.parametrize("shape", [(16, 8), (40, 17), (7, 300)])
def test_any_crossbar_size_equals_onnxruntime(shape):
    rows, columns = shape
    bench = zoo_bench(
        "zoo:digits-cnn", f"tile.crossbar.rows={rows}", f"tile.crossbar.columns={columns}", "grid.shape=[40,40]"
    )
    assert_close(bench.run(IDEAL), bench.reference())


@pytest.mark.parametrize("digital_scale", ["true", "false"])
def test_shared_and_own_column_scales_equal_onnxruntime(digital_scale):
    bench = zoo_bench("zoo:digits-mlp", "tile.crossbar.rows=10", f"tile.digital_scale={digital_scale}")
    assert_close(bench.run(IDEAL), bench.reference())


def test_a_residual_network_of_fifty_layers_equals_onnxruntime():
    network = load_network("onnx:resnet50", seed=5)
    plan, x = plan_of(network, "grid.shape=[21,21]"), synthetic_data(network, 1, seed=5).x
    keep = compared_layers(network, before_softmax=True)
    found = program_network(plan, calibrate(plan, x), IDEAL, seed=0).run(x, keep)[keep[0]]
    reference = run_reference(network, x, before_softmax=True)[0]
    assert_close(found.reshape(reference.shape), reference)
    assert found.argmax() == reference.argmax()
