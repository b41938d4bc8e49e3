"""Networks with several inputs (T95): the engine against the second one, and the host's port."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import add, conv, dense, network, plan
from test_second_engine import BOUNDED, CHIPS, compare, least_buffers, small_enough

from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, InputLayer
from chipsim.simulation.engine import simulate_chip


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Two or three inputs with some convolutions behind each, added up, and what reads the sum."""
    side, channels = draw(st.sampled_from([2, 3])), draw(st.sampled_from([1, 2]))
    made: list[AnyLayer] = []
    ends: list[AnyLayer] = []
    for number in range(draw(st.integers(2, 3))):
        end: AnyLayer = InputLayer(f"x{number}", (), (channels, side, side))
        made.append(end)
        for step in range(draw(st.integers(0, 2))):
            end = conv(f"c{number}{step}", end, channels, 2, 1, (1, 1, 0, 0))
            made.append(end)
        ends.append(end)
    total = ends[0]
    for number, end in enumerate(ends[1:]):
        total = add(f"a{number}", total, end)
        made.append(total)
    if draw(st.booleans()):
        made.append(conv("last", total, 2, side))
    return network(made)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), CHIPS, st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_two_engines_agree(net: Network, changes: dict[str, Any], inputs: int, batch: int, drain: bool) -> None:
    placed = small_enough(net, changes)
    if placed is None:
        return
    outcome = simulate_chip(placed, inputs, batch, drain=drain)
    second = SecondEngine(placed, inputs, int(changes["host.max_inputs_in_flight"]), batch, drain).run()
    compare(placed, outcome, second, inputs)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), CHIPS, st.integers(1, 3))
def test_the_least_buffers_do_not_deadlock(net: Network, changes: dict[str, Any], inputs: int) -> None:
    placed = small_enough(net, {**changes, **BOUNDED})
    if placed is None:
        return
    with least_buffers():
        outcome = simulate_chip(placed, inputs)
    second = SecondEngine(placed, inputs, int(changes["host.max_inputs_in_flight"]), least=True).run()
    compare(placed, outcome, second, inputs)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), CHIPS)
def test_the_jump_gives_the_same_numbers(net: Network, changes: dict[str, Any]) -> None:
    placed = small_enough(net, changes)
    if placed is None:
        return
    jumped, whole = simulate_chip(placed, 60), simulate_chip(placed, 60, exact_all=True)
    assert jumped.done_ps == whole.done_ps
    assert jumped.links == whole.links
    assert jumped.tile_mvms == whole.tile_mvms


def test_all_inputs_leave_through_the_hosts_port() -> None:
    layers: list[AnyLayer] = [InputLayer("a", (), (4,)), InputLayer("b", (), (8,))]
    layers += [dense("p", "a", 4, 2), dense("q", "b", 8, 2)]
    layers.append(add("sum", layers[2], layers[3]))
    built = plan(layers, {"widths.packet_header_bytes": 2, "widths.activation_bits": 8})
    outcome = simulate_chip(built, 3)
    (port,) = [link for link in outcome.links if link[1] == "host"]
    tiles = {name: len(layer.blocks) for name, layer in built.layers.items()}
    assert tiles == {"p": 1, "q": 1}
    assert port[3:5] == (3 * 2, 3 * (4 + 2 + 8 + 2))
