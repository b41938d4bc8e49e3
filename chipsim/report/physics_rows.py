"""`crossbar_words` and its neighbours: how a chip computes, as ``chipsim check`` says it.

Rows stand only for what differs from the plain case: analog pairs, one pulse, wires without resistance, nothing broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chipsim.architecture.circles import all_routes, circle_words, find_circle
from chipsim.report.metrics import percent
from chipsim.units import human

if TYPE_CHECKING:
    from chipsim.architecture.chip import Chip
    from chipsim.architecture.spec import Adc, Crossbar, Dac, Faults, InMemorySpec, Tile, Wires

Row = tuple[str, str]
_FAULTS = {
    "stuck_on_rate": "of cells stuck on",
    "stuck_off_rate": "of cells stuck off",
    "dead_row_rate": "of word lines dead",
    "dead_column_rate": "of bit lines dead",
}
_WIRES = {"word_line_segment": "word-line segment", "bit_line_segment": "bit-line segment",
          "driver": "driver", "sense_end": "sense end"}  # fmt: skip


def crossbar_words(crossbar: Crossbar) -> str:
    """Size of the array, and how weights stand in its cells."""
    encoding, device = crossbar.encoding, crossbar.device_name
    size = f"{crossbar.rows} x {crossbar.columns}"
    each = encoding.devices_per_polarity
    several = f", {each} devices per polarity" if each > 1 else ""
    if encoding.kind == "pair":
        return f"{size} pairs of {device} cells{several}"
    where = "single cells" if encoding.kind == "offset" else "pairs of cells"
    slices = f"{encoding.slices} slice{'s' if encoding.slices > 1 else ''}"
    bits = f"{encoding.weight_bits}-bit weights, {_count(encoding.bits_per_cell or 1, 'bit')} a cell"
    return f"{size} weights of {slices} in {where} ({device}; {bits}){several}"


def dac_words(dac: Dac) -> str:
    """Bits, and encoding and planes where there is more than one pulse of either sign."""
    parts = [f"{dac.bits} bits"]
    if dac.encoding != "pulse-width":
        parts.append(dac.encoding)
    if dac.encoding == "bit-serial":
        parts.append(f"{_count(dac.digit_bits, 'bit')} a plane")
    if dac.signs != "bipolar":
        parts.append(dac.signs)
    if dac.planes > 1:
        parts.append(f"{dac.planes} planes")
    if dac.range != "calibrated":
        parts.append(f"range {dac.range}")
    return ", ".join([*parts, *_early(dac.early_stop)])


def adc_words(adc: Adc) -> str:
    """Bits, columns that share a converter, and kind and range where they are not the plain ones."""
    parts = [f"{adc.bits} bits"]
    if adc.kind != "sar":
        parts.append(adc.kind)
    parts.append(f"columns per converter: {adc.columns_per_adc}")
    if adc.range != "calibrated":
        parts.append(f"range {adc.range}")
    return ", ".join([*parts, *_early(adc.early_stop)])


def array_rows(crossbar: Crossbar, known_faults: int) -> list[Row]:
    """Wires and faults.

    Parameters
    ----------
    crossbar : Crossbar
    known_faults : int
        Lines of the map, 0 without one.
    """
    return [*_wires(crossbar.wires), *_faults(crossbar.faults, known_faults)]


def tile_rows(tile: Tile) -> list[Row]:
    """Several arrays, a buffer that spills, programming and drift compensation."""
    rows: list[Row] = []
    if tile.crossbars > 1:
        shared, own = tile.adc.crossbars_per_adc, tile.output_ports == "per-crossbar"
        text = f"{tile.crossbars}, one load port" + (", output ports of their own" if own else " and one output port")
        rows.append(("arrays of a tile", text + (f", converters for {shared} of them" if shared > 1 else "")))
    if tile.buffer.spill != "none":
        rows.append(("line buffer", f"{tile.buffer.capacity:,.0f} B for each edge; the rest goes to the global memory"))
    programming, compensation = tile.programming, tile.compensation
    if programming is not None:
        text = (
            f"pulse {human(programming.pulse_time, 's')}, verify {human(programming.verify_time, 's')}, "
            f"at most {_count(programming.max_iterations, 'pulse')} a cell, "
            f"{_count(programming.write_heads, 'write head')}"
        )
        rows.append(("programming", text))
    if compensation.kind != "global" or compensation.reads != "auto":
        reads = compensation.reads_per_tile
        rows.append(("compensation", compensation.kind + (f", {reads} reads per tile" if reads else "")))
    return rows


MOST_CHECKED_SITES = 256
"""Of larger chips not all routes are looked at."""


def interconnect_rows(spec: InMemorySpec) -> list[Row]:
    """Chains of partial sums, shared neuron units, a global memory, and links of each level or of their own."""
    rows: list[Row] = []
    unit, grid = spec.neuron_unit, spec.grid
    if unit.activation == "analog":
        rows.append(("neuron units", f"analog, before conversion, settled in {human(unit.latency, 's')}"))
    if unit.tiles_per_unit > 1:
        rows.append(("neuron units", f"one for {unit.tiles_per_unit} tiles"))
    if unit.partial_sums == "chain":
        hop = f", {human(unit.hop_latency, 's')} a hop" if unit.hop_latency else ""
        rows.append(("partial sums", f"chain, from tile to tile{hop}"))
    if spec.global_memory is not None:
        memory = spec.global_memory
        where = {"apart": "on a bus of its own", "host": "beside the host's router"}
        words = f"{human(memory.bandwidth, 'B/s')}, {human(memory.latency, 's')} an access"
        rows.append(("global memory", f"{words}, {where.get(memory.site, f'beside router({memory.site})')}"))
    for name, buffer in (("digital unit buffer", spec.digital_unit.buffer), ("neuron unit buffer", unit.buffer)):
        if buffer.spill != "none":
            text = f"{buffer.capacity:,.0f} B for each operand of a layer; the rest goes to the global memory"
            rows.append((name, text))
    if unit.partial_sums == "routers" and spec.router.adder is not None:
        rows.append(("partial sums", f"added where they meet in routers, {human(spec.router.adder.rate, 'op/s')} each"))
    for number, level in enumerate(grid.levels, 1):
        rows.append((f"link of level {number}", f"{level.topology} {' x '.join(map(str, level.shape))}, "
                     f"{_link(spec, level.link.given)}{_unlike(len(level.unlike))}"))  # fmt: skip
    if grid.unlike:
        rows.append(("links of their own", f"{len(grid.unlike)} of {len(grid.links)}"))
    return rows


def buffer_rows(chip: Chip) -> list[Row]:
    """Bounded buffers of routers: how many each port has, and whether packets could wait in a circle (T60 to T63)."""
    router = chip.spec.router
    if router.buffer_bytes is None:
        return []
    each = f"{human(router.buffer_bytes, 'B')} for each input port"
    if chip.topology.sites > MOST_CHECKED_SITES:
        return [("router buffers", f"{each} and virtual channel; a run checks whether packets could wait in a circle")]
    follows = all_routes(chip)
    channels = 1 + max((channel for pair in follows for _, channel in pair), default=0)
    circle = find_circle(follows)
    words = f"{each} and each of {channels} virtual channels" if channels > 1 else each
    if circle:
        return [("router buffers", words), ("packets could wait", f"for each other, over {circle_words(circle)}")]
    return [("router buffers", f"{words}; no route can wait in a circle")]


def _link(spec: InMemorySpec, given: dict[str, float]) -> str:
    figures = {"bandwidth": spec.link.bandwidth, "latency": spec.link.latency, **given}
    return f"{human(figures['bandwidth'], 'B/s')}, {human(figures['latency'], 's')} a hop"


def _unlike(count: int) -> str:
    return f", {_count(count, 'link')} of its own figures" if count else ""


def _wires(wires: Wires) -> list[Row]:
    parts = [f"{words} {human(getattr(wires, name), 'ohm')}" for name, words in _WIRES.items() if getattr(wires, name)]
    if not parts:
        return []
    ends = {"drive": wires.drive, "sense": wires.sense}
    parts += [f"{end} {name}" for name, end in ends.items() if end != "one-sided"]
    parts += ["polynomial"] if wires.method == "polynomial" else []
    return [("wires", ", ".join(parts))]


def _faults(faults: Faults, known: int) -> list[Row]:
    if not faults.any:
        return []
    parts = [f"{percent(getattr(faults, name))} {words}" for name, words in _FAULTS.items() if getattr(faults, name)]
    if faults.map is not None:
        parts.append(f"{_count(known, 'known fault')} in {faults.map}")
    return [("faults", ", ".join(parts))]


def _early(stops: bool) -> list[str]:
    return ["early stop"] if stops else []


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"
