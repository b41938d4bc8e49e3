"""``chipsim list``."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.architecture.loader import list_architectures
from chipsim.device import list_devices
from chipsim.errors import InputError, nearest
from chipsim.mapping.registry import list_mappings
from chipsim.network.archive import BUILT_IN
from chipsim.network.zoo import list_networks

KINDS: dict[str, Callable[[], list[str]]] = {
    "architectures": list_architectures,
    "networks": list_networks,
    "data": lambda: list(BUILT_IN),
    "devices": list_devices,
    "mappings": list_mappings,
}


def list_command(what: str | None) -> None:
    """Print names, one per line; with a heading each where everything is listed."""
    if what is None:
        for kind, names in KINDS.items():
            print(f"{kind}:")
            for name in names():
                print(f"  {name}")
        return
    if what not in KINDS:
        raise InputError(f"cannot list {what!r}; one of {', '.join(KINDS)}{nearest(what, KINDS)}")
    for name in KINDS[what]():
        print(name)
