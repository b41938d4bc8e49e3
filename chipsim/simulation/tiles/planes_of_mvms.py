"""`planes_of`: how long the planes of MVMs integrate and are converted, one by one (rules T12, T42, T43)."""

from __future__ import annotations

from chipsim.architecture.spec import InMemorySpec
from chipsim.simulation.core.durations import mvm_phases, overlaps
from chipsim.simulation.tiles.mvm import Planes
from chipsim.simulation.tiles.varying import ConversionCounts, plane_lengths


def planes_of(spec: InMemorySpec, rows: int, columns: int, counts: ConversionCounts | None = None) -> list[Planes]:
    """Planes of the MVMs of a block, all in one where they do not overlap.

    Parameters
    ----------
    spec : InMemorySpec
    rows, columns : int
        Of the block.
    counts : ConversionCounts, optional
        What the MVMs took, where that depends on values.

    Returns
    -------
    list of Planes
        One entry for each MVM, or a single one for all.
    """
    phases = mvm_phases(spec, rows, columns)
    overlap = overlaps(spec.tile, phases.convert_ps)
    found = None if counts is None else plane_lengths(spec, rows, columns, counts)
    if found is None:
        return [((phases.integrate_ps, phases.convert_ps),) * (spec.tile.dac.planes if overlap else 1)]
    pairs = [tuple(zip(*planes, strict=True)) for planes in zip(*(part.tolist() for part in found), strict=True)]
    if overlap:
        return pairs
    return [((sum(a for a, _ in planes), sum(c for _, c in planes)),) for planes in pairs]
