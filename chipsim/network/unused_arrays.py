"""`note_unused`: arrays of a data archive that no input of the network takes are named in a note."""

from __future__ import annotations

from dataclasses import replace

from chipsim.errors import nearest
from chipsim.network.dataset import CALIBRATION, OWN, Dataset
from chipsim.network.graph import Network

_MOST_NAMED = 5


def note_unused(network: Network, data: Dataset | None) -> Network:
    """The network, with a note if the data has arrays that nothing reads.

    Parameters
    ----------
    network : Network
    data : Dataset or None
        As `chipsim.network.dataset.load_data` gives it.
    """
    if data is None:
        return network
    inputs = [layer.name for layer in network.input_layers]
    own = OWN if len(inputs) == 1 and data.x.size else ("y", *inputs, *(name + CALIBRATION for name in inputs))
    unused = [name for name in data.arrays if name not in own]
    if not unused:
        return network
    more = f" and {len(unused) - _MOST_NAMED} more" if len(unused) > _MOST_NAMED else ""
    named = ", ".join(map(repr, unused[:_MOST_NAMED])) + more
    missing = [name for name in own if name not in data.arrays]
    hints = (nearest(name, missing) for name in unused)
    hint = next((hint for hint in hints if hint), "")
    return replace(network, notes=(*network.notes, f"arrays of {data.name} that no input reads: {named}{hint}"))
