"""`digital_table`: what a plan leaves to digital and neuron units, and the share of products on tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from chipsim.report.grid import add_column, keep_names, new_table

if TYPE_CHECKING:
    from chipsim.mapping.plan import Plan
    from chipsim.network.layers import DigitalLayer, GateLayer

_NARROWEST, _GAP = 80, 2
_LEAST_REASON = 15
"""Characters of each line that says why a layer is on no tile, in the narrowest terminal; long names give way."""


def digital_table(plan: Plan) -> Group:
    """One row per layer of gates and per digital layer, the share of products on tiles, and what the reader noted.

    Parameters
    ----------
    plan : Plan
    """
    network = plan.network
    parts: list[RenderableType] = []
    if plan.gate_units:
        parts += [Text(), _gate_table(plan)]
    layers: list[DigitalLayer] = [network.layers[name] for name in plan.digital_units]  # type: ignore[misc]
    if layers:
        table = new_table("on digital units")
        for name in ("layer", "operator"):
            add_column(table, name)
        for name in ("MACs", "operations"):
            add_column(table, name, right=True)
        add_column(table, "unit", wrap=False)
        reasons = any(layer.reason for layer in layers)
        if reasons:
            add_column(table, "why not on tiles")
        for layer in layers:
            macs = f"{layer.macs:,}" if layer.macs else "-"
            unit = plan.digital_units[layer.name]
            cells = [layer.name, layer.operator, macs, f"{layer.element_operations:,}", unit]
            table.add_row(*map(Text, [*cells, layer.reason] if reasons else cells))
        _keep_names(table, reasons=reasons)
        parts += [Text(), table]
    parts += [Text(), Text(share_in_words(network.macs, network.macs_on_tiles))]
    return Group(*parts, *map(Text, network.notes))


def _keep_names(table: Table, *, reasons: bool) -> None:
    """Let names of layers, then of operators, wrap where reasons would have no room otherwise."""
    layer, operator, *rest = (max(len(str(cell)) for cell in (col.header, *col.cells)) for col in table.columns)
    room = _NARROWEST - sum(rest[:3]) - _GAP * (len(table.columns) - 1) - _LEAST_REASON
    if not reasons or layer + operator <= room:
        keep_names(table, 2)
    elif operator + _LEAST_REASON <= room:
        table.columns[1].no_wrap = True


def _gate_table(plan: Plan) -> Table:
    """Gates of recurrent operators, and the neuron units that compute them."""
    table = new_table("in neuron units")
    add_column(table, "layer")
    add_column(table, "operator")
    add_column(table, "operations", right=True)
    add_column(table, "unit")
    for name, unit in plan.gate_units.items():
        layer: GateLayer = plan.network.layers[name]  # type: ignore[assignment]
        table.add_row(*map(Text, (name, layer.operator, f"{layer.element_operations:,}", unit)))
    keep_names(table, 2)
    return table


def share_in_words(macs: int, on_tiles: int) -> str:
    """Share of multiply-accumulates on tiles.

    Examples
    --------
    >>> share_in_words(1000, 250)
    'share of MACs on tiles: 25.00 % of 1,000 per input'
    """
    if not macs:
        return "share of MACs on tiles: none to share"
    return f"share of MACs on tiles: {on_tiles / macs:.2%} of {macs:,} per input".replace("%", " %")
