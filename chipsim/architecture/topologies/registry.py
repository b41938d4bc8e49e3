"""`find_topology`: topologies by name, chipsim's own and those of installed packages.

A package adds one with an entry point::

    [project.entry-points."chipsim.topologies"]
    hypercube = "my_package.shapes:Hypercube.from_grid"

where ``Hypercube.from_grid`` takes a `chipsim.architecture.spec.Grid` and returns an object that keeps the contract of
`chipsim.architecture.topology.Topology`; `chipsim.architecture.topologies.conformance.check_topology` tests it.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint

from chipsim.errors import SpecError, nearest
from chipsim.plugins import entry_points

GROUP = "chipsim.topologies"
_HERE = "chipsim.architecture.topologies"
_BUILT_IN = {
    "bus": f"{_HERE}.star:Bus.from_grid",
    "crossbar": f"{_HERE}.star:Crossbar.from_grid",
    "custom": f"{_HERE}.custom:Custom.from_grid",
    "hierarchical": f"{_HERE}.hierarchical:Hierarchical.from_grid",
    "mesh": "chipsim.architecture.topology:Mesh.from_grid",
    "ring": f"{_HERE}.ring:Ring.from_grid",
    "torus": f"{_HERE}.torus:Torus.from_grid",
    "tree": f"{_HERE}.tree:Tree.from_grid",
}


def list_topologies() -> list[str]:
    """Return the names of all topologies that can be used here, sorted.

    Examples
    --------
    >>> {"mesh", "torus", "tree"} <= set(list_topologies())
    True
    """
    return sorted({*_BUILT_IN, *(entry.name for entry in entry_points(group=GROUP))})


def is_built_in(name: str) -> bool:
    """Whether a topology comes with chipsim."""
    return name in _BUILT_IN


def find_topology(name: str) -> EntryPoint:
    """Where a topology is made.

    Raises
    ------
    SpecError
        If no package has one of that name, or several have.

    Examples
    --------
    >>> find_topology("torus").value
    'chipsim.architecture.topologies.torus:Torus.from_grid'
    """
    found = {entry.value: entry for entry in entry_points(group=GROUP) if entry.name == name}
    if name in _BUILT_IN:
        found[_BUILT_IN[name]] = EntryPoint(name, _BUILT_IN[name], GROUP)
    if not found:
        known = list_topologies()
        raise SpecError(f"unknown topology {name!r}; known: {', '.join(known)}{nearest(name, known)}")
    if len(found) > 1:
        raise SpecError(f"topology name '{name}' is claimed by several packages: {', '.join(sorted(found))}")
    return found.popitem()[1]
