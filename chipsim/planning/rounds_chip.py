"""`rounds_chip`: one chip drawn once for each round of a network that is larger than it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import networkx as nx

from chipsim.architecture.chip import Chip

_GAP = 1.0


@dataclass(frozen=True, slots=True)
class RoundsChip(Chip):
    """Copies of a chip, one for each round; names of components end in ``@`` and the round's number, from 1.

    Attributes
    ----------
    rounds : int
    one : Chip or None
        The chip there is.
    """

    rounds: int = 1
    one: Chip | None = None

    def position(self, component: str) -> tuple[float, float]:
        """(x, y) on a floor plan where the rounds lie below each other."""
        x, y = self.topology.coordinates(self.site(component))
        _, mark, number = component.rpartition("@")
        lowest = max(self.topology.coordinates(site)[1] for site in range(self.topology.routers))
        return x, y + (int(number) - 1 if mark else 0) * (lowest + 1 + _GAP)


def in_round(component: str, number: int) -> str:
    """Name of a component, or of a link from one to another, in a round from 0; the host is always the same.

    Examples
    --------
    >>> in_round("tile(0,1)", 1), in_round("host->router(0,0)", 1)
    ('tile(0,1)@2', 'host->router(0,0)@2')
    """
    return "->".join(end if end == "host" else f"{end}@{number + 1}" for end in component.split("->"))


def rounds_chip(chip: Chip, rounds: int) -> RoundsChip:
    """A chip for each round."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for number in range(rounds):
        names = {name: in_round(name, number) for name in chip.graph.nodes}
        graph.update(nx.relabel_nodes(chip.graph, names))
    values = {each.name: getattr(chip, each.name) for each in fields(Chip)}

    def copies(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(in_round(name, number) for number in range(rounds) for name in names)

    values |= {
        "graph": graph,
        "tiles": copies(chip.tiles),
        "neuron_units": copies(chip.neuron_units),
        "digital_units": copies(chip.digital_units),
        "_sites": {in_round(name, n): site for n in range(rounds) for name, site in values["_sites"].items()},
        "_units": {
            in_round(tile, n): in_round(unit, n) for n in range(rounds) for tile, unit in values["_units"].items()
        },
    }
    return RoundsChip(**values, rounds=rounds, one=chip)
