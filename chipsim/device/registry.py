"""`get_device`: device models by name, chipsim's own and those of installed packages.

A package adds one with an entry point::

    [project.entry-points."chipsim.devices"]
    my-cell = "my_package.cells:MyCell"

where ``MyCell`` is a dataclass that keeps the contract of `chipsim.device.model.DeviceModel`.
"""

from __future__ import annotations

import dataclasses
import math
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any

from chipsim.device.model import DeviceModel
from chipsim.errors import SpecError, nearest
from chipsim.plugins import entry_points
from chipsim.units import parse_quantity

GROUP = "chipsim.devices"
_BUILT_IN = {
    "flash": "chipsim.device.flash:Flash",
    "generic": "chipsim.device.generic:Generic",
    "ideal": "chipsim.device.ideal:Ideal",
    "pcm": "chipsim.device.pcm:Pcm",
    "pcm-hermes": "chipsim.device.pcm_hermes:PcmHermes",
    "rram-cmo": "chipsim.device.rram_cmo:RramCmo",
    "rram-wan": "chipsim.device.rram_wan:RramWan",
    "sram": "chipsim.device.sram:Sram",
    "table": "chipsim.device.table:Table",
}
_DIMENSIONS = {"_siemens": "conductance", "_s": "time"}
_EXAMPLES = {"_siemens": ("20 uS", "2e-05"), "_s": ("20 s", "20")}


def list_devices() -> list[str]:
    """Return the names of all device models that can be used here, sorted.

    Examples
    --------
    >>> {"ideal", "pcm"} <= set(list_devices())
    True
    """
    return sorted({*_BUILT_IN, *(entry.name for entry in entry_points(group=GROUP))})


def get_device(name: str, **parameters: Any) -> DeviceModel:
    """Make a device model from its name and parameters.

    Parameters
    ----------
    name : str
        One of `list_devices`.
    **parameters : number or str
        Fields of the model. A number is in the unit that the field's name ends with
        (``g_max_siemens=25e-6``). Text carries its own unit, and the ending may then be left out
        (``g_max="25 uS"``).

    Returns
    -------
    DeviceModel
        An immutable model.

    Raises
    ------
    SpecError
        If the name, a parameter or its value is not one that is known.

    Examples
    --------
    >>> get_device("pcm", g_max="20 uS", t0_s=30).g_max_siemens
    2e-05
    """
    model = _model_class(name)
    values: dict[str, Any] = {}
    for key, value in parameters.items():
        field, converted = _parameter(name, model, key, value)
        if field in values:
            raise SpecError(f"device '{name}': parameter '{field}' is given twice, as '{key}' too")
        values[field] = converted
    device: DeviceModel = model(**values)
    return device


def _model_class(name: str) -> Any:
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if name in _BUILT_IN:
        own = EntryPoint(name, _BUILT_IN[name], GROUP)
        found = [own, *(entry for entry in found if entry.value != own.value)]
    places = {entry.value for entry in found}
    if not places:
        known = list_devices()
        raise SpecError(f"unknown device {name!r}; known: {', '.join(known)}{nearest(name, known)}")
    if len(places) > 1:
        raise SpecError(f"device name '{name}' is claimed by several packages: {', '.join(sorted(places))}")
    return _load(name, places.pop())


def _load(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SpecError(f"device '{name}' cannot be loaded from '{place}': {error}") from error


def _parameter(name: str, model: Any, key: str, value: Any) -> tuple[str, Any]:
    fields = {field.name: field.default for field in dataclasses.fields(model) if field.init}
    if isinstance(value, str):
        key = next((key + ending for ending in _DIMENSIONS if key + ending in fields), key)
    if ending := next((ending for ending in _DIMENSIONS if key not in fields and key + ending in fields), None):
        text, number = _EXAMPLES[ending]
        raise SpecError(
            f"device '{name}': {key} needs text with a unit, as in {key}='{text}'; "
            f"without one, the SI number is {key}{ending}, as in {key}{ending}={number}, got {value!r}"
        )
    if key not in fields:
        raise SpecError(
            f"device '{name}' has no parameter '{key}'; it has: {', '.join(sorted(fields))}{nearest(key, fields)}"
        )
    dimension = next((_DIMENSIONS[ending] for ending in _DIMENSIONS if key.endswith(ending)), None)
    if isinstance(value, str) and dimension is not None:
        return key, parse_quantity(value, dimension)
    if dimension is not None or type(fields[key]) in (int, float):
        _check_number(name, key, value)
    return key, value


def _check_number(name: str, key: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value):
        raise SpecError(f"device '{name}': {key} must be a finite number, got {value!r}")
