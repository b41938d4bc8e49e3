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


class SteadyTrace(TileTrace):
    """The same of a tile whose phases always last equally long: only starts are noted.

    Parameters
    ----------
    name, layer, order, keep
        See `TileTrace`.
    load_ps, integrate_ps, drain_ps : int
    """

    __slots__ = ("_drained", "_drains", "_integrated", "_integrates", "_loads")

    def __init__(
        self, name: str, layer: str, order: InTurn, keep: Callable[[SpanColumn], None], load_ps: int, integrate_ps: int,
        drain_ps: int,
    ) -> None:  # fmt: skip
        super().__init__(name, layer, order, keep, converts=False)
        self._load.lasts_ps, self._integrate.lasts_ps, self._drain.lasts_ps = load_ps, integrate_ps, drain_ps
        self._loads, self._integrates = self._load.starts.append, self._integrate.starts.append
        self._drains = self._drain.starts.append
        self._integrated, self._drained = load_ps, load_ps + integrate_ps

    def load(self, start: int, end: int) -> None:  # noqa: ARG002
        """Of the next MVM, in ps."""
        self._loads(start)

    def integrate(self, start: int, end: int) -> None:  # noqa: ARG002
        """Of the whole MVM."""
        self._integrates(start)

    def drain(self, start: int, end: int) -> None:  # noqa: ARG002
        """Of the next MVM that has a place at its neuron unit."""
        self._drains(start)

    def whole(self, start: int) -> None:
        """Of the next MVM, whose phases follow each other without a wait."""
        self._loads(start)
        self._integrates(start + self._integrated)
        self._drains(start + self._drained)
