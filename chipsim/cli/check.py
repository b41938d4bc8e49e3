"""``chipsim check`` and ``chipsim schema``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.fault_map import read_fault_map
from chipsim.architecture.loader import json_schema, load_spec
from chipsim.architecture.spec import InMemorySpec, Section, Tile, VonNeumannSpec
from chipsim.device import get_device
from chipsim.planning.choose import check_strategy
from chipsim.report.physics_rows import (
    adc_words,
    array_rows,
    buffer_rows,
    crossbar_words,
    dac_words,
    interconnect_rows,
    tile_rows,
)
from chipsim.simulation.core.durations import mvm_phases, peak_interval_ps
from chipsim.units import from_ps, human


def check_command(architecture: str, overrides: tuple[str, ...]) -> None:
    """Print what an architecture file describes, or raise what is wrong with it."""
    spec = load_spec(architecture, overrides)
    if isinstance(spec, InMemorySpec):
        check_strategy(spec)
    table = Table(title=f"{spec.name}: {spec.kind}", show_header=False, title_justify="left")
    rows = _in_memory_rows(spec) if isinstance(spec, InMemorySpec) else _von_neumann_rows(spec)
    for name, value in [*rows, ("energies not given", ", ".join(costs_not_given(spec)) or "none")]:
        table.add_row(Text(name), Text(value))
    console = Console()
    console.print(table)
    console.print("ok: no errors found")


def costs_not_given(spec: Section, path: str = "") -> list[str]:
    """Dotted paths of the energies and powers that a file leaves out, and that therefore count as zero."""
    missing = []
    for name in type(spec).model_fields:
        value, here = getattr(spec, name), f"{path}.{name}".lstrip(".")
        if isinstance(value, Section):
            missing += costs_not_given(value, here)
        elif ("energy" in name or name == "static_power") and name not in spec.model_fields_set:
            missing.append(here)
    if isinstance(spec, Tile):  # one energy per MVM, or one for each of its parts
        each, cycle = "tile.adc.energy_per_conversion", "tile.adc.energy_per_cycle"  # an ADC has one of them at least
        missing = [m for m in missing if m != (each if spec.adc.energy_per_cycle else cycle)]
        parts = ("tile.dac.energy_per_conversion", each)
        missing = [m for m in missing if m not in (parts if spec.mvm_energy is not None else ("tile.mvm_energy",))]
    return missing


def schema_command() -> None:
    """Print the JSON Schema."""
    print(json.dumps(json_schema(), indent=2))


def _in_memory_rows(spec: InMemorySpec) -> list[tuple[str, str]]:
    chip, tile = build_chip(spec), spec.tile
    crossbar = tile.crossbar
    device = get_device(crossbar.device_name, **crossbar.device_parameters)
    phases = mvm_phases(spec, crossbar.rows, crossbar.columns)
    peak = 2 * crossbar.rows * crossbar.columns * len(chip.arrays) / peak_interval_ps(spec)
    kinds = Counter(str(data["kind"]) for _, data in chip.graph.nodes(data=True))
    return [
        ("description", spec.description.strip()),
        ("technology", spec.technology),
        ("topology", f"{spec.grid.topology} {' x '.join(map(str, spec.grid.shape))}"),
        ("components", ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in kinds.items())),
        ("crossbar", crossbar_words(crossbar)),
        (
            "cell conductance",
            f"{human(device.g_min_siemens, 'S')} to {human(device.g_max_siemens, 'S')}",
        ),
        *array_rows(crossbar, _known_faults(spec, chip)),
        *tile_rows(tile),
        ("DAC", dac_words(tile.dac)),
        ("ADC", adc_words(tile.adc)),
        (
            "one full MVM",
            f"load {human(from_ps(phases.load_ps), 's')}, "
            f"integrate and convert {human(from_ps(phases.mvm_ps), 's')}, "
            f"drain {human(from_ps(phases.drain_ps), 's')}",
        ),
        ("peak", f"{peak:.4g} TOPS"),
        ("link", f"{human(spec.link.bandwidth, 'B/s')}, {human(spec.link.latency, 's')} a hop"),
        *interconnect_rows(spec),
        *buffer_rows(chip),
        *_mapping_rows(spec),
    ]


def _mapping_rows(spec: InMemorySpec) -> list[tuple[str, str]]:
    """How networks are mapped, where the file says anything about it."""
    said = {name: getattr(spec.mapping, name) for name in type(spec.mapping).model_fields if name != "source"}
    usual = type(spec.mapping)()
    changed = [f"{name}: {str(value).lower()}" for name, value in said.items() if value != getattr(usual, name)]
    return [("mapping", ", ".join(changed))] if changed else []


def _known_faults(spec: InMemorySpec, chip: Chip) -> int:
    """How many faults the map names, which is an error here where it is one in a run."""
    crossbar = spec.tile.crossbar
    if crossbar.faults.map is None:
        return 0
    shape = (crossbar.rows, crossbar.columns, crossbar.encoding.lines)
    return len(read_fault_map(Path(crossbar.faults.map), frozenset(chip.arrays), shape))


def _von_neumann_rows(spec: VonNeumannSpec) -> list[tuple[str, str]]:
    compute = spec.compute
    return [
        ("description", spec.description.strip()),
        ("technology", spec.technology),
        ("compute", f"{compute.kind} {compute.rows} x {compute.columns} at {human(compute.frequency, 'Hz')}"),
        ("peak", f"{2 * compute.macs_per_cycle * compute.frequency / 1e12:.4g} TOPS"),
        ("on-chip memory", f"{spec.on_chip_memory.capacity:,.0f} B, {human(spec.on_chip_memory.bandwidth, 'B/s')}"),
        ("DRAM", f"{human(spec.dram.bandwidth, 'B/s')}, {human(spec.dram.latency, 's')}"),
    ]
