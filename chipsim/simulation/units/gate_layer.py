"""`GateLayerServer`: gates of a recurrent operator, in a neuron unit (rule T82)."""

from __future__ import annotations

from typing import ClassVar

from chipsim.simulation.units.digital import DigitalLayerServer


class GateLayerServer(DigitalLayerServer):
    """The gates of a recurrent operator: a neuron unit serves them as a digital unit serves its layers."""

    __slots__ = ()

    activity: ClassVar[str] = "gate"
