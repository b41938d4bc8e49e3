"""`trace_loading`: what writing tiles waits for; `writing_path`, `writing_waits`: its critical path and all of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from chipsim.architecture.chip import Chip
from chipsim.errors import ConsistencyError
from chipsim.mapping.plan import Plan
from chipsim.simulation.core.timeline import Span, SpanColumn
from chipsim.simulation.explaining.connections import note_links
from chipsim.simulation.explaining.critical_path import Segment
from chipsim.simulation.explaining.facts import Link
from chipsim.simulation.explaining.terms import INPUT, LINK, TILE, TURN, WRITTEN
from chipsim.simulation.explaining.waits import Wait, kind_on
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.loading import Loading, TileLoading, Writes, simulate_loading

PROGRAM, WEIGHTS = "program", "weights"
"""Activities: of a tile whose cells are written, and of a link over which weights travel there."""


@dataclass(slots=True)
class TracedLoading:
    """A writing with full trace; blocks are in plan order, and each has a flow of its number.

    Attributes
    ----------
    loading : Loading
    chip : Chip
    layers : list of str
        Of each block.
    stores : bool
        Whether routers pass a packet on once all of it is there (T9b).
    links : list of dict of str to Link
        Of each flow: its links, from the host on.
    transfers : dict of (str, int) to Span
        By link and flow.
    before : dict of (str, int) to Span
        What a link did before what it starts at a time.
    """

    loading: Loading
    chip: Chip
    layers: list[str]
    stores: bool
    links: list[dict[str, Link]] = field(default_factory=list)
    transfers: dict[tuple[str, int], Span] = field(default_factory=dict)
    before: dict[tuple[str, int], Span] = field(default_factory=dict)

    def head_ps(self, span: Span) -> int:
        """When a packet asks for a link (T9, T9b)."""
        link = self.links[span.flow][span.component]
        if not link.before:
            return 0
        before = self.transfers[link.before, span.flow]
        at = before.end_ps if self.stores else before.start_ps
        return at + self.links[span.flow][link.before].latency_ps + link.delay_ps


def trace_loading(plan: Plan, writes: Mapping[str, Writes]) -> TracedLoading:
    """Simulate with full trace; see `chipsim.simulation.loading.simulate_loading` for the parameters."""
    columns: list[SpanColumn] = []
    watched: list[Interconnect] = []

    def watch(interconnect: Interconnect) -> None:
        watched.append(interconnect)
        interconnect.trace_inputs(1, columns.append)

    loading = simulate_loading(plan, writes, watch=watch)
    layers = [name for name, layer in plan.layers.items() for _ in layer.stored_blocks]
    found = TracedLoading(loading, plan.chip, layers, plan.chip.spec.router.switching == "store-and-forward")
    for flow in watched[0].flows:
        found.links.append({})
        note_links(found.links[-1], flow, flow.tree, "", {}, {}, {})
    of_link: defaultdict[str, list[Span]] = defaultdict(list)
    for span in (span for column in columns for span in column.spans()):
        found.transfers[span.component, span.flow] = span
        of_link[span.component].append(span)
    for name, spans in of_link.items():
        spans.sort(key=lambda span: span.start_ps)
        found.before |= {(name, later.start_ps): earlier for earlier, later in pairwise(spans)}
    return found


def writing_path(traced: TracedLoading, input: int) -> list[Segment]:
    """The critical path of a writing, from its beginning at zero to the end of the last tile.

    Parameters
    ----------
    traced : TracedLoading
    input : int
        For whose sake.

    Raises
    ------
    ConsistencyError
        If something did not begin when what it waits for was there.
    """
    tiles = traced.loading.tiles
    block = max(range(len(tiles)), key=lambda number: tiles[number].end_ps)
    cause, back = WRITTEN, list[Segment]()
    while True:
        tile = tiles[block]
        back.append(
            Segment(tile.tile, PROGRAM, traced.layers[block], input, 0, tile.start_ps, tile.end_ps, cause)
        )  # fmt: skip
        cause, before = _begins(tiles, block)
        if before is None:
            break
        block = before
    back += _way_back(traced, block, input)
    return back[::-1]


def _begins(tiles: tuple[TileLoading, ...], block: int) -> tuple[str, int | None]:
    """Why a block is not written earlier, and which other one's end it waited for."""
    mine = tiles[block]
    if mine.start_ps == mine.arrived_ps:
        return INPUT, None
    ended = [number for number, other in enumerate(tiles) if other.end_ps == mine.start_ps]
    if not ended:
        raise ConsistencyError(f"writing {mine.tile} begins at {mine.start_ps} ps for no reason; please report this")
    on_tile = [number for number in ended if tiles[number].tile == mine.tile]
    return (TILE, on_tile[0]) if on_tile else (TURN, ended[0])


def _way_back(traced: TracedLoading, flow: int, input: int) -> Iterator[Segment]:
    """Segments from the arrival of a block's weights back to zero (T8, T9)."""
    name, cause = next(reversed(traced.links[flow])), INPUT
    time, at_end = traced.loading.tiles[flow].arrived_ps, True
    layer = traced.layers[flow]

    def leg(component: str, activity: str, ps: int) -> Iterator[Segment]:
        nonlocal time
        if ps:
            yield Segment(component, activity, layer, input, 0, time - ps, time, cause)
            time -= ps

    yield from leg(name, "latency", traced.links[flow][name].latency_ps)
    while True:
        link, span = traced.links[flow][name], traced.transfers[name, flow]
        if at_end and span.end_ps == span.start_ps + link.serialisation_ps:
            yield Segment(name, WEIGHTS, layer, input, 0, span.start_ps, span.end_ps, cause)
            time, at_end = span.start_ps, False
        if not at_end and span.start_ps != traced.head_ps(span):
            before = traced.before.get((name, span.start_ps))
            if before is None or before.end_ps != span.start_ps:
                raise ConsistencyError(f"weights take {name} at {span.start_ps} ps for no reason; please report this")
            flow, at_end, cause, layer = before.flow, True, LINK, traced.layers[before.flow]
            continue
        if not link.before:
            return
        cause = INPUT
        yield from leg(link.router, "route", link.delay_ps)
        yield from leg(link.before, "latency", traced.links[flow][link.before].latency_ps)
        name, at_end = link.before, at_end or traced.stores


def writing_waits(traced: TracedLoading) -> list[Wait]:
    """How long weights and tiles waited in a writing, by layer, activity and cause; see `waits`.

    A tile, a link, has nothing to do from the beginning of the writing on.
    """
    found: dict[tuple[str, str, str, str], Wait] = {}
    _count_links(traced, found)
    written: dict[str, int] = {}
    tiles = traced.loading.tiles
    for number in sorted(range(len(tiles)), key=lambda number: (tiles[number].start_ps, number)):
        tile, (cause, _) = tiles[number], _begins(tiles, number)
        wait = _of(found, traced.layers[number], "tile", PROGRAM, cause)
        wait.count += 1
        wait.busy_ps += tile.end_ps - tile.start_ps
        wait.work_ps += tile.start_ps - tile.arrived_ps
        wait.server_ps += tile.start_ps - written.get(tile.tile, 0)
        written[tile.tile] = tile.end_ps
    return list(found.values())


def _count_links(traced: TracedLoading, found: dict[tuple[str, str, str, str], Wait]) -> None:
    for (name, flow), span in traced.transfers.items():
        head, before = traced.head_ps(span), traced.before.get((name, span.start_ps))
        kind = kind_on(traced.chip, name)
        wait = _of(found, traced.layers[flow], kind, WEIGHTS, INPUT if head == span.start_ps else LINK)
        wait.count += 1
        wait.busy_ps += span.end_ps - span.start_ps
        wait.work_ps += span.start_ps - head
        wait.server_ps += span.start_ps - (0 if before is None else before.end_ps)


def _of(found: dict[tuple[str, str, str, str], Wait], *key: str) -> Wait:
    layer, kind, activity, cause = key
    return found.setdefault((layer, kind, activity, cause), Wait(layer, kind, activity, cause))
