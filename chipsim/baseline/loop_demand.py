"""`LoopDemand`: what the layers of a loop ask of the machine for one batch, round by round (rules B24 to B26)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.dataflow import ceil_div
from chipsim.baseline.demand import LayerDemand, demand_of
from chipsim.baseline.loops import Loop
from chipsim.baseline.plan import MemoryPlan
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, GateLayer, MatrixLayer


@dataclass(frozen=True, slots=True)
class LoopDemand:
    """Amounts of a loop and one batch.

    Attributes
    ----------
    rounds : int
    layers : tuple of LayerDemand
        Cycles and fetched bytes per weight tile are those of one round, everything else is of all rounds.
    kept_bytes : int
        Of weights that are fetched before the first round and kept to the last; 0 where all are resident, or where
        they are fetched in every round.
    """

    rounds: int
    layers: tuple[LayerDemand, ...]
    kept_bytes: int

    def of_round(self, demand: LayerDemand, number: int) -> LayerDemand:
        """The part of a layer's demand in one round."""

        def share(total: int) -> int:
            return total * (number + 1) // self.rounds - total * number // self.rounds

        return replace(
            demand, operations=share(demand.operations), input_bytes=share(demand.input_bytes),
            output_bytes=share(demand.output_bytes), on_chip_reads=share(demand.on_chip_reads),
            on_chip_writes=share(demand.on_chip_writes), chunks=ceil_div(demand.chunks, self.rounds),
        )  # fmt: skip


def loop_demand(spec: VonNeumannSpec, network: Network, plan: MemoryPlan, loop: Loop, inputs: int) -> LoopDemand:
    """What a loop needs for ``inputs`` inputs."""
    layers = [network.layers[name] for name in loop.layers]
    demands = [
        demand_of(spec, network, plan, layer, inputs, loop)
        for layer in layers
        if isinstance(layer, MatrixLayer | DigitalLayer | GateLayer)
    ]
    fetched = plan.fetched_of(loop)
    kept = fetched if 0 < fetched <= plan.weight_half_bytes else 0
    if kept:
        demands = [_kept(demand, loop.rounds, plan) for demand in demands]
    return LoopDemand(loop.rounds, tuple(demands), kept)


def _kept(demand: LayerDemand, rounds: int, plan: MemoryPlan) -> LayerDemand:
    """A layer's demand where its weights come once and stay until the last round."""
    if not demand.tile_bytes:
        return demand
    writes = demand.on_chip_writes - rounds * sum(demand.tile_bytes) + plan.weight_bytes[demand.layer]
    return replace(demand, tile_cycles=(sum(demand.tile_cycles),), tile_bytes=(), on_chip_writes=writes)
