"""Whatever is wrong with the input: exit code 2 or 1, one message that names the cause, nothing left behind."""

import os
import random

import numpy as np
import onnx
import pytest
from command_line import here
from onnx import numpy_helper

from chipsim.architecture.loader import preset_folder
from chipsim.network.zoo import files

RUN = "run", "hermes64", "zoo:digits-mlp"
DIGITS = np.random.default_rng(0).random((8, 64), dtype=np.float32)


@pytest.fixture(scope="module")
def trained() -> bytes:
    return (files("chipsim.network") / "data" / "digits-mlp.onnx").read_bytes()


@pytest.fixture
def refused(capsys, tmp_path):
    """Run a command that must fail; its message must name all of some words."""

    def run(*words, names=(), code=2, out=True):
        folder = tmp_path / "out" / "inner"
        outcome = here(capsys, *words, *(("--out", folder) if out else ()))
        message = outcome.one_message()
        assert outcome.code == code
        for name in names:
            assert str(name) in message
        assert not folder.parent.exists()
        return message

    return run


def test_missing_onnx_file(refused, tmp_path):
    refused("run", "hermes64", tmp_path / "none.onnx", names=["none.onnx", "no file"])


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_truncated_onnx_file(refused, tmp_path, trained, share):
    path = tmp_path / "cut.onnx"
    path.write_bytes(trained[: int(share * len(trained))])
    refused("run", "hermes64", path, names=["cut", "cut off" if share < 0.00001 else "truncated"])


@pytest.mark.parametrize("seed", range(4))
def test_garbage_onnx_file(refused, tmp_path, seed):
    path = tmp_path / "garbage.onnx"
    path.write_bytes(random.Random(seed).randbytes(2000))
    refused("run", "hermes64", path, names=["garbage"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(refused, tmp_path, trained, value):
    model = onnx.load_model_from_string(trained)
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 2)
    weights = numpy_helper.to_array(tensor).copy()
    weights[1, 1] = value
    name = tensor.name
    tensor.CopyFrom(numpy_helper.from_array(weights, name))
    path = tmp_path / "bad.onnx"
    path.write_bytes(model.SerializeToString())
    refused("run", "hermes64", path, names=[name, "NaN or infinite"])


@pytest.mark.parametrize(
    ("arrays", "names"),
    [
        ({"x": DIGITS[:, :60]}, ["(60,)", "(64,)"]),
        ({"inputs": DIGITS}, ["no array 'x'"]),
        ({"x": np.array([{}], dtype=object)}, ["'x'", "Python objects"]),
        ({"x": DIGITS, "y": np.arange(7)}, ["'y'", "(8,)"]),
        ({"x": DIGITS, "y": np.arange(8.0)}, ["'y'", "float64", "whole numbers"]),
        ({"x": DIGITS, "y": np.array(list("abcdefgh"))}, ["'y'", "whole numbers"]),
        ({"x": DIGITS, "y": np.arange(8)[:, None]}, ["'y'", "(8,)"]),
        ({"x": DIGITS, "y": np.arange(8) + 3}, ["'y'", "10 classes"]),
        ({"x": DIGITS[:0]}, ["'x'", "at least one input"]),
        ({"x": np.array(["a"])}, ["'x'", "not numbers"]),
        ({"x": DIGITS * np.nan}, ["'x'", "NaN"]),
        ({"x": DIGITS * 1e38}, ["float32"]),
        ({"x": DIGITS, "x_calibration": DIGITS[:, :3]}, ["'x_calibration'"]),
    ],
)
def test_unusable_arrays(refused, tmp_path, arrays, names):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    refused(*RUN, "--data", path, names=names)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5, 0.99])
def test_truncated_archive(refused, tmp_path, share):
    path = tmp_path / "data.npz"
    np.savez(path, x=DIGITS)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(*RUN, "--data", path, names=["data.npz", "write"])


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("kind: in-memory", "kind: in-memory\ncolour: red", ["chip.yaml:", "colour: unknown field", "control_unit"]),
        ("grid:", "gird:", ["gird", "did you mean 'grid'?"]),
        ("read_voltage: 0.2 V", "read_voltage: 0.2", ["tile.crossbar.read_voltage", "no unit", "0.2 V"]),
        ("read_voltage: 0.2 V", "read_voltage: 0.2 W", ["tile.crossbar.read_voltage", "unknown unit 'W'"]),
        ("mvm_latency: 133 ns", "mvm_latency: -133 ns", ["tile.mvm_latency", "greater than zero"]),
        ("rows: 256", "rows: 256\n    rows: 3", ["tile.crossbar.rows", "given twice"]),
        ("rows: 256", "rows: many", ["tile.crossbar.rows", "many", "whole number"]),
        ("kind: in-memory", "kind: memory", ["kind", "'memory'", "in-memory"]),
        ("grid:", "grid: [", ["not valid YAML"]),
        ("kind: in-memory", "", ["kind", "missing"]),
        ("device: pcm", "device: pmc", ["'pmc'", "did you mean 'pcm'?"]),
    ],
)
def test_faulty_architecture_file(refused, tmp_path, old, new, names):
    text = (preset_folder() / "hermes64.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "chip.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    refused("run", path, "zoo:digits-mlp", names=names)


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("grid.shape=[0,3]", ["grid.shape", "at least 1"]),
        ("grid.shape=[1000000,1000000]", ["grid.shape", "too many"]),
        ("grid.shape=[[", ["grid.shape=[[", "not valid YAML"]),
        ("x", ["'x'", "path.to.field=value"]),
        ("=", ["'='", "path.to.field=value"]),
        ("x=", ["x", "unknown field"]),
        ("tile.crossbar.device.parameters.foo=1", ["'foo'", "g_max_siemens"]),
        ("tile.crossbar.device=unknown", ["'unknown'", "pcm"]),
        ("tile.crossbar.device=", ["tile.crossbar.device"]),
        ("tile.crossbar.device.parameters.g_max_siemens=-1", ["g_max_siemens"]),
        ("tile.dac.bits=1", ["tile.dac.bits", "2"]),
        ("tile.dac.bits=3.5", ["tile.dac.bits", "whole number"]),
        ("tile.mvm_latency=5", ["tile.mvm_latency", "no unit"]),
        ("tile.mvm_latency=1e30 s", ["overflow", "the most extreme is tile.mvm_latency, 1e+30 s"]),
        ("link.latency=1e200 ns", ["overflow", "the most extreme is link.latency, 1e+191 s"]),
        ("neuron_unit.rate=1e-200 Gop/s", ["overflow", "the most extreme is neuron_unit.rate, 1e-191 op/s"]),
        ("tile.static_power=1e308 W", ["inf", "the most extreme is tile.static_power, 1e+308 W"]),
        ("name=", ["name"]),
        ("schema_version=2", ["schema_version"]),
        ("tile.adc.range_percentile=nan", ["tile.adc.range_percentile", "finite"]),
    ],
)
def test_faulty_override(refused, override, names):
    refused(*RUN, "--programmings", "1", "--set", override, names=names)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["run", "edge_npu", "zoo:digits-mlp"], ["edge_npu", "von-neumann", "--baseline"]),
        ([*RUN, "--baseline", "hermes64"], ["hermes64", "in-memory", "von-neumann"]),
        ([*RUN, "--beside", "zoo:digits-mlp,btch=2"], ["--beside", "'btch' is none of", "did you mean 'batch'"]),
        ([*RUN, "--beside", "zoo:digits-mpl"], ["zoo:digits-mpl"]),
        ([*RUN, "--baseline-set", "compute.rows=4"], ["--baseline-set needs --baseline"]),
        ([*RUN, "--batch", "0"], ["--batch"]),
        ([*RUN, "--batch", "two"], ["--batch"]),
        ([*RUN, "--seed", "-1"], ["--seed"]),
        ([*RUN, "--programmings", "0"], ["--programmings"]),
        ([*RUN, "--trace", "-1"], ["--trace"]),
        ([*RUN, "--age", "old"], ["'old'", "1 year"]),
        ([*RUN, "--age", "7"], ["'7'", "1 year"]),
        ([*RUN, "--age", "-1 day"], ["'-1 day'"]),
        ([*RUN, "--age", "1e300 years"], ["'1e300 years'"]),
        (["run", "hermse64", "zoo:digits-mlp"], ["'hermse64'", "did you mean 'hermes64'?"]),
        (["run", "hermes64", "zoo:digits-mpl"], ["'zoo:digits-mpl'", "did you mean 'zoo:digits-mlp'?"]),
        (["run", "hermes64", "onnx:resnet5"], ["did you mean 'onnx:resnet50'?"]),
        ([*RUN, "--data", "zoo:digit"], ["'zoo:digit'", "did you mean 'zoo:digits'?"]),
        ([*RUN, "--data", "none.npz"], ["none.npz"]),
        (["run", "hermes64", "a" * 300 + ".onnx"], ["File name too long"]),
        (["run", "hermes64"], ["MODEL"]),
        ([*RUN, "extra"], ["extra"]),
        ([*RUN, "--colour"], ["--colour"]),
    ],
)
def test_faulty_options(refused, words, names):
    refused(*words, names=names)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["walk"], ["walk"]),
        (["list", "colours"], ["'colours'", "architectures"]),
        (["list", "device"], ["did you mean 'devices'?"]),
        (["check", "hermes46"], ["did you mean 'hermes64'?"]),
        (
            ["age", "hermes64", "zoo:digits-mlp", "--set", "grid.shape=[1,2]", "--set", "mapping.reload=true"],
            ["zoo:digits-mlp", "mapping.reload", "grid.shape"],
        ),
        (["map", "edge_npu", "zoo:digits-mlp"], ["edge_npu", "in-memory"]),
        (["map", "hermes64"], ["MODEL"]),
        (["map", "hermes64", "zoo:digits-mlp", "--compare", ""], ["unknown mapping ''", "in-order"]),
        (["map", "hermes64", "zoo:digits-mlp", "--compare", "in-order,"], ["unknown mapping ''", "in-order"]),
        (["check", "hermes64", "--set", "mapping.strategy=anealed"], ["did you mean 'annealed'?"]),
        (["check", "hermes64", "--set", "mapping.strategy=none.json"], ["none.json", "No such file"]),
        (["check", "hermes64", "--set", "mapping.chips=1000000000"], ["mapping.chips", "at most 65,536"]),
        (
            ["check", "hermes64", "--set", "grid.shape=[256,256]", "--set", "tile.crossbars=4096"],
            ["tile.crossbars", "268,435,456", "at most 1,048,576"],
        ),
        (
            ["check", "hermes64", "--set", "mapping.chips=1000", "--set", "tile.crossbars=4096"],
            ["mapping.chips", "262,144,000 arrays", "at most 1,048,576"],
        ),
        (["--colour"], ["--colour"]),
    ],
)
def test_faulty_commands(refused, words, names):
    refused(*words, names=names, out=False)


def test_network_that_does_not_fit(refused):
    names = ["zoo:digits-mlp", "4 tiles", "has 2", "grid.shape=[2,2]"]
    refused(*RUN, "--set", "grid.shape=[1,2]", names=names, code=1)


@pytest.mark.parametrize(
    "mapping", [["--set", "grid.shape=[2,3]"], ["--set", "grid.shape=[3,3]", "--mapping", "balanced"]]
)
def test_no_tile_left_for_a_second_network(refused, mapping):
    names = ["no tile is left", "zoo:digits-cnn", "mapping.tiles"]
    refused("run", "hermes64", "zoo:digits-cnn", "--beside", "zoo:digits-mlp", *mapping, names=names, code=1)


def test_buffer_below_its_working_set(refused):
    refused(*RUN, "--set", "tile.buffer.capacity=1 B", names=["tile.buffer.capacity", "needs 64 bytes"], code=1)


def test_debug_shows_where_an_error_came_from(capsys):
    outcome = here(capsys, "--debug", *RUN, "--age", "old")
    assert outcome.code == 2
    assert "Traceback" in outcome.error
    assert outcome.error.rstrip().splitlines()[-1].startswith("error: age 'old'")


def test_a_fault_of_the_program_says_so(capsys, monkeypatch):
    def faulty():
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("chipsim.cli.check.json_schema", faulty)
    outcome = here(capsys, "schema")
    assert outcome.code == 1
    assert "internal error: ZeroDivisionError: oops" in outcome.error
    assert "--debug" in outcome.error


def test_exhausted_memory_is_one_message(capsys, monkeypatch):
    def hungry():
        raise MemoryError

    monkeypatch.setattr("chipsim.cli.check.json_schema", hungry)
    outcome = here(capsys, "schema")
    assert outcome.code == 1
    assert "out of memory" in outcome.one_message()


@pytest.mark.parametrize(
    "words",
    [
        ["map", "hermes64", "{}"],
        ["check", "{}"],
        ["map", "hermes64", "zoo:digits-mlp", "--mapping", "{}"],
        ["run", "hermes64", "zoo:digits-mlp", "--data", "{}"],
        ["run", "hermes64", "zoo:digits-mlp", "--load-programming", "{}"],
        ["check", "hermes64", "--set", "tile.crossbar.faults.map={}"],
        ["check", "hermes64", "--set", "tile.crossbar.device={{model: table, parameters: {{path: '{}'}}}}"],
    ],
)
@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a device"])
def test_what_is_no_file_is_refused_at_once(refused, tmp_path, words, kind):
    """A pipe that nobody writes to would be waited for without end."""
    path = tmp_path / "given.json"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to("/dev/zero")
    refused(*(word.format(path) for word in words), names=["given"], out=False)


def test_a_result_that_is_a_pipe_is_not_waited_for(refused, tmp_path):
    os.mkfifo(tmp_path / "result.json")
    refused("explain", tmp_path, names=["result.json", "pipe"], out=False)


@pytest.fixture
def regression(tmp_path):
    """A network that gives one value per input and has nothing for a tile."""
    nodes = [onnx.helper.make_node("ReduceMean", ["x"], ["y"], "mean", axes=[1])]
    given, made = (onnx.helper.make_tensor_value_info(name, 1, ["N", size]) for name, size in (("x", 8), ("y", 1)))
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "g", [given], [made]), opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    path = tmp_path / "regression.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_labels_for_a_network_with_one_output(refused, tmp_path, regression):
    np.savez(tmp_path / "data.npz", x=DIGITS[:, :8], y=np.arange(8))
    words = "run", "hermes64", regression, "--data", tmp_path / "data.npz", "--programmings", "1"
    refused(*words, names=["holds the label 2, but regression gives one value per input", "leave 'y' out"])


def test_a_classifier_whose_first_output_is_its_label_is_told_to_turn_them_round(refused, tmp_path):
    """As skl2onnx writes one unless the label is taken off."""
    nodes = [
        onnx.helper.make_node("ArgMax", ["x"], ["label"], "label", axis=1),
        onnx.helper.make_node("Softmax", ["x"], ["odds"], "odds", axis=1),
    ]
    info = onnx.helper.make_tensor_value_info
    outputs = [info("label", onnx.TensorProto.INT64, ["N", 1]), info("odds", 1, ["N", 8])]
    graph = onnx.helper.make_graph(nodes, "g", [info("x", 1, ["N", 8])], outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "labels.onnx").write_bytes(model.SerializeToString())
    np.savez(tmp_path / "data.npz", x=DIGITS[:, :8], y=np.arange(8))
    words = "run", "hermes64", tmp_path / "labels.onnx", "--data", tmp_path / "data.npz", "--programmings", "1"
    refused(*words, names=["one value per input (its first output counts: put the one that holds a value per class"])


def test_a_network_without_layers_on_tiles_is_told_that_nothing_ran_in_crossbars(capsys, tmp_path, regression):
    np.savez(tmp_path / "data.npz", x=DIGITS[:, :8])
    words = "--data", tmp_path / "data.npz", "--programmings", "1", "--out"
    note = "Nothing ran in crossbars: no layer is on a tile"
    assert note in here(capsys, "run", "hermes64", regression, *words, tmp_path / "regression").out
    mlp = here(capsys, *RUN, "--data", "zoo:digits", "--timing-only", "--out", tmp_path / "mlp")
    assert mlp.code == 0
    assert note not in mlp.out
