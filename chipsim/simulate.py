"""`run`: one call from an architecture and a network to a `Result`; here values and times meet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import AnySpec, load_spec, spec_hash
from chipsim.architecture.spec import InMemorySpec, VonNeumannSpec
from chipsim.baseline.machine import best_batch, simulate_baseline
from chipsim.errors import ConsistencyError, InputError, SpecError
from chipsim.execution.accuracy import Split, ValuesOutcome, compute_values, split_data
from chipsim.execution.calibration import device_of
from chipsim.execution.functional import REFERENCE_READS
from chipsim.mapping.partition import Block
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import Dataset, fit_data, load_data, synthetic_data
from chipsim.network.graph import Network
from chipsim.network.zoo import load_network
from chipsim.result import SCHEMA_VERSION, Result
from chipsim.simulation.durations import mvm_phases
from chipsim.simulation.engine import ChipOutcome, simulate_chip
from chipsim.simulation.ledger import Action
from chipsim.simulation.outcome import Outcome, headline
from chipsim.tabulate import tables
from chipsim.units import from_ps, human, parse_age
from chipsim.versions import software_versions

SYNTHETIC_INPUTS = 6
"""Inputs made up where no data is given: one calibrates, and five are enough for a steady interval."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked for; see `run` for the meaning of each."""

    architecture: str
    model: str
    data: str | None = None
    baseline: str | None = None
    batch: int = 1
    seed: int = 0
    age: str | None = None
    programmings: int = 5
    overrides: tuple[str, ...] = ()
    baseline_overrides: tuple[str, ...] = ()
    drain: bool = False
    timing_only: bool = False
    trace: int = 0

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("seed", 0), ("programmings", 1), ("trace", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name} must be a whole number of at least {least}, not {value!r}")


def run(
    architecture: str | Path, model: str | Path, *, data: str | Path | None = None, baseline: str | Path | None = None,
    batch: int = 1, seed: int = 0, age: str | None = None, programmings: int = 5, overrides: Sequence[str] = (),
    baseline_overrides: Sequence[str] = (), drain: bool = False, timing_only: bool = False, trace: int = 0,
    threads: int = 2, chunk: int | None = None, progress: Progress | None = None,
) -> Result:  # fmt: skip
    """Simulate a network on an in-memory chip, and on a von Neumann machine beside it.

    Parameters
    ----------
    architecture : str or Path
        Of kind in-memory, by name (``"hermes64"``) or path.
    model : str or Path
        ``"zoo:digits-mlp"``, ``"onnx:resnet50"`` or the path of an ONNX file.
    data : str or Path, optional
        ``"zoo:digits"`` or an .npz file with ``x``, and optionally ``y`` and ``x_calibration``; without it a few
        seeded standard-normal inputs.
    baseline : str or Path, optional
        An architecture of kind von-neumann.
    batch : int
        Inputs that the host hands over together, on both machines; never changes values.
    seed : int
        Of every random draw.
    age : str, optional
        Of the devices, such as ``"1 day"``; the earliest that the model knows if not given.
    programmings : int
        Independent programmings for the noisy accuracy.
    overrides, baseline_overrides : sequence of str
        ``"path.to.field=value"``.
    drain : bool
        Finish each batch before the next.
    timing_only : bool
        Times, energy and traffic only: no values.
    trace : int
        Keep every span of so many first inputs.
    threads, chunk : int
        Blocks computed side by side, inputs per pass: speed and memory, no byte of the result.
    progress : callable, optional
        Told (what is being done, done, total).

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If a file or option cannot be used.
    CapacityError
        If the network does not fit on the chip.
    """
    settings = Settings(
        str(architecture), str(model), None if data is None else str(data), None if baseline is None else str(baseline),
        batch, seed, age, programmings, tuple(overrides), tuple(baseline_overrides), drain, timing_only, trace,
    )  # fmt: skip
    return simulate(settings, threads=threads, chunk=chunk, progress=progress or _silent)


def simulate(settings: Settings, *, threads: int, chunk: int | None, progress: Progress) -> Result:
    """Do what `run` describes."""
    try:
        result = _simulate(settings, threads, chunk, progress)
    except OverflowError as error:
        raise _extreme(f"times or energies overflow ({error.args[-1]})") from None
    _check_finite(result.data, "result")
    return result


def _extreme(what: str) -> InputError:
    return InputError(f"{what}; look for extreme values in the architecture and its overrides")


def _check_finite(data: dict[str, Any], path: str) -> None:
    for key, value in data.items():
        if isinstance(value, dict):
            _check_finite(value, f"{path}.{key}")
        elif isinstance(value, float) and not math.isfinite(value):
            raise _extreme(f"{path}.{key} comes out as {value}")


def _simulate(settings: Settings, threads: int, chunk: int | None, progress: Progress) -> Result:
    progress("reading", 0, 1)
    spec = _in_memory(settings)
    other = _von_neumann(settings)
    age_s = _age(settings, spec)
    network = load_network(settings.model, seed=settings.seed)
    dataset = _dataset(settings, network)
    plan = place(network, build_chip(spec))
    split = split_data(dataset)
    values = None
    if not settings.timing_only:
        values = compute_values(
            plan, split, settings.seed, age_s, settings.programmings,
            progress=lambda text: progress(text, 0, 1), threads=threads, chunk=chunk,
        )  # fmt: skip
    inputs = len(split.x)
    chip = simulate_chip(
        plan, inputs, settings.batch, drain=settings.drain, trace_inputs=settings.trace,
        progress=lambda done: progress("timing", done, inputs),
    )  # fmt: skip
    if values is not None:
        _check_counts(plan, chip, values, inputs)
        _pay_for_values(plan, chip, values)
    beside = None
    if other is not None:
        beside = simulate_baseline(
            other, network, inputs, settings.batch, drain=settings.drain,
            progress=lambda done: progress("baseline", done, inputs),
        )  # fmt: skip
    data = _data(settings, plan, split, dataset, values, chip, beside, spec, other, age_s)
    return Result(data, tables(plan, chip, values, beside))


def _silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def _in_memory(settings: Settings) -> InMemorySpec:
    spec = load_spec(settings.architecture, settings.overrides)
    if not isinstance(spec, InMemorySpec):
        raise SpecError(f"{settings.architecture} is of kind {spec.kind}; give it as --baseline, and a chip as ARCH")
    return spec


def _von_neumann(settings: Settings) -> VonNeumannSpec | None:
    if settings.baseline is None:
        if settings.baseline_overrides:
            raise InputError("--baseline-set needs --baseline")
        return None
    spec = load_spec(settings.baseline, settings.baseline_overrides)
    if not isinstance(spec, VonNeumannSpec):
        raise SpecError(f"{settings.baseline} is of kind {spec.kind}; a baseline is of kind von-neumann")
    return spec


def _age(settings: Settings, spec: InMemorySpec) -> float:
    device = device_of(spec)
    if settings.age is None:
        return device.earliest_age_s
    age_s = parse_age(settings.age)
    device.check_age(age_s)
    return age_s


def _dataset(settings: Settings, network: Network) -> Dataset:
    if settings.data is None:
        return synthetic_data(network, SYNTHETIC_INPUTS, settings.seed)
    return fit_data(load_data(settings.data), network)


def _check_counts(plan: Plan, chip: ChipOutcome, values: ValuesOutcome, inputs: int) -> None:
    """Every MVM that was scheduled is one that was computed (rule T26)."""
    for layer in plan.layers.values():
        for placed in layer.blocks:
            expected = layer.layer.positions * inputs
            scheduled, computed = chip.tile_mvms[placed.tile], values.tile_mvms[placed.tile]
            if not scheduled == computed == expected:
                raise ConsistencyError(
                    f"{placed.tile}, layer {layer.layer.name}: {scheduled} MVMs scheduled, {computed} computed, "
                    f"{expected} expected; please report this"
                )


def _pay_for_values(plan: Plan, chip: ChipOutcome, values: ValuesOutcome) -> None:
    """Add to the ledger what only the functional plane knows: the cells' conductance, reference reads."""
    spec = plan.chip.spec
    blocks = {placed.tile: placed.block for layer in plan.layers.values() for placed in layer.blocks}
    for (name, layer), amount in values.integrated_conductance.items():
        chip.ledger.add(name, "tile", _array_action(spec, "array"), layer, amount)
    for (name, layer), reads in values.reference_reads.items():
        conductance = values.reference_conductance[name, layer]
        for action, amount in _reference_actions(spec, blocks[name], reads, conductance):
            chip.ledger.add(name, "tile", action, layer, amount)


def _array_action(spec: InMemorySpec, name: str) -> Action:
    tile = spec.tile
    if tile.mvm_energy is not None:
        return Action(name, "S*s", 0.0, "contained in mvm_energy")
    return Action(name, "S*s", tile.crossbar.read_voltage**2, f"V^2, {tile.crossbar.source_of('read_voltage')}")


def _reference_actions(
    spec: InMemorySpec, block: Block, reads: int, conductance: float
) -> Iterator[tuple[Action, float]]:
    """What drift compensation takes of one tile: like any MVMs, under names of their own."""
    tile, why = spec.tile, "drift compensation"
    known = tile.mvm_energy is not None
    source = tile.source_of("mvm_energy") if known else "taken apart: array, DAC and ADC"
    yield Action("reference mvm", "MVM", tile.mvm_energy or 0.0, f"{source}; {why}"), reads
    yield _array_action(spec, "reference array"), conductance
    if not known:
        for name, converter, lines in (("dac", tile.dac, block.rows), ("adc", tile.adc, block.columns)):
            source = f"{converter.source_of('energy_per_conversion')}; {why}"
            action = Action(f"reference {name}", "conversion", converter.energy_per_conversion, source)
            yield action, lines * reads
    unit = spec.control_unit
    yield Action("reference issue", "MVM", unit.energy_per_mvm, f"{unit.source_of('energy_per_mvm')}; {why}"), reads


def _data(
    settings: Settings, plan: Plan, split: Split, dataset: Dataset, values: ValuesOutcome | None, chip: ChipOutcome,
    beside: Outcome | None, spec: InMemorySpec, other: VonNeumannSpec | None, age_s: float,
) -> dict[str, Any]:  # fmt: skip
    network = plan.network
    chip_numbers = headline(chip, network.macs) | {
        "technology": spec.technology,
        "precision": _chip_precision(spec),
        "tiles": len(plan.chip.tiles),
        "tiles_used": plan.tiles_used,
        "tile_mvms": plan.tile_mvms,
        "utilisation_cells": plan.utilisation_cells,
        "max_inputs_in_flight": chip.max_inputs_in_flight,
        "drift_compensation": _compensation(plan, chip, values),
        "clipped_inputs": None if values is None else values.clipped_inputs,
        "saturated_outputs": None if values is None else values.saturated_outputs,
    }
    numbers = None
    if beside is not None and other is not None:
        numbers = headline(beside, network.macs) | {
            "technology": other.technology,
            "precision": _baseline_precision(other),
            "loading_s": beside.loading_s,
            "loading_j": beside.loading_j,
            "best_batch": _at_best_batch(other, network, chip.inputs),
        }
    return {
        "schema_version": SCHEMA_VERSION,
        "chip": chip_numbers,
        "baseline": numbers,
        "ratio": None if numbers is None else _ratio(chip_numbers, numbers),
        "accuracy": _accuracy(values),
        "signal_to_noise_db": None if values is None else values.signal_to_noise_db,
        "weights": network.weights,
        "network": {"name": network.name, "macs": network.macs, "layers": len(network.layers)},
        "settings": _settings(settings, split, age_s, chip.inputs),
        "seed": settings.seed,
        "versions": software_versions(),
        "input_hashes": {
            "model": network.sha256,
            "data": dataset.sha256,
            "architecture": spec_hash(spec),
            "baseline": None if other is None else spec_hash(other),
        },
        "simulator": {"events": chip.cost.events, "cpu_s": chip.cost.cpu_s, "wall_s": chip.cost.wall_s},
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


__all__ = ["AnySpec", "Settings", "run", "simulate"]
