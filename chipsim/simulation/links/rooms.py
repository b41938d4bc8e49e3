"""`Room`: the buffer of one virtual channel at an input port of a router, and `Stay`, a packet's place in it (T60)."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from chipsim.simulation.core.origin import Origin, State


class Room:
    """A buffer behind a link. Who has left it for good is known before it has, so space comes back at known times.

    Parameters
    ----------
    size : int
        Bytes.
    wake : callable (time)
        Told from when on there is more space than was known of.
    """

    __slots__ = ("_leaving", "_wake", "free", "size")

    def __init__(self, size: int, wake: Callable[[int], None]) -> None:
        self.size = self.free = size
        self._wake = wake
        self._leaving: list[tuple[int, int]] = []  # a heap of (time, bytes)

    def has(self, size: int, now: int) -> bool:
        """Whether there is space for so many bytes."""
        leaving = self._leaving
        while leaving and leaving[0][0] <= now:
            self.free += heappop(leaving)[1]
        return size <= self.free

    def next_change(self) -> int | None:
        """When space comes back next, as far as known; ask after `has`."""
        return self._leaving[0][0] if self._leaving else None

    def give_back(self, time: int, size: int) -> None:
        """Note that a packet will have left at a time."""
        heappush(self._leaving, (time, size))
        self._wake(time)

    def state(self, origin: Origin) -> State:
        """Space, and what comes back (rule T50)."""
        now = origin.now_ps
        free = self.free + sum(size for time, size in self._leaving if time <= now)
        return free, *sorted((time - now, size) for time, size in self._leaving if time > now)


class Stay:
    """A packet's place in a room, kept until the tail of its last copy has left.

    Attributes
    ----------
    copies : int
        That have not entered their links yet.
    latest : int
        When the last tail of the others leaves, ps.
    """

    __slots__ = ("_room", "_size", "copies", "latest")

    def __init__(self, room: Room, size: int, copies: int) -> None:
        room.free -= size
        self._room, self._size, self.copies, self.latest = room, size, copies, 0

    def leave(self, time: int) -> None:
        """The tail of one copy leaves at a time."""
        self.copies -= 1
        self.latest = max(self.latest, time)
        if not self.copies:
            self._room.give_back(self.latest, self._size)

    def state(self, origin: Origin) -> State:
        """What is still here (rule T50)."""
        return self.copies, *origin.after((self.latest,))
