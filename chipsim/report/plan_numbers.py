"""`plan_numbers`: what ``chipsim map --json`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chipsim.mapping.plan import LayerPlan, Plan


def plan_numbers(plan: Plan) -> dict[str, Any]:
    """A plan in numbers; see ``docs/mapping.md``.

    Parameters
    ----------
    plan : Plan
    """
    return {
        "network": plan.network.name,
        "architecture": plan.chip.spec.name,
        "strategy": plan.chip.spec.mapping.strategy,
        "tiles": len(plan.chip.tiles),
        "tiles_used": plan.tiles_used,
        "tiles_before_sharing": -(-len(plan.blocks) // plan.chip.spec.tile.crossbars),
        "blocks": len(plan.stored_blocks),
        "utilisation_cells": plan.utilisation_cells,
        "tile_mvms": plan.tile_mvms,
        "macs": plan.network.macs,
        "macs_on_tiles": plan.network.macs_on_tiles,
        "layers": [_layer(name, layer) for name, layer in plan.layers.items()],
        "digital_units": dict(plan.digital_units),
    }


def _layer(name: str, layer: LayerPlan) -> dict[str, Any]:
    """One layer; rows and columns are those of its matrices, side by side on the diagonal where there are several."""
    return {
        "name": name,
        "rows": sum(matrix.rows for matrix in layer.matrices),
        "columns": sum(matrix.columns for matrix in layer.matrices),
        "matrices": len(layer.matrices),
        "tiles": len({placed.tile for placed in layer.stored_blocks}),
        "replicas": layer.replicas,
        "positions": layer.layer.positions,
        "cells_used": layer.cells_used,
        "weights": sum(matrix.weights.size for matrix in layer.layer.matrices),
        "shares": layer.layer.shares,
        "places": sorted({placed.tile for placed in layer.blocks}),
    }
