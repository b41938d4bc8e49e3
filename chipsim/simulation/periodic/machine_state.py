"""`MachineState`: everything that decides what a machine does next, so that two moments can be compared (rule T50)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from chipsim.simulation.building.machine import Machine
from chipsim.simulation.core.clock import Call, Moment
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.links.packets import Request
from chipsim.simulation.units.host import HostSink


@dataclass(frozen=True, slots=True)
class MachineState:
    """The state of a machine between two events.

    Attributes
    ----------
    progress : tuple
        Of every server, and what is pending.
    gates : bytes
        Digest of what every gate still waits for.
    """

    progress: State
    gates: bytes


def progress_of(machines: Sequence[Machine], sinks: Sequence[HostSink], origin: Origin) -> State:
    """The state but for the gates: quickly made.

    Parameters
    ----------
    machines : sequence of Machine
        Of all networks on the chip, between two events.
    sinks : sequence of HostSink
        Of each.
    origin : Origin
    """
    found: list[object] = []
    for machine, sink, own in zip(machines, sinks, origin.each, strict=True):
        servers = sink, *machine.hosts, *machine.tiles, *machine.neurons, *machine.reductions, *machine.digital
        found += [server.state(own) for server in servers]
    shared, input_key = machines[0], machines[0].order.input_key
    found.append(shared.interconnect.state(origin))
    if shared.memory is not None:
        found.append(shared.memory.state(origin))
    events = [
        (
            time - origin.now_ps,
            priority - origin.of(moment.hop) * input_key if isinstance(moment, Request) else None,
            *_about(moment, origin),
        )
        for time, priority, moment in shared.clock.pending()
    ]
    return *found, tuple(events)


def state_of(machines: Sequence[Machine], sinks: Sequence[HostSink], origin: Origin) -> MachineState:
    """The whole state; see `progress_of`."""
    digest = blake2b(digest_size=32)
    for machine, own in zip(machines, origin.each, strict=True):
        for gate in machine.gates:
            digest.update(gate.state(own))
    return MachineState(progress_of(machines, sinks, origin), digest.digest())


def owners_of(machines: Sequence[Machine]) -> dict[int, int]:
    """Which network a hop of packets, or a server that awaits its turn, belongs to, by its ``id``."""
    found: dict[int, int] = {}
    for number, machine in enumerate(machines):
        servers = (
            *machine.tiles, *machine.neurons, *machine.reductions, *machine.digital, *machine.far_writers,
            *machine.far_readers, *(source.outlet for sources in machine.sources.values() for source in sources),
            *(hop for flow in machine.flows for hop in flow.hops),
        )  # fmt: skip
        found |= dict.fromkeys(map(id, servers), number)
    return found


def _about(moment: Moment, origin: Origin) -> State:
    """What a pending event is about, apart from its time."""
    if isinstance(moment, Request):
        about: State = moment.state(origin)
        return about
    assert isinstance(moment, Call)
    function: Any = moment.callbacks[0]
    if not isinstance(moment.payload, tuple):
        return function, id(moment.payload)
    input, position, *_ = moment.payload
    return function, input - origin.of(function.__self__), position
