"""`find_mapping`: mapping strategies by name, chipsim's own and those of installed packages.

How a package adds one stands in `chipsim.mapping.strategy`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint

from chipsim.errors import InputError, nearest
from chipsim.mapping.strategy import MappingStrategy
from chipsim.plugins import entry_points

GROUP = "chipsim.mappings"
_BUILT_IN = {
    "annealed": "chipsim.planning.annealed:map_annealed",
    "balanced": "chipsim.planning.balanced:map_balanced",
    "best-fit": "chipsim.mapping.best_fit:map_best_fit",
    "in-order": "chipsim.mapping.in_order:map_in_order",
}


def list_mappings() -> list[str]:
    """Return the names of all strategies that can be used here, sorted.

    Examples
    --------
    >>> {"in-order", "balanced"} <= set(list_mappings())
    True
    """
    return sorted({*_BUILT_IN, *(entry.name for entry in entry_points(group=GROUP))})


def find_mapping(name: str) -> MappingStrategy:
    """A strategy by name.

    Raises
    ------
    InputError
        If no package has one of that name, several have, or it cannot be loaded.

    Examples
    --------
    >>> find_mapping("in-order").__name__
    'map_in_order'
    """
    found = {entry.value: entry for entry in entry_points(group=GROUP) if entry.name == name}
    if name in _BUILT_IN:
        found[_BUILT_IN[name]] = EntryPoint(name, _BUILT_IN[name], GROUP)
    if not found:
        known = list_mappings()
        raise InputError(
            f"unknown mapping {name!r}; give one of {', '.join(known)}, or a file that holds a mapping, "
            f"named .json, .yaml or .yml{nearest(name, known)}"
        )
    if len(found) > 1:
        raise InputError(f"mapping name '{name}' is claimed by several packages: {', '.join(sorted(found))}")
    place, entry = found.popitem()
    try:
        strategy: MappingStrategy = entry.load()
    except (ImportError, AttributeError) as error:
        raise InputError(f"mapping '{name}' cannot be loaded from '{place}': {error}") from error
    return strategy
