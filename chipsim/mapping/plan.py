"""`Plan`: network x chip. Which block sits on which tile, and where the rest is computed."""

from __future__ import annotations

from dataclasses import dataclass

from chipsim.architecture.chip import Chip
from chipsim.mapping.partition import Block, PackedMatrix
from chipsim.network.graph import Network
from chipsim.network.layers import MatrixLayer


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    """A block and its tile."""

    matrix: int
    block: Block
    tile: str


@dataclass(frozen=True, slots=True)
class Slice:
    """Output channels that one neuron unit computes: the blocks of one column of blocks.

    Attributes
    ----------
    first_channel, channels : int
        In the layer's output.
    neuron_unit : str
    blocks : tuple of PlacedBlock
        From the first to the last row block.
    """

    first_channel: int
    channels: int
    neuron_unit: str
    blocks: tuple[PlacedBlock, ...]


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """Where one layer's matrices are."""

    layer: MatrixLayer
    matrices: tuple[PackedMatrix, ...]
    slices: tuple[Slice, ...]

    @property
    def blocks(self) -> tuple[PlacedBlock, ...]:
        """All blocks."""
        return tuple(block for part in self.slices for block in part.blocks)

    @property
    def cells_used(self) -> int:
        """Cells (pairs) that hold weights."""
        return sum(self.matrices[placed.matrix].cells_used(placed.block) for placed in self.blocks)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of the plan's table, per packed matrix."""

    layer: str
    matrix: str
    rows: int
    columns: int
    tiles: int
    cells_used: float
    replicas: int
    positions: int
    first_tile: str
    last_tile: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs where.

    Attributes
    ----------
    network : Network
    chip : Chip
    layers : dict of str to LayerPlan
        Matrix layers, in topological order.
    digital_units : dict of str to str
        Digital layer -> unit.
    """

    network: Network
    chip: Chip
    layers: dict[str, LayerPlan]
    digital_units: dict[str, str]

    @property
    def tiles_used(self) -> int:
        """Tiles that hold weights."""
        return sum(len(plan.blocks) for plan in self.layers.values())

    @property
    def tile_mvms(self) -> int:
        """Tile-MVMs per input: positions x blocks."""
        return sum(plan.layer.positions * len(plan.blocks) for plan in self.layers.values())

    @property
    def utilisation_cells(self) -> float:
        """Cells that hold weights / cells of the tiles used."""
        crossbar = self.chip.spec.tile.crossbar
        cells = self.tiles_used * crossbar.rows * crossbar.columns
        return sum(plan.cells_used for plan in self.layers.values()) / cells if cells else 0.0

    def rows(self) -> list[PlanRow]:
        """The plan as a table."""
        return [row for plan in self.layers.values() for row in _rows(plan, self.chip)]


def _rows(plan: LayerPlan, chip: Chip) -> list[PlanRow]:
    crossbar = chip.spec.tile.crossbar
    rows = []
    for index, matrix in enumerate(plan.matrices):
        mine = [placed for placed in plan.blocks if placed.matrix == index]
        used = sum(matrix.cells_used(placed.block) for placed in mine)
        rows.append(
            PlanRow(
                plan.layer.name, matrix.name, matrix.rows, matrix.columns, len(mine),
                used / (len(mine) * crossbar.rows * crossbar.columns), 1, plan.layer.positions,
                mine[0].tile, mine[-1].tile,
            )
        )  # fmt: skip
    return rows
