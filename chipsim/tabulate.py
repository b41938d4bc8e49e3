"""`tables`: the rows of a result's CSV files, SI units in the column names."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.execution.values_outcome import ValuesOutcome
from chipsim.mapping.plan import PlacedBlock, Plan
from chipsim.network.layers import DigitalLayer, GateLayer, MatrixLayer
from chipsim.result import Records
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.outcome import Outcome
from chipsim.units import from_ps


def tables(plan: Plan, chip: ChipOutcome, values: ValuesOutcome | None, baseline: Outcome | None) -> dict[str, Records]:
    """All tables of a run; see ``docs/result.md`` for their columns."""
    machines: list[tuple[str, Outcome]] = [("chip", chip)]
    if baseline is not None:
        machines.append(("baseline", baseline))
    return {
        "layers": _layers(plan, chip, values),
        "tiles": _tiles(plan, chip),
        "units": [row for name, outcome in machines for row in _units(plan, name, outcome)],
        "links": _links(plan, chip),
        "ledger": [row for name, outcome in machines for row in _ledger(name, outcome)],
        "pipeline": [row for name, outcome in machines for row in _pipeline(name, outcome)],
        "trace": _trace(chip),
    }


def _layers(plan: Plan, chip: ChipOutcome, values: ValuesOutcome | None) -> Records:
    joules: defaultdict[str, float] = defaultdict(float)
    for line in chip.ledger.rows():
        joules[line.layer] += line.joules
    peaks: defaultdict[str, int] = defaultdict(int)
    for peak in chip.buffer_peaks:
        peaks[peak.consumer] = max(peaks[peak.consumer], peak.positions)
    rows = {row.layer: row for row in plan.rows()}
    stages = {span.layer: span for span in reversed(chip.timeline.stages) if span.input == 0}
    found = []
    for layer in plan.network.layers.values():
        if not isinstance(layer, MatrixLayer | DigitalLayer | GateLayer):
            continue
        matrix = isinstance(layer, MatrixLayer)
        row, stage = rows.get(layer.name), stages.get(layer.name)
        found.append(
            {
                "layer": layer.name,
                "operator": _operator(layer),
                "runs_on": "tiles" if matrix else {**plan.digital_units, **plan.gate_units}[layer.name],
                "output_shape": "x".join(map(str, layer.output_shape)),
                "positions": layer.positions,
                "rows": row.rows if row else None,
                "columns": row.columns if row else None,
                "matrices": len(plan.layers[layer.name].matrices) if matrix else None,
                "tiles": len({placed.tile for placed in plan.layers[layer.name].stored_blocks}) if matrix else None,
                "replicas": plan.layers[layer.name].replicas if matrix else None,
                "cells_used": plan.layers[layer.name].cells_used if matrix else None,
                "macs_per_input": 0 if isinstance(layer, GateLayer) else layer.macs,
                "element_operations_per_input": 0 if isinstance(layer, MatrixLayer) else layer.element_operations,
                "reason": layer.reason if isinstance(layer, DigitalLayer) else "",
                "first_input_start_s": from_ps(stage.start_ps) if stage else None,
                "first_input_end_s": from_ps(stage.end_ps) if stage else None,
                "energy_j": joules[layer.name],
                "input_buffer_peak_positions": peaks[layer.name],
                "signal_to_noise_db": values.signal_to_noise_db.get(layer.name) if values else None,
            }
        )
    return found


def _operator(layer: MatrixLayer | DigitalLayer | GateLayer) -> str:
    return "matrix" if isinstance(layer, MatrixLayer) else layer.operator


def _tiles(plan: Plan, chip: ChipOutcome) -> Records:
    """One row for each block, and one for each tile without any."""
    placed: defaultdict[str, list[tuple[str, PlacedBlock]]] = defaultdict(list)
    for name, layer in plan.layers.items():
        for block in layer.blocks:
            placed[block.tile].append((name, block))
    found = []
    for tile in sorted(plan.chip.tiles, key=lambda name: plan.chip.position(name)[::-1]):
        x, y = plan.chip.position(tile)
        row: dict[str, Any] = {
            "tile": tile, "x": x, "y": y, "layer": "", "mvms": 0, "busy_s": 0.0, "utilisation": 0.0, "matrix": "",
            "block_row": None, "block_column": None, "replica": None,
            "rows_used": 0, "columns_used": 0, "cells_used": 0, "crossbar": None, "first_row": None,
            "first_column": None,
        }  # fmt: skip
        blocks = sorted(placed[tile], key=lambda item: (item[1].crossbar, item[1].first_row, item[1].first_column))
        found += [row | _block_cells(plan, chip, name, block) for name, block in blocks] or [row]
    return found


def _block_cells(plan: Plan, chip: ChipOutcome, layer: str, placed: PlacedBlock) -> dict[str, Any]:
    """What a row of the table of tiles says of a block."""
    matrix, busy = plan.layers[layer].matrices[placed.matrix], chip.block_busy_ps[placed.name]
    return {
        "layer": layer,
        "mvms": chip.tile_mvms[placed.name],
        "busy_s": from_ps(busy),
        "utilisation": busy / chip.makespan_ps,
        "matrix": matrix.name,
        "block_row": placed.block.row,
        "block_column": placed.block.column,
        "replica": placed.replica.number,
        "rows_used": placed.block.rows,
        "columns_used": placed.block.columns,
        "cells_used": 0 if placed.reader else matrix.cells_used(placed.block),
        "crossbar": placed.crossbar,
        "first_row": placed.first_row,
        "first_column": placed.first_column,
    }


def _units(plan: Plan, machine: str, outcome: Outcome) -> Records:
    """Neuron and digital units of the chip; the parts of the baseline."""
    layers: defaultdict[str, list[str]] = defaultdict(list)
    chained = plan.chip.spec.neuron_unit.partial_sums == "chain"
    for name, layer in plan.layers.items():
        for part in layer.slices:
            layers[part.neuron_unit].append(name)
        for unit in (plan.chip.neuron_unit_of(block.tile) for block in layer.blocks if chained):
            if name not in layers[unit]:  # a chain of partial sums has a unit beside every tile
                layers[unit].append(name)
    for name, unit in (*plan.digital_units.items(), *plan.gate_units.items()):
        layers[unit].append(name)
    served = (row.layer for row in outcome.ledger.rows() if row.component == GLOBAL_MEMORY and row.layer)
    layers |= {GLOBAL_MEMORY: found} if (found := list(dict.fromkeys(served))) else {}
    rows = []
    for unit, busy in outcome.timeline.busy_ps.items():
        on_chip = machine == "chip"
        if on_chip and unit not in layers:
            continue  # tiles and links have tables of their own
        somewhere = on_chip and unit in plan.chip.graph  # a memory may have a bus of its own
        x, y = plan.chip.position(unit) if somewhere else (None, None)
        kind = "memory" if unit == GLOBAL_MEMORY else plan.chip.graph.nodes[unit]["kind"] if on_chip else unit
        rows.append(
            {
                "machine": machine, "unit": unit, "kind": kind, "layers": " ".join(layers[unit]) if on_chip else "",
                "x": x, "y": y, "busy_s": from_ps(busy), "utilisation": busy / outcome.makespan_ps,
            }
        )  # fmt: skip
    return rows


def _links(plan: Plan, chip: ChipOutcome) -> Records:
    found = []
    for name, source, target, packets, size, busy in chip.links:
        (x0, y0), (x1, y1) = plan.chip.position(source), plan.chip.position(target)
        found.append(
            {
                "link": name, "kind": plan.chip.graph.edges[source, target]["kind"], "source": source, "target": target,
                "source_x": x0, "source_y": y0, "target_x": x1, "target_y": y1,
                "packets": packets, "bytes": size, "busy_s": from_ps(busy), "utilisation": busy / chip.makespan_ps,
            }
        )  # fmt: skip
    return found


def _ledger(machine: str, outcome: Outcome) -> Records:
    return [
        {
            "machine": machine, "component": row.component, "kind": row.kind, "action": row.action, "layer": row.layer,
            "amount": row.amount, "unit": row.unit, "joules_per_unit": row.joules_per_unit, "energy_j": row.joules,
            "level": row.level, "source": row.source,
        }
        for row in outcome.ledger.rows()
    ]  # fmt: skip


def _pipeline(machine: str, outcome: Outcome) -> Records:
    return [
        {
            "machine": machine, "layer": span.layer, "input": span.input,
            "start_s": from_ps(span.start_ps), "end_s": from_ps(span.end_ps),
        }
        for span in outcome.timeline.stages
    ]  # fmt: skip


def _trace(chip: ChipOutcome) -> Records:
    return [
        {
            "component": span.component, "activity": span.activity, "layer": span.layer, "input": span.input,
            "position": span.position, "start_ps": span.start_ps, "end_ps": span.end_ps,
        }
        for span in sorted(chip.timeline.spans, key=lambda span: (span.start_ps, span.component, span.end_ps))
    ]  # fmt: skip
