"""Where values and times meet: equal counts, and the energy that depends on values (rule T26, design 4.3)."""

from __future__ import annotations

from collections.abc import Iterator

from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import ConsistencyError
from chipsim.execution.values_outcome import ValuesOutcome
from chipsim.mapping.partition import Block
from chipsim.mapping.plan import Plan
from chipsim.simulation.accounting import conversions, cycle_action, most_cycles
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.compensating import reference_cost
from chipsim.simulation.core.ledger import Action
from chipsim.simulation.engine import simulate_chip


def settle(plan: Plan, chip: ChipOutcome, values: ValuesOutcome) -> ChipOutcome | None:
    """Compare both planes, and add to the chip's energy what depends on values.

    Returns
    -------
    ChipOutcome or None
        Of the calibration inputs that affine factors are fitted with, where there are any; they are paid for, too.

    Raises
    ------
    ConsistencyError
        If an MVM was scheduled and not computed, or the other way round.
    """
    check_counts(plan, chip, values, chip.inputs)
    pay_for_values(plan, chip, values)
    refit = simulate_refit(plan, values)
    if refit is not None:
        pay_for_refit(chip, refit)
    return refit


def check_counts(plan: Plan, chip: ChipOutcome, values: ValuesOutcome, inputs: int) -> None:
    """Every MVM that was scheduled is one that was computed (rule T26)."""
    for layer in plan.layers.values():
        for placed in layer.blocks:
            expected = len(placed.replica.positions(layer.layer.positions)) * inputs
            scheduled, computed = chip.tile_mvms[placed.name], values.tile_mvms[placed.name]
            if not scheduled == computed == expected:
                raise ConsistencyError(
                    f"{placed.name}, layer {layer.layer.name}: {scheduled} MVMs scheduled, {computed} computed, "
                    f"{expected} expected; please report this"
                )


def pay_for_values(plan: Plan, chip: ChipOutcome, values: ValuesOutcome) -> None:
    """Add to the ledger what only the functional plane knows: the cells' conductance, reference reads."""
    spec = plan.chip.spec
    blocks = {placed.name: placed for placed in plan.blocks}
    for (name, layer), amount in values.integrated_conductance.items():
        chip.ledger.add(blocks[name].tile, "tile", _array_action(spec, "array"), layer, amount)
    for (name, layer), reads in values.reference_reads.items():
        conductance = values.reference_conductance[name, layer]
        for action, amount in _reference_actions(spec, blocks[name].block, reads, conductance):
            chip.ledger.add(blocks[name].tile, "tile", action, layer, amount)
    if values.reference_reads:
        unit = spec.neuron_unit
        source = f"{unit.source_of('energy_per_operation')}; drift compensation"
        add = Action("reference sum", "operation", unit.energy_per_operation, source)
        for (name, layer), amount in reference_cost(plan).operations.items():
            chip.ledger.add(name, "neuron unit", add, layer, amount)


def simulate_refit(plan: Plan, values: ValuesOutcome) -> ChipOutcome | None:
    """The calibration inputs that affine factors are fitted with, on their way through the chip; None without any."""
    if not values.refit_inputs:
        return None
    outcome = simulate_chip(plan, values.refit_inputs, counts=values.refit_conversions)
    tiles = {placed.name: placed.tile for placed in plan.blocks}
    for (name, layer), amount in values.refit_conductance.items():
        outcome.ledger.add(tiles[name], "tile", _array_action(plan.chip.spec, "array"), layer, amount)
    return outcome


def pay_for_refit(chip: ChipOutcome, refit: ChipOutcome) -> None:
    """Add what the calibration inputs took to the ledger, under names of their own.

    Their bytes are no traffic of the scored inputs, so they count at no level.
    """
    for row in refit.ledger.rows():
        source = f"{row.source}; calibration inputs of drift compensation"
        action = Action(f"refit {row.action}", row.unit, row.joules_per_unit, source)
        chip.ledger.add(row.component, row.kind, action, row.layer, row.amount)


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
        for name, converter, amount in conversions(tile, block.rows, block.columns):
            source = f"{converter.source_of('energy_per_conversion')}; {why}"
            action = Action(f"reference {name}", "conversion", converter.energy_per_conversion, source)
            yield action, amount * reads
        if tile.adc.energy_per_cycle:
            how = f"full scale assumed; {why}" if tile.cycles_depend_on_codes else why
            yield cycle_action(tile, "reference adc cycle", how), most_cycles(tile, block.columns) * reads
    unit = spec.control_unit
    yield Action("reference issue", "MVM", unit.energy_per_mvm, f"{unit.source_of('energy_per_mvm')}; {why}"), reads
