"""`Tensor`: what the layers of a network hand to each other, and from when to when it is needed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from chipsim.baseline.loops import Loop, given_to, loops_of
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, InputLayer, ViewLayer
from chipsim.simulation.core.durations import bytes_of


@dataclass(frozen=True, slots=True)
class Tensor:
    """The output of one layer; views of it are the same tensor.

    Attributes
    ----------
    name : str
        Of the layer.
    bytes_per_input : int
        That are kept at once.
    first, last : int
        Places in topological order of the layer that makes it and of the last one that reads it.
    copies : int
        2 for the network's inputs and outputs: one batch is computed while another arrives or leaves.
    rounds : int
        How often it is made anew within a loop that alone reads it.
    """

    name: str
    bytes_per_input: int
    first: int
    last: int
    copies: int
    rounds: int = 1

    @property
    def made_per_input(self) -> int:
        """Bytes that are written and read for each input."""
        return self.bytes_per_input * self.rounds


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
    handed_on : dict of str to int
        Layer name -> bytes per input that it hands on: less than its tensor has where a view picks positions.
    loops : dict of str to Loop
    """

    by_name: dict[str, Tensor]
    owner: dict[str, str]
    outputs: tuple[str, ...]
    handed_on: dict[str, int]
    loops: dict[str, Loop]

    def read_by(self, inputs: tuple[str, ...]) -> dict[str, int]:
        """The tensors that a layer with these inputs reads, each once, and how many bytes of each."""
        read: dict[str, int] = {}
        for name in inputs:
            read[self.owner[name]] = max(read.get(self.owner[name], 0), self.handed_on[name])
        return read


def tensors_of(network: Network, activation_bits: int) -> Tensors:
    """Walk the network once; only shapes are read."""
    owner: dict[str, str] = {}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    handed: dict[str, int] = {}
    loops = loops_of(network)
    places = {name: place for place, name in enumerate(network.layers)}
    for place, layer in enumerate(network.layers.values()):
        owner[layer.name] = owner[layer.inputs[0]] if isinstance(layer, ViewLayer) else layer.name
        loop = loops.get(layer.name)
        begin, end = (places[loop.layers[0]], places[loop.layers[-1]]) if loop else (place, place)
        first.setdefault(owner[layer.name], begin)
        handed[layer.name] = _handed_on(layer, handed, activation_bits)
        for name in (*given_to(layer), layer.name):
            last[owner[name]] = max(end, last.get(owner[name], 0))
    outputs = tuple(dict.fromkeys(owner[name] for name in network.outputs))
    final = len(network.layers) - 1
    tensors = {}
    for name, begin in first.items():
        travels = name in outputs or isinstance(network.layers[name], InputLayer)
        span = (0, final) if travels else (begin, last[name])
        rounds = loops[name].rounds if name in loops and name in loops[name].inner else 1
        kept = -(-handed[name] // rounds)
        tensors[name] = Tensor(name, kept, *span, copies=2 if travels else 1, rounds=rounds)
    return Tensors(tensors, owner, outputs, handed, loops)


def _handed_on(layer: AnyLayer, handed: dict[str, int], activation_bits: int) -> int:
    """Bytes per input; a view of a view of some positions hands on no more than these."""
    size = bytes_of(math.prod(layer.output_shape), activation_bits)
    if isinstance(layer, ViewLayer) and layer.picks is None:
        return handed[layer.inputs[0]]
    return size
