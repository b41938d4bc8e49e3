"""`result_data`: what ``result.json`` holds, put together from what both planes and the baseline found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chipsim.against import arrivals_data, baseline_numbers
from chipsim.architecture.fault_map import fault_map_sha256
from chipsim.architecture.loader import spec_hash
from chipsim.architecture.spec import InMemorySpec, VonNeumannSpec
from chipsim.execution.split import Split
from chipsim.execution.values_outcome import ValuesOutcome
from chipsim.mapping.plan import Plan
from chipsim.mapping.plan_file import plan_data, plan_sha256
from chipsim.network.dataset import Dataset
from chipsim.network.graph import Network
from chipsim.planning.rounds_chip import RoundsChip
from chipsim.planning.writing import Reloading
from chipsim.result import SCHEMA_VERSION
from chipsim.settings import SYNTHETIC_INPUTS, Settings
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.compensating import compensation_joules, reference_cost
from chipsim.simulation.loading import Loading
from chipsim.simulation.outcome import Outcome, headline
from chipsim.units import from_ps, human
from chipsim.versions import software_versions


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that a run found.

    Attributes
    ----------
    settings, plan, dataset, split, age_s
        What was run.
    values : ValuesOutcome or None
        None where only times were asked for.
    chip : ChipOutcome
    baseline_spec, baseline : VonNeumannSpec and Outcome, or None
    loading : Loading or None
        None where it is not known how cells are written, or what with.
    best_batch : dict or None
        The baseline with the batch that suits it best.
    partial : dict or None
        What was cut off; None of a whole run.
    refit : ChipOutcome or None
        The calibration inputs that affine factors were fitted with, on the chip.
    reloading : Reloading or None
        Tiles that were written between rounds, of a network larger than the chip.
    """

    settings: Settings
    plan: Plan
    dataset: Dataset
    split: Split
    age_s: float
    values: ValuesOutcome | None
    chip: ChipOutcome
    baseline_spec: VonNeumannSpec | None
    baseline: Outcome | None
    loading: Loading | None = None
    best_batch: dict[str, Any] | None = None
    partial: dict[str, Any] | None = None
    refit: ChipOutcome | None = None
    reloading: Reloading | None = None


def result_data(found: Findings) -> dict[str, Any]:
    """The content of ``result.json``; see ``docs/result.md``."""
    network, values = found.plan.network, found.values
    chip, baseline = _chip_numbers(found), _baseline_numbers(found)
    return {
        "schema_version": SCHEMA_VERSION,
        "partial": found.partial,
        "chip": chip,
        "baseline": baseline,
        "ratio": None if baseline is None else _ratio(chip, baseline),
        "accuracy": accuracy_data(values),
        "signal_to_noise_db": None if values is None else values.signal_to_noise_db,
        "weights": network.weights,
        "mapping": _mapping(found.plan),
        "network": network_data(network) | {"notes": list(found.plan.network.notes)},
        "settings": _settings(found.settings, found.split, found.age_s, found.chip.inputs),
        "seed": found.settings.seed,
        "versions": software_versions(),
        "input_hashes": {
            "model": network.sha256,
            "data": found.dataset.sha256,
            "architecture": spec_hash(found.plan.chip.spec),
            "baseline": None if found.baseline_spec is None else spec_hash(found.baseline_spec),
            "programming": None if values is None else values.programming_sha256,
            "fault_map": None if values is None else fault_map_sha256(found.plan.chip.spec.tile.crossbar.faults.map),
        },
        "simulator": {
            "events": found.chip.cost.events, "cpu_s": found.chip.cost.cpu_s, "wall_s": found.chip.cost.wall_s
        },
    }  # fmt: skip


def network_data(network: Network) -> dict[str, Any]:
    """Under ``network`` in ``result.json``."""
    return {
        "name": network.name,
        "macs": network.macs,
        "macs_on_tiles": network.macs_on_tiles,
        "layers": len(network.layers),
        "input_shape": list(network.input_shape),
        "notes": list(network.notes),
    }


def _mapping(plan: Plan) -> dict[str, Any]:
    """Where everything is; what stands under ``plan`` is a file that ``--mapping`` takes."""
    strategy = plan.chip.spec.mapping.strategy
    return {"strategy": strategy, "sha256": plan_sha256(plan), "plan": plan_data(plan, strategy)}


def _chip_numbers(found: Findings) -> dict[str, Any]:
    plan, chip, values = found.plan, found.chip, found.values
    return headline(chip, plan.network.macs) | {
        "technology": plan.chip.spec.technology,
        "precision": chip_precision(plan.chip.spec),
        "tiles": _tiles(plan),
        "tiles_used": min(plan.tiles_used, _tiles(plan)),
        "tile_mvms": plan.tile_mvms,
        "utilisation_cells": plan.utilisation_cells,
        "max_inputs_in_flight": chip.max_inputs_in_flight,
        "simulation": simulation_data(chip),
        "arrivals": arrivals_data(found.settings.arrivals, chip),
        **_loading(found.loading),
        "reloading": _reloading(found),
        "drift_compensation": _compensation(found),
        "compensated_by": None if values is None else values.compensated_by,
        "clipped_inputs": None if values is None else values.clipped_inputs,
        "saturated_outputs": None if values is None else values.saturated_outputs,
    }


def _tiles(plan: Plan) -> int:
    """Of the chip; one that is drawn once for each round is there once."""
    return len(plan.chip.tiles) // (plan.chip.rounds if isinstance(plan.chip, RoundsChip) else 1)


def _reloading(found: Findings) -> dict[str, Any] | None:
    """Tiles that were written between rounds: their time and energy are in all numbers (rules T86 to T88)."""
    reloading, plan = found.reloading, found.plan
    if reloading is None:
        return None
    where = {name: int(layer.blocks[0].tile.rpartition("@")[2]) for name, layer in plan.layers.items()}
    return {
        "rounds": len(reloading.loads),
        "layers": [
            [name for name, number in where.items() if number == each + 1] for each in range(len(reloading.loads))
        ],
        "blocks_written_per_batch": sum(len(load.tiles) for load in reloading.loads if load is not None),
        "blocks": len(plan.blocks),
        "round_s": [None if load is None else from_ps(load.end_ps) for load in reloading.loads],
        "times": sum(reloading.times),
        "time_s": from_ps(reloading.time_ps),
        "energy_j": reloading.joules,
    }


def simulation_data(chip: ChipOutcome) -> dict[str, Any]:
    """How much of the stream was simulated; the rest follows exactly."""
    found = chip.simulated
    return {"inputs_simulated": found.inputs, "period_inputs": found.period_inputs, "why_all": found.why_all}


def _loading(loading: Loading | None) -> dict[str, Any]:
    """What loading took, before the run and in no other number."""
    if loading is None:
        return dict.fromkeys(("loading_s", "loading_j", "loading"))
    return {
        "loading_s": from_ps(loading.end_ps),
        "loading_j": loading.joules,
        "loading": {
            "cells": loading.cells,
            "pulses": loading.pulses,
            "verifies": loading.verifies,
            "iterations_mean": loading.pulses / loading.cells,
            "unconverged": loading.unconverged / loading.cells,
            "weight_bits": loading.weight_bits,
            "bytes": loading.bytes,
            "transfer_s": from_ps(loading.arrived_ps),
            "longest_tile_s": from_ps(loading.longest_ps),
            "transfer_j": loading.transfer_j,
            "pulse_j": loading.pulse_j,
            "verify_j": loading.verify_j,
        },
    }


def _baseline_numbers(found: Findings) -> dict[str, Any] | None:
    spec, outcome, network = found.baseline_spec, found.baseline, found.plan.network
    if spec is None or outcome is None:
        return None
    return baseline_numbers(spec, outcome, network.macs, found.settings.arrivals, found.best_batch)


def accuracy_data(values: ValuesOutcome | None) -> dict[str, float | None]:
    """Under ``accuracy`` in ``result.json``."""
    names = ("reference", "ideal", "quantised", "noisy", "noisy_std", "noisy_min", "noisy_uncompensated")
    return {name: None if values is None else values.accuracy[name] for name in names}


def _settings(settings: Settings, split: Split, age_s: float, inputs: int) -> dict[str, Any]:
    return {
        "architecture": settings.architecture,
        "set": list(settings.overrides),
        "model": settings.model,
        "data": settings.data or f"{SYNTHETIC_INPUTS} seeded standard-normal inputs",
        "baseline": settings.baseline,
        "baseline_set": list(settings.baseline_overrides),
        "batch": settings.batch,
        "drain": settings.drain,
        "inputs": inputs,
        "calibration": split.rule,
        "age": settings.age or f"{human(age_s, 's')} (the earliest that the device model knows)",
        "age_s": age_s,
        "programmings": settings.programmings,
        "timing_only": settings.timing_only,
        "trace": settings.trace,
        "replicas": list(settings.replicas),
        "shapes": list(settings.shapes),
        "mapping": settings.mapping,
        "precision": settings.precision,
        "load_programming": settings.load_programming,
        "arrivals": settings.arrivals,
    }


def _compensation(found: Findings) -> dict[str, Any] | None:
    """What drift compensation costs: its energy is in the ledger, its time is before the first input."""
    plan, values, refit = found.plan, found.values, found.refit
    if values is None or not (values.reference_reads or refit):
        return None
    compensation = plan.chip.spec.tile.compensation
    time_ps = reference_cost(plan).time_ps if refit is None else refit.makespan_ps
    return {
        "kind": compensation.kind,
        "reads_per_tile": compensation.reads_per_tile if refit is None else None,
        "inputs": None if refit is None else refit.inputs,
        "time_s": from_ps(time_ps),
        "energy_j": compensation_joules(found.chip.ledger),
    }


def _ratio(chip: dict[str, Any], baseline: dict[str, Any]) -> dict[str, float | None]:
    """Chip / baseline, key by key."""

    def divided(a: object, b: object) -> float | None:
        usable = isinstance(a, int | float) and isinstance(b, int | float) and b != 0
        return a / b if usable else None  # type: ignore[operator]

    shared = [
        key for key in baseline if key in chip and isinstance(chip[key], int | float | None) and key != "arrivals"
    ]
    ratio = {key: divided(chip[key], baseline[key]) for key in shared}
    return ratio | {"bytes_moved_per_input": divided(_moved(chip), _moved(baseline))}


def _moved(machine: dict[str, Any]) -> float:
    """Bytes of memories, links and host; what goes into the cells has no counterpart in the other machine."""
    levels: dict[str, float] = machine["bytes_moved_per_input"]
    return sum(amount for level, amount in levels.items() if level != "cell_array")


def chip_precision(spec: InMemorySpec) -> str:
    """Widths of weights, inputs and outputs, in words."""
    tile = spec.tile
    return f"{tile.crossbar.device_name} cells, {tile.dac.bits}-bit in, {tile.adc.bits}-bit out"
