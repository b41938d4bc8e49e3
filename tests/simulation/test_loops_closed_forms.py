"""Times of recurrent layers and tokens by hand, on a chip whose links nobody shares in time (T80 to T84)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from recurrent_layers import bidirectional, last_of, recurrent, steps, tokens
from second_engine import SecondEngine
from small_machines import NS, dense, plan

from chipsim.mapping.placement import place
from chipsim.network.layers import AnyLayer
from chipsim.simulation.engine import simulate_chip

HIDDEN, INPUTS = 4, 4
CHIP = {
    "grid.shape": "[1, 12]", "tile.crossbar.rows": 16, "tile.crossbar.columns": 16, "tile.mvm_latency": "100 ns",
    "tile.buffer.bandwidth": "1 GB/s", "tile.output_bandwidth": "1 GB/s", "neuron_unit.rate": "1 Gop/s",
    "neuron_unit.latency": "7 ns", "digital_unit.rate": "1 Gop/s", "digital_unit.latency": "5 ns",
    "link.bandwidth": "1 TB/s", "link.latency": "3 ns", "router.delay": "2 ns", "host.bandwidth": "1 TB/s",
    "host.max_inputs_in_flight": 3,
}  # fmt: skip
HOP = 5 * NS


def packet(values: int, hops: int) -> int:
    """T10: bytes at 1 TB/s are as many picoseconds."""
    return values + hops * HOP


def mvm(rows: int, columns: int) -> int:
    """Load, MVM, drain and the sums of one row block: a byte or a value per ns, 7 ns behind the unit."""
    return (rows + 100 + columns + columns + 7) * NS


SUMS = 4 * HIDDEN
GATES = (12 * HIDDEN + 7) * NS
LOOP = GATES + packet(HIDDEN, 0) + mvm(HIDDEN, SUMS) + packet(SUMS, 0)
"""Gates and recurrent matrix are side by side: no hops."""


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_an_lstm_takes_its_loop_for_every_step(count):
    """h/input is on the first tile, h/recurrent on the second; the first product waits for both matrices."""
    outcome = simulate_chip(plan([steps(count, INPUTS), *recurrent("h", steps(count, INPUTS), HIDDEN)], CHIP), 1)
    first = packet(INPUTS, 0) + mvm(INPUTS, SUMS) + packet(SUMS, 1)
    assert outcome.done_ps == [first + (count - 1) * LOOP + GATES + packet(HIDDEN, 1)]


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_other_cells_have_other_loops(kind):
    count, sums = 9, {"RNN": 1, "GRU": 3}[kind] * HIDDEN
    gates = ({"RNN": 2, "GRU": 10}[kind] * HIDDEN + 7) * NS
    outcome = simulate_chip(plan([steps(count, INPUTS), *recurrent("h", steps(count, INPUTS), HIDDEN, kind)], CHIP), 1)
    loop = gates + packet(HIDDEN, 0) + mvm(HIDDEN, sums) + packet(sums, 0)
    first = packet(INPUTS, 0) + mvm(INPUTS, sums) + packet(sums, 1)
    assert outcome.done_ps == [first + (count - 1) * loop + gates + packet(HIDDEN, 1)]


def test_a_gru_whose_reset_comes_first_goes_over_two_matrices():
    """z and r on the second tile with the gates, the candidate on the third one."""
    count, x = 8, steps(8, INPUTS)
    outcome = simulate_chip(plan([x, *recurrent("h", x, HIDDEN, "GRU", reset_first=True)], CHIP), 1)
    reset, gates = (2 * HIDDEN + 7) * NS, (10 * HIDDEN + 7) * NS
    inner = reset + packet(HIDDEN, 1) + mvm(HIDDEN, HIDDEN) + packet(HIDDEN, 1)
    loop = gates + packet(HIDDEN, 0) + mvm(HIDDEN, 2 * HIDDEN) + packet(2 * HIDDEN, 0) + inner
    first = packet(INPUTS, 0) + mvm(INPUTS, 3 * HIDDEN) + packet(3 * HIDDEN, 1) + inner
    assert outcome.done_ps == [first + (count - 1) * loop + gates + packet(HIDDEN, 1)]


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_stacked_layers_work_on_steps_one_behind_the_other(layers):
    """L layers take one way up from gates to gates, L - 1 times, more than one, not L times as long.

    The ways round are equal, so at the second step of an upper layer both products come to its gates in one picosecond:
    one waits for the other (T9), and is behind it from then on.
    """
    count = 12
    made: list[AnyLayer] = [steps(count, INPUTS)]
    for number in range(layers):
        made += recurrent(f"h{number}", made[-1], HIDDEN)
    outcome = simulate_chip(plan(made, CHIP), 1)
    first = packet(INPUTS, 0) + mvm(INPUTS, SUMS) + packet(SUMS, 1)
    up = GATES + packet(HIDDEN, 1) + mvm(HIDDEN, SUMS) + packet(SUMS, 1)
    home, wait = packet(HIDDEN, 2 * layers - 1), packet(SUMS, 0)
    assert outcome.done_ps == [first + (count - 1) * LOOP + (layers - 1) * (up + wait) + GATES + home]


def test_two_directions_run_side_by_side_and_the_join_waits_for_the_one_that_walks_back():
    """Backwards the first step needs the last token: all are sent at once, one behind the other."""
    count, x = 10, steps(10, INPUTS)
    built = plan([x, *bidirectional("h", x, HIDDEN)], CHIP)
    outcome = simulate_chip(built, 1)
    back = built.layers["h</input"].slices[0].neuron_unit
    assert built.chip.site(back) == 2
    tokens_sent = count * INPUTS + 2 * HOP  # through the host's port, then two hops
    backwards = tokens_sent + mvm(INPUTS, SUMS) + packet(SUMS, 1) + (count - 1) * LOOP + GATES
    unit = built.digital_units["h"]
    to_unit = packet(HIDDEN, built.chip.hops(built.gate_units["h<"], unit))
    joins = count * 2 * HIDDEN * NS + 5 * NS
    assert outcome.done_ps == [backwards + to_unit + joins + packet(2 * HIDDEN, built.chip.hops(unit, "host"))]


def test_a_second_input_enters_the_loop_when_the_first_one_leaves_its_matrix():
    """T81: its first MVM follows at once on the last one of the input before, whose sums it need not wait for."""
    count, x = 6, steps(6, INPUTS)
    outcome = simulate_chip(plan([x, *recurrent("h", x, HIDDEN)], CHIP), 5)
    gaps = {later - before for before, later in pairwise(outcome.done_ps)}
    assert gaps == {(count - 1) * LOOP + 100 * NS}


def test_a_stream_of_sequences_reaches_its_period():
    x = steps(6, INPUTS)
    outcome = simulate_chip(plan([x, *recurrent("h", x, HIDDEN)], CHIP), 200)
    assert outcome.simulated.inputs < 30
    assert outcome.simulated.period_inputs == 1
    assert outcome.done_ps[-1] - outcome.done_ps[-2] == outcome.done_ps[3] - outcome.done_ps[2]


@pytest.mark.parametrize("count", [1, 5, 40])
def test_tokens_of_a_feed_forward_block_follow_one_another(count):
    """T24 over positions: the first token's latency, then one token each time the slower matrix is free again."""
    x = steps(count, 4)
    up = tokens("up", x, 16)
    outcome = simulate_chip(plan([x, up, tokens("down", up, 4)], CHIP), 1)
    first = packet(4, 0) + mvm(4, 16) + packet(16, 1) + mvm(16, 4) + packet(4, 1)
    assert outcome.done_ps == [first + (count - 1) * 100 * NS]


def test_copies_of_a_token_matrix_share_the_tokens_and_those_of_a_recurrent_one_do_not_help():
    """T45: two copies take every other token; a loop's copies wait for each other."""
    x = steps(9, 4)
    net_plan = plan([x, tokens("up", x, 16)], CHIP)
    halved = place(net_plan.network, net_plan.chip, {"up": 2})
    one, two = simulate_chip(net_plan, 1).done_ps[0], simulate_chip(halved, 1).done_ps[0]
    assert one - two == 4 * 100 * NS
    lstm = plan([x, *recurrent("h", x, HIDDEN)], CHIP)
    copied = place(lstm.network, lstm.chip, {"h/recurrent": 2})
    assert simulate_chip(copied, 1).done_ps[0] > simulate_chip(lstm, 1).done_ps[0]


def test_only_the_last_state_leaves_where_only_that_is_read():
    count, x = 6, steps(6, INPUTS)
    loop = recurrent("h", x, HIDDEN)
    outcome = simulate_chip(plan([x, *loop, last_of("end", loop[-1]), dense("out", "end", HIDDEN, 3)], CHIP), 1)
    to_dense = next(packets for name, _, target, packets, *_ in outcome.links if target == "tile(0,2)")
    assert to_dense == 1
    first = packet(INPUTS, 0) + mvm(INPUTS, SUMS) + packet(SUMS, 1)
    head = packet(HIDDEN, 1) + mvm(HIDDEN, 3) + packet(3, 2)
    assert outcome.done_ps == [first + (count - 1) * LOOP + GATES + head]


def test_gates_are_counted_by_operation_and_their_operands_by_byte():
    count, x = 5, steps(5, INPUTS)
    energies = {"neuron_unit.energy_per_operation": "2 pJ", "neuron_unit.buffer.energy_per_byte": "3 pJ/B"}
    ledger = simulate_chip(plan([x, *recurrent("h", x, HIDDEN)], {**CHIP, **energies}), 3).ledger
    rows = {(row.component, row.action, row.layer): row for row in ledger.rows() if row.component == "neuron(0,1)"}
    gates = rows["neuron(0,1)", "gate", "h"]
    assert (gates.amount, gates.joules) == (3 * count * 12 * HIDDEN, pytest.approx(3 * count * 12 * HIDDEN * 2e-12))
    assert rows["neuron(0,1)", "neuron", "h/recurrent"].amount == 3 * count * SUMS
    for layer in ("h/input", "h/recurrent"):
        for action in ("write", "read"):
            moved = rows["neuron(0,1)", action, layer]
            assert (moved.amount, moved.level) == (3 * count * SUMS, "tile_buffer")
            assert moved.joules == pytest.approx(3 * count * SUMS * 3e-12)


@pytest.mark.parametrize("sums", ["gather", "chain"])
@pytest.mark.parametrize(("latency", "first"), [("71.98 ns", "neuron"), ("71.979 ns", "gate")])
def test_a_unit_that_is_asked_twice_in_a_picosecond_serves_the_sums_first(latency, first, sums):
    """T3, T82, two sequences side by side: the second one's sums and the first one's gates ask at 220 ns.

    The recurrent matrix starts at the admission, so its second sums are there after two MVMs of 100 ns, load and drain;
    the gates wait for the product with the first token, which comes over the host's wire in so many nanoseconds.
    """
    x = steps(4, INPUTS)
    changes = {**CHIP, "host.latency": latency, "neuron_unit.partial_sums": sums}
    built = plan([x, *recurrent("h", x, HIDDEN, delay=2)], changes)
    outcome = simulate_chip(built, 1, trace_inputs=1)
    unit = [span for span in outcome.timeline.spans if span.component == built.gate_units["h"]]
    starts = {(span.activity, span.position): span.start_ps for span in unit}
    times = {"neuron": SUMS * NS, "gate": 12 * HIDDEN * NS}
    then = "gate" if first == "neuron" else "neuron"
    position = {"neuron": 1, "gate": 0}
    begin = 220 * NS - (first == "gate")  # a picosecond earlier they need not wait
    assert starts[first, position[first]] == begin
    assert starts[then, position[then]] == begin + times[first]
    second = SecondEngine(built, 1, 1).run()
    assert outcome.done_ps == second.done
