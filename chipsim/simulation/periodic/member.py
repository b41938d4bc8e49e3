"""`Member`: one network of a machine whose periods may be left out (rules T51 to T53, T101)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from chipsim.simulation.building.machine import Machine
from chipsim.simulation.core.jump import Jump
from chipsim.simulation.tiles.shared_block import SharedBlock
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.tiles.varying import VaryingTileServer
from chipsim.simulation.units.host import HostSink, Stream


def reason_for_all(machine: Machine, stream: Stream, kept: int) -> str | None:
    """Why a stream cannot be cut short, as far as it is known before the run (rule T53)."""
    if any(isinstance(tile, VaryingTileServer) or _varies(tile) for tile in machine.tiles):
        return "the time of an MVM depends on its values"
    if stream.in_flight >= stream.inputs:
        return "all inputs are in flight at once"
    if stream.inputs <= kept + stream.in_flight:
        return "too few inputs"
    if stream.arrivals_ps is not None:
        firsts = stream.arrivals_ps[:: stream.batch]
        gaps = [later - earlier for earlier, later in pairwise(firsts)]
        if gaps and max(gaps) - min(gaps) > 1:
            return "inputs come at random"
    return None


def _varies(tile: TileServer) -> bool:
    """Whether a block on a shared tile has MVMs of different lengths."""
    return isinstance(tile, SharedBlock) and len(tile.lengths) > 1


@dataclass(slots=True)
class Member:
    """One network of a machine.

    Attributes
    ----------
    machine : Machine
    sink : HostSink
    stream : Stream
    kept : int
        First inputs that every server must have finished before a jump, as their spans are kept.
    interval_ps : int
        Of its inputs, about; of several networks the slowest one says when states are looked at.
    why : str or None
        Why it cannot be cut short.
    jumps : list of Jump
    """

    machine: Machine
    sink: HostSink
    stream: Stream
    kept: int
    interval_ps: int = 0
    why: str | None = None
    jumps: list[Jump] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        """Whether inputs are left that are not done."""
        return len(self.sink.done) < self.sink.inputs

    @property
    def admits(self) -> bool:
        """Whether inputs are left to be admitted."""
        return len(self.sink.admitted) < self.sink.inputs

    def keeps_step(self, first: int, again: int, period_ps: int) -> bool:
        """Arrivals repeat with the period, or inputs wait at the host for longer and longer."""
        arrivals = self.sink.arrivals_ps
        if arrivals is None or first == again:
            return True
        period, admitted = again - first, self.sink.admitted
        gaps = {later - earlier for earlier, later in zip(arrivals[first:], arrivals[first + period :], strict=False)}
        waited = all(admitted[input] > arrivals[input] for input in range(first, again))
        return gaps == {period_ps} or (waited and max(gaps) <= period_ps)
