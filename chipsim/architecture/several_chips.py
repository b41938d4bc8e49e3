"""`with_chips`: several copies of a chip, joined by links like that to the host."""

from __future__ import annotations

from chipsim.architecture.grid_spec import MOST_ARRAYS, MOST_SITES, Grid, Level
from chipsim.architecture.link_spec import LinkChanges
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import SpecError


def with_chips(spec: InMemorySpec) -> InMemorySpec:
    """Put ``mapping.chips`` copies of the grid side by side; the same where that is one.

    Parameters
    ----------
    spec : InMemorySpec

    Returns
    -------
    InMemorySpec
        With a hierarchical grid whose outermost level is a mesh of chips, as square as their number allows. Links
        between chips have the host's bandwidth, latency and energy: what leaves a chip does so over such an interface
        (an assumption; a hierarchical grid in the file says anything else).

    Raises
    ------
    SpecError
        If that makes too many sites or arrays.

    Examples
    --------
    >>> from chipsim.architecture.loader import load_spec
    >>> spec = with_chips(load_spec("hermes64", ["mapping.chips=6"]))
    >>> spec.grid.shape, [level.shape for level in spec.grid.levels]
    ((16, 24), [(8, 8), (2, 3)])
    """
    chips, grid, host = spec.mapping.chips, spec.grid, spec.host
    if chips == 1:
        return spec
    if chips * grid.sites > MOST_SITES:
        raise SpecError(f"mapping.chips: {chips} chips have {chips * grid.sites:,} sites; at most {MOST_SITES:,}")
    arrays = chips * grid.sites * spec.tile.crossbars
    if arrays > MOST_ARRAYS:
        raise SpecError(f"mapping.chips: {chips} chips have {arrays:,} arrays; at most {MOST_ARRAYS:,}")
    down = next(side for side in range(int(chips**0.5), 0, -1) if chips % side == 0)
    sources = {
        name: f"that of the host: {host.source_of(name)}" for name in ("bandwidth", "latency", "energy_per_byte")
    }
    link = LinkChanges.model_construct(
        bandwidth=host.bandwidth, latency=host.latency, energy_per_byte=host.energy_per_byte, source=sources
    )
    inner = grid.levels or (
        Level.model_construct(
            topology=grid.topology, shape=grid.shape, arity=grid.arity, links=grid.links, directed=grid.directed
        ),
    )
    outer = Level.model_construct(topology="mesh", shape=(down, chips // down), link=link)
    shape = (grid.shape[0] * down, grid.shape[1] * (chips // down))
    made = Grid.model_construct(topology="hierarchical", shape=shape, levels=(*inner, outer), source=grid.source)
    return spec.model_copy(update={"grid": made})
