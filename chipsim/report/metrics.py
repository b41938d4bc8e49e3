"""`Metric`: one headline number, how people read it, and which way is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chipsim.units import human

Machine = Mapping[str, Any]
BYTES_MOVED = "bytes_moved_per_input"


@dataclass(frozen=True, slots=True)
class Metric:
    """One headline number.

    Attributes
    ----------
    key : str
        In ``result.json``, under ``chip``, ``baseline`` and ``ratio``.
    label : str
    better : str
        ``"less"``, ``"more"``, or empty where neither is.
    show : callable
        The value (None where unknown) as text with its unit.
    only_if_known : bool
        It has no line in tables where the chip's is not known.
    """

    key: str
    label: str
    better: str
    show: Callable[[float | None], str]
    only_if_known: bool = False

    def value(self, machine: Machine) -> float | None:
        """The number of one machine; bytes moved are summed over the levels that both kinds of machine have."""
        found: Any = machine.get(self.key)
        if not isinstance(found, Mapping):
            return None if found is None else float(found)
        return float(sum(amount for level, amount in found.items() if level != "cell_array"))

    def verdict(self, ratio: float | None) -> str:
        """``"better"``, ``"worse"`` or nothing, for chip / baseline.

        Examples
        --------
        >>> METRICS["energy_per_input_j"].verdict(0.5)
        'better'
        """
        if ratio is None or not self.better or same(ratio):
            return ""
        return "better" if (ratio > 1) == (self.better == "more") else "worse"


def same(ratio: float) -> bool:
    """Whether two numbers are equal for a reader of three digits."""
    return abs(ratio - 1) < 0.005


def in_words(ratio: float | None) -> str:
    """Chip / baseline as people say it.

    Examples
    --------
    >>> in_words(14.23), in_words(0.355), in_words(1.0), in_words(None)
    ('14.2x more', '2.82x less', 'the same', '-')
    """
    if ratio is None:
        return "-"
    if ratio == 0:
        return "none"
    if same(ratio):
        return "the same"
    factor = max(ratio, 1 / ratio)
    number = f"{factor:,.0f}" if factor >= 99.95 else f"{factor:.3g}"
    return f"{number}x {'more' if ratio > 1 else 'less'}"


def divide(chip: float | None, baseline: float | None) -> float | None:
    """Chip / baseline, None where either is unknown or the baseline's is zero."""
    return None if chip is None or not baseline else chip / baseline


def percent(share: float | None) -> str:
    """A share as text, with at least two digits of small ones.

    Examples
    --------
    >>> percent(0.98888), percent(0.00061), percent(1.0), percent(None)
    ('98.89 %', '0.061 %', '100.00 %', '-')
    """
    if share is None:
        return "-"
    text = f"{100 * share:.2f}" if share == 0 or share >= 0.001 else f"{100 * share:.2g}"
    return f"{text} %"


def scaled(unit: str) -> Callable[[float | None], str]:
    """A number with an SI prefix and this unit."""
    return lambda value: human(value, unit)


def plain(unit: str) -> Callable[[float | None], str]:
    """A number with four digits, thousands apart, and this unit.

    Examples
    --------
    >>> plain("inputs/s")(117489.97), plain("TOPS")(0.0899917)
    ('117,500 inputs/s', '0.08999 TOPS')
    """

    def show(value: float | None) -> str:
        if value is None:
            return "-"
        text = f"{float(f'{value:.4g}'):,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
        return f"{text} {unit}"

    return show


_ALL = (
    Metric("latency_first_input_s", "Latency, first input", "less", scaled("s")),
    Metric("latency_p50_s", "Latency, median", "less", scaled("s")),
    Metric("latency_p99_s", "Latency, 99 % below", "less", scaled("s")),
    Metric("makespan_s", "Makespan", "less", scaled("s")),
    Metric("throughput_inputs_per_s", "Throughput", "more", plain("inputs/s")),
    Metric("energy_per_input_j", "Energy per input", "less", scaled("J")),
    Metric("energy_per_input_steady_j", "  in steady state", "less", scaled("J")),
    Metric("tops", "Useful TOPS", "more", plain("TOPS")),
    Metric("peak_tops", "Peak TOPS", "", plain("TOPS")),
    Metric("tops_per_w", "Useful TOPS/W", "more", plain("TOPS/W")),
    Metric("utilisation_mean", "Compute busy, mean", "", percent),
    Metric("utilisation_cells", "Cells used", "", percent),
    Metric("loading_s", "Loading the weights, once", "less", scaled("s"), only_if_known=True),
    Metric("loading_j", "  its energy", "less", scaled("J"), only_if_known=True),
    Metric(BYTES_MOVED, "Data moved per input", "less", scaled("B")),
)
METRICS: Mapping[str, Metric] = {metric.key: metric for metric in _ALL}
LEVELS: Mapping[str, str] = {
    "cell_array": "  cell array, apart",
    "tile_buffer": "  on-chip buffers",
    "link_hop": "  links, each hop",
    "global_memory": "  global memory",
    "host": "  host",
}
