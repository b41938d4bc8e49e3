"""Both engines on windows over volumes and over inputs with zeros between neighbours (rules T5 and T6)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import chip, dense, network, zeros
from test_second_engine import BOUNDED, CHIPS, compare, least_buffers, small_enough

from chipsim.mapping.placement import place
from chipsim.network.edges import edges
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, InputLayer, MatrixLayer, ViewLayer, Window
from chipsim.network.matrix import Matrix
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.memories.buffers import least_capacities


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Chains and sums of convolutions, transposed ones, poolings and values taken one by one, on maps or volumes."""
    axes = draw(st.sampled_from([2, 3]))
    size = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    made: list[AnyLayer] = [InputLayer("x", (), (draw(st.sampled_from([1, 2])), *size), position_axes=axes)]
    for number in range(draw(st.integers(1, 4))):
        made.append(_layer(draw, f"l{number}", made, axes))
    if draw(st.booleans()):
        values = math.prod(made[-1].output_shape)
        made += [ViewLayer("flat", (made[-1].name,), (values,)), dense("end", "flat", values, 3)]
    read = {name for layer in made for name in layer.inputs}
    return network(made, tuple(layer.name for layer in made[1:] if layer.name not in read))


def _layer(draw: st.DrawFn, name: str, made: list[AnyLayer], axes: int) -> AnyLayer:
    before = made[-1] if draw(st.booleans()) else draw(st.sampled_from(made))
    kind = draw(st.sampled_from(["window", "window", "pool", "each", "sum"]))
    if kind in ("each", "sum"):
        others = [layer for layer in made if layer.output_shape == before.output_shape]
        inputs = (before.name,) if kind == "each" else (before.name, draw(st.sampled_from(others)).name)
        operator = "Erf" if kind == "each" else "Add"
        return DigitalLayer(
            name, inputs, before.output_shape, operator, pattern="elementwise", position_axes=axes,
            element_operations=math.prod(before.output_shape),
        )  # fmt: skip
    size = before.output_shape[1:]
    window = _window(draw, axes, 1 if kind == "pool" else 3)
    reach = [
        (length - 1) * window.stuffing[a] + 1 + window.pads[a] + window.pads[axes + a] for a, length in enumerate(size)
    ]
    outputs = tuple(
        max(1, (reach[a] - (window.kernel[a] - 1) * window.dilations[a] - 1) // window.strides[a] + 1)
        for a in range(axes)
    )
    channels = before.output_shape[0]
    if kind == "pool":
        shape = (channels, *outputs)
        return DigitalLayer(
            name, (before.name,), shape, "MaxPool", pattern="window", window=window, position_axes=axes,
            element_operations=math.prod(shape),
        )  # fmt: skip
    groups = draw(st.sampled_from([1, channels]))
    columns = draw(st.sampled_from([1, 2]))
    rows = channels // groups * window.taps
    matrices = tuple(
        Matrix(f"{name}.{g}", zeros(rows, columns), np.zeros(columns, np.float32), g * channels // groups, g * columns)
        for g in range(groups)
    )
    return MatrixLayer(
        name, (before.name,), (groups * columns, *outputs), before.output_shape, window, matrices, position_axes=axes
    )


def _window(draw: st.DrawFn, axes: int, most_stuffing: int) -> Window:
    def sizes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    return Window(sizes(1, 2), sizes(1, 2), (*sizes(0, 1), *sizes(0, 1)), sizes(1, 2), sizes(1, most_stuffing))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(), CHIPS, st.integers(1, 3))
def test_two_engines_agree(net: Network, changes: dict[str, Any], inputs: int) -> None:
    plan = small_enough(net, changes)
    if plan is None:
        return
    outcome = simulate_chip(plan, inputs)
    compare(plan, outcome, SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"])).run(), inputs)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(), CHIPS)
def test_two_engines_agree_with_the_least_buffers(net: Network, changes: dict[str, Any]) -> None:
    plan = small_enough(net, {**changes, **BOUNDED})
    if plan is None:
        return
    with least_buffers():
        outcome = simulate_chip(plan, 2)
    compare(plan, outcome, SecondEngine(plan, 2, int(changes["host.max_inputs_in_flight"]), least=True).run(), 2)


@settings(max_examples=60)
@given(networks())
def test_least_capacities_equal_a_recursive_execution_on_demand(net: Network) -> None:
    plan = place(net, chip({"grid.shape": "[12, 12]", "tile.crossbar.rows": 64, "digital_unit.tiles_per_unit": 12}))
    found = edges(net)
    least = least_capacities(found, {name: layer.positions for name, layer in net.layers.items()})
    again = SecondEngine(plan, 1, 1).least()
    assert {(e.consumer, e.operand): c for e, c in zip(found, least, strict=True)} == again
