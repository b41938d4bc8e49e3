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

    def load(self, number: int, start: int, end: int) -> None:  # noqa: ARG002
        """Of the MVM of this number, the next one, in ps."""
        self._load.starts.append(start)
        self._load.ends.append(end)

    def integrate(self, number: int, start: int, end: int) -> None:  # noqa: ARG002
        """Until the last plane is sampled, or of the whole MVM where that is one phase."""
        self._integrate.starts.append(start)
        self._integrate.ends.append(end)

    def convert(self, start: int, end: int) -> None:
        """Of all planes."""
        self._convert.starts.append(start)
        self._convert.ends.append(end)

    def drain(self, number: int, start: int, end: int) -> None:  # noqa: ARG002
        """Of the next MVM that has a place at its neuron unit."""
        self._drain.starts.append(start)
        self._drain.ends.append(end)


class SteadyTrace(TileTrace):
    """The same of a tile whose phases always last equally long: starts of loads, and what came later than right after.

    Parameters
    ----------
    name, layer, order, keep
        See `TileTrace`.
    load_ps, integrate_ps, drain_ps : int

    Attributes
    ----------
    whole : callable (start)
        Notes the next MVM, whose phases follow each other without a wait.
    """

    __slots__ = ("whole",)

    def __init__(
        self, name: str, layer: str, order: InTurn, keep: Callable[[SpanColumn], None], load_ps: int, integrate_ps: int,
        drain_ps: int,
    ) -> None:  # fmt: skip
        super().__init__(name, layer, order, keep, converts=False)
        self._load.lasts_ps, self._integrate.lasts_ps, self._drain.lasts_ps = load_ps, integrate_ps, drain_ps
        self._integrate.shift_ps, self._drain.shift_ps = load_ps, load_ps + integrate_ps
        self._integrate.starts = self._drain.starts = self._load.starts
        self.whole: Callable[[int], None] = self._load.starts.append

    def load(self, number: int, start: int, end: int) -> None:  # noqa: ARG002
        """Of the MVM of this number, the next one, in ps."""
        self.whole(start)

    def integrate(self, number: int, start: int, end: int) -> None:  # noqa: ARG002
        """Of the whole MVM."""
        self._note(self._integrate, number, start)

    def drain(self, number: int, start: int, end: int) -> None:  # noqa: ARG002
        """Of an MVM that has a place at its neuron unit."""
        self._note(self._drain, number, start)

    @staticmethod
    def _note(column: SpanColumn, number: int, start: int) -> None:
        waited = start - column.starts[number] - column.shift_ps
        if waited:
            column.later[number] = waited
