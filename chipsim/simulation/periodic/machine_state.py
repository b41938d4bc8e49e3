"""`MachineState`: everything that decides what a machine does next, so that two moments can be compared (rule T50)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from chipsim.simulation.building.machine import Machine
from chipsim.simulation.core.clock import Call, Moment
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.links.packets import Packet
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


def progress_of(machine: Machine, sink: HostSink, origin: Origin) -> State:
    """The state but for the gates: quickly made.

    Parameters
    ----------
    machine : Machine
        Between two events.
    sink : HostSink
    origin : Origin
    """
    servers = (sink, *machine.hosts, *machine.tiles, *machine.neurons, *machine.reductions, *machine.digital,
               machine.interconnect, *(() if machine.memory is None else (machine.memory,)))  # fmt: skip
    input_key = origin.input * machine.order.input_key
    events = [
        (time - origin.now_ps, priority - input_key if isinstance(moment, Packet) else None, *_about(moment, origin))
        for time, priority, moment in machine.clock.pending()
    ]
    return *[server.state(origin) for server in servers], tuple(events)


def state_of(machine: Machine, sink: HostSink, origin: Origin) -> MachineState:
    """The whole state; see `progress_of`."""
    digest = blake2b(digest_size=32)
    for gate in machine.gates:
        digest.update(gate.state(origin))
    return MachineState(progress_of(machine, sink, origin), digest.digest())


def _about(moment: Moment, origin: Origin) -> State:
    """What a pending event is about, apart from its time."""
    if isinstance(moment, Packet):
        about: State = moment.state(origin)
        return about
    assert isinstance(moment, Call)
    function = moment.callbacks[0]
    if not isinstance(moment.payload, tuple):
        return function, id(moment.payload)
    input, position, *_ = moment.payload
    return function, input - origin.input, position
