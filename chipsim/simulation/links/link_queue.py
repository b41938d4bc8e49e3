"""`LinkQueue`: packets that wait for a link, and which of them it takes (rules T9c, T61, T62)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from chipsim.simulation.core.clock import Call, Clock
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.links.arbitration import LAST
from chipsim.simulation.links.packets import Hop, LinkServer, Request
from chipsim.simulation.links.rooms import Room, Stay


class RoomyHop(Hop):
    """One link of one flow's tree, with the room that its packets need behind it.

    Attributes
    ----------
    room : Room or None
        At the router behind the link; None in front of a component, which always takes what comes.
    queue : LinkQueue
        Of the link.
    channel : int
        Virtual channel of the flow on this link.
    size : int
        Bytes of a packet.
    following : list of (int, RoomyHop)
        Links behind, with the delay from one link's to the next.
    order : list of (input, position)
        What has passed, where spans are kept.
    """

    __slots__ = ("channel", "following", "order", "queue", "room", "size")

    room: Room | None
    queue: LinkQueue
    channel: int
    size: int
    following: list[tuple[int, RoomyHop]]
    order: list[tuple[int, int]]


class RoomyPacket(Request):
    """A packet on its way, which asks for every link, and the place that it still has at the router where it is.

    Attributes
    ----------
    input, position : int
        What it carries.
    key : int
        Tie order (rule T3).
    hop : RoomyHop
        The link that it asks for next.
    head, tail : int
        When its head asks for that link, and when its tail is there.
    stay : Stay or None
        None at its source.
    """

    __slots__ = ("head", "hop", "input", "key", "position", "stay", "tail")

    head: int
    tail: int
    input: int
    position: int
    key: int
    hop: RoomyHop
    stay: Stay | None

    @property
    def age(self) -> tuple[int, int]:
        """Less for what asked earlier, or in the same picosecond comes first in the tie order (rule T3)."""
        return self.head, self.key

    def state(self, origin: Origin) -> State:
        """Where it is, when its tail comes, and its place (rule T50)."""
        stay = None if self.stay is None else self.stay.state(origin)
        return id(self.hop), self.input - origin.of(self.hop), self.position, origin.after((self.tail,)), stay


Channels = dict[int, deque[RoomyPacket]]


class LinkQueue:
    """Packets that wait for a link, by input port and virtual channel.

    Parameters
    ----------
    link : LinkServer
    clock : Clock
    take : callable
        Takes a packet over the link, now.
    in_turns : bool
        Serve input ports in turn, not packets by age.
    last : bool
        Choose after other links: it leads to a component, and is asked in the picosecond in which they choose.
    """

    def __init__(
        self, link: LinkServer, clock: Clock, take: Callable[[RoomyPacket], None], *, in_turns: bool, last: bool
    ) -> None:
        self.link, self._clock, self._take = link, clock, take
        self._in_turns = in_turns
        self._ports: dict[str, Channels] = {name: {} for name in (sorted(link.ports) if self._in_turns else ("",))}
        self._turns = deque(self._ports)
        self._waiting = 0
        self._due: int | None = None
        self._priority = LAST + last

    def ask(self, packet: RoomyPacket) -> None:
        """Let a packet wait from the moment, which is now, at which its head asks for the link."""
        channels = self._ports[packet.hop.branch.port if self._in_turns else ""]
        packets = channels.setdefault(packet.hop.channel, deque())
        place = len(packets)
        while place and packets[place - 1].age > packet.age:  # asked in the same picosecond
            place -= 1
        packets.insert(place, packet)
        self._waiting += 1
        self._decide_at(max(self._clock._now, self.link.free))

    def wake(self, time: int) -> None:
        """From a time on there is more space behind the link."""
        if self._waiting:
            self._decide_at(max(time, self.link.free))

    def state(self, origin: Origin) -> State:
        """Who waits, and whose turn is next (rule T50)."""
        waiting = [
            (name, channel, *(packet.state(origin) for packet in packets))
            for name, channels in self._ports.items()
            for channel, packets in sorted(channels.items())
            if packets
        ]
        return tuple(self._turns), tuple(waiting)

    def _decide_at(self, time: int) -> None:
        """Choose at a time, after all requests of that picosecond, unless that is done earlier anyway."""
        if self._due is None or time < self._due:
            self._due = time
            self._clock.at(time, self._priority, self._decide, self)

    def _decide(self, call: Call) -> None:  # noqa: ARG002
        now = self._clock._now
        if now != self._due:
            return  # it was done earlier
        self._due = None
        packet = self._choose(now)
        if packet is not None:
            self._waiting -= 1
            self._take(packet)
            if self._waiting:
                self._decide_at(self.link.free)
            return
        rooms = (packets[0].hop.room for channels in self._ports.values() for packets in channels.values() if packets)
        changes = [time for room in rooms if room is not None and (time := room.next_change()) is not None]
        if changes:
            self._decide_at(min(changes))

    def _choose(self, now: int) -> RoomyPacket | None:
        """Take a packet out of its queue: of each channel only the first may go, and only if there is room for it."""
        for turn, name in enumerate(self._turns):
            able = [packets for packets in self._ports[name].values() if packets and _fits(packets[0], now)]
            if able:
                self._turns.rotate(-turn - 1)
                return min(able, key=lambda packets: packets[0].age).popleft()
        return None


def _fits(packet: RoomyPacket, now: int) -> bool:
    room = packet.hop.room
    return room is None or room.has(packet.hop.size, now)
