"""`what_if`: throughput and latency with one component faster, or one copy more of the slowest layer, by simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from chipsim.architecture.chip import build_chip
from chipsim.architecture.grid_spec import Grid, Shape
from chipsim.architecture.link_spec import CustomLink, LinkChanges
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import CapacityError
from chipsim.mapping.more_copies import with_more_copies
from chipsim.mapping.placement import in_groups, place
from chipsim.mapping.plan import LayerPlan, Plan
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.outcome import steady_interval_ps
from chipsim.simulation.tiles.pace import position_interval_ps
from chipsim.simulation.tiles.varying import ConversionCounts
from chipsim.units import PS_PER_S, from_ps

_PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("array and ADC", ("tile.mvm_latency",)),
    ("array", ("tile.dac.time_per_lsb",)),
    ("ADC", ("tile.adc.conversion_time", "tile.adc.cycle_time")),
    ("tile buffer", ("tile.buffer.bandwidth",)),
    ("control unit", ("control_unit.issue_time",)),
    ("tile output", ("tile.output_bandwidth",)),
    ("neuron unit", ("neuron_unit.rate", "neuron_unit.latency", "neuron_unit.hop_latency")),
    ("digital unit", ("digital_unit.rate", "digital_unit.latency")),
    ("global memory", ("global_memory.bandwidth", "global_memory.latency")),
    ("link bandwidth", ("link.bandwidth",)),
    ("link and router delay", ("link.latency", "router.delay")),
    ("adders in routers", ("router.adder.rate",)),
    ("buffers in routers", ("router.buffer",)),
    ("host", ("host.bandwidth", "host.latency")),
)
IN_ORDER = "in-order"
_RATES = ("bandwidth", "rate", "router.buffer")
"""Fields that are more where the component is faster, or holds more."""
AnySection = TypeVar("AnySection", bound=BaseModel)
AnyShape = TypeVar("AnyShape", bound=Shape)
AnyLink = TypeVar("AnyLink", bound=LinkChanges)


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
    changed = list(_faster_plans(plan, faster))
    total = 2 + len(changed)
    progress(0, total)
    today = _simulated("", "", (), plan, stream)
    found = []
    for done, (what, fields, variant) in enumerate(changed, start=1):
        progress(done, total)
        found.append(_simulated(what, _in_words(fields, faster), fields, variant, stream))
    progress(total - 1, total)
    found += _one_copy_more(plan, stream)
    return [today, *sorted(found, key=_gain)]


def _gain(variant: Variant) -> tuple[float, float]:
    return -(variant.throughput_inputs_per_s or 0.0), variant.latency_s or float("inf")


def _simulated(what: str, change: str, fields: tuple[str, ...], plan: Plan, stream: Stream) -> Variant:
    outcome = simulate_chip(plan, stream.inputs, stream.batch, drain=stream.drain, counts=stream.counts)
    interval = steady_interval_ps(outcome.done_ps, stream.batch)
    alone = outcome.latency_alone_ps
    latency = outcome.done_ps[0] - outcome.released_ps[0] if alone is None else alone
    busy = outcome.timeline.busy_ps
    busiest = max(busy, key=lambda name: (busy[name], name))
    return Variant(what, change, fields, PS_PER_S / interval if interval else None, from_ps(latency), busiest)


def _faster_plans(plan: Plan, faster: float) -> Iterator[tuple[str, tuple[str, ...], Plan]]:
    spec = plan.chip.spec
    for what, paths in _PARTS:
        used = tuple(path for path in paths if isinstance(value := _value(spec, path), int | float) and value)
        if what == "buffers in routers" and faster < 1:
            continue  # they might not hold a packet
        if spec.tile.mvm_latency is not None and what in ("array", "ADC"):
            continue
        if used:
            yield what, used, replace(plan, chip=build_chip(faster_spec(spec, used, faster)))


def _in_words(paths: tuple[str, ...], faster: float) -> str:
    return ", ".join(f"{path} {'x' if path.endswith(_RATES) else '/'} {faster:g}" for path in paths)


def _value(spec: InMemorySpec, path: str) -> Any:
    found: Any = spec
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def faster_spec(spec: InMemorySpec, paths: Sequence[str], faster: float) -> InMemorySpec:
    """An architecture with some fields faster: rates and bandwidths so many times as high, times as short.

    Examples
    --------
    >>> from chipsim.architecture.loader import load_spec
    >>> spec = load_spec("hermes64")
    >>> faster_spec(spec, ["tile.mvm_latency"], 2).tile.mvm_latency / spec.tile.mvm_latency
    0.5
    """
    for path in paths:
        spec = _set(spec, path.split("."), _scaled(_value(spec, path), path, faster))
        section, name = path.split(".")[0], path.split(".")[-1]
        if section == "link":
            spec = spec.model_copy(update={"grid": _grid(spec.grid, name, faster)})
    return spec


def _scaled(value: float, path: str, faster: float) -> float:
    return value * faster if path.endswith(_RATES) else value / faster


def _set(section: AnySection, names: list[str], value: float) -> AnySection:
    if len(names) > 1:
        inner = _set(getattr(section, names[0]), names[1:], value)
        return section.model_copy(update={names[0]: inner})
    return section.model_copy(update={names[0]: value})


def _grid(grid: Grid, name: str, faster: float) -> Grid:
    """Links that are not like the others are faster, too."""
    levels = [level.model_copy(update={"link": _link(level.link, name, faster)}) for level in grid.levels]
    return _shape(grid, name, faster).model_copy(
        update={"levels": tuple(_shape(level, name, faster) for level in levels)}
    )


def _shape(shape: AnyShape, name: str, faster: float) -> AnyShape:
    links = [_link(entry, name, faster) if isinstance(entry, CustomLink) else entry for entry in shape.links]
    return shape.model_copy(update={"links": tuple(links)})


def _link(link: AnyLink, name: str, faster: float) -> AnyLink:
    value = link.given.get(name)
    return link if value is None else link.model_copy(update={name: _scaled(value, name, faster)})


def _one_copy_more(plan: Plan, stream: Stream) -> Iterator[Variant]:
    """The slowest layer (by the estimate that ``--replicas balanced`` goes by) with one copy more."""
    spec = plan.chip.spec

    def per_input(layer: LayerPlan) -> float:
        return layer.layer.positions * position_interval_ps(spec, layer) / layer.replicas

    if not plan.layers or stream.counts:  # what a copy's conversions would take is not known
        return
    slowest = max(plan.layers, key=lambda name: per_input(plan.layers[name]))
    before = plan.layers[slowest].replicas
    if before == plan.layers[slowest].layer.positions or slowest in in_groups(plan.network):
        return
    what, change = f"layer {slowest}", f"{before + 1} copies instead of {before}"
    try:
        yield _simulated(what, change, (), _copied(plan, slowest, before + 1), stream)
    except CapacityError:
        yield Variant(what, f"{change}: no room", (), None, None)


def _copied(plan: Plan, layer: str, number: int) -> Plan:
    """So many copies of a layer: all blocks in order afresh where they are, else the new ones where tiles are free."""
    if plan.chip.spec.mapping.strategy != IN_ORDER:
        return with_more_copies(plan, {layer: number})
    copies = {name: each.replicas for name, each in plan.layers.items()}
    return place(plan.network, plan.chip, copies | {layer: number})
