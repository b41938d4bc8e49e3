"""`freed`: which packet's leaving a router gave each packet the space behind its link (rule T60)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.facts import Connections

Transfers = Mapping[tuple[str, int, int, int], Span]
"""Spans by link, flow, input and position."""


class _Stay(NamedTuple):
    """A packet in a buffer: its transfer there, its bytes, and the transfer of its last copy from there."""

    span: Span
    size: int
    last: Span


def freed(feeds: Connections, transfers: Transfers) -> dict[tuple[str, int], Span]:
    """The transfer by whose end there was space for a packet, where space was not there all along.

    Parameters
    ----------
    feeds : Connections
    transfers : mapping
        All of a run.

    Returns
    -------
    dict of (str, int) to Span
        By the link that the packet then takes, and when.
    """
    capacity = feeds.plan.chip.spec.router.buffer_bytes
    if capacity is None:
        return {}
    last: dict[tuple[str, int, int, int], Span] = {}
    for (name, flow, input, position), span in transfers.items():
        here = feeds.links[flow][name].before, flow, input, position
        if here not in last or (span.end_ps, span.component) > (last[here].end_ps, last[here].component):
            last[here] = span
    rooms: defaultdict[tuple[str, int], list[_Stay]] = defaultdict(list)
    for key, span in transfers.items():
        if key in last:
            channel = feeds.links[span.flow][span.component].channel
            rooms[span.component, channel].append(_Stay(span, feeds.flows[span.flow].bytes, last[key]))
    found: dict[tuple[str, int], Span] = {}
    for stays in rooms.values():
        _follow(sorted(stays, key=lambda stay: stay.span.start_ps), capacity, found)
    return found


def _follow(stays: Sequence[_Stay], capacity: int, found: dict[tuple[str, int], Span]) -> None:
    """Go through what comes into one buffer, in order."""
    there: list[_Stay] = []  # who leaves last comes first
    for stay in stays:
        used = stay.size
        for other in there:
            used += other.size
            if used > capacity:
                found[stay.span.component, stay.span.start_ps] = other.last
                break
        there = [other for other in (*there, stay) if other.last.end_ps > stay.span.start_ps]
        there.sort(key=lambda other: -other.last.end_ps)
