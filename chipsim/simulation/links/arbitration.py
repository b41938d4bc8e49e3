"""`RoundRobin`: a link that is wanted by several input ports of its router takes them in turn (rule T9c)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from chipsim.simulation.core.clock import Call, Clock
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.links.packets import Coming, Inlet, LinkServer, state_of_packet

LAST = 2**200
"""Priority after every request of a picosecond: inputs x layers x positions are far fewer."""


class RoundRobin:
    """Keeps packets waiting, in a queue for each input port, until their link takes them.

    Parameters
    ----------
    clock : Clock
    serve : callable
        Takes a packet over its link, at the moment that its first number says.
    """

    def __init__(self, clock: Clock, serve: Callable[[Coming], None]) -> None:
        self.clock, self._serve = clock, serve
        self._queues: dict[LinkServer, _InputPorts] = {}

    def ask(self, inlet: Inlet) -> None:
        """Let a packet wait for its link, from the moment at which its head asks for it."""
        packet = inlet.take(self.clock.queue)
        branch = packet[4].branch
        ports = self._queues.get(branch.link)
        if ports is None:
            ports = self._queues[branch.link] = _InputPorts(branch.link)
        ports.waiting[branch.port].append(packet)
        if not ports.deciding:
            ports.deciding = True
            self._decide(ports)

    def state(self, origin: Origin) -> State:
        """Who waits where, and whose turn is next (rule T50)."""
        return tuple([ports.state(origin) for ports in self._queues.values()])

    def _decide(self, ports: _InputPorts) -> None:
        """Choose when the link is free, after all requests of that picosecond.

        A port to a component has no delay before it, so that packets may ask for it in the picosecond in which
        links take them: such ports choose after all links.
        """
        link = ports.link
        self.clock.at(max(self.clock._now, link.free), LAST if link.delay else LAST + 1, self._take, ports)

    def _take(self, call: Call) -> None:
        ports: _InputPorts = call.payload
        self._serve((self.clock._now, *ports.next()[1:]))
        ports.deciding = any(ports.waiting.values())
        if ports.deciding:
            self._decide(ports)


class _InputPorts:
    """Packets that wait for one link, by what they come over.

    Attributes
    ----------
    waiting : dict of str to deque of Coming
        In the order of names; a queue's packets are in the order of their requests.
    deciding : bool
        It is settled when the link chooses next.
    """

    def __init__(self, link: LinkServer) -> None:
        self.link = link
        self.waiting: dict[str, deque[Coming]] = {name: deque() for name in sorted(link.ports)}
        self.deciding = False
        self._turns = deque(self.waiting)

    def state(self, origin: Origin) -> State:
        """Who waits, and whose turn is next (rule T50)."""
        packets = [tuple([state_of_packet(packet, origin) for packet in queue]) for queue in self.waiting.values()]
        return id(self), self.deciding, tuple(self._turns), *packets

    def next(self) -> Coming:
        """The first packet of the next port in turn that has one."""
        while not self.waiting[self._turns[0]]:
            self._turns.rotate(-1)
        packet = self.waiting[self._turns[0]].popleft()
        self._turns.rotate(-1)
        return packet
