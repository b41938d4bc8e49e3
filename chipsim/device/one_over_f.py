"""`split`: the noise of one read, taken apart into what is frozen for a run and what is fresh in every product."""

from __future__ import annotations

import math

from chipsim.errors import SpecError


def split(time_s: float, t_read_s: float, corner_s: float) -> tuple[float, float]:
    r"""Spreads of slow and fast 1/f noise, in units of the noise amplitude Q.

    Parameters
    ----------
    time_s : float
        Since programming, in seconds; not below ``corner_s``.
    t_read_s : float
        Duration of one read, in seconds.
    corner_s : float
        Noise slower than this is slow, the rest fast, in seconds.

    Returns
    -------
    slow, fast : float
        Standard deviations.

    Notes
    -----
    A 1/f spectrum between 1/(time + t_read) and 1/(2 t_read) has the variance Q² ln((time + t_read) / (2 t_read)).
    Cut at 1/corner, it is Q² ln((time + t_read) / corner) + Q² ln(corner / (2 t_read)): nothing is counted twice.

    Examples
    --------
    >>> slow, fast = split(3600.0, 250e-9, 1e-3)
    >>> abs(slow**2 + fast**2 - math.log((3600.0 + 250e-9) / 500e-9)) < 1e-12
    True
    """
    return math.sqrt(math.log((time_s + t_read_s) / corner_s)), math.sqrt(math.log(corner_s / (2 * t_read_s)))


def check_split(name: str, t_read_s: float, corner_s: float, earliest: str, earliest_s: float) -> None:
    """Refuse a corner that does not lie between two reads and the first time that can be asked for.

    Parameters
    ----------
    name : str
        Of the device.
    t_read_s, corner_s : float
        As in `split`.
    earliest : str
        Name of the parameter that sets the first time.
    earliest_s : float
        The first time since programming, in seconds.

    Raises
    ------
    SpecError
        Naming the device and the three values.
    """
    if not 0 < 2 * t_read_s <= corner_s <= earliest_s < math.inf:
        raise SpecError(
            f"device '{name}': needs 0 < 2 t_read_s <= corner_s <= {earliest}, but t_read_s is {t_read_s!r}, "
            f"corner_s {corner_s!r} and {earliest} {earliest_s!r}"
        )
