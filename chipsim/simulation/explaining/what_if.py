"""`what_if`: throughput and latency with one component faster, or one copy more of the slowest layer, by simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from chipsim.errors import CapacityError
from chipsim.mapping.more_copies import with_more_copies
from chipsim.mapping.placement import in_groups, place
from chipsim.mapping.plan import LayerPlan, Plan
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.explaining.faster import faster_chips, in_words
from chipsim.simulation.steady import steady_interval_ps
from chipsim.simulation.tiles.pace import position_interval_ps
from chipsim.simulation.tiles.varying import ConversionCounts
from chipsim.units import PS_PER_S, from_ps

IN_ORDER = "in-order"
FEWEST_INPUTS, MOST_INPUTS = 8, 64
MOST_MVMS = 50_000
"""Tile-MVMs that a what-if run is allowed before it makes do with fewer inputs: about a second."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The inputs that each variant is simulated with."""

    inputs: int
    batch: int = 1
    drain: bool = False
    counts: Mapping[str, ConversionCounts] | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """A chip with something changed.

    Attributes
    ----------
    what : str
        The component that is faster, or the layer that has one copy more; empty for the chip as it is.
    change : str
        In words: the fields and the factor, or the copies.
    fields : tuple of str
        Dotted paths of what is changed in the architecture.
    throughput_inputs_per_s : float or None
        None below four inputs, and where it cannot be built.
    latency_s : float or None
        Of one input on an empty chip; None where it cannot be built.
    busiest : str
        The component that is busy for longest; empty where it cannot be built.
    """

    what: str
    change: str
    fields: tuple[str, ...]
    throughput_inputs_per_s: float | None
    latency_s: float | None
    busiest: str = ""


def what_if(plan: Plan, stream: Stream, faster: float, progress: Callable[[int, int], None]) -> list[Variant]:
    """Simulate each variant; the chip as it is comes first, the others by their gain.

    Parameters
    ----------
    plan : Plan
    stream : Stream
    faster : float
        How many times as fast each component is to be, greater than zero.
    progress : callable
        Told how many simulations are done, and of how many.
    """
    changed = list(faster_chips(plan.chip.spec, faster))
    total = 2 + len(changed)
    progress(0, total)
    today = _simulated("", "", (), plan, stream)
    found = []
    for done, (what, fields, chip) in enumerate(changed, start=1):
        progress(done, total)
        found.append(_simulated(what, in_words(fields, faster), fields, replace(plan, chip=chip), stream))
    progress(total - 1, total)
    found += _one_copy_more(plan, stream)
    return [today, *sorted(found, key=worth)]


def worth(variant: Variant) -> tuple[float, float]:
    """Its place among others: the greatest throughput first, then the least latency."""
    return -(variant.throughput_inputs_per_s or 0.0), variant.latency_s or float("inf")


def _simulated(what: str, change: str, fields: tuple[str, ...], plan: Plan, stream: Stream) -> Variant:
    outcome = simulate_chip(plan, stream.inputs, stream.batch, drain=stream.drain, counts=stream.counts)
    return variant_of(what, change, fields, outcome, stream.batch)


def variant_of(what: str, change: str, fields: tuple[str, ...], outcome: ChipOutcome, batch: int) -> Variant:
    """What a simulation says of a variant; see `Variant` for the parameters."""
    interval = steady_interval_ps(outcome.done_ps, batch, outcome.admitted_ps)
    alone = outcome.latency_alone_ps
    latency = outcome.done_ps[0] - outcome.released_ps[0] if alone is None else alone
    busy = outcome.timeline.busy_ps
    busiest = max(busy, key=lambda name: (busy[name], name))
    return Variant(what, change, fields, PS_PER_S / interval if interval else None, from_ps(latency), busiest)


def _one_copy_more(plan: Plan, stream: Stream) -> Iterator[Variant]:
    if stream.counts:  # what a copy's conversions would take is not known
        return
    copy = one_copy_more(plan)
    if copy is None:
        return
    try:
        yield _simulated(copy.what, copy.change, (), copy.on(plan), stream)
    except CapacityError:
        yield Variant(copy.what, f"{copy.change}: no room", (), None, None)


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy more of a layer.

    Attributes
    ----------
    layer : str
    copies : int
        That it has then.
    """

    layer: str
    copies: int

    @property
    def what(self) -> str:
        """What there is more of."""
        return f"layer {self.layer}"

    @property
    def change(self) -> str:
        """In words."""
        return f"{self.copies} copies instead of {self.copies - 1}"

    def on(self, plan: Plan) -> Plan:
        """All blocks in order afresh where they are in order, else the new ones where tiles are free.

        Raises
        ------
        CapacityError
            If there is no room.
        """
        if plan.chip.spec.mapping.strategy != IN_ORDER:
            return with_more_copies(plan, {self.layer: self.copies})
        copies = {name: each.replicas for name, each in plan.layers.items()}
        return place(plan.network, plan.chip, copies | {self.layer: self.copies})


def one_copy_more(plan: Plan) -> Copy | None:
    """Of the slowest layer, by the estimate that ``--replicas balanced`` goes by; None where it can have no more."""
    spec = plan.chip.spec

    def per_input(layer: LayerPlan) -> float:
        return layer.layer.positions * position_interval_ps(spec, layer) / layer.replicas

    if not plan.layers:
        return None
    slowest = max(plan.layers, key=lambda name: per_input(plan.layers[name]))
    before = plan.layers[slowest].replicas
    if before == plan.layers[slowest].layer.positions or slowest in in_groups(plan.network):
        return None
    return Copy(slowest, before + 1)
