"""`together_data`: what ``result.json`` holds of several networks on one chip; see ``docs/several.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chipsim.against import Against, arrivals_data, baseline_numbers, baseline_precision
from chipsim.architecture.fault_map import fault_map_sha256
from chipsim.architecture.loader import spec_hash
from chipsim.architecture.spec import VonNeumannSpec
from chipsim.beside import Beside
from chipsim.execution.split import Split
from chipsim.execution.values_outcome import ValuesOutcome
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import Dataset
from chipsim.partial import partial_data
from chipsim.result import SCHEMA_VERSION
from chipsim.settings import SYNTHETIC_INPUTS, Settings
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.outcome import headline
from chipsim.simulation.steady import share_until
from chipsim.simulation.together import Together
from chipsim.summary import accuracy_data, chip_precision, network_data, simulation_data
from chipsim.units import PS_PER_S, human
from chipsim.versions import software_versions

COMPARED = ("latency_p50_s", "latency_p99_s", "makespan_s", "throughput_inputs_per_s")
"""Numbers of a network that are set beside those of the network alone."""
AGAINST = ("latency_first_input_s", *COMPARED)
"""Numbers of a network that are set beside those of the baseline."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of the networks, and what was found of it.

    Attributes
    ----------
    asked, dataset, split, plan
        What was run.
    values : ValuesOutcome or None
        None where only times were asked for.
    outcome : ChipOutcome
        Beside the others.
    alone : ChipOutcome or None
        On the same tiles with the rest of the chip idle; None after an interrupt.
    against : Against or None
        By itself on the baseline; None where there is none, or an interrupt came before.
    """

    asked: Beside
    dataset: Dataset
    split: Split
    plan: Plan
    values: ValuesOutcome | None
    outcome: ChipOutcome
    alone: ChipOutcome | None = None
    against: Against | None = None


def labels(members: Sequence[Member]) -> list[str]:
    """Names of the networks, those that stand twice with their number behind.

    Raises nothing; the first network of a name keeps it.
    """
    seen: Counter[str] = Counter()
    found = []
    for member in members:
        name = member.plan.network.name
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def together_data(
    settings: Settings, age_s: float, members: Sequence[Member], found: Together, other: VonNeumannSpec | None
) -> dict[str, Any]:
    """The content of ``result.json``.

    Parameters
    ----------
    settings : Settings
    age_s : float
        Of the cells.
    members : sequence of Member
    found : Together
    other : VonNeumannSpec or None
        The baseline.
    """
    spec, names = members[0].plan.chip.spec, labels(members)
    networks = [_network(name, member, members, other) for name, member in zip(names, members, strict=True)]
    chip, baseline = _chip(members, found), _baseline(members, other)
    return {
        "schema_version": SCHEMA_VERSION,
        "partial": _partial(settings, members, other),
        "chip": chip,
        "baseline": baseline,
        "ratio": None if baseline is None else {key: chip[key] / baseline[key] for key in ("makespan_s", "energy_j")},
        "networks": networks,
        "network": {"name": " and ".join(names)},
        "settings": _settings(settings, age_s, members),
        "seed": settings.seed,
        "versions": software_versions(),
        "input_hashes": {
            "models": [member.plan.network.sha256 for member in members],
            "data": [member.dataset.sha256 for member in members],
            "programmings": [None if m.values is None else m.values.programming_sha256 for m in members],
            "architecture": spec_hash(spec),
            "baseline": None if other is None else spec_hash(other),
            "fault_map": None if settings.timing_only else fault_map_sha256(spec.tile.crossbar.faults.map),
        },
        "simulator": {"events": found.cost.events, "cpu_s": found.cost.cpu_s, "wall_s": found.cost.wall_s},
    }


def _chip(members: Sequence[Member], found: Together) -> dict[str, Any]:
    plan = members[0].plan
    spec, chip, seconds = plan.chip.spec, plan.chip, found.makespan_ps / PS_PER_S
    dynamic, static = sum(m.outcome.ledger.total_joules() for m in members), found.static.total_joules()
    busiest = max(found.busy_ps, key=lambda name: (found.busy_ps[name], name))
    moved: Counter[str] = Counter()
    for member in members:
        moved.update(member.outcome.ledger.bytes_by_level())
    tiles = [found.busy_ps[array] for member in members for array in {b.array: None for b in member.plan.blocks}]
    return {
        "name": spec.name,
        "technology": spec.technology,
        "precision": chip_precision(spec),
        "tiles": len(chip.tiles),
        "tiles_used": sum(member.plan.tiles_used for member in members),
        "makespan_s": seconds,
        "energy_j": dynamic + static,
        "static_energy_j": static,
        "utilisation_mean": sum(tiles) / len(tiles) / found.makespan_ps if tiles else 0.0,
        "busiest": {"component": busiest, "utilisation": min(1.0, found.busy_ps[busiest] / found.makespan_ps)},
        "bytes_moved": dict(moved),
    }


def _baseline(members: Sequence[Member], spec: VonNeumannSpec | None) -> dict[str, Any] | None:
    """All networks on the other machine, one after another."""
    outcomes = [member.against.outcome for member in members if member.against is not None]
    if spec is None or len(outcomes) < len(members):
        return None
    return {
        "name": spec.name,
        "technology": spec.technology,
        "precision": baseline_precision(spec),
        "makespan_s": sum(outcome.makespan_ps for outcome in outcomes) / PS_PER_S,
        "energy_j": sum(outcome.ledger.total_joules() for outcome in outcomes),
        "loading_s": sum(outcome.loading_s or 0.0 for outcome in outcomes),
    }


def _network(name: str, member: Member, members: Sequence[Member], other: VonNeumannSpec | None) -> dict[str, Any]:
    plan, values, outcome = member.plan, member.values, member.outcome
    numbers, joules = headline(outcome, plan.network.macs), outcome.ledger.total_joules()
    alone = None if member.alone is None else headline(member.alone, plan.network.macs)
    against, rate = member.against, member.asked.arrivals
    baseline = None
    if other is not None and against is not None:
        baseline = baseline_numbers(other, against.outcome, plan.network.macs, rate, against.best_batch)
    return {
        "label": name,
        "network": network_data(plan.network),
        "settings": _asked(member),
        "weights": plan.network.weights,
        "accuracy": accuracy_data(values),
        "signal_to_noise_db": None if values is None else values.signal_to_noise_db,
        "compensated_by": None if values is None else values.compensated_by,
        "clipped_inputs": None if values is None else values.clipped_inputs,
        "saturated_outputs": None if values is None else values.saturated_outputs,
        "tiles_used": plan.tiles_used,
        "tile_mvms": plan.tile_mvms,
        "max_inputs_in_flight": outcome.max_inputs_in_flight,
        "simulation": simulation_data(outcome),
        "latency_first_input_s": numbers["latency_first_input_s"],
        **{key: numbers[key] for key in COMPARED},
        "others_running": _others_running(member, members),
        "dynamic_energy_j": joules,
        "dynamic_energy_per_input_j": joules / outcome.inputs,
        "arrivals": arrivals_data(rate, outcome),
        "alone": None if alone is None else {key: alone[key] for key in COMPARED},
        "slow_down": None if alone is None else {key: _slow_down(key, numbers, alone) for key in COMPARED},
        "baseline": baseline,
        "ratio": None if baseline is None else {key: _divided(numbers[key], baseline[key]) for key in AGAINST},
    }


def _others_running(member: Member, members: Sequence[Member]) -> float | None:
    """Share of the time of its last half of outputs during which all others were not yet done."""
    ends = [each.outcome.makespan_ps for each in members if each is not member]
    return share_until(member.outcome.done_ps, member.outcome.batch, min(ends))


def _slow_down(key: str, numbers: dict[str, Any], alone: dict[str, Any]) -> float | None:
    """How many times as long, or as seldom, as alone."""
    beside, by_itself = numbers[key], alone[key]
    if not beside or not by_itself:
        return None
    return float(by_itself / beside if key == "throughput_inputs_per_s" else beside / by_itself)


def _divided(chip: Any, baseline: Any) -> float | None:
    return float(chip / baseline) if chip is not None and baseline else None


def _asked(member: Member) -> dict[str, Any]:
    asked = member.asked
    return {
        "model": asked.model,
        "data": asked.data or f"{SYNTHETIC_INPUTS} seeded standard-normal inputs",
        "inputs": member.outcome.inputs,
        "calibration": member.split.rule,
        "batch": asked.batch,
        "drain": asked.drain,
        "arrivals": asked.arrivals,
        "replicas": list(asked.replicas),
        "shapes": list(asked.shapes),
        "load_programming": asked.load_programming,
    }


def _settings(settings: Settings, age_s: float, members: Sequence[Member]) -> dict[str, Any]:
    return {
        "architecture": settings.architecture,
        "set": list(settings.overrides),
        "inputs": sum(member.outcome.inputs for member in members),
        "batch": [member.asked.batch for member in members],
        "age": settings.age or f"{human(age_s, 's')} (the earliest that the device model knows)",
        "age_s": age_s,
        "programmings": settings.programmings,
        "timing_only": settings.timing_only,
        "trace": settings.trace,
        "mapping": settings.mapping,
        "baseline": settings.baseline,
        "baseline_set": list(settings.baseline_overrides),
        "precision": settings.precision,
    }


def _partial(settings: Settings, members: Sequence[Member], other: VonNeumannSpec | None) -> dict[str, Any] | None:
    """What is missing of all networks together."""
    parts = [
        partial_data(
            replace(settings, beside=()), member.values, member.outcome.inputs, len(member.split.x),
            other is not None and member.against is None,
        )
        for member in members
    ]  # fmt: skip
    missing = [part for part in parts if part is not None]
    if not missing:
        return None
    done = [member.values.programmings for member in members if member.values is not None]
    return {
        "cut_off": sorted({what for part in missing for what in part["cut_off"]}),
        "inputs": sum(member.outcome.inputs for member in members),
        "inputs_asked": sum(len(member.split.x) for member in members),
        "programmings": min(done) if done else None,
        "programmings_asked": settings.programmings if done else None,
    }
