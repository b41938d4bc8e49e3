"""`lay_flows`: from every source to all who read its positions (rules T4 to T7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from chipsim.mapping.partition import Ranges
from chipsim.mapping.plan import Replica
from chipsim.network.edges import Edge
from chipsim.simulation.building.far import far_sink, over_links
from chipsim.simulation.building.machine import Machine, Source, Taps, Target
from chipsim.simulation.building.unread import wait_for_unread
from chipsim.simulation.core.durations import bytes_of
from chipsim.simulation.core.gate import EdgeSink
from chipsim.simulation.core.in_order_gate import InOrderGate, InOrderSink
from chipsim.simulation.links.packets import Flow
from chipsim.simulation.links.sender import Outlet, close_together

Classes = tuple[Taps, ...]

Sinks = dict[tuple[int, int], EdgeSink | InOrderSink]
"""By the index of the branch, and the number of the target there."""


def lay_flows(machine: Machine, network_edges: list[Edge]) -> None:
    """Lay all flows of a network between its layers."""
    outgoing: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in network_edges:
        outgoing[edge.producer].append(edge)
    for name, found in outgoing.items():
        sources = machine.sources[name]
        read = _read(machine, found, len(sources[0].outlet.flows))
        for source in sources:
            _join(machine, source, read)
    wait_for_unread(machine)


def close_flows(machines: Sequence[Machine]) -> None:
    """Call once all flows of all networks on a chip are laid: only then is it known where packets meet."""
    machines[0].interconnect.close()
    beside: defaultdict[str, list[Outlet]] = defaultdict(list)
    for source in (source for machine in machines for sources in machine.sources.values() for source in sources):
        beside[source.component].append(source.outlet)
    far = {reader.component for machine in machines for reader in machine.far_readers if over_links(machine)}
    for component, outlets in beside.items():
        close_together(outlets, in_turn=component in far or machines[0].sharing.passed(component))


@dataclass(frozen=True, slots=True)
class _Branch:
    """What one replica of a consumer (all of it, where it has no copies) reads of a producer over one edge.

    Attributes
    ----------
    edge : Edge
    completes : ndarray of int64, shape (producer positions,)
        Which of the replica's positions each producer position is the last one for; ``count`` where it is not read.
    count : int
        The replica's positions.
    targets : list of Target
    """

    edge: Edge
    completes: NDArray[np.int64]
    count: int
    targets: list[Target]


def _branches(machine: Machine, outgoing: list[Edge], total: int) -> Iterator[_Branch]:
    for edge in outgoing:
        targets = machine.targets[edge.consumer, edge.operand]
        for replica in dict.fromkeys(target.replica for target in targets):
            own = replica.positions(len(edge.need))
            need = edge.need[own.start :: own.step]
            completes = np.bincount(need, minlength=total).cumsum()[:total]
            if replica.of > 1:
                completes[~edge.read_by(own, total)] = len(own)
            yield _Branch(edge, completes, len(own), [target for target in targets if target.replica == replica])


@dataclass(frozen=True, slots=True)
class _Alike:
    """Positions that the same parts of the same targets read.

    Attributes
    ----------
    positions : ndarray of int64
        Rising.
    reads : list of (int, int, Target, Ranges)
        Index of the branch, number and target there, and the producer's channels that it reads.
    """

    positions: NDArray[np.int64]
    reads: list[tuple[int, int, Target, Ranges]]


@dataclass(frozen=True, slots=True)
class _Read:
    """What is read of one producer: the same for each of the sources that compute it.

    Attributes
    ----------
    branches : list of _Branch
    alike : list of _Alike
    """

    branches: list[_Branch]
    alike: list[_Alike]
    _listed: dict[int, list[int]] = field(default_factory=dict)
    _received: dict[object, tuple[NDArray[np.int64], list[int]]] = field(default_factory=dict)

    def sink(self, branch: int, target: Target) -> EdgeSink | InOrderSink:
        """Where what one source sends arrives at a target."""
        completes = self.branches[branch].completes
        if isinstance(target.gate, InOrderGate):
            return InOrderSink(target.gate, completes, target.arrivals)
        if branch not in self._listed:
            self._listed[branch] = completes.tolist()
        return EdgeSink(target.gate, self._listed[branch], target.arrivals, in_order=True)

    def received(self, branch: int, parts: tuple[int, ...], sender: Replica) -> tuple[NDArray[np.int64], list[int]]:
        """Which positions a target gets that reads some of `alike`, in order, and how many complete each of its own."""
        key = branch, parts, sender
        if key not in self._received:
            parted = np.concatenate([_sent(self.alike[part].positions, sender) for part in parts])
            positions = np.sort(parted, kind="stable")  # of a few sorted runs: this kind is quick then
            found = self.branches[branch]
            counts = np.bincount(found.completes[positions], minlength=found.count)
            self._received[key] = positions, counts.tolist()
        return self._received[key]


def _sent(positions: NDArray[np.int64], replica: Replica) -> NDArray[np.int64]:
    """Those of a layer's positions that a replica computes."""
    return positions if replica.of == 1 else positions[positions % replica.of == replica.number]


def _read(machine: Machine, outgoing: list[Edge], total: int) -> _Read:
    branches = list(_branches(machine, outgoing, total))
    alike = []
    for classes, positions in _classes(branches, total):
        reads = [
            (index, number, target, ranges)
            for index, (branch, taps) in enumerate(zip(branches, classes, strict=True))
            if taps != ()
            for number, (target, ranges) in enumerate(_channels(machine, branch, taps))
        ]
        alike.append(_Alike(positions, reads))
    return _Read(branches, alike)


def _channels(machine: Machine, branch: _Branch, taps: Taps) -> Iterator[tuple[Target, Ranges]]:
    """What each target reads of positions that meet these taps; blocks beside each other read alike."""
    known: dict[Callable[[Taps], Ranges], Ranges] = {}
    for target in branch.targets:
        ranges = known.get(target.channels)
        if ranges is None:
            ranges = known[target.channels] = machine.channels_read(branch.edge, target, taps)
        yield target, ranges


def _join(machine: Machine, source: Source, read: _Read) -> None:
    """Lay the flows of one source to all consumers of its layer."""
    branches, total = read.branches, len(source.outlet.flows)
    sinks = {
        (index, number): read.sink(index, target)
        for index, branch in enumerate(branches)
        for number, target in enumerate(branch.targets)
    }
    known: dict[tuple[object, ...], Flow] = {}
    label = np.zeros(total, np.intp)  # which of the kinds a position's flows are
    kinds: list[Sequence[Flow]] = [()]
    received: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for which, alike in enumerate(read.alike):
        positions = _sent(alike.positions, source.replica)
        if not len(positions):
            continue
        flows = []
        for block, (ranges, targets) in enumerate(_groups(source, alike).items()):
            flows.append(_flow(machine, source, block, ranges, targets, branches, sinks, known))
            for index, number, _ in targets:
                received[index, number].append(which)
        label[positions] = len(kinds)
        kinds.append(flows)
    source.outlet.lay([kinds[number] for number in label.tolist()], kinds)
    for (index, number), parts in received.items():
        sinks[index, number].expect(*read.received(index, tuple(parts), source.replica))


def _groups(source: Source, alike: _Alike) -> dict[Ranges, list[tuple[int, int, Target]]]:
    """Targets that read the same channels of what a source sends, by channels."""
    groups: dict[Ranges, list[tuple[int, int, Target]]] = {}
    for index, number, target, channels in alike.reads:
        ranges = _within(channels, source.first_channel, source.first_channel + source.channels)
        if ranges:
            groups.setdefault(ranges, []).append((index, number, target))
    return groups


def _flow(
    machine: Machine, source: Source, block: int, ranges: Ranges, targets: list[tuple[int, int, Target]],
    branches: list[_Branch], sinks: Sinks, known: dict[tuple[object, ...], Flow],
) -> Flow:  # fmt: skip
    identity = (block, ranges, tuple(id(sinks[index, number]) for index, number, _ in targets))
    flow = known.get(identity)
    if flow is None:
        widths = machine.spec.widths
        channels = sum(high - low for low, high in ranges)
        size = bytes_of(channels, widths.activation_bits) + widths.packet_header_bytes
        key = machine.order.key(source.layer, block, source.component)
        ends = [
            (target.component, far_sink(machine, target, branches[index].edge.operand, sinks[index, number], channels))
            for index, number, target in targets
        ]
        flow = machine.interconnect.add_flow(source.component, source.layer, size, key, ends)
        known[identity] = flow
    return flow


def _classes(branches: list[_Branch], total: int) -> Iterator[tuple[Classes, NDArray[np.int64]]]:
    """Positions that are alike for every branch: read at the same kernel rows and columns, or not read at all."""
    label, kinds = np.zeros(total, np.intp), 1
    for branch in branches:
        for part, count in _labels(branch):
            label, kinds = label * count + part, kinds * count
            if kinds > 2**16:  # there may be many branches
                there, label = np.unique(label, return_inverse=True)
                kinds = len(there)
    order = np.argsort(label.astype(np.min_scalar_type(kinds)), kind="stable")  # of few bits it is quick
    for positions in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        first = int(positions[0])
        yield (
            tuple(branch.edge.taps(first) if branch.completes[first] < branch.count else () for branch in branches),
            positions,
        )


def _labels(branch: _Branch) -> Iterator[tuple[NDArray[np.intp], int]]:
    """Numbers of positions, and how many there are: whether they are read, then at which kernel rows and columns."""
    unread = branch.completes >= branch.count
    if unread.any():
        yield unread.astype(np.intp), 2
    edge = branch.edge
    if edge.taps_y is not None and edge.taps_x is not None:
        (y, rows), (x, columns) = _numbered(edge.taps_y), _numbered(edge.taps_x)
        if rows * columns > 1:
            yield (y[:, None] * columns + x).reshape(-1), rows * columns


def _numbered(taps: tuple[tuple[int, ...], ...]) -> tuple[NDArray[np.intp], int]:
    """A number for each, equal where they are, and how many there are."""
    numbers = {kind: number for number, kind in enumerate(dict.fromkeys(taps))}
    return np.array([numbers[kind] for kind in taps], np.intp), len(numbers)


@lru_cache(maxsize=4096)
def _within(ranges: Ranges, low: int, high: int) -> Ranges:
    """The part of channel ranges between two channels."""
    return tuple((max(a, low), min(b, high)) for a, b in ranges if max(a, low) < min(b, high))
