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
_OF_LOOPS = dict.fromkeys(("none", "global"), ", or per-column where layers are recurrent") | {
    "per-column": ", where no layer is recurrent"
}
"""What else a compensation can be where that channel by channel cannot be found, unless it is that already."""


def conversion_notes(numbers: Mapping[str, Any], who: str = "") -> list[str]:
    """Sentences for a reader of results.

    Parameters
    ----------
    numbers : mapping
        With ``clipped_inputs`` and ``saturated_outputs``, shares or None, and ``compensated_by``.
    who : str
        Network that they are of, where there are several.

    Examples
    --------
    >>> conversion_notes({"clipped_inputs": 0.0002, "saturated_outputs": None, "compensated_by": None})
    []
    >>> conversion_notes({"clipped_inputs": 0.12, "saturated_outputs": 0.0, "compensated_by": "affine"})[0][:46]
    'Warning: 12.00 % of the inputs of the tiles ar'
    """
    much = [(share, *rest) for key, *rest in _WHERE if (share := numbers.get(key)) is not None and share > MUCH]
    if not much:
        return []
    shares = " and ".join(f"{percent(share)} of the {words}" for share, words, _ in much)
    wider = " and ".join(f"--set {field}" for *_, field in much)
    return [
        f"Warning{f' for {who}' if who else ''}: {shares}. Ranges are those of the calibration inputs without noise: "
        "these may be too few or unlike the others (calibrate with more, x_calibration in the data), or "
        f"{_beyond(numbers['compensated_by'], wider)}."
    ]


def _beyond(compensated_by: str | None, wider: str) -> str:
    """What cells do to values, and what is left to be done about it."""
    if compensated_by is None:
        return f"noise of cells pushes values beyond the ranges (widen the ranges, {wider})"
    if compensated_by == "affine":
        return (
            "noise of cells pushes values beyond the ranges (widen the ranges, "
            f"{wider}; drift is compensated channel by channel already)"
        )
    return (
        "noise and drift of cells push values beyond the ranges (compensate drift channel by channel, --set "
        f"tile.compensation.kind=affine{_OF_LOOPS[compensated_by]}, or widen the ranges, {wider})"
    )


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
