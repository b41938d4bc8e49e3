"""`Loop`: layers of a recurrent operator, which wait for each other step by step (rule B24)."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from chipsim.baseline.dataflow import ceil_div
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, MatrixLayer


@dataclass(frozen=True, slots=True)
class Loop:
    """A recurrent matrix, its gates and everything on the way round.

    Attributes
    ----------
    layers : tuple of str
        In topological order.
    rounds : int
        How often the machine goes round for one input.
    inner : frozenset of str
        Layers whose outputs only the loop reads: these are kept for one round.
    """

    layers: tuple[str, ...]
    rounds: int
    inner: frozenset[str]


def given_to(layer: AnyLayer) -> tuple[str, ...]:
    """What a layer reads that was made before it: a recurrent matrix's state is of the round before."""
    return layer.inputs[1:] if isinstance(layer, MatrixLayer) and layer.delay else layer.inputs


def loops_of(network: Network) -> dict[str, Loop]:
    """The loops of a network, by each of their layers.

    Parameters
    ----------
    network : Network

    Returns
    -------
    dict of str to Loop
        Empty where no layer is recurrent.
    """
    layers = network.layers
    if not any(isinstance(layer, MatrixLayer) and layer.delay for layer in layers.values()):
        return {}
    graph: nx.DiGraph[str] = nx.DiGraph((name, layer.name) for layer in layers.values() for name in layer.inputs)
    found: dict[str, Loop] = {}
    for members in nx.strongly_connected_components(graph):
        if len(members) > 1:
            loop = _loop(network, [name for name in layers if name in members])
            found |= dict.fromkeys(loop.layers, loop)
    return found


def _loop(network: Network, names: list[str]) -> Loop:
    layers = [network.layers[name] for name in names]
    delay = max(layer.delay for layer in layers if isinstance(layer, MatrixLayer))
    read_outside = set(network.outputs).union(
        *(layer.inputs for layer in network.layers.values() if layer.name not in names)
    )
    states = {layer.inputs[0] for layer in layers if isinstance(layer, MatrixLayer) and layer.delay}
    inner = frozenset(names) - read_outside - states
    return Loop(tuple(names), ceil_div(max(layer.positions for layer in layers), delay), inner)
