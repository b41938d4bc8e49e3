"""`Tensor`: what the layers of a network hand to each other, and from when to when it is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chipsim.network.graph import Network
from chipsim.network.layers import InputLayer, ViewLayer
from chipsim.simulation.durations import bytes_of


@dataclass(frozen=True, slots=True)
class Tensor:
    """The output of one layer; views of it are the same tensor.

    Attributes
    ----------
    name : str
        Of the layer.
    bytes_per_input : int
    first, last : int
        Places in topological order of the layer that makes it and of the last one that reads it.
    copies : int
        2 for the network's inputs and outputs: one batch is computed while another arrives or leaves.
    """

    name: str
    bytes_per_input: int
    first: int
    last: int
    copies: int


@dataclass(frozen=True, slots=True)
class Tensors:
    """All tensors of a network.

    Attributes
    ----------
    by_name : dict of str to Tensor
        In topological order.
    owner : dict of str to str
        Layer name -> the layer whose tensor it hands on: itself unless it is a view.
    outputs : tuple of str
        Tensors that leave for the host, each once.
    """

    by_name: dict[str, Tensor]
    owner: dict[str, str]
    outputs: tuple[str, ...]

    def read_by(self, inputs: tuple[str, ...]) -> list[Tensor]:
        """The tensors that a layer with these inputs reads, each once."""
        return [self.by_name[name] for name in dict.fromkeys(self.owner[name] for name in inputs)]


def tensors_of(network: Network, activation_bits: int) -> Tensors:
    """Walk the network once; only shapes are read."""
    owner: dict[str, str] = {}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for place, layer in enumerate(network.layers.values()):
        owner[layer.name] = owner[layer.inputs[0]] if isinstance(layer, ViewLayer) else layer.name
        first.setdefault(owner[layer.name], place)
        for name in (*layer.inputs, layer.name):
            last[owner[name]] = place
    outputs = tuple(dict.fromkeys(owner[name] for name in network.outputs))
    end = len(network.layers) - 1
    tensors = {}
    for name, begin in first.items():
        size = bytes_of(math.prod(network.layers[name].output_shape), activation_bits)
        travels = name in outputs or isinstance(network.layers[name], InputLayer)
        span = (0, end) if travels else (begin, last[name])
        tensors[name] = Tensor(name, size, *span, copies=2 if travels else 1)
    return Tensors(tensors, owner, outputs)
