"""What a run of the baseline cost: every action with its unit cost and source (rules B19 to B21)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from chipsim.architecture.spec import Section, VonNeumannSpec
from chipsim.baseline.engine import BaselineEngine
from chipsim.baseline.plan import plan_memory
from chipsim.baseline.program import Program
from chipsim.network.graph import Network
from chipsim.simulation.core.ledger import Action, Ledger
from chipsim.units import PS_PER_S, duration_ps, from_ps, to_ps


def count_actions(spec: VonNeumannSpec, engine: BaselineEngine) -> Ledger:
    """The ledger of a finished run.

    Parameters
    ----------
    spec : VonNeumannSpec
    engine : BaselineEngine
        After `run`.

    Returns
    -------
    Ledger
        Components ``compute``, ``vector_unit``, ``on_chip_memory``, ``dram`` and ``host``.
    """
    ledger = Ledger()
    batches = Counter(id(program) for program in engine.programs)
    for program in {id(program): program for program in engine.programs}.values():
        _count_batches(ledger, spec, program, batches[id(program)])
    for (layer, direction), amount in engine.dram.bytes.items():
        action = _action(spec.dram, direction, "byte", "energy_per_byte", "global_memory")
        ledger.add("dram", "dram", action, layer, amount)
    _add_static(ledger, spec, max(engine.done_ps) / PS_PER_S)
    return ledger


def _action(section: Section, name: str, unit: str, cost: str, level: str = "") -> Action:
    """An action whose unit cost is one field of a section."""
    return Action(name, unit, getattr(section, cost), section.source_of(cost), level)


def _count_batches(ledger: Ledger, spec: VonNeumannSpec, program: Program, batches: int) -> None:
    mac = _action(spec.compute, "mac", "MAC", "energy_per_mac")
    operation = _action(spec.vector_unit, "operation", "operation", "energy_per_operation")
    read, write = (
        _action(spec.on_chip_memory, name, "byte", "energy_per_byte", "tile_buffer") for name in ("read", "write")
    )
    receive, send = (_action(spec.host, name, "byte", "energy_per_byte", "host") for name in ("receive", "send"))
    inputs, chip = batches * program.inputs, "on_chip_memory"
    for demand in program.demands:
        ledger.add("compute", "compute", mac, demand.layer, demand.macs * batches)
        ledger.add("vector_unit", "vector_unit", operation, demand.layer, demand.operations * batches)
        ledger.add(chip, chip, read, demand.layer, demand.on_chip_reads * batches)
        ledger.add(chip, chip, write, demand.layer, demand.on_chip_writes * batches)
    leaving = inputs * program.output_bytes
    last = program.outputs[-1]
    for each in program.arriving:
        ledger.add("host", "host", receive, each.layer, inputs * each.bytes)
        ledger.add(chip, chip, write, each.layer, 0 if each.staged else inputs * each.bytes)
    ledger.add("host", "host", send, last, leaving)
    ledger.add(chip, chip, read, last, leaving - batches * program.staged_output_bytes)


def _add_static(ledger: Ledger, spec: VonNeumannSpec, seconds: float) -> None:
    """Static power over the makespan, of parts that did something if the machine gates the others."""
    used = {row.component for row in ledger.rows()}
    parts: dict[str, Section] = {
        "compute": spec.compute,
        "vector_unit": spec.vector_unit,
        "on_chip_memory": spec.on_chip_memory,
        "dram": spec.dram,
    }
    for name, section in parts.items():
        if name in used or not spec.power_gating:
            ledger.add(name, name, _action(section, "static", "s", "static_power"), "", seconds)


@dataclass(frozen=True, slots=True)
class Loading:
    """Bringing the resident weights on chip, once, before a run.

    Attributes
    ----------
    bytes : int
    seconds, joules : float
    """

    bytes: int
    seconds: float
    joules: float


def loading_of(spec: VonNeumannSpec, network: Network, batch: int = 1) -> Loading:
    """What loading the resident weights takes; it is in no latency, throughput or energy of a run.

    Parameters
    ----------
    spec : VonNeumannSpec
    network : Network
    batch : int
        Inputs computed together: larger batches leave less room for weights.
    """
    size = plan_memory(spec, network, batch).resident_bytes
    if not size:
        return Loading(0, 0.0, 0.0)
    time_ps = to_ps(spec.dram.latency) + duration_ps(size, spec.dram.bandwidth)
    return Loading(size, from_ps(time_ps), size * (spec.dram.energy_per_byte + spec.on_chip_memory.energy_per_byte))
