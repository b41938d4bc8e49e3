"""`carry`: packets that no network sends, over the links that a run would use; for seeing what a topology can bear."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.chip import Chip
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.core.timeline import Span, SpanColumn
from chipsim.simulation.links.buffered import interconnect_for
from chipsim.simulation.links.packets import Flow
from chipsim.streams import stream
from chipsim.units import duration_ps


class Injection(NamedTuple):
    """A packet, whole at its source at a time."""

    time_ps: int
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of the packets.

    Attributes
    ----------
    sent_ps, arrived_ps : ndarray of int64, shape (packets,)
        When each was at its source, and when its last byte was at its target.
    """

    sent_ps: NDArray[np.int64]
    arrived_ps: NDArray[np.int64]

    def delivered_share(self, start_ps: int, end_ps: int) -> float:
        """Packets that arrived in a span of time over packets sent in it: 1 where the network keeps up."""
        sent, arrived = (
            np.count_nonzero((times >= start_ps) & (times < end_ps)) for times in (self.sent_ps, self.arrived_ps)
        )
        return float(arrived / sent)


class _Arrivals:
    """Writes down when each packet arrived."""

    def __init__(self, packets: int) -> None:
        self.times = [0] * packets

    def arrive(self, input: int, position: int, time: int) -> None:  # noqa: ARG002
        self.times[position] = time


def carry(
    chip: Chip, injections: Iterable[Injection], packet_bytes: int, trace: Callable[[Span], None] | None = None
) -> Carried:
    """Send packets of one size over a chip's links until all have arrived.

    Parameters
    ----------
    chip : Chip
    injections : iterable of Injection
        In any order; of packets that ask for a link in the same picosecond the earlier one goes first.
    packet_bytes : int
    trace : callable, optional
        Told every transfer over a link.

    Examples
    --------
    >>> from chipsim.architecture.chip import build_chip
    >>> from chipsim.architecture.loader import load_spec
    >>> chip = build_chip(load_spec("hermes64", ["grid.shape=[1,2]"]))
    >>> carry(chip, [Injection(0, "tile(0,0)", "tile(0,1)")], 4).arrived_ps.tolist()
    [15000]
    """
    ordered = sorted(injections)
    ways = dict.fromkeys((source, target) for _, source, target in ordered)
    net = interconnect_for(chip, Clock(), input_key=1, position_key=len(ways) + 1)
    sink = _Arrivals(len(ordered))
    flows: dict[tuple[str, str], Flow] = {
        (source, target): net.add_flow(source, "", packet_bytes, key, [(target, sink)])
        for key, (source, target) in enumerate(ways)
    }
    net.close()
    columns: list[SpanColumn] = []
    if trace is not None:
        net.trace_inputs(1, columns.append)
    for number, (time, source, target) in enumerate(ordered):
        net.send(flows[source, target], 0, number, time)
    net.clock.run_all()
    if trace is not None:
        for span in (span for column in columns for span in column.spans()):
            trace(span)
    sent = np.array([time for time, _, _ in ordered], np.int64)
    return Carried(sent, np.array(sink.times, np.int64))


def uniform_random(chip: Chip, load: float, cycles: int, packet_bytes: int, seed: int) -> list[Injection]:
    """Packets from every site to sites chosen at random, the own one included.

    In each cycle (the time of a packet on `link`) the tile and the neuron unit of a site each send one with half the
    probability ``load``; a packet goes to a component of the same kind.

    Parameters
    ----------
    chip : Chip
    load : float
        Packets per cycle and site, at most 2.
    cycles : int
    packet_bytes : int
    seed : int
    """
    cycle = duration_ps(packet_bytes, chip.spec.link.bandwidth)
    made: list[Injection] = []
    for kind, names in enumerate((chip.tiles, chip.neuron_units)):
        for number, source in enumerate(names):
            rng = stream(seed, kind, number)
            at = np.flatnonzero(rng.random(cycles) < load / 2).tolist()
            targets = rng.integers(len(names), size=len(at)).tolist()
            made += [Injection(c * cycle, source, names[t]) for c, t in zip(at, targets, strict=True)]
    return made


def poisson(sources: Iterable[str], target: str, interval_ps: float, packets: int, seed: int) -> list[Injection]:
    """Packets of many sources to one target, each a Poisson process; together one every ``interval_ps`` on average."""
    names = list(sources)
    rng = stream(seed)
    times = np.cumsum(rng.exponential(interval_ps, packets)).astype(np.int64).tolist()
    chosen = rng.integers(len(names), size=packets).tolist()
    return [Injection(time, names[source], target) for time, source in zip(times, chosen, strict=True)]
