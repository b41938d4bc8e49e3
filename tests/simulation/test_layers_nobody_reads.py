"""A layer whose consumer looks at padding alone is not waited for: its work is counted whole, or the run says so."""

from __future__ import annotations

import pytest
from small_machines import conv, plan, source

from chipsim.errors import ConsistencyError
from chipsim.simulation.engine import simulate_chip

TWO_ROW_BLOCKS = {
    "grid.shape": "[2, 4]", "tile.crossbar.rows": 9, "tile.crossbar.columns": 2, "tile.mvm_latency": "4 ns",
    "tile.register_banks": 1, "host.bandwidth": "500 MB/s", "neuron_unit.partial_sum_slots": 1,
}  # fmt: skip


def unread(**changes):
    x = source(4, 2, 2)
    first = conv("first", x, 1, 2)
    return plan([x, first, conv("second", first, 1, 1, 3, (2, 2, 2, 1))], {**TWO_ROW_BLOCKS, **changes})


def test_work_that_falls_behind_is_an_error_and_not_a_wrong_count():
    with pytest.raises(
        ConsistencyError, match=r"layer first on tile\(0,\d\) has done \d+ of 24 MVMs: nothing reads it"
    ):
        simulate_chip(unread(**{"host.max_inputs_in_flight": 3}), 24)


def test_one_input_is_counted_whole():
    outcome = simulate_chip(unread(), 1)
    assert sorted(outcome.tile_mvms.values()) == [1, 1, 4]
