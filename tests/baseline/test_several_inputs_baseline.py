"""Networks with several inputs on the von Neumann machine: each is received, kept and read by its own bytes."""

from baseline_machines import addition, dense, machine, network

from chipsim.baseline.machine import simulate_baseline
from chipsim.network.layers import InputLayer

NET = network(
    InputLayer("a", (), (300,)), InputLayer("b", (), (2000,)), dense("p", "a", 300, 8), dense("q", "b", 2000, 8),
    addition("sum", ("p", "q"), 8),
)  # fmt: skip


def test_bytes_of_each_input_are_counted() -> None:
    rows = simulate_baseline(machine(), NET, 3, 1).ledger.rows()
    received = {row.layer: row.amount for row in rows if (row.component, row.action) == ("host", "receive")}
    assert received == {"a": 3 * 300, "b": 3 * 2000}


def test_inputs_without_room_on_chip_go_through_dram() -> None:
    small = machine(on_chip_memory={"capacity": "6 KiB"})
    rows = simulate_baseline(small, NET, 4, 4).ledger.rows()
    written = {row.layer: row.amount for row in rows if (row.component, row.action) == ("dram", "write")}
    read = {row.layer: row.amount for row in rows if (row.component, row.action) == ("dram", "read")}
    assert written["b"] == 4 * 2000
    assert read["q"] >= 4 * 2000
