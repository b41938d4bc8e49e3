"""Field types of an architecture file: text with a unit in the file, an SI float in the program."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from chipsim.errors import UnitError
from chipsim.units import human, parse_quantity

_WRITTEN = {
    "time": "s", "energy": "J", "power": "W", "voltage": "V", "frequency": "Hz", "capacity": "B",
    "bandwidth": "B/s", "energy per byte": "J/B", "energy per operation": "J/op", "rate": "op/s",
    "resistance": "ohm",
}  # fmt: skip
_EXAMPLES = {
    "time": "8 ns", "energy": "1.2 pJ", "power": "20 mW", "voltage": "0.2 V", "frequency": "1 GHz",
    "capacity": "64 KiB", "bandwidth": "3.2 Gbit/s", "energy per byte": "4 pJ/B",
    "energy per operation": "0.3 pJ/op", "rate": "400 Mop/s", "resistance": "2.5 ohm",
}  # fmt: skip


def _quantity(dimension: str, *, positive: bool) -> Any:
    def read(value: object) -> float:
        number = parse_quantity(value, dimension)
        if number < 0 or (positive and number == 0):
            limit = "greater than zero" if positive else "zero or greater"
            raise UnitError(f"{value!r} must be {limit}")
        return number

    schema = {
        "type": "string",
        "pattern": r"^\s*[0-9][0-9_.]*([eE][+-]?[0-9]+)?\s*[A-Za-zµΩ/]+\s*$",
        "description": f"{dimension} with its unit, {'greater than zero' if positive else 'zero or greater'}",
        "examples": [_EXAMPLES[dimension]],
    }
    return Annotated[
        float,
        BeforeValidator(read),
        PlainSerializer(lambda value: human(value, _WRITTEN[dimension], 15), when_used="json"),
        WithJsonSchema(schema),
    ]


Time = _quantity("time", positive=False)
PositiveTime = _quantity("time", positive=True)
Energy = _quantity("energy", positive=False)
Power = _quantity("power", positive=False)
Voltage = _quantity("voltage", positive=True)
Frequency = _quantity("frequency", positive=True)
Capacity = _quantity("capacity", positive=True)
Bandwidth = _quantity("bandwidth", positive=True)
EnergyPerByte = _quantity("energy per byte", positive=False)
EnergyPerOperation = _quantity("energy per operation", positive=False)
Rate = _quantity("rate", positive=True)
Resistance = _quantity("resistance", positive=False)
