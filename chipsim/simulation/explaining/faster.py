"""`faster_chips`: chips with one component faster, fields and all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.grid_spec import Grid, Shape
from chipsim.architecture.link_spec import CustomLink, LinkChanges
from chipsim.architecture.spec import InMemorySpec

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
_WRITING = ("programming", ("tile.programming.pulse_time", "tile.programming.verify_time"))
_RATES = ("bandwidth", "rate", "router.buffer")
"""Fields that are more where the component is faster, or holds more."""
AnySection = TypeVar("AnySection", bound=BaseModel)
AnyShape = TypeVar("AnyShape", bound=Shape)
AnyLink = TypeVar("AnyLink", bound=LinkChanges)


def faster_chips(
    spec: InMemorySpec, faster: float, *, writing: bool = False
) -> Iterator[tuple[str, tuple[str, ...], Chip]]:
    """For each component that takes time: its name, the fields that change, and the chip on which it is faster.

    Parameters
    ----------
    spec : InMemorySpec
    faster : float
        How many times, greater than zero.
    writing : bool
        Whether tiles are written in the run.
    """
    for what, paths in (*_PARTS, *((_WRITING,) if writing else ())):
        used = tuple(path for path in paths if isinstance(value := _value(spec, path), int | float) and value)
        if what == "buffers in routers" and faster < 1:
            continue  # they might not hold a packet
        if spec.tile.mvm_latency is not None and what in ("array", "ADC"):
            continue
        if used:
            yield what, used, build_chip(faster_spec(spec, used, faster))


def in_words(paths: Sequence[str], faster: float) -> str:
    """The change of some fields."""
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
