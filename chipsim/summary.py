"""`result_data`: what ``result.json`` holds, put together from what both planes and the baseline found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chipsim.architecture.loader import spec_hash
from chipsim.architecture.spec import InMemorySpec, VonNeumannSpec
from chipsim.baseline.machine import best_batch, simulate_baseline
from chipsim.execution.accuracy import Split, ValuesOutcome
from chipsim.execution.functional import REFERENCE_READS
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import Dataset
from chipsim.network.graph import Network
from chipsim.result import SCHEMA_VERSION
from chipsim.settings import SYNTHETIC_INPUTS, Settings
from chipsim.simulation.durations import mvm_phases
from chipsim.simulation.engine import ChipOutcome
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


def result_data(found: Findings) -> dict[str, Any]:
    """The content of ``result.json``; see ``docs/result.md``."""
    network, values = found.plan.network, found.values
    chip, baseline = _chip_numbers(found), _baseline_numbers(found)
    return {
        "schema_version": SCHEMA_VERSION,
        "chip": chip,
        "baseline": baseline,
        "ratio": None if baseline is None else _ratio(chip, baseline),
        "accuracy": _accuracy(values),
        "signal_to_noise_db": None if values is None else values.signal_to_noise_db,
        "weights": network.weights,
        "network": {"name": network.name, "macs": network.macs, "layers": len(network.layers)},
        "settings": _settings(found.settings, found.split, found.age_s, found.chip.inputs),
        "seed": found.settings.seed,
        "versions": software_versions(),
        "input_hashes": {
            "model": network.sha256,
            "data": found.dataset.sha256,
            "architecture": spec_hash(found.plan.chip.spec),
            "baseline": None if found.baseline_spec is None else spec_hash(found.baseline_spec),
        },
        "simulator": {
            "events": found.chip.cost.events, "cpu_s": found.chip.cost.cpu_s, "wall_s": found.chip.cost.wall_s
        },
    }  # fmt: skip


def _chip_numbers(found: Findings) -> dict[str, Any]:
    plan, chip, values = found.plan, found.chip, found.values
    return headline(chip, plan.network.macs) | {
        "technology": plan.chip.spec.technology,
        "precision": _chip_precision(plan.chip.spec),
        "tiles": len(plan.chip.tiles),
        "tiles_used": plan.tiles_used,
        "tile_mvms": plan.tile_mvms,
        "utilisation_cells": plan.utilisation_cells,
        "max_inputs_in_flight": chip.max_inputs_in_flight,
        "drift_compensation": _compensation(plan, chip, values),
        "clipped_inputs": None if values is None else values.clipped_inputs,
        "saturated_outputs": None if values is None else values.saturated_outputs,
    }


def _baseline_numbers(found: Findings) -> dict[str, Any] | None:
    spec, outcome, network = found.baseline_spec, found.baseline, found.plan.network
    if spec is None or outcome is None:
        return None
    return headline(outcome, network.macs) | {
        "technology": spec.technology,
        "precision": _baseline_precision(spec),
        "loading_s": outcome.loading_s,
        "loading_j": outcome.loading_j,
        "best_batch": _at_best_batch(spec, network, found.chip.inputs),
    }


def _accuracy(values: ValuesOutcome | None) -> dict[str, float | None]:
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
    }


def _compensation(plan: Plan, chip: ChipOutcome, values: ValuesOutcome | None) -> dict[str, Any] | None:
    """What the reference reads cost: their energy is in the ledger, their time is before the first input."""
    if values is None or not values.reference_reads:
        return None
    spec = plan.chip.spec
    crossbar = spec.tile.crossbar
    phases = mvm_phases(spec, crossbar.rows, crossbar.columns)
    return {
        "reads_per_tile": REFERENCE_READS,
        "time_s": from_ps(REFERENCE_READS * phases.latency_ps),
        "energy_j": sum(row.joules for row in chip.ledger.rows() if row.action.startswith("reference ")),
    }


def _ratio(chip: dict[str, Any], baseline: dict[str, Any]) -> dict[str, float | None]:
    """Chip / baseline, key by key."""

    def divided(a: object, b: object) -> float | None:
        usable = isinstance(a, int | float) and isinstance(b, int | float) and b != 0
        return a / b if usable else None  # type: ignore[operator]

    shared = [key for key in baseline if key in chip and isinstance(chip[key], int | float | None)]
    ratio = {key: divided(chip[key], baseline[key]) for key in shared}
    return ratio | {"bytes_moved_per_input": divided(_moved(chip), _moved(baseline))}


def _moved(machine: dict[str, Any]) -> float:
    """Bytes of memories, links and host; what goes into the cells has no counterpart in the other machine."""
    levels: dict[str, float] = machine["bytes_moved_per_input"]
    return sum(amount for level, amount in levels.items() if level != "cell_array")


def _chip_precision(spec: InMemorySpec) -> str:
    tile = spec.tile
    return f"{tile.crossbar.device_name} cells, {tile.dac.bits}-bit in, {tile.adc.bits}-bit out"


def _baseline_precision(spec: VonNeumannSpec) -> str:
    return f"{spec.precision.weight_bits}-bit weights, {spec.precision.activation_bits}-bit activations"


def _at_best_batch(spec: VonNeumannSpec, network: Network, inputs: int) -> dict[str, Any]:
    """The baseline with the batch that gives it the highest throughput, four batches of it."""
    batch = best_batch(spec, network, inputs)
    numbers = headline(simulate_baseline(spec, network, 4 * batch, batch), network.macs)
    kept = ("latency_p50_s", "throughput_inputs_per_s", "energy_per_input_j")
    return {"batch": batch, **{key: numbers[key] for key in kept}}
