"""`Plan`: network x chip. Which block sits on which tile, and where the rest is computed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from chipsim.architecture.chip import Chip
from chipsim.mapping.analog_check import check_analog
from chipsim.mapping.partition import PackedMatrix
from chipsim.mapping.places import WHOLE, PlacedBlock, Replica, check_places, check_readers
from chipsim.network.graph import Network
from chipsim.network.layers import MatrixLayer

__all__ = ["WHOLE", "LayerPlan", "PlacedBlock", "Plan", "PlanRow", "Replica", "Slice"]


@dataclass(frozen=True, slots=True)
class Slice:
    """Output channels that one neuron unit computes: the blocks of one column of blocks, of one replica.

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

    @property
    def replica(self) -> Replica:
        """Which positions it computes."""
        return self.blocks[0].replica

    def read_by(self, layer: str) -> Slice:
        """The same cells as another layer reads them."""
        return replace(self, blocks=tuple(replace(placed, reader=layer) for placed in self.blocks))


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """Where one layer's matrices are; slices and blocks replica by replica."""

    layer: MatrixLayer
    matrices: tuple[PackedMatrix, ...]
    slices: tuple[Slice, ...]

    @property
    def blocks(self) -> tuple[PlacedBlock, ...]:
        """All blocks."""
        return tuple(block for part in self.slices for block in part.blocks)

    @property
    def replicas(self) -> int:
        """Copies of the matrices."""
        return self.slices[0].replica.of

    @property
    def row_blocks(self) -> tuple[int, int]:
        """Most row blocks of a column, and the rows of the largest matrix."""
        return max(len(part.blocks) for part in self.slices), max(matrix.rows for matrix in self.matrices)

    @property
    def tile_mvms(self) -> int:
        """Tile-MVMs per input: each position on all blocks of one replica."""
        return self.layer.positions * len(self.blocks) // self.replicas

    @property
    def stored_blocks(self) -> tuple[PlacedBlock, ...]:
        """Blocks with cells of their own: none where the weights are another layer's."""
        return tuple(placed for placed in self.blocks if not placed.reader)

    @property
    def cells_used(self) -> int:
        """Cells (pairs) that hold weights, copies counted; none where the weights are another layer's."""
        return sum(self.matrices[placed.matrix].cells_used(placed.block) for placed in self.stored_blocks)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of the plan's table, per packed matrix.

    Attributes
    ----------
    tiles : int
        That hold a part of it; none where the weights are another layer's.
    cells_used : float
        Share of the cells of the arrays that it is on; likewise.
    """

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
    gate_units : dict of str to str
        Layer of gates -> neuron unit: that of the first tile with the operator's recurrent weights.
    """

    network: Network
    chip: Chip
    layers: dict[str, LayerPlan]
    digital_units: dict[str, str]
    gate_units: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse blocks that lie over each other or beyond their array, and layers that analog units cannot finish."""
        check_analog(self.network, self.chip, {name: plan.row_blocks for name, plan in self.layers.items()})
        stored = ((name, placed) for name, plan in self.layers.items() for placed in plan.stored_blocks)
        check_places(self.chip, stored)
        blocks = {name: plan.blocks for name, plan in self.layers.items()}
        check_readers({name: plan.layer.shares for name, plan in self.layers.items()}, blocks)

    @property
    def blocks(self) -> tuple[PlacedBlock, ...]:
        """All blocks of all layers."""
        return tuple(placed for plan in self.layers.values() for placed in plan.blocks)

    @property
    def stored_blocks(self) -> tuple[PlacedBlock, ...]:
        """Those with cells of their own: weights that layers share count once."""
        return tuple(placed for plan in self.layers.values() for placed in plan.stored_blocks)

    @property
    def tiles_used(self) -> int:
        """Tiles that hold weights."""
        return len({placed.tile for placed in self.blocks})

    @property
    def arrays_used(self) -> int:
        """Arrays that hold weights."""
        return len({placed.array for placed in self.blocks})

    @property
    def shared_tiles(self) -> frozenset[str]:
        """Tiles whose MVMs take turns: with more than one block, or one that several layers read."""
        held = Counter(placed.tile for placed in self.blocks)
        return frozenset(tile for tile, count in held.items() if count > 1)

    @property
    def tile_mvms(self) -> int:
        """Tile-MVMs per input: positions x blocks."""
        return sum(plan.tile_mvms for plan in self.layers.values())

    @property
    def utilisation_cells(self) -> float:
        """Cells that hold weights / cells of the tiles used."""
        crossbar = self.chip.spec.tile.crossbar
        cells = self.tiles_used * self.chip.spec.tile.crossbars * crossbar.rows * crossbar.columns
        return sum(plan.cells_used for plan in self.layers.values()) / cells if cells else 0.0

    def rows(self) -> list[PlanRow]:
        """The plan as a table."""
        return [row for plan in self.layers.values() for row in _rows(plan, self.chip)]


def _rows(plan: LayerPlan, chip: Chip) -> list[PlanRow]:
    crossbar = chip.spec.tile.crossbar
    rows = []
    for index, matrix in enumerate(plan.matrices):
        mine = [placed for placed in plan.blocks if placed.matrix == index]
        own = [placed for placed in mine if not placed.reader]
        used = sum(matrix.cells_used(placed.block) for placed in own)
        arrays = len({placed.array for placed in mine})
        rows.append(
            PlanRow(
                plan.layer.name, matrix.name, matrix.rows, matrix.columns, len({placed.tile for placed in own}),
                used / (arrays * crossbar.rows * crossbar.columns), plan.replicas, plan.layer.positions,
                mine[0].tile, mine[-1].tile,
            )
        )  # fmt: skip
    return rows
