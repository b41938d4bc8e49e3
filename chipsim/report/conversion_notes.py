"""`conversion_notes`: a warning where converters cut off much of what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chipsim.report.metrics import percent

MUCH = 0.01
"""Share of conversions above which it is said: ranges are the 99.99th percentile of what calibration saw."""

_WHERE = (
    ("clipped_inputs", "inputs of the tiles are clipped", "tile.dac.range=per-vector"),
    ("saturated_outputs", "outputs of the tiles saturate their converters", "tile.adc.range=full-scale"),
)


def conversion_notes(numbers: Mapping[str, Any], who: str = "") -> list[str]:
    """Sentences for a reader of results.

    Parameters
    ----------
    numbers : mapping
        With ``clipped_inputs`` and ``saturated_outputs``, shares or None.
    who : str
        Network that they are of, where there are several.

    Examples
    --------
    >>> conversion_notes({"clipped_inputs": 0.0002, "saturated_outputs": None})
    []
    >>> conversion_notes({"clipped_inputs": 0.12, "saturated_outputs": 0.0})[0][:46]
    'Warning: 12.00 % of the inputs of the tiles ar'
    """
    much = [(share, *rest) for key, *rest in _WHERE if (share := numbers.get(key)) is not None and share > MUCH]
    if not much:
        return []
    shares = " and ".join(f"{percent(share)} of the {words}" for share, words, _ in much)
    wider = " and ".join(f"--set {field}" for *_, field in much)
    return [
        f"Warning{f' for {who}' if who else ''}: {shares}. Ranges are those of the calibration inputs without noise: "
        "these may be too few or unlike the others (calibrate with more, x_calibration in the data), or noise and "
        "drift of cells push values beyond the ranges (compensate drift channel by channel, --set "
        f"tile.compensation.kind=affine, or widen the ranges, {wider})."
    ]


def crossbar_notes(numbers: Mapping[str, Any], who: str = "") -> list[str]:
    """A word where no cell had a part in what a run found.

    Parameters
    ----------
    numbers : mapping
        With ``tiles_used``.
    who : str
        The network, where there are several.

    Examples
    --------
    >>> crossbar_notes({"tiles_used": 3})
    []
    >>> crossbar_notes({"tiles_used": 0})[0][:28]
    'Nothing ran in crossbars: no'
    """
    if numbers["tiles_used"] != 0:
        return []
    return [
        f"Nothing{f' of {who}' if who else ''} ran in crossbars: no layer is on a tile, so digital units computed "
        "everything, and accuracies and energies say nothing about cells or converters (chipsim map says why)."
    ]
