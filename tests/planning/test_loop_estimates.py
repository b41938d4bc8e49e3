"""Loops in estimates: exact where links are free, never above what is simulated (rules T81 to T84)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_recurrent import CHAIN, LOOPS, laid, sequences
from recurrent_layers import recurrent, steps, tokens
from small_machines import NS, plan
from test_loops_closed_forms import CHIP, HIDDEN, INPUTS, LOOP

from chipsim.mapping.plan import Plan
from chipsim.planning.balanced import balanced_replicas
from chipsim.planning.estimate import estimate
from chipsim.planning.loop_pace import loop_ps
from chipsim.simulation.engine import simulate_chip


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data(), sequences(), LOOPS, st.sampled_from([{}, CHAIN]), st.integers(1, 4), st.booleans())
def test_no_run_is_faster_than_the_estimate(data, net, changes, sums, inputs, copies):
    made = laid(net, {**changes, **sums}, data.draw if copies else None)
    assume(made is not None)
    # of the last input nobody may wait for the last steps
    assert simulate_chip(made, inputs).makespan_ps >= (inputs - 1) * estimate(made).interval_ps


@pytest.mark.parametrize("count", [3, 9])
def test_the_loop_of_an_lstm_is_exact(count):
    built = plan([steps(count, INPUTS), *recurrent("h", steps(count, INPUTS), HIDDEN)], CHIP)
    assert loop_ps(built) == {"h": (count - 1) * LOOP}
    found = estimate(built)
    assert found.limit == "loop of h"
    outcome = simulate_chip(built, 60)
    between = outcome.done_ps[-1] - outcome.done_ps[-2]
    assert between == found.interval_ps + 100 * NS  # the next input's first MVM, behind this one's last


def test_a_layer_in_a_loop_gets_no_copies():
    """The recurrent matrix has more rows to load and is the slowest: the tiles that are left stay empty."""
    slow = {**CHIP, "tile.crossbar.rows": 64, "tile.crossbar.columns": 64, "tile.buffer.bandwidth": "20 MB/s"}
    x = steps(8, 1)
    built = plan([x, *recurrent("h", x, 8)], slow)
    free = plan([x, tokens("up", x, 8), tokens("down", tokens("up", x, 8), 32)], slow)

    def copies(made: Plan) -> dict[str, int]:
        return balanced_replicas(made.network, made.chip)

    assert copies(built) == {"h/input": 1, "h/recurrent": 1}
    assert copies(free)["down"] > 1  # the same matrix without a loop
