"""`checked`: a result whose numbers are finite, or a message that names the field of the architecture to look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from chipsim.architecture.loader import load_spec
from chipsim.architecture.section import Section
from chipsim.errors import InputError
from chipsim.result import Result
from chipsim.settings import Settings

_MORE_IS_EXTREME = ("s", "J", "W", "J/B", "J/op")
_LESS_IS_EXTREME = ("B/s", "op/s", "Hz")
_PREFIXES = "fpnuµmkMGTPE"


def checked(work: Callable[[], Result], settings: Settings) -> Result:
    """A result whose numbers are finite.

    Parameters
    ----------
    work : callable
        Makes it.
    settings : Settings
        Of it.

    Raises
    ------
    InputError
        If a number is not finite, or times overflow.
    """
    try:
        result = work()
    except OverflowError as error:
        raise _extreme(f"times or energies overflow ({error.args[-1]})", settings) from None
    for path, value in _numbers(result.data, "result"):
        if not math.isfinite(value):
            raise _extreme(f"{path} comes out as {value}", settings)
    return result


def _numbers(data: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _numbers(value, f"{path}.{key}")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _numbers(value, f"{path}.{index}")
    elif isinstance(data, float):
        yield path, data


def _extreme(what: str, settings: Settings) -> InputError:
    found = [most_extreme(load_spec(settings.architecture, settings.overrides))]
    if settings.baseline is not None:
        found.append(most_extreme(load_spec(settings.baseline, settings.baseline_overrides)))
    score, path, text = max(found)
    named = f": the most extreme is {path}, {text}" if score > 0 else ""
    return InputError(f"{what}; look for extreme values in the architecture and its overrides{named}")


def most_extreme(spec: Section) -> tuple[float, str, str]:
    """The longest time, largest energy or power or lowest rate of an architecture.

    Returns
    -------
    tuple of (float, str, str)
        By how many orders of magnitude it is beyond one of its unit; its path; its value as text. The first is minus
        infinity where there is none.
    """
    values, texts = spec.model_dump(), spec.model_dump(mode="json")
    return max(_scores(values, texts, ""), default=(-math.inf, "", ""))


def _scores(values: Any, texts: Any, path: str) -> Iterator[tuple[float, str, str]]:
    if isinstance(values, dict) and isinstance(texts, dict):
        for key, value in values.items():
            yield from _scores(value, texts.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(values, list | tuple) and isinstance(texts, list):
        for index, (value, text) in enumerate(zip(values, texts, strict=True)):
            yield from _scores(value, text, f"{path}.{index}")
    elif isinstance(values, float) and values > 0 and isinstance(texts, str) and " " in texts:
        unit = texts.rpartition(" ")[2]
        plain = unit if unit in (*_MORE_IS_EXTREME, *_LESS_IS_EXTREME) else unit.lstrip(_PREFIXES)
        if plain in _MORE_IS_EXTREME or plain in _LESS_IS_EXTREME:
            magnitude = math.log10(values)
            yield (-magnitude if plain in _LESS_IS_EXTREME else magnitude), path, f"{values:g} {plain}"
