"""How a cell behaves: conductance, programming error, drift and noise.

``get_device(name, **parameters) -> DeviceModel``, ``list_devices() -> list[str]``; a `DeviceModel` has
``program(targets_siemens, rng) -> CellState`` and ``at_age(state, age_s, rng) -> CellsNow``.
"""

from chipsim.device.model import CellsNow, CellState, DeviceModel
from chipsim.device.registry import get_device, list_devices

__all__ = ["CellState", "CellsNow", "DeviceModel", "get_device", "list_devices"]
