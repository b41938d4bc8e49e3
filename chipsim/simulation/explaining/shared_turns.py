"""`SharedTurns`: who used what before, on tiles that are shared (rules T71, T72)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from chipsim.architecture.spec import Tile
from chipsim.errors import MappingError
from chipsim.mapping.plan import PlacedBlock, Plan
from chipsim.simulation.core.timeline import Span

_KINDS = {"load": "load port", "convert": "converters", "mvm": "converters", "drain": "output port"}


@dataclass(slots=True)
class SharedTurns:
    """The order in which shared servers worked.

    Attributes
    ----------
    places : dict of str to PlacedBlock
        Blocks on shared tiles, by name.
    before : dict of Span to Span
        What a port or converters did before something.
    turns : dict of Span to (str, int)
        Of a load: its array, and which turn on it.
    loads : dict of (str, int) to Span
        The other way round.
    """

    places: dict[str, PlacedBlock]
    before: dict[Span, Span] = field(default_factory=dict)
    turns: dict[Span, tuple[str, int]] = field(default_factory=dict)
    loads: dict[tuple[str, int], Span] = field(default_factory=dict)


def shared_turns(plans: Sequence[Plan], spans: Iterable[Span], spilling: Collection[str] = ()) -> SharedTurns:
    """Sort what shared servers did.

    Parameters
    ----------
    plans : sequence of Plan
        Of all networks on the chip.
    spans : iterable of Span
        Of a full trace.
    spilling : collection of str
        Tiles with buffers that spill, which work as shared ones do (rule T75).

    Raises
    ------
    MappingError
        If arrays share converters that convert planes between each other's, which spans do not show.
    """
    tile = plans[0].chip.spec.tile
    shared = {*spilling, *(name for plan in plans for name in plan.shared_tiles)}
    found = SharedTurns({placed.name: placed for plan in plans for placed in plan.blocks if placed.tile in shared})
    if not found.places:
        return found
    _check_planes(tile, found)
    servers: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        placed = found.places.get(span.component)
        if placed is not None and span.activity in _KINDS:
            servers[_server(tile, placed, _KINDS[span.activity])].append(span)
            if span.activity == "load":
                servers[placed.array].append(span)
    arrays = {placed.array for placed in found.places.values()}
    for name, work in servers.items():
        work.sort(key=lambda span: span.start_ps)
        if name in arrays:
            found.turns |= {span: (name, turn) for turn, span in enumerate(work)}
            found.loads |= {(name, turn): span for turn, span in enumerate(work)}
        else:
            found.before |= dict(zip(work[1:], work, strict=False))
    return found


def _server(tile: Tile, placed: PlacedBlock, kind: str) -> str:
    number = 0
    if kind == "converters":
        number = placed.crossbar // tile.adc.crossbars_per_adc
    elif kind == "output port" and tile.output_ports == "per-crossbar":
        number = placed.crossbar
    return f"{placed.tile} {kind} {number}"


def _check_planes(tile: Tile, found: SharedTurns) -> None:
    arrays = {(placed.tile, placed.crossbar) for placed in found.places.values()}
    groups = {(where, crossbar // tile.adc.crossbars_per_adc) for where, crossbar in arrays}
    if tile.sample_and_hold and tile.dac.planes > 1 and len(groups) < len(arrays):
        raise MappingError(
            "explaining arrays that share converters (tile.adc.crossbars_per_adc) and convert plane by plane "
            "(tile.sample_and_hold) is not supported: explain a plan with one array to a set of converters"
        )
