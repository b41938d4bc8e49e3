"""`TileTrace`: when the phases of a tile's first MVMs were."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.simulation.core.timeline import InTurn, SpanColumn


class TileTrace:
    """Takes the start and the end of every phase.

    Parameters
    ----------
    name, layer : str
    order : InTurn
        What it executes.
    keep : callable
        Given the columns, one for each phase.
    converts : bool
        Integrate and convert are two phases.
    """

    __slots__ = ("_convert", "_drain", "_integrate", "_load")

    def __init__(
        self, name: str, layer: str, order: InTurn, keep: Callable[[SpanColumn], None], *,
        converts: bool,
    ) -> None:  # fmt: skip
        self._load, self._integrate, self._convert, self._drain = (
            SpanColumn(name, activity, layer, order)
            for activity in ("load", "integrate" if converts else "mvm", "convert", "drain")
        )
        for column in (self._load, self._integrate, self._convert, self._drain):
            keep(column)

    def load(self, start: int, end: int) -> None:
        """Of the next MVM, in ps."""
        self._load.starts.append(start)
        self._load.ends.append(end)

    def integrate(self, start: int, end: int) -> None:
        """Until the last plane is sampled, or of the whole MVM where that is one phase."""
        self._integrate.starts.append(start)
        self._integrate.ends.append(end)

    def convert(self, start: int, end: int) -> None:
        """Of all planes."""
        self._convert.starts.append(start)
        self._convert.ends.append(end)

    def drain(self, start: int, end: int) -> None:
        """Of the next MVM that has a place at its neuron unit."""
        self._drain.starts.append(start)
        self._drain.ends.append(end)

    def whole(self, loads: int, integrates: int, drains: int, ends: int) -> None:
        """Of the next MVM, whose phases followed each other without a wait: when each began, and its end."""
        self.load(loads, integrates)
        self.integrate(integrates, drains)
        self.drain(drains, ends)
