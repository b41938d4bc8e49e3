"""`Sender`: what a neuron unit, a digital unit and the host share: a result goes out once there is space for it."""

from __future__ import annotations

from collections.abc import Sequence

from chipsim.simulation.core.clock import COMPLETION, Call
from chipsim.simulation.core.gate import Credit, EdgeSink
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.links.packets import Flow


class Outlet:
    """Where a source's positions go.

    Attributes
    ----------
    flows : list of sequence of Flow, length positions
        The packets of each position, in tie order.
    kinds : sequence of sequence of Flow
        The same, once for all positions whose packets go the same ways.
    credits : list of Credit
        One for each bounded buffer at a destination.
    ends : EdgeSink or None
        Told of every result instead, where nobody reads one (rule T93).
    guarded : bool
        Ways merge before every sink.
    in_turn : bool
        The port is used for other packets, too (rules T78, T79).
    """

    __slots__ = ("credits", "ends", "flows", "guarded", "in_turn", "interconnect", "kinds")

    def __init__(self, interconnect: Interconnect, positions: int) -> None:
        self.interconnect = interconnect
        self.flows: list[Sequence[Flow]] = [()] * positions
        self.kinds: Sequence[Sequence[Flow]] = ()
        self.credits: list[Credit] = []
        self.ends: EdgeSink | None = None
        self.guarded = self.in_turn = False

    def lay(self, flows: list[Sequence[Flow]], kinds: Sequence[Sequence[Flow]]) -> None:
        """Say which packets a position has."""
        self.flows, self.kinds = flows, kinds

    def space(self, input: int, position: int) -> int | None:
        """When space is reserved at every destination; None while not known."""
        if not self.credits:
            return 0
        latest = 0
        for credit in self.credits:
            time = credit.time(input, position)
            if time is None:
                return None
            if time > latest:
                latest = time
        return latest

    def dispatch(self, input: int, position: int, time: int) -> None:
        """Send the packets of a position when its result is there, now or later."""
        if self.guarded:
            for flow in self.flows[position]:
                self.interconnect.send(flow, input, position, time)
        elif self.ends is not None:
            self.ends.arrive(input, position, time)
        elif self.in_turn:
            for flow in self.flows[position]:
                self.interconnect.send_in_turn(flow, input, position, time)
        else:
            self.interconnect.clock.at(time, COMPLETION, self._send_now, (input, position, time))

    def _send_now(self, call: Call) -> None:
        self.send(*call.payload)

    def send(self, input: int, position: int, time: int) -> None:
        """Hand the packets of a position to the interconnect, at a time that is not in the past."""
        for flow in self.flows[position]:
            self.interconnect.send(flow, input, position, time)


def close_together(outlets: Sequence[Outlet], *, in_turn: bool) -> None:
    """Call for the outlets of one component, which share its port, once all flows are laid.

    Where ways merge before every sink, a packet meets an event there, and handing it over needs none of its own. All
    outlets of a port do so or none does: packets must come to the port in the order of their times. With ``in_turn``
    others use the port, and order is decided there.
    """
    flows = {flow for outlet in outlets for kind in outlet.kinds for flow in kind}
    guarded = not in_turn and all(flow.meets_event for flow in flows)
    for outlet in outlets:
        outlet.in_turn = in_turn
        outlet.guarded = guarded and outlet.ends is None
