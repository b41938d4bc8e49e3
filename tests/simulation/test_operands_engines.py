"""The engine and the second one agree where operands of recurrent operators are data (rules T96, T97)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from random_recurrent import LOOPS, with_operands
from recurrent_engines import (
    agree,
    agree_on,
    agree_on_shared_tiles,
    agree_where_buffers_spill,
    check_jump,
    check_least_buffers,
)
from recurrent_layers import recurrent, steps
from sequence_models import bench_of, recurrent_weights
from small_machines import chip, network
from test_loops_engines import SLOW, SUMS
from test_recurrent_data_operands import OPERANDS, Case
from test_shared_tiles_engines import SHARING
from test_spilling import SPILLING

from chipsim.errors import CapacityError
from chipsim.execution.functional import IDEAL
from chipsim.mapping.placement import place
from chipsim.network.edges import edges
from chipsim.network.graph import Network
from chipsim.network.layers import InputLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference
from chipsim.simulation.engine import simulate_chip


@settings(max_examples=80, suppress_health_check=SLOW)
@given(with_operands(), LOOPS, SUMS, st.integers(1, 4), st.integers(1, 2), st.booleans())
def test_two_engines_agree(net, changes, sums, inputs, batch, drain):
    agree_on(net, {**changes, **sums}, inputs, batch=batch, drain=drain)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(with_operands(), LOOPS, SUMS, st.integers(1, 4))
def test_two_engines_agree_with_the_least_buffers_and_neither_deadlocks(net, changes, sums, inputs):
    agree_on(net, {**changes, **sums}, inputs, bounded=True)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(st.data(), with_operands(), LOOPS, SUMS, st.integers(1, 3), st.booleans())
def test_two_engines_agree_with_replicas_of_recurrent_matrices(data, net, changes, sums, inputs, bounded):
    agree_on(net, {**changes, **sums}, inputs, bounded=bounded, draw=data.draw)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(with_operands(), LOOPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 3), st.booleans())
def test_two_engines_agree_where_loops_share_tiles(net, changes, sharing, tiles, inputs, bounded):
    agree_on_shared_tiles(net, {**changes, **sharing}, inputs, tiles=tiles, bounded=bounded)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(with_operands(), LOOPS, SHARING, SPILLING, st.sampled_from([0, 0, 1, 2]), st.integers(1, 3))
def test_two_engines_agree_where_the_state_spills_and_the_first_one_does_not(
    net, changes, sharing, spilling, tiles, inputs
):
    try:
        agree_where_buffers_spill(net, {**changes, **sharing, **spilling}, inputs, tiles=tiles)
    except CapacityError as error:
        assume("/recurrent has" not in str(error))  # of two sequences' first states the buffer holds one
        raise


@settings(max_examples=30, suppress_health_check=SLOW)
@given(with_operands(), LOOPS, SUMS, st.integers(12, 30), st.booleans())
def test_the_jump_changes_nothing(net, changes, sums, inputs, bounded):
    check_jump(net, {**changes, **sums}, inputs, bounded=bounded)


@settings(max_examples=60)
@given(with_operands())
def test_the_least_buffers_are_those_of_a_recursive_execution_on_demand(net: Network) -> None:
    check_least_buffers(net)


@pytest.mark.parametrize("reverse", [False, True])
def test_each_of_the_first_positions_reads_the_first_state_of_its_own_sequence(reverse: bool) -> None:
    """Three sequences of two steps: walking backwards their order is turned round."""
    x, h = steps(6, 2), InputLayer("h", (), (3, 2), channels_last=True)
    made = [x, h, *recurrent("l", x, 2, "GRU", reverse=reverse, delay=3, given={"initial": h})]
    found = {(edge.producer, edge.consumer): edge for edge in edges(network(made, ("l",)))}
    for consumer in ("l/recurrent", "l"):
        edge = found["h", consumer]
        assert edge.need.tolist() == ([3] * 6 if reverse else [1, 2, 3, 3, 3, 3])
        assert edge.oldest.tolist() == ([0, 0, 0, 3, 3, 3] if reverse else [0, 1, 2, 3, 3, 3])


def test_the_loop_starts_when_the_first_state_is_there_and_only_then() -> None:
    """A host that sends the first state behind a long sequence: the recurrent tile waits for the last of it."""
    changes = {"host.bandwidth": "10 MB/s", "host.max_inputs_in_flight": 1}
    began = {}
    for role in ("initial", None):
        x, h = steps(4, 2), InputLayer("h", (), (1, 2), channels_last=True)
        made = [x, h, *recurrent("l", x, 2, "RNN", given={"initial": h} if role else {"bias": h})]
        plan = place(network(made, ("l",)), chip(changes))
        trace = simulate_chip(plan, 1, trace_inputs=1).timeline.spans
        tile = plan.layers["l/recurrent"].blocks[0].tile
        began[role] = min(span.start_ps for span in trace if span.component == tile)
    assert began[None] == 0
    assert began["initial"] > 2 * 4 * 100_000  # two channels of four steps, one byte each, at 100 ns a byte


WIDE = {"grid.shape": "[6, 6]", "digital_unit.tiles_per_unit": 6, "host.max_inputs_in_flight": 2}


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("sums", [{}, {"neuron_unit.partial_sums": "chain"}])
def test_two_engines_agree_on_operators_as_they_are_read(kind, direction, sums):
    """All operands are data and inputs of the network, for two sequences side by side on several tiles each."""
    net = Case(kind, direction, 3, 2, OPERANDS[kind]).read()
    plan = place(net, chip({**WIDE, **sums}))
    agree(plan, WIDE, 3)


@pytest.mark.parametrize(("operand", "shape"), [("h", (2, 1, 18)), ("B", (2, 108))])
def test_an_operand_that_stands_differently_is_waited_for_as_a_whole(operand: str, shape: tuple[int, ...]) -> None:
    """A map's channels are no sequence's: all of its positions must be there (T5), and are read whole."""
    rng = np.random.default_rng(1)
    stored = recurrent_weights("GRU", "", 5, 18, 2, rng)
    maps = int(np.prod(shape)) // 9
    stored |= {"k": rng.standard_normal((maps, 1, 2, 2), np.float32), "shape": np.array(shape)}
    del stored["B"]
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], "t", perm=[1, 0, 2]),
        helper.make_node("Conv", ["z", "k"], ["c"], "c"),
        helper.make_node("Reshape", ["c", "shape"], ["o"], "o"),
        helper.make_node(
            "GRU", ["t", "W", "R", *(["", "", "o"] if operand == "h" else ["o"])], ["Y"], "Y", hidden_size=18,
            direction="bidirectional",
        ),
    ]  # fmt: skip
    given_shapes = {"x": ["N", 3, 5], "z": ["N", 1, 4, 4]}
    graph = helper.make_graph(
        nodes,
        "map",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in given_shapes.items()],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in stored.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    net = read_onnx(made.SerializeToString(), "map")
    found = [edge for edge in edges(net) if edge.producer == "c"]
    assert {edge.consumer for edge in found} >= {"Y/forward", "Y/backward"}
    for edge in found:
        assert edge.mixed
        assert edge.need.tolist() == [9, 9, 9]
    agree(place(net, chip(WIDE | {"grid.shape": "[8, 8]"})), WIDE, 3)
    x = rng.standard_normal((4, *net.input_shape), np.float32)
    values = bench_of(net, x).program(IDEAL).run(x, net.outputs)[net.outputs[0]]
    (reference,) = run_reference(net, x)
    assert np.abs(values - reference).max() <= 1e-5 * np.abs(reference).max()


def test_a_buffer_that_does_not_hold_the_first_state_is_refused_even_if_it_spills() -> None:
    x, h = steps(4, 2), InputLayer("h", (), (2, 2), channels_last=True)
    made = [x, h, *recurrent("l", x, 2, "RNN", reverse=True, delay=2, given={"initial": h})]
    spilling = {"tile.buffer.capacity": "3 B", "tile.buffer.spill": "global_memory"}
    spilling |= {f"global_memory.{key}": value for key, value in
                 (("bandwidth", "1 GB/s"), ("latency", "5 ns"), ("energy_per_byte", "1 pJ/B"))}  # fmt: skip
    plan = place(network(made, ("l",)), chip(spilling))
    with pytest.raises(CapacityError, match=r"h -> l/recurrent has 3 bytes .*needs 4 bytes .*or make it unbounded$"):
        simulate_chip(plan, 1)
