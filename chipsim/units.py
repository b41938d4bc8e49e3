"""Physical quantities: text with a unit becomes an SI float; durations become integer picoseconds."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from chipsim.errors import UnitError, nearest

PS_PER_S = 10**12
OLDEST_S = 1e15  # 32 million years: no cell is that old, and drift laws leave float32 far beyond

_PREFIXES = {
    "f": "1e-15", "p": "1e-12", "n": "1e-9", "u": "1e-6", "µ": "1e-6", "m": "1e-3", "": "1",
    "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12", "P": "1e15",
}  # fmt: skip
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
# dimension -> {base unit: factor to SI}
_BASES: dict[str, dict[str, str]] = {
    "time": {"s": "1"},
    "energy": {"J": "1"},
    "power": {"W": "1"},
    "voltage": {"V": "1"},
    "conductance": {"S": "1"},
    "resistance": {"ohm": "1", "Ohm": "1", "Ω": "1"},
    "frequency": {"Hz": "1"},
    "capacity": {"B": "1", "bit": "0.125"},
    "bandwidth": {"B/s": "1", "bit/s": "0.125", "b/s": "0.125"},
    "energy per byte": {"J/B": "1", "J/bit": "8"},
    "energy per operation": {"J": "1", "J/op": "1"},
    "rate": {"op/s": "1", "Hz": "1"},
    "length": {"m": "1"},
}
_EXAMPLES = {
    "time": "8 ns", "energy": "1.2 pJ", "power": "20 mW", "voltage": "0.2 V", "conductance": "25 uS",
    "resistance": "2.5 ohm",
    "frequency": "1 GHz", "capacity": "64 KiB", "bandwidth": "3.2 Gbit/s", "energy per byte": "4 pJ/B",
    "energy per operation": "0.3 pJ", "rate": "400 Mop/s", "length": "14 nm",
}  # fmt: skip
_AGE_WORDS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400, "week": 604_800,
    "weeks": 604_800,
    "month": 2_592_000, "months": 2_592_000, "year": 31_536_000, "years": 31_536_000,
}  # fmt: skip
_TEXT = re.compile(r"^\s*([+-]?[0-9][0-9_.]*(?:[eE][+-]?[0-9]+)?)\s*(.*?)\s*$")


def _unit_table(dimension: str) -> dict[str, Decimal]:
    table: dict[str, Decimal] = {}
    for base, factor in _BASES[dimension].items():
        for prefix, scale in _PREFIXES.items():
            table[prefix + base] = Decimal(scale) * Decimal(factor)
        if dimension in ("capacity", "bandwidth"):
            for prefix, power in _BINARY.items():
                table[prefix + base] = Decimal(power) * Decimal(factor)
    if dimension == "capacity":
        table |= {"byte": Decimal(1), "bytes": Decimal(1)}
    return table


_TABLES = {dimension: _unit_table(dimension) for dimension in _BASES}


def parse_quantity(value: object, dimension: str) -> float:
    """Turn text with a unit into an SI float.

    Parameters
    ----------
    value : object
        What stands in the file, for instance ``"3.2 Gbit/s"``.
    dimension : str
        ``"time"``, ``"energy"``, ``"bandwidth"`` and so on.

    Returns
    -------
    float
        The value in seconds, joules, bytes per second...

    Raises
    ------
    UnitError
        If the value is a bare number, or the unit is not one of this dimension.

    Examples
    --------
    >>> parse_quantity("3.2 Gbit/s", "bandwidth")
    400000000.0
    >>> parse_quantity("8 ns", "time")
    8e-09
    """
    article = "an" if dimension[0] in "aeiou" else "a"
    wanted = f"{article} {dimension} with its unit, such as '{_EXAMPLES[dimension]}'"
    if not isinstance(value, str):
        raise UnitError(f"{value!r} has no unit; expected {wanted}")
    match = _TEXT.match(value)
    if match is None:
        raise UnitError(f"{value!r} is not {wanted}")
    number, unit = match.groups()
    if not unit:
        raise UnitError(f"{value!r} has no unit; expected {wanted}")
    table = _TABLES[dimension]
    if unit not in table:
        raise UnitError(f"unknown unit {unit!r} in {value!r}; expected {wanted}{nearest(unit, table)}")
    try:
        result = float(Decimal(number.replace("_", "")) * table[unit])
    except InvalidOperation:
        raise UnitError(f"{number!r} in {value!r} is not a number; expected {wanted}") from None
    if not math.isfinite(result):
        raise UnitError(f"{value!r} is not finite; expected {wanted}")
    return result


def parse_age(text: str) -> float:
    """Turn words such as ``"1 day"`` into seconds (a month is 30 days, a year 365).

    Raises
    ------
    UnitError
        If the text is not a number followed by a unit of time, negative, or beyond 32 million years.

    Examples
    --------
    >>> parse_age("2 months")
    5184000.0
    """
    match = _TEXT.match(text)
    if match is None or match[2].lower() not in _AGE_WORDS:
        raise UnitError(f"age {text!r} is not a time; write for instance '0 s', '1 hour', '30 days', '1 year'")
    try:
        seconds = float(Decimal(match[1].replace("_", "")) * _AGE_WORDS[match[2].lower()])
    except InvalidOperation:
        raise UnitError(f"age {text!r} does not start with a number") from None
    if not 0 <= seconds <= OLDEST_S:
        raise UnitError(f"age {text!r} must be from 0 s to {OLDEST_S:g} s")
    return seconds


def age_text(seconds: float) -> str:
    """An age in the largest unit that it is a whole number of, as `parse_age` reads it back exactly.

    Examples
    --------
    >>> age_text(86400.0), age_text(5400.0), age_text(0.5)
    ('1 day', '90 minutes', '0.5 s')
    """
    for word in ("year", "day", "hour", "minute"):
        count, rest = divmod(seconds, _AGE_WORDS[word])
        if count and not rest:
            return f"{count:.0f} {word}{'s' if count != 1 else ''}"
    return f"{seconds:.0f} s" if seconds == int(seconds) else f"{seconds!r} s"


def exact(value: float) -> Fraction:
    """Return the decimal number that a float was written as, exactly.

    The shortest text that reads back as the float is what a person wrote, so ``exact(0.1)`` is 1/10.
    """
    return Fraction(repr(float(value)))


@lru_cache(maxsize=4096)
def duration_ps(amount: float | int, per_second: float) -> int:
    """Time for ``amount`` bytes, cycles or operations at a rate, rounded up once, in picoseconds.

    Parameters
    ----------
    amount : float or int
        The total of bytes, cycles or operations.
    per_second : float
        The rate, greater than zero.

    Examples
    --------
    >>> duration_ps(256, 400e6)
    640000
    """
    return math.ceil(exact(amount) * PS_PER_S / exact(per_second))


@lru_cache(maxsize=4096)
def to_ps(seconds: float) -> int:
    """A time in seconds as integer picoseconds, rounded up.

    Examples
    --------
    >>> to_ps(133e-9)
    133000
    """
    return math.ceil(exact(seconds) * PS_PER_S)


def from_ps(picoseconds: int) -> float:
    """Integer picoseconds as seconds, the nearest float.

    Examples
    --------
    >>> from_ps(133000)
    1.33e-07
    """
    return picoseconds / PS_PER_S


def human(value: float | None, unit: str, digits: int = 4) -> str:
    """Scale a number for people.

    Examples
    --------
    >>> human(1.25e-5, "s")
    '12.5 µs'
    """
    if value is None:
        return "-"
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}".strip()
    steps = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"),
             (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f")]  # fmt: skip
    scale, prefix = next(((s, p) for s, p in steps if abs(value) >= s * 0.9999999), steps[-1])
    return f"{value / scale:.{digits}g} {prefix}{unit}"
