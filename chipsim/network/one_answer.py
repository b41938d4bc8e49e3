"""`note_one_answer`: labels of a network that has one answer say nothing, which a note says."""

from __future__ import annotations

import math
from dataclasses import replace

from chipsim.network.dataset import Dataset
from chipsim.network.graph import Network


def note_one_answer(network: Network, dataset: Dataset) -> Network:
    """The network, with a note if there are labels and it gives one value per input, which is class 0 always.

    Parameters
    ----------
    network : Network
    dataset : Dataset
        As `chipsim.network.dataset.fit_data` gives it.
    """
    values = math.prod(network.layers[network.outputs[0]].output_shape)
    if dataset.y is None or values > 1 or network.weights != "file":
        return network
    note = (
        f"{network.name} gives one value per input, so that every input counts as class 0, and {dataset.name} has no "
        "other label: accuracies are 100 % whatever is computed; leave 'y' out, or give it one output per class"
    )
    return replace(network, notes=(*network.notes, note))
