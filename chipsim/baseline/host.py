"""`HostLink`: inputs in, outputs out, each direction with the full bandwidth (rules B2, B17)."""

from __future__ import annotations

from chipsim.architecture.spec import Host
from chipsim.units import duration_ps, to_ps


class HostLink:
    """Times on the host link; each direction belongs to one flow, so it needs no events of its own.

    Attributes
    ----------
    latency_ps : int
        Between the last byte's leaving and its arrival; the link is free meanwhile.
    in_ps, out_ps : int
        Busy time so far, each way.
    free_out_ps : int
        When the last output has left.
    """

    def __init__(self, host: Host) -> None:
        self.rate = host.bandwidth
        self.latency_ps = to_ps(host.latency)
        self.in_ps = self.out_ps = self.free_out_ps = 0
        self._ends: dict[tuple[int, int], list[int]] = {}

    def receive(self, count: int, size: int) -> list[int]:
        """Ends of ``count`` inputs of ``size`` bytes each that start now, in picoseconds from now."""
        ends = self._ends_of(count, size)
        self.in_ps += ends[-1]
        return ends

    def send(self, now: int, count: int, size: int) -> list[int]:
        """When each of ``count`` outputs of ``size`` bytes is at the host; they start when the link is free."""
        start = max(now, self.free_out_ps)
        ends = self._ends_of(count, size)
        self.out_ps += ends[-1]
        self.free_out_ps = start + ends[-1]
        return [start + end + self.latency_ps for end in ends]

    def _ends_of(self, count: int, size: int) -> list[int]:
        if (count, size) not in self._ends:
            self._ends[count, size] = [duration_ps((index + 1) * size, self.rate) for index in range(count)]
        return self._ends[count, size]
