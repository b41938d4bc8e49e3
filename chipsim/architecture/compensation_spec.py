"""`Compensation`: how drift is made up for, as an architecture file describes it."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from chipsim.architecture.section import Few, Section

CompensationKind = Literal["global", "per-column", "affine", "none"]
COMPENSATIONS: tuple[CompensationKind, ...] = get_args(CompensationKind)
_READS = {"global": 8, "per-column": 128}
_LEAST_FOR_COLUMNS = 8


class Compensation(Section):
    """How drift is made up for above the device model's earliest age (docs/ageing.md)."""

    kind: CompensationKind = Field(
        "global",
        description="One factor per block; one per column; scale and shift per channel, refit with the calibration "
        "inputs; or nothing.",
    )
    reads: Few | Literal["auto"] = Field(
        "auto", description="Reference reads of each tile: `auto` is 8 for global and 128 for per-column."
    )

    @model_validator(mode="after")
    def _reads_belong_to_kind(self) -> Compensation:
        if self.reads == "auto":
            return self
        if self.kind not in _READS:
            raise ValueError(f"kind: {self.kind} has no reference reads; leave out reads")
        if self.kind == "per-column" and self.reads < _LEAST_FOR_COLUMNS:
            raise ValueError(f"kind: per-column needs at least {_LEAST_FOR_COLUMNS} reads")
        return self

    @property
    def reads_per_tile(self) -> int:
        """Reference reads of each tile, 0 where the kind needs none."""
        return _READS.get(self.kind, 0) if self.reads == "auto" else self.reads
