"""`plan_table`: which layer sits on which tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from chipsim.report.grid import add_column, keep_names, new_table

if TYPE_CHECKING:
    from chipsim.mapping.plan import Plan, PlanRow


def plan_table(plan: Plan) -> Table:
    """One row per matrix, and a line of totals at the end.

    Parameters
    ----------
    plan : Plan
    """
    rows = plan.rows()
    named = any(row.matrix != row.layer for row in rows)
    crossbar = plan.chip.spec.tile.crossbar
    title = f"{plan.network.name} on {plan.chip.spec.name}, tiles of {crossbar.rows} x {crossbar.columns}"
    table = new_table(title, footer=True)
    rounds = getattr(plan.chip, "rounds", 1)  # a chip that is drawn once for each round
    of = f" of {len(plan.chip.tiles):,}" if rounds == 1 else ""
    add_column(table, "layer", footer="total")
    if named:
        add_column(table, "matrix", footer=f"{len(rows)} matrices")
    add_column(table, "rows x columns", right=True)
    add_column(table, "tiles", right=True, footer=f"{plan.tiles_used:,}{of}")
    add_column(table, "cells", right=True, footer=f"{plan.utilisation_cells:.1%}")
    add_column(table, "replicas", right=True)
    add_column(table, "positions", right=True)
    add_column(table, "first - last tile")
    for row in rows:
        table.add_row(*(Text(cell) for cell in _cells(row, named)))
    keep_names(table, 2 if named else 1)
    return table


def _cells(row: PlanRow, named: bool) -> list[str]:
    first, last = (tile.removeprefix("tile") for tile in (row.first_tile, row.last_tile))
    places = first if first == last else f"{first} - {last}"
    return [
        row.layer, *([row.matrix] if named else []), f"{row.rows} x {row.columns}", str(row.tiles),
        f"{row.cells_used:.1%}", str(row.replicas), f"{row.positions:,}", places,
    ]  # fmt: skip
