"""`Settings`: what a run was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from chipsim.errors import InputError

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

    def __post_init__(self) -> None:
        for name, least in (("batch", 1), ("seed", 0), ("programmings", 1), ("trace", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(f"{name} must be a whole number of at least {least}, not {value!r}")
