"""Both engines on a network with loops: what tests of recurrent operators ask, whatever their operands are."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from random_recurrent import BOUNDED, laid
from second_engine import SecondEngine
from test_periodic import both
from test_second_engine import compare, least_buffers
from test_shared_tiles_engines import compare as compare_shared
from test_shared_tiles_engines import together
from test_spilling import amounts

from chipsim.mapping.placement import gate_units
from chipsim.mapping.plan import Plan
from chipsim.network.edges import edges
from chipsim.network.graph import Network
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.memories.buffers import least_capacities

Changes = dict[str, Any]


def agree(plan: Plan, changes: Changes, inputs: int, *, least: bool = False, **options: Any) -> None:
    """On tiles that hold one block each, chains included."""
    with least_buffers() if least else nullcontext():
        outcome = simulate_chip(plan, inputs, **options)
    in_flight = int(changes["host.max_inputs_in_flight"])
    second = SecondEngine(plan, inputs, in_flight, least=least, **options).run()
    compare(plan, outcome, second, inputs)
    busy = outcome.timeline.busy_ps
    gated = set(plan.gate_units.values())
    chain = [step for step in second.chain if step.name not in gated]
    assert {step.name: step.busy for step in chain} == {step.name: busy[step.name] for step in chain}


def agree_on(
    net: Network, changes: Changes, inputs: int, *, bounded: bool = False, draw: st.DrawFn | None = None, **options: Any
) -> None:
    """A network in order, with a random number of copies where a draw is given, and the least buffers if bounded."""
    plan = laid(net, {**changes, **(BOUNDED if bounded else {})}, draw)
    assume(plan is not None)
    assert plan is not None
    agree(plan, changes, inputs, least=bounded, **options)


def on_shared_tiles(net: Network, changes: Changes, tiles: int, copies: int) -> Plan:
    """The plan on the fewest tiles, at least so many; gates stay where their recurrent matrix begins."""
    plan = together(net, changes, tiles, copies)
    assume(plan is not None)
    assert plan is not None
    return replace(plan, gate_units=gate_units(net, plan.layers))


def agree_on_shared_tiles(
    net: Network, changes: Changes, inputs: int, *, tiles: int, copies: int = 1, bounded: bool = False
) -> None:
    plan = on_shared_tiles(net, {**changes, **(BOUNDED if bounded else {})}, tiles, copies)
    with least_buffers() if bounded else nullcontext():
        outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=bounded).run()
    compare_shared(plan, outcome, second, inputs)


def agree_where_buffers_spill(net: Network, changes: Changes, inputs: int, *, tiles: int, copies: int = 1) -> None:
    """T75: also the state that comes back to a recurrent matrix may be far."""
    plan = on_shared_tiles(net, changes, tiles, copies)
    outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare_shared(plan, outcome, second, inputs)
    assert amounts(outcome) == {"write": second.shared.written, "read": second.shared.read}


def check_jump(net: Network, changes: Changes, inputs: int, *, bounded: bool) -> None:
    """T51: leaving out periods changes no number."""
    plan = laid(net, {**changes, **(BOUNDED if bounded else {})})
    assume(plan is not None)
    assert plan is not None
    with least_buffers() if bounded else nullcontext():
        both(plan, inputs)


def check_least_buffers(net: Network) -> None:
    """T21 against a recursive execution on demand; a feedback edge needs as many positions as it lags behind (T83)."""
    plan = laid(net, {"grid.shape": "[12, 12]", "tile.crossbar.rows": 64, "digital_unit.tiles_per_unit": 12})
    assert plan is not None
    found = edges(net)
    least = least_capacities(found, {name: layer.positions for name, layer in net.layers.items()})
    again = SecondEngine(plan, 1, 1).least()
    assert {(edge.consumer, edge.operand): count for edge, count in zip(found, least, strict=True)} == again
    for edge, capacity in zip(found, least, strict=True):
        delay = getattr(net.layers.get(edge.consumer), "delay", 0)
        if delay and edge.operand == 0:  # the other one is the first state (T96)
            assert capacity <= delay
