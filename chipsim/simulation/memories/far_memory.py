"""`FarMemory`: where positions go that do not fit into buffers (rules T75, T78)."""

from __future__ import annotations

from chipsim.architecture.memory_spec import GlobalMemory
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.core.origin import Origin, State
from chipsim.units import duration_ps, to_ps


class FarMemory:
    """The memory farther away: one port, and a latency.

    Attributes
    ----------
    free : int
        From when on its port is, ps.
    busy : int
        For how long it was held, ps.
    latency : int
        From the end of an access until its data is there, ps.
    """

    __slots__ = ("_rate", "busy", "clock", "free", "latency")

    def __init__(self, spec: GlobalMemory, clock: Clock) -> None:
        self.clock = clock
        self._rate, self.latency = spec.bandwidth, to_ps(spec.latency)
        self.free = self.busy = 0

    def access(self, size: int) -> tuple[int, int]:
        """Serve an access of so many bytes that is asked for now; returns from when till when it holds the port."""
        start = max(self.clock._now, self.free)
        self.free = start + duration_ps(size, self._rate)
        self.busy += self.free - start
        return start, self.free

    def state(self, origin: Origin) -> State:
        """When its port is free (rule T50)."""
        return origin.after((self.free,))
