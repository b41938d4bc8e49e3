"""`lay_flows`: from every source to all who read its positions (rules T4 to T7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from chipsim.mapping.partition import Ranges
from chipsim.network.edges import Edge
from chipsim.simulation.durations import bytes_of
from chipsim.simulation.gate import EdgeSink
from chipsim.simulation.machine import Machine, Source, Taps, Target
from chipsim.simulation.packets import Flow
from chipsim.simulation.sender import Outlet, close_together

Classes = tuple[Taps, ...]


def lay_flows(machine: Machine, network_edges: list[Edge]) -> None:
    """Lay all flows; only then is it known where packets meet."""
    outgoing: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in network_edges:
        outgoing[edge.producer].append(edge)
    for name, found in outgoing.items():
        for source in machine.sources[name]:
            _join(machine, source, found)
    machine.interconnect.close()
    beside: defaultdict[str, list[Outlet]] = defaultdict(list)
    for source in (source for sources in machine.sources.values() for source in sources):
        beside[source.component].append(source.outlet)
    for outlets in beside.values():
        close_together(outlets)


def _join(machine: Machine, source: Source, outgoing: list[Edge]) -> None:
    """Lay the flows of one source to all consumers of its layer."""
    total = len(source.outlet.flows)
    completes = [np.searchsorted(edge.need, np.arange(total), side="right") for edge in outgoing]
    lists = [completed.tolist() for completed in completes]
    known: dict[tuple[object, ...], Flow] = {}
    sinks = {
        (index, number): EdgeSink(target.gate, lists[index], target.arrivals)
        for index, edge in enumerate(outgoing)
        for number, target in enumerate(machine.targets[edge.consumer, edge.operand])
    }
    for classes, positions in _classes(outgoing, completes):
        flows = []
        for block, (ranges, targets) in enumerate(_groups(machine, source, outgoing, classes)):
            flows.append(_flow(machine, source, block, ranges, targets, sinks, known))
            for index, _, target in targets:
                target.gate.expect(completes[index][positions])
        for position in positions.tolist():
            source.outlet.flows[position] = flows


def _groups(
    machine: Machine, source: Source, outgoing: list[Edge], classes: Classes
) -> Iterator[tuple[Ranges, list[tuple[int, int, Target]]]]:
    """Targets that read the same channels of a position, by channels."""
    groups: dict[Ranges, list[tuple[int, int, Target]]] = {}
    for index, (edge, taps) in enumerate(zip(outgoing, classes, strict=True)):
        if taps == ():
            continue
        for number, target in enumerate(machine.targets[edge.consumer, edge.operand]):
            ranges = _within(machine.channels_read(edge, target, taps), source)
            if ranges:
                groups.setdefault(ranges, []).append((index, number, target))
    yield from groups.items()


def _flow(
    machine: Machine, source: Source, block: int, ranges: Ranges, targets: list[tuple[int, int, Target]],
    sinks: dict[tuple[int, int], EdgeSink], known: dict[tuple[object, ...], Flow],
) -> Flow:  # fmt: skip
    identity = (block, ranges, tuple(id(sinks[index, number]) for index, number, _ in targets))
    flow = known.get(identity)
    if flow is None:
        widths = machine.spec.widths
        channels = sum(high - low for low, high in ranges)
        size = bytes_of(channels, widths.activation_bits) + widths.packet_header_bytes
        key = machine.order.key(source.layer, block, source.component)
        ends = [(target.component, sinks[index, number]) for index, number, target in targets]
        flow = machine.interconnect.add_flow(source.component, source.layer, size, key, ends)
        known[identity] = flow
    return flow


def _classes(outgoing: list[Edge], completes: list[NDArray[np.int64]]) -> Iterator[tuple[Classes, NDArray[np.int64]]]:
    """Positions that are alike for every edge: read at the same kernel rows and columns, or not read at all."""
    total = len(completes[0])
    label = np.zeros(total, np.intp)
    for edge, completed in zip(outgoing, completes, strict=True):
        unread = completed >= len(edge.need)
        for part in (unread, *_tap_labels(edge, total)):
            label = label * (int(part.max()) + 1) + part.astype(np.intp)
    order = np.argsort(label, kind="stable")
    for positions in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        first = int(positions[0])
        yield (
            tuple(
                edge.taps(first) if completed[first] < len(edge.need) else ()
                for edge, completed in zip(outgoing, completes, strict=True)
            ),
            positions,
        )


def _tap_labels(edge: Edge, total: int) -> Iterator[NDArray[np.intp]]:
    """Numbers that are equal for positions with equal kernel rows, then columns."""
    if edge.taps_y is None or edge.taps_x is None:
        return
    y, x = np.divmod(np.arange(total), len(edge.taps_x))
    for taps, index in ((edge.taps_y, y), (edge.taps_x, x)):
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys(taps))}
        yield np.array([numbers[kind] for kind in taps], np.intp)[index]


def _within(ranges: Ranges, source: Source) -> Ranges:
    """The part of channel ranges that a source sends."""
    low, high = source.first_channel, source.first_channel + source.channels
    return tuple((max(a, low), min(b, high)) for a, b in ranges if max(a, low) < min(b, high))
