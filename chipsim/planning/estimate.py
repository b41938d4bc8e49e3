"""`estimate`: what would limit a plan's throughput if nothing ever waited, without simulating it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from chipsim.mapping.plan import PlacedBlock, Plan
from chipsim.planning.loop_pace import loop_ps
from chipsim.planning.traffic import hop_bytes, machine_traffic
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.core.durations import MvmPhases, mvm_phases
from chipsim.simulation.tiles.pace import position_interval_ps, tile_interval_ps
from chipsim.units import PS_PER_S, duration_ps


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan takes per input, each part by itself.

    Attributes
    ----------
    layers_ps : dict of str to int
        Of each layer on tiles: its positions, taken in turn by its copies, at the pace of its slowest tile or neuron
        unit.
    parts_ps : dict of str to int
        Of each tile, neuron unit, digital unit, link and loop: how long one input keeps it from the next.
    limit : str
        The part that takes longest.
    hop_bytes : int
        Bytes over links between routers.

    Notes
    -----
    Nobody waits for anybody, so no machine is faster than this; `error` says by how much the simulated one is slower.
    """

    layers_ps: dict[str, int]
    parts_ps: dict[str, int]
    limit: str
    hop_bytes: int

    @property
    def interval_ps(self) -> int:
        """Between two inputs."""
        return self.parts_ps[self.limit]

    @property
    def throughput_inputs_per_s(self) -> float:
        """The most that the limit allows."""
        return PS_PER_S / self.interval_ps

    def error(self, simulated_inputs_per_s: float) -> float:
        """By how much the estimate is above what was simulated, as a share of that."""
        return self.throughput_inputs_per_s / simulated_inputs_per_s - 1


def estimate(plan: Plan) -> Estimate:
    """Estimate what a plan takes per input.

    Parameters
    ----------
    plan : Plan

    Raises
    ------
    CapacityError
        If a bounded buffer is smaller than its working set.
    """
    machine = build_machine(plan, 1)
    spec = plan.chip.spec
    layers = {
        name: -(-layer.layer.positions // layer.replicas) * position_interval_ps(spec, layer)
        for name, layer in plan.layers.items()
    }
    parts = _servers(plan, machine)
    parts |= {f"loop of {state}": time for state, time in loop_ps(plan).items() if time}
    flows = machine_traffic(machine)
    for flow in flows:
        for edge in flow.links:
            time = duration_ps(flow.bytes, plan.chip.graph.edges[edge]["bandwidth_bytes_per_s"])
            parts[f"{edge[0]} -> {edge[1]}"] += flow.packets * time
    limit = max(parts, key=lambda name: (parts[name], name))
    return Estimate(layers, dict(parts), limit, hop_bytes(plan.chip, flows))


def _servers(plan: Plan, machine: Machine) -> defaultdict[str, int]:
    """Time of tiles and units; of tiles that blocks share, of each part that serves one MVM at a time (T72)."""
    parts: defaultdict[str, int] = defaultdict(int)
    spec = plan.chip.spec
    for layer in plan.layers.values():
        for placed in layer.blocks:
            positions = len(placed.replica.positions(layer.layer.positions))
            block = placed.block
            if placed.tile not in plan.shared_tiles:
                parts[placed.array] += positions * tile_interval_ps(spec, block.rows, block.columns)
                continue
            for part, time in _shared_parts(plan, placed, mvm_phases(spec, block.rows, block.columns)):
                parts[part] += positions * time
    for neuron in machine.neurons:
        parts[neuron.name] += neuron.gate.positions * neuron.service
    for server in machine.digital:
        parts[server.unit.name] += server.gate.positions * server.service
    return parts


def _shared_parts(plan: Plan, placed: PlacedBlock, phases: MvmPhases) -> Iterator[tuple[str, int]]:
    """What an MVM keeps of a shared tile, and for how long: array, load port, converters, output port."""
    tile = plan.chip.spec.tile
    converting = phases.convert_ps or (phases.integrate_ps if tile.mvm_latency is not None else 0)
    yield placed.array, phases.integrate_ps + phases.handover_ps + (0 if tile.sample_and_hold else phases.convert_ps)
    yield f"{placed.tile} load", phases.load_ps
    yield f"{placed.tile} converters {placed.crossbar // tile.adc.crossbars_per_adc}", converting
    own = placed.crossbar if tile.output_ports == "per-crossbar" else 0
    yield f"{placed.tile} output {own}", phases.drain_ps
