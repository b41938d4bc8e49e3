"""`Settings`: what a run was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from chipsim.beside import parse_beside
from chipsim.crossbar.precision import Precision
from chipsim.errors import InputError, nearest
from chipsim.simulation.units.arrivals import parse_arrivals

SYNTHETIC_INPUTS = 5
"""Inputs made up where no data is given: a few, and enough for a steady interval."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked for; see `run` for the meaning of each."""

    architecture: str
    model: str
    data: str | None = None
    baseline: str | None = None
    batch: int = 1
    seed: int = 0
    age: str | None = None
    programmings: int = 5
    overrides: tuple[str, ...] = ()
    baseline_overrides: tuple[str, ...] = ()
    drain: bool = False
    timing_only: bool = False
    trace: int = 0
    precision: Precision = "float32"
    load_programming: str | None = None
    arrivals: str | None = None
    replicas: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    mapping: str | None = None
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("seed", 0), ("programmings", 1), ("trace", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name} must be a whole number of at least {least}, not {value!r}")
        allowed = get_args(Precision)
        if self.precision not in allowed:
            close = nearest(str(self.precision), allowed)
            raise InputError(f"precision must be one of {', '.join(allowed)}, not {self.precision!r}{close}")
        if self.timing_only and self.load_programming is not None:
            raise InputError("--timing-only computes no values: leave out --load-programming")
        if self.arrivals is not None:
            parse_arrivals(self.arrivals)
        for text in self.beside:
            other = parse_beside(text)
            if self.timing_only and (other.save_programming or other.load_programming):
                raise InputError(f"--timing-only computes no values: leave programmings out of --beside {text!r}")
