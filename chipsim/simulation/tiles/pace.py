"""`position_interval_ps`: how soon a layer could follow one position with the next, if it never had to wait."""

from __future__ import annotations

from chipsim.architecture.spec import InMemorySpec
from chipsim.mapping.plan import LayerPlan
from chipsim.simulation.core.durations import mvm_phases, neuron_service_ps


def position_interval_ps(spec: InMemorySpec, plan: LayerPlan) -> int:
    """Time between two positions of one replica: of its slowest tile or neuron unit, links left aside.

    Parameters
    ----------
    spec : InMemorySpec
    plan : LayerPlan
    """
    tiles = (tile_interval_ps(spec, placed.block.rows, placed.block.columns) for placed in plan.blocks)
    most = {"gather": len(plan.blocks), "chain": 1, "routers": 2}[spec.neuron_unit.partial_sums]
    neurons = (neuron_service_ps(spec, min(most, len(part.blocks)), part.channels) for part in plan.slices)
    return max(*tiles, *neurons)


def tile_interval_ps(spec: InMemorySpec, rows: int, columns: int) -> int:
    """Time between two MVMs of a tile that never waits (rule T15)."""
    phases, banks = mvm_phases(spec, rows, columns), spec.tile.register_banks
    array = phases.integrate_ps + (0 if spec.tile.sample_and_hold else phases.convert_ps)
    return max(
        phases.load_ps, -(-(phases.load_ps + phases.integrate_ps) // banks), array, phases.convert_ps, phases.drain_ps,
        -(-(phases.integrate_ps + phases.convert_ps + phases.drain_ps) // banks),
    )  # fmt: skip
