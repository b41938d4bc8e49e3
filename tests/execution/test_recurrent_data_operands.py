"""Biases, peepholes, lengths and first states that are data: matrices stay on tiles, values are onnxruntime's."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sequence_models import CLOSE, SUMS, bench_of, node, recurrent_weights
from test_recurrent_oracle import attributes

from chipsim.errors import InputError, ModelError
from chipsim.execution.functional import IDEAL, Fidelity
from chipsim.network.graph import Network
from chipsim.network.layers import GateLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference

Array = NDArray[Any]
OPERANDS = {"RNN": "B lengths h0", "GRU": "B lengths h0", "LSTM": "B lengths h0 c0 P"}
PLACES = ("B", "lengths", "h0", "c0", "P")


class Case:
    """One operator, some of whose operands come from the network's inputs, each of them with a batch of its own.

    Every input is a vector per example, which a Reshape gives the operand's shape.
    """

    def __init__(
        self, kind: str, direction: str, steps: int, sequences: int, data: str, constant: str = "",
        outputs: str = "Y Yh", seed: int = 0, **more: Any,
    ) -> None:  # fmt: skip
        self.kind, self.rng, inputs, self.hidden = kind, np.random.default_rng(seed), 5, 6
        directions = 2 if direction == "bidirectional" else 1
        self.steps, self.data = steps, data.split()
        weights = recurrent_weights(kind, "", inputs, self.hidden, directions, self.rng)
        self.shapes = {
            "x": (steps, sequences, inputs), "B": weights.pop("B").shape, "lengths": (sequences,),
            "h0": (directions, sequences, self.hidden), "c0": (directions, sequences, self.hidden),
            "P": (directions, 3 * self.hidden),
        }  # fmt: skip
        self.given = ["x", *self.data]
        stored = weights | {name: self.draw(name, 1).reshape(self.shapes[name]) for name in constant.split()}
        nodes = [node("Reshape", f"{name}_in {name}_shape", name) for name in self.given]
        stored |= {f"{name}_shape": np.array(self.shapes[name]) for name in self.given}
        used = " ".join(name if name in (*self.data, *constant.split()) else "-" for name in PLACES)
        operands = used if kind == "LSTM" else " ".join(used.split()[:3])
        names = " ".join(name if name in outputs.split() else "-" for name in ("Y", "Yh", "Yc")[: 2 + (kind == "LSTM")])
        nodes.append(node(kind, f"x W R {operands}", names, hidden_size=self.hidden, direction=direction, **more))
        graph = helper.make_graph(
            nodes,
            "operands",
            [
                helper.make_tensor_value_info(
                    f"{name}_in", TensorProto.INT32 if name == "lengths" else TensorProto.FLOAT,
                    ["N", int(np.prod(self.shapes[name]))],
                )
                for name in self.given
            ],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
        )  # fmt: skip
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        self.content = bytes(made.SerializeToString())

    def draw(self, name: str, examples: int) -> Array:
        size = int(np.prod(self.shapes[name]))
        if name == "lengths":
            return self.rng.integers(0, self.steps + 1, (examples, size)).astype(np.int32)
        return self.rng.standard_normal((examples, size), np.float32)

    def read(self) -> Network:
        return read_onnx(self.content, "operands")

    def examples(self, network: Network, count: int = 4) -> Array:
        return network.join_inputs({f"{name}_in": self.draw(name, count) for name in self.given})


def assert_on_tiles_and_equal(case: Case, *overrides: str) -> Network:
    network = case.read()
    assert network.macs == network.macs_on_tiles > 0
    x = case.examples(network)
    found = bench_of(network, x, *overrides).program(IDEAL).run(x, network.outputs)
    for name, reference in zip(network.outputs, run_reference(network, x), strict=True):
        assert found[name].shape == reference.shape, name
        assert np.abs(found[name] - reference).max() <= CLOSE * np.abs(reference).max(), name
    return network


@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("sequences", [1, 3])
def test_all_operands_are_data(kind: str, direction: str, sequences: int) -> None:
    outputs = "Y Yh Yc" if kind == "LSTM" else "Y Yh"
    network = assert_on_tiles_and_equal(Case(kind, direction, 4, sequences, OPERANDS[kind], outputs=outputs))
    for layer in network.layers.values():
        if isinstance(layer, GateLayer) and layer.part == "state":
            assert set(layer.given) >= {"bias", "lengths", "initial"}


@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.parametrize("operand", ["B", "lengths", "h0", "c0", "P"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_one_operand_is_data_and_the_others_are_constant(kind: str, operand: str, direction: str) -> None:
    if operand not in OPERANDS[kind].split():
        return
    constant = " ".join(name for name in OPERANDS[kind].split() if name != operand)
    for before in (0, 1) if kind == "GRU" else (None,):
        more = {} if before is None else {"linear_before_reset": before}
        assert_on_tiles_and_equal(Case(kind, direction, 3, 2, operand, constant, seed=3, **more))


@settings(max_examples=60)
@given(st.data())
def test_any_operands_and_attributes(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(SUMS)))
    direction = data.draw(st.sampled_from(["forward", "reverse", "bidirectional"]))
    where = {name: data.draw(st.sampled_from(["data", "constant", "absent"])) for name in OPERANDS[kind].split()}
    names = {place: " ".join(n for n, found in where.items() if found == place) for place in ("data", "constant")}
    outputs = data.draw(st.sampled_from(["Y", "Yh", "Y Yh"] + ["Yc", "Y Yh Yc"] * (kind == "LSTM")))
    directions = 2 if direction == "bidirectional" else 1
    case = Case(
        kind, direction, data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3)), names["data"], names["constant"],
        outputs, data.draw(st.integers(0, 9)), **data.draw(attributes(kind, directions)),
    )  # fmt: skip
    assert_on_tiles_and_equal(case)


def test_constant_lengths_may_be_zero() -> None:
    for kind in SUMS:
        for direction in ("forward", "reverse"):
            case = Case(kind, direction, 3, 4, "h0", "lengths", seed=1)
            assert 0 in case.read().layers["Y"].rules.lengths  # type: ignore[union-attr, operator]
            assert_on_tiles_and_equal(case)


@pytest.mark.parametrize("kind", SUMS)
def test_bytes_depend_neither_on_how_many_inputs_go_together_nor_on_threads(kind: str) -> None:
    case = Case(kind, "bidirectional", 4, 2, OPERANDS[kind])
    network = case.read()
    x, noisy = case.examples(network, 11), Fidelity(converters=True, devices=True, age_s=60.0)
    bench = bench_of(network, x)

    def values(parts: list[int], chunk: int | None = None, threads: int = 2) -> list[bytes]:
        analog = bench.program(noisy)
        analog.threads = threads
        found = [analog.run(part, network.outputs, chunk) for part in np.split(x, parts)]
        return [np.concatenate([each[name] for each in found]).tobytes() for name in network.outputs]

    whole = values([])
    assert values([], chunk=1) == values([], chunk=4) == values([3, 4]) == values([], threads=1) == whole


def test_a_decoder_begins_with_the_last_state_of_an_encoder() -> None:
    """Both states of one operator are the first of another, on a sequence of another length."""
    rng, hidden = np.random.default_rng(5), 6
    stored = recurrent_weights("LSTM", "e", 5, hidden, 1, rng) | recurrent_weights("LSTM", "d", 3, hidden, 1, rng)
    nodes = [
        node("Transpose", "x", "xt", perm=[1, 0, 2]),
        node("Transpose", "z", "zt", perm=[1, 0, 2]),
        node("LSTM", "xt eW eR eB", "- h c", hidden_size=hidden),
        node("LSTM", "zt dW dR dB - h c", "Y", hidden_size=hidden),
    ]
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, 5]),
         helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 3, 3])],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    network = read_onnx(made.SerializeToString(), "two")
    assert network.macs == network.macs_on_tiles
    x = rng.standard_normal((5, *network.input_shape), np.float32)
    found = bench_of(network, x).program(IDEAL).run(x, network.outputs)[network.outputs[0]]
    (reference,) = run_reference(network, x)
    assert np.abs(found - reference).max() <= CLOSE * np.abs(reference).max()


@pytest.mark.parametrize("wrong", [-1, 5])
def test_lengths_that_no_sequence_has_are_refused(wrong: int) -> None:
    case = Case("GRU", "forward", 4, 2, "lengths")
    network = case.read()
    x = case.examples(network)
    bench = bench_of(network, x)
    x[-1, -1] = wrong
    with pytest.raises(InputError, match=f"layer Y is given a sequence of length {wrong}: lengths go from 0 to its 4"):
        bench.program(IDEAL).run(x, network.outputs)


def test_shapes_that_do_not_fit_are_refused() -> None:
    case = Case("LSTM", "forward", 4, 2, "B")
    model = onnx.load_model_from_string(case.content)
    for tensor in model.graph.initializer:
        if tensor.name == "B_shape":
            tensor.CopyFrom(numpy_helper.from_array(np.array([2, 24]), "B_shape"))
    with pytest.raises(ModelError, match=r"B has the shape \(2, 24\), which must be \(1, 48\)"):
        read_onnx(model.SerializeToString(), "operands")


def test_the_range_of_input_converters_covers_the_first_state_and_biases_do_not_count() -> None:
    """The recurrent tiles take the first state as it comes, ten times as large here as any state after it."""
    case = Case("RNN", "forward", 4, 1, "B h0")
    network = case.read()
    given_values = {f"{name}_in": case.draw(name, 24) for name in case.given}
    given_values["h0_in"] *= 10
    x = network.join_inputs(given_values)
    fields = ("tile.dac.range_percentile=100", "tile.adc.range_percentile=100")
    bench = bench_of(network, x, "tile.crossbar.rows=64", "tile.crossbar.columns=64", *fields)
    first = network.split_inputs(bench.split.calibration)["h0_in"]
    assert bench.ranges["Y/recurrent"].input == pytest.approx(np.abs(first).max())
    (recurrent,) = (layer for layer in network.matrix_layers if layer.delay)
    weights = recurrent.matrices[0].weights
    states = bench.program(IDEAL).run(bench.split.calibration, ["Y"])["Y"].reshape(len(first), 4, -1)[:, :-1]
    read = np.concatenate([first.reshape(len(first), 1, -1), states], axis=1).reshape(-1, 6)
    products = np.abs(read @ (weights / np.abs(weights).max(axis=0)))
    assert bench.ranges["Y/recurrent"].outputs[0, 0, 0][0] == pytest.approx(products.max(), rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "before", "state", "reset"),
    [("RNN", 0, 2 + 2 + 1, 0), ("LSTM", 0, 13 + 8 + 2, 0), ("GRU", 1, 11 + 6 + 1, 0), ("GRU", 0, 8 + 4 + 1, 3 + 2)],
)
def test_gates_add_biases_and_keep_states_of_sequences_that_have_ended(
    kind: str, before: int, state: int, reset: int
) -> None:
    """Per value of the state and position: what the page on networks says, two per sum and one per state."""
    more = {"linear_before_reset": before} if kind == "GRU" else {}
    network = Case(kind, "forward", 4, 3, "B lengths h0", **more).read()
    values = 4 * 3 * 6
    gates = {layer.name: layer.element_operations for layer in network.layers.values() if isinstance(layer, GateLayer)}
    assert gates["Y"] == state * values
    assert gates.get("Y/reset", 0) == reset * values
    assert gates["Y/held"] == 0
