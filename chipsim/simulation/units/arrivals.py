"""`Arrivals`: inputs that come at a rate, evenly or at random, instead of all at once (rule T27)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from chipsim.errors import InputError, nearest
from chipsim.streams import stream
from chipsim.units import PS_PER_S

SLOWEST_PER_S, FASTEST_PER_S = Decimal("0.000001"), Decimal(PS_PER_S)
"""Rates that are understood: an input in eleven days, an input per picosecond."""
_TIMES = {"s": 1, "ms": 10**3, "us": 10**6, "µs": 10**6, "ns": 10**9}
_KINDS = ("deterministic", "poisson")
_TEXT = re.compile(r"^\s*(?:([A-Za-z]+)\s+)?([0-9][0-9_.]*(?:[eE][+-]?[0-9]+)?)\s*/\s*(\S+)\s*$")
_NUMBER = re.compile(r"[0-9]+(?:_[0-9]+)*(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?(?:[eE][+-]?[0-9]+)?")
_DRAWS = 2**53
_DIGITS = Context(prec=30)  # logarithms rounded correctly to 30 digits: the same on every processor


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How inputs come.

    Attributes
    ----------
    rate_per_s : Fraction
        Inputs per second, exactly as written.
    poisson : bool
        Whether gaps are exponential; else they are equal.

    Examples
    --------
    >>> parse_arrivals("2/ns").times_ps(inputs=4, batch=1, seed=0)
    [0, 500, 1000, 1500]
    >>> parse_arrivals("2/ns").times_ps(inputs=4, batch=2, seed=0)
    [0, 0, 1000, 1000]
    """

    rate_per_s: Fraction
    poisson: bool

    def times_ps(self, inputs: int, batch: int, seed: int, network: int = 0) -> list[int]:
        """When each input arrives, in ps; inputs of a batch arrive together, the first batch at zero.

        Parameters
        ----------
        inputs, batch : int
            At least 1.
        seed : int
            Of the run; equal rates of deterministic arrivals do not depend on it.
        network : int
            Which of several on one chip: each has random numbers of its own (rule T90).
        """
        batches = -(-inputs // batch)
        gap = batch * PS_PER_S / self.rate_per_s
        if self.poisson:
            times = _at_random(batches, gap, seed, network)
        else:
            times = [math.ceil(b * gap) for b in range(batches)]
        return [times[index // batch] for index in range(inputs)]


def parse_arrivals(text: str) -> Arrivals:
    """Turn text such as ``"1000/s"`` or ``"poisson 2.5/us"`` into arrivals.

    Raises
    ------
    InputError
        If it is not a rate, or one that is too low or too high.

    Examples
    --------
    >>> parse_arrivals("poisson 1000/s")
    Arrivals(rate_per_s=Fraction(1000, 1), poisson=True)
    """
    match = _TEXT.match(text)
    if match is None:
        raise _not_understood(text, "")
    kind, number, unit = (match[1] or "deterministic").lower(), match[2], match[3]
    if kind not in _KINDS:
        raise _not_understood(text, f": {match[1]!r} is no kind of arrivals{nearest(kind, _KINDS)}")
    if unit not in _TIMES:
        raise _not_understood(text, f": {unit!r} is none of {', '.join(_TIMES)}{nearest(unit, _TIMES)}")
    if not _NUMBER.fullmatch(number):
        raise _not_understood(text, f": {number!r} is not a number")
    value = Decimal(number.replace("_", ""))
    if not SLOWEST_PER_S / _TIMES[unit] <= value <= FASTEST_PER_S / _TIMES[unit]:
        raise InputError(f"arrivals {text!r} must be from {SLOWEST_PER_S}/s to {FASTEST_PER_S:.0e}/s")
    return Arrivals(Fraction(value) * _TIMES[unit], kind == "poisson")


def _not_understood(text: str, why: str) -> InputError:
    return InputError(f"arrivals {text!r} are not a rate{why}; write for instance '1000/s' or 'poisson 1000/s'")


def _at_random(batches: int, mean_gap_ps: Fraction, seed: int, network: int) -> list[int]:
    """Times whose gaps are exponential, by the inverse of their distribution; only the sums are rounded.

    Notes
    -----
    With u uniform over (0, 1], ``-ln(u) x mean`` is exponential; u is a whole number of steps of 2^-53.
    """
    key = ("arrivals", network) if network else ("arrivals",)
    draws = stream(seed, *key).integers(1, _DRAWS, batches - 1, endpoint=True).tolist()
    whole = _DIGITS.ln(Decimal(_DRAWS))
    mean = _DIGITS.divide(Decimal(mean_gap_ps.numerator), Decimal(mean_gap_ps.denominator))
    times, total = [0], Decimal(0)
    for draw in draws:
        total = _DIGITS.add(total, _DIGITS.subtract(whole, _DIGITS.ln(Decimal(draw))))
        times.append(math.ceil(_DIGITS.multiply(total, mean)))
    return times
