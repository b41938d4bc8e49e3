"""`Sharing`: what blocks on one tile, or slices and gates at one neuron unit, have in common (T70 to T73, T79, T82)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from chipsim.mapping.plan import PlacedBlock, Plan
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.tiles.shared_array import Port, SharedArray
from chipsim.simulation.units.shared_neuron import NeuronUnit


class Sharing:
    """Servers of the tiles that hold several blocks and of the neuron units that several slices, or gates, use.

    Parameters
    ----------
    plans : sequence of Plan
        Of all networks on the chip.
    clock : Clock
    """

    def __init__(self, plans: Sequence[Plan], clock: Clock) -> None:
        self._tile, self._clock = plans[0].chip.spec.tile, clock
        held = Counter(placed.tile for plan in plans for placed in plan.blocks)
        self._tiles = frozenset(tile for tile, count in held.items() if count > 1)
        self._ports: dict[tuple[str, str, int], Port] = {}
        self._arrays: dict[str, SharedArray] = {}
        parts = Counter(name for plan in plans for name in _units(plan))
        gates = {name for plan in plans for name in plan.gate_units.values()}
        self._units = {name: NeuronUnit(name) for name, count in parts.items() if count > 1 or name in gates}
        chained = plans[0].chip.spec.neuron_unit.partial_sums == "chain"
        self._passed = frozenset(name for name, count in parts.items() if count > 1 and chained)

    @property
    def neuron_units(self) -> Mapping[str, NeuronUnit]:
        """Units that several slices, or gates too, use, by name."""
        return self._units

    def passed(self, unit: str) -> bool:
        """Whether sums of chains may leave by a neuron unit's port, and results too (rule T79)."""
        return unit in self._passed

    def array_of(self, placed: PlacedBlock, *, spills: bool) -> SharedArray | None:
        """The array that a block takes turns on; None where it has its tile, and a buffer that suffices, to itself."""
        if placed.tile not in self._tiles and not spills:
            return None
        if placed.array not in self._arrays:
            tile = self._tile
            own = placed.crossbar if tile.output_ports == "per-crossbar" else 0
            self._arrays[placed.array] = SharedArray(
                self._clock, self._port(placed.tile, "load", 0),
                self._port(placed.tile, "converters", placed.crossbar // tile.adc.crossbars_per_adc),
                self._port(placed.tile, "output", own), tile.register_banks, tile.sample_and_hold,
            )  # fmt: skip
        return self._arrays[placed.array]

    def _port(self, tile: str, kind: str, number: int) -> Port:
        return self._ports.setdefault((tile, kind, number), Port())


def _units(plan: Plan) -> Iterator[str]:
    """The neuron unit of each slice; of a chain, of each block (rule T48)."""
    chained = plan.chip.spec.neuron_unit.partial_sums == "chain"
    for part in (part for layer in plan.layers.values() for part in layer.slices):
        if chained:
            yield from (plan.chip.neuron_unit_of(placed.tile) for placed in part.blocks)
        else:
            yield part.neuron_unit
