"""Random networks of tokens and recurrent operators: stacked, both directions, forks that rejoin around loops."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from recurrent_layers import join, last_of, recurrent, steps, sum_of, tokens
from small_machines import chip, dense, network
from test_second_engine import CHIPS

from chipsim.errors import CapacityError
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.cell import Role
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, InputLayer, ViewLayer

LOOPS = st.builds(
    lambda chip, buffer, arbitration: {**chip, "grid.shape": "[7, 7]", **buffer, "router.arbitration": arbitration},
    CHIPS, st.sampled_from([{}, {"neuron_unit.rate": "100 Mop/s"}, {"neuron_unit.rate": "20 Gop/s"}]),
    st.sampled_from(["age", "age", "round-robin"]),
)  # fmt: skip
ROLES: list[Role] = ["bias", "peepholes", "lengths", "initial", "initial", "initial_cell"]
BOUNDED = {
    "tile.buffer.capacity": "1 MB", "digital_unit.buffer.capacity": "1 MB", "neuron_unit.buffer.capacity": "1 MB"
}  # fmt: skip
CHAIN = {"neuron_unit.partial_sums": "chain", "neuron_unit.hop_latency": "2 ns"}


@st.composite
def sequences(draw: st.DrawFn, layers: int = 4) -> Network:
    """A few operators over a short sequence, at least one of them recurrent, that read any earlier one that fits."""
    made: list[AnyLayer] = [steps(draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 4])))]
    whole = [made[0]]  # what other layers may read: not the inside of operators
    count = draw(st.integers(1, layers))
    looped = draw(st.integers(0, count - 1))
    for number in range(count):
        before = whole[-1] if draw(st.booleans()) else draw(st.sampled_from(whole))
        added = _operator(draw, f"l{number}", before, whole, loop=number == looped)
        made += added
        whole += [layer for layer in added if "/" not in layer.name]
    if draw(st.booleans()):
        made += _head(draw, whole[-1])
    read = {name for layer in made for name in layer.inputs if not getattr(layer, "delay", 0)}
    outputs = [layer.name for layer in made[1:] if layer.name not in read]
    if draw(st.booleans()):
        outputs.append(draw(st.sampled_from(whole[1:])).name)
    return network(made, tuple(dict.fromkeys(outputs)))


@st.composite
def with_operands(draw: st.DrawFn, layers: int = 2) -> Network:
    """Recurrent operators with first states, biases and other operands that inputs or earlier layers give."""
    made: list[AnyLayer] = [steps(draw(st.integers(1, 5)), draw(st.sampled_from([1, 2])))]
    whole = [made[0]]
    for number in range(draw(st.integers(1, layers))):
        name, before = f"l{number}", draw(st.sampled_from(whole))
        hidden, cell = draw(st.integers(1, 2)), draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
        delay = draw(st.sampled_from([1, 1, 2]))
        given = {}
        for role in draw(st.lists(st.sampled_from(ROLES), min_size=1, unique=True)):
            state = role in ("initial", "initial_cell")
            shape = (delay, hidden) if state else (draw(st.integers(1, 3)),)
            made += (found := _source(draw, f"{name}.{role}", shape, whole))
            given[role] = found[-1]
        added = recurrent(
            name, before, hidden, cell, reverse=draw(st.booleans()), delay=delay,
            reset_first=cell == "GRU" and draw(st.booleans()), cell=draw(st.booleans()),
            operations=draw(st.sampled_from([None, 0, 7 * before.positions])), given=given,
        )  # fmt: skip
        made += added
        whole.append(next(layer for layer in added if layer.name == name))
    read = {name for layer in made for name in layer.inputs if not getattr(layer, "delay", 0)}
    return network(made, tuple(layer.name for layer in made[1:] if layer.name not in read and _computes(layer)))


def _computes(layer: AnyLayer) -> bool:
    return not isinstance(layer, InputLayer | ViewLayer)


def _source(draw: st.DrawFn, name: str, shape: tuple[int, ...], whole: list[AnyLayer]) -> list[AnyLayer]:
    """What gives an operand: an input of the network, or some positions of a matrix behind an earlier layer."""
    if draw(st.booleans()):
        return [InputLayer(name, (), shape, channels_last=True)]
    behind, count = draw(st.sampled_from(whole)), 1 if len(shape) == 1 else shape[0]
    if behind.positions < count:
        return [InputLayer(name, (), shape, channels_last=True)]
    matrix = tokens(name + "/made", behind, shape[-1], reverse=draw(st.booleans()))
    picks = draw(st.permutations(range(behind.positions)))[:count]
    return [matrix, ViewLayer(name, (matrix.name,), shape, picks=tuple(picks), channels_last=True)]


def _operator(draw: st.DrawFn, name: str, before: AnyLayer, whole: list[AnyLayer], *, loop: bool) -> list[AnyLayer]:
    kind = "recurrent" if loop else draw(st.sampled_from(["recurrent", "both", "tokens", "sum", "relu", "softmax"]))
    if kind == "tokens":
        return [tokens(name, before, draw(st.integers(1, 4)), reverse=draw(st.booleans()))]
    if kind == "sum":
        return [sum_of(name, before, draw(st.sampled_from([w for w in whole if w.channels == before.channels])))]
    if kind in ("relu", "softmax"):
        pattern: Any = "elementwise" if kind == "relu" else "barrier"
        return [
            DigitalLayer(
                name, (before.name,), before.output_shape, kind.title(), pattern=pattern, channels_last=True,
                element_operations=before.positions * before.channels,
            )
        ]  # fmt: skip
    hidden, cell = draw(st.integers(1, 2)), draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
    if kind == "both":
        one, other = (recurrent(name + end, before, hidden, cell, reverse=end == "<") for end in (">", "<"))
        return [*one, *other, join(name, one[-1], other[-1])]
    return recurrent(
        name, before, hidden, cell, reverse=draw(st.booleans()), delay=draw(st.sampled_from([1, 1, 1, 2])),
        reset_first=cell == "GRU" and draw(st.booleans()), cell=draw(st.sampled_from([False, False, True])),
        operations=draw(st.sampled_from([None, 0, 7 * before.positions])),
    )  # fmt: skip


def _head(draw: st.DrawFn, before: AnyLayer) -> list[AnyLayer]:
    """A classifier of one position."""
    view = last_of("last", before, draw(st.integers(1, before.positions)))
    return [view, dense("head", "last", before.channels, draw(st.integers(1, 3)))]


def laid(net: Network, changes: dict[str, Any], draw: st.DrawFn | None = None) -> Plan | None:
    """A plan, with a random number of copies of some matrices where a draw is given; None where there is no room."""
    copies = {}
    if draw is not None:
        copies = {layer.name: draw(st.integers(1, min(3, layer.positions))) for layer in net.matrix_layers}
    try:
        return place(net, chip(changes), copies)
    except CapacityError:
        return None


def has_loop(net: Network) -> bool:
    return any(isinstance(layer, GateLayer) for layer in net.layers.values())
