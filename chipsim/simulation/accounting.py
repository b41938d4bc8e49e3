"""`count_actions`: what the servers of a chip did, as a ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import networkx as nx

from chipsim.architecture.chip import router_name
from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.architecture.spec import Adc, Dac, InMemorySpec, Section, Tile
from chipsim.mapping.plan import Plan
from chipsim.network.layers import DigitalLayer, GateLayer
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.core.durations import bytes_of, column_bits
from chipsim.simulation.core.ledger import Action, Ledger
from chipsim.simulation.links.packets import Flow, LinkServer
from chipsim.simulation.tiles.varying import ConversionCounts
from chipsim.simulation.units.neuron import NeuronServer
from chipsim.units import PS_PER_S


def count_actions(machine: Machine, makespan_ps: int) -> Ledger:
    """Fill a ledger from what happened; the array's own energy is added where values are known.

    Parameters
    ----------
    machine : Machine
        After its run.
    makespan_ps : int
        For static power.
    """
    ledger = Ledger()
    count_work(ledger, machine)
    count_static(ledger, [machine], makespan_ps)
    return ledger


def count_work(ledger: Ledger, machine: Machine) -> None:
    """Add what a network's own servers and packets did."""
    plan, spec = machine.plan, machine.spec
    _count_tiles(ledger, plan, machine)
    _count_neurons(ledger, spec, machine)
    _count_digital(ledger, plan, machine)
    _count_traffic(ledger, plan, machine.flows)
    _count_spilling(ledger, spec, machine)


def count_static(ledger: Ledger, machines: Sequence[Machine], makespan_ps: int) -> None:
    """Add the static energy of a chip, be it of one network or of several that share it."""
    spec = machines[0].spec
    sections = {
        "tile": spec.tile, "control unit": spec.control_unit, "neuron unit": spec.neuron_unit, "router": spec.router,
        "global memory": spec.global_memory, "digital unit": spec.digital_unit,
    }  # fmt: skip
    actions = {
        kind: Action("static", "s", section.static_power, section.source_of("static_power"))
        for kind, section in sections.items()
        if section is not None and section.static_power
    }
    for component, kind in _powered(machines):
        if kind in actions:
            ledger.add(component, kind, actions[kind], "", makespan_ps / PS_PER_S)


def _count_tiles(ledger: Ledger, plan: Plan, machine: Machine) -> None:
    spec, tile = plan.chip.spec, plan.chip.spec.tile
    places = {placed.name: placed for placed in plan.blocks}
    array = Action("array in and out", "byte", 0.0, "contained in the MVM's energy", "cell_array")
    read = _per_byte("read", tile.buffer, tile.buffer.energy_per_byte, "tile_buffer")
    issue = Action("issue", "MVM", spec.control_unit.energy_per_mvm, spec.control_unit.source_of("energy_per_mvm"))
    mvm = cache(lambda rows, columns: tuple(_mvm_actions(spec, rows, columns)))
    for server in machine.tiles:
        where, block = places[server.name].tile, places[server.name].block
        label = where[len("tile") :]
        rows = bytes_of(block.rows, spec.widths.activation_bits)
        columns = bytes_of(block.columns, column_bits(spec))
        for action, each in mvm(block.rows, block.columns):
            ledger.add(where, "tile", action, server.layer, each * server.drains)
        for action, amount in _cycle_actions(spec, block.columns, machine.counts.get(server.name), server.drains):
            ledger.add(where, "tile", action, server.layer, amount)
        ledger.add(where, "tile", array, server.layer, (rows + columns) * server.drains)
        ledger.add("buffer" + label, "tile buffer", read, server.layer, rows * server.loads)
        ledger.add("control" + label, "control unit", issue, server.layer, server.drains)


def _mvm_actions(spec: InMemorySpec, rows: int, columns: int) -> Iterator[tuple[Action, int]]:
    tile = spec.tile
    if tile.mvm_energy is not None:
        yield Action("mvm", "MVM", tile.mvm_energy, tile.source_of("mvm_energy")), 1
        return
    yield Action("mvm", "MVM", 0.0, "taken apart: array, DAC and ADC"), 1
    for name, converter, amount in conversions(tile, rows, columns):
        joules, source = converter.energy_per_conversion, converter.source_of("energy_per_conversion")
        yield Action(name, "conversion", joules, source), amount


def _cycle_actions(
    spec: InMemorySpec, columns: int, counts: ConversionCounts | None, mvms: int
) -> Iterator[tuple[Action, int]]:
    """Cycles of the output conversions of a tile's first MVMs, where they cost anything."""
    tile = spec.tile
    if tile.mvm_energy is not None or not tile.adc.energy_per_cycle:
        return
    if counts is not None and counts.cycles is not None:
        yield cycle_action(tile, "adc cycle", "counted from the values"), int(counts.cycles[:mvms].sum())
        return
    yield (
        cycle_action(tile, "adc cycle", "full scale assumed, values unknown" if tile.cycles_depend_on_codes else ""),
        most_cycles(tile, columns) * mvms,
    )


def cycle_action(tile: Tile, name: str, how: str) -> Action:
    """Cycles of output conversions under a name; ``how`` says how they were counted, where there is a choice."""
    source = tile.adc.source_of("energy_per_cycle")
    return Action(name, "cycle", tile.adc.energy_per_cycle, f"{source}; {how}" if how else source)


def most_cycles(tile: Tile, columns: int) -> int:
    """Cycles of all output conversions of one MVM, at full scale where they depend on what comes out."""
    amounts = (amount for _, converter, amount in conversions(tile, 0, columns) if converter is tile.adc)
    return tile.adc.cycles(tile.unsigned_codes) * sum(amounts)


def conversions(tile: Tile, rows: int, columns: int) -> Iterator[tuple[str, Dac | Adc, int]]:
    """Conversions of one MVM that uses so many rows and columns: what they are called, by what, how many."""
    encoding, planes = tile.crossbar.encoding, tile.dac.planes
    yield "dac", tile.dac, rows * planes
    yield "adc", tile.adc, columns * planes * encoding.slices
    if encoding.unit_columns:
        yield "adc of unit column", tile.adc, planes * encoding.unit_columns


def _count_neurons(ledger: Ledger, spec: InMemorySpec, machine: Machine) -> None:
    unit = spec.neuron_unit
    name, what = ("activate", "activation") if unit.activation == "analog" else ("neuron", "operation")
    action = Action(name, what, unit.energy_per_operation, unit.source_of("energy_per_operation"))
    for server in machine.neurons:
        operands = server.operands if isinstance(server, NeuronServer) else len(server.tiles)
        ledger.add(server.name, "neuron unit", action, server.layer, operands * server.columns * server.done)
    for reduction in machine.reductions:
        adder = spec.router.adder
        assert adder is not None
        add = Action("add", "operation", adder.energy_per_operation, adder.source_of("energy_per_operation"))
        ledger.add(reduction.adder.name, "router", add, reduction.layer, reduction.additions * reduction.done)


def _count_digital(ledger: Ledger, plan: Plan, machine: Machine) -> None:
    """Operations of digital layers, and of gates in neuron units."""
    digital, neuron = plan.chip.spec.digital_unit, plan.chip.spec.neuron_unit
    operate, gate = (
        Action(name, "operation", unit.energy_per_operation, unit.source_of("energy_per_operation"))
        for name, unit in (("operate", digital), ("gate", neuron))
    )
    for server in machine.digital:
        layer = plan.network.layers[server.layer]
        assert isinstance(layer, DigitalLayer | GateLayer)
        amount = layer.element_operations * server.done // layer.positions
        kind, action = ("neuron unit", gate) if isinstance(layer, GateLayer) else ("digital unit", operate)
        ledger.add(server.unit.name, kind, action, server.layer, amount)


def _count_traffic(ledger: Ledger, plan: Plan, flows: Sequence[Flow]) -> None:
    """Bytes over every link, and into every buffer."""
    spec, graph = plan.chip.spec, plan.chip.graph
    switch = Action("switch", "byte", spec.router.energy_per_byte, spec.router.source_of("energy_per_byte"))
    host = _per_byte("transfer", spec.host, spec.host.energy_per_byte, "host")
    write = _per_byte("write", spec.tile.buffer, spec.tile.buffer.energy_per_byte, "tile_buffer")
    buffers = {"digital_unit": spec.digital_unit.buffer, "neuron_unit": spec.neuron_unit.buffer}
    both = {
        kind: [_per_byte(name, buffer, buffer.energy_per_byte, "tile_buffer") for name in ("write", "read")]
        for kind, buffer in buffers.items()
    }
    wire = cache(lambda joules, source: Action("transfer", "byte", joules, source, "link_hop"))
    for (server, layer, flow_kind), amount in _bytes_over_links(flows, graph).items():
        source, target = server.edge
        edge = graph.get_edge_data(source, target)
        kind = edge["kind"]
        if kind == "link":
            ledger.add(server.name, "link", wire(edge["wire_j_per_byte"], edge["wire_source"]), layer, amount)
            ledger.add(source, "router", switch, layer, amount)
        elif kind == "host":
            ledger.add(server.name, "host", host, layer, amount)
        elif flow_kind != "back":  # which goes to registers, as over a bus
            ends_at = graph.nodes[target]["kind"]
            if ends_at == "tile":
                ledger.add("buffer" + target[len("tile") :], "tile buffer", write, layer, amount)
            elif ends_at in both and flow_kind != "sums":
                for action in both[ends_at]:
                    ledger.add(target, f"{ends_at.removesuffix('_unit')} buffer", action, layer, amount)


def _bytes_over_links(flows: Sequence[Flow], graph: nx.DiGraph[str]) -> dict[tuple[LinkServer, str, str], int]:
    """Bytes over each link, by layer and by whether they are partial sums or come back from the global memory."""
    found: dict[tuple[LinkServer, str, str], int] = {}
    for flow in flows:
        kind = "sums" if graph.nodes[flow.source]["kind"] == "tile" or any(hop.streams for hop in flow.hops) else ""
        if flow.source == GLOBAL_MEMORY:
            kind = "back"
        amount = flow.packets * flow.bytes
        for hop in flow.hops:
            for link in (hop.link, *hop.followers):
                key = link, flow.layer, kind
                found[key] = found.get(key, 0) + amount
    return found


def _count_spilling(ledger: Ledger, spec: InMemorySpec, machine: Machine) -> None:
    """Bytes to the farther memory and back."""
    memory = spec.global_memory
    if memory is None:
        return
    write, read = (_per_byte(name, memory, memory.energy_per_byte, "global_memory") for name in ("write", "read"))
    for writer in machine.far_writers:
        ledger.add(GLOBAL_MEMORY, "global memory", write, writer.layer, writer.written)
    for reader in machine.far_readers:
        ledger.add(GLOBAL_MEMORY, "global memory", read, reader.layer, reader.fetched)


def _powered(machines: Sequence[Machine]) -> Iterator[tuple[str, str]]:
    """Name and kind of every component that may draw power whether or not it works."""
    spec, chip = machines[0].spec, machines[0].plan.chip
    gated = spec.power_gating
    tiles = {placed.tile for machine in machines for placed in machine.plan.blocks}
    neurons = {neuron.name for machine in machines for neuron in machine.neurons}
    for tile, neuron in zip(chip.tiles, chip.neuron_units, strict=True):
        label = tile[len("tile") :]
        if tile in tiles or not gated:
            yield tile, "tile"
            yield "control" + label, "control unit"
        leads = chip.site(neuron) == chip.site(tile)
        if leads and (neuron in neurons or not gated):
            yield neuron, "neuron unit"
        if tile in tiles or not gated:
            yield "router" + label, "router"
    used = {end for link in machines[0].interconnect.links.values() for end in link.edge} if gated else ()
    for site in range(chip.topology.sites, chip.topology.routers):  # switches without a tile
        switch = router_name(chip.topology, site)
        if switch in used or not gated:
            yield switch, "router"
    memory = spec.global_memory
    if memory is not None and (any(machine.spills for machine in machines) or not gated):
        yield GLOBAL_MEMORY, "global memory"
    for unit in chip.digital_units:
        if unit in machines[0].units or not gated:
            yield unit, "digital unit"


def _per_byte(name: str, section: Section, joules: float, level: str) -> Action:
    return Action(name, "byte", joules, section.source_of("energy_per_byte"), level)
