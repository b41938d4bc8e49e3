"""`Network`: layers in topological order, weights included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chipsim.network.layers import AnyLayer, DigitalLayer, InputLayer, MatrixLayer, Shape


@dataclass(frozen=True, slots=True)
class Network:
    """A network read from ONNX.

    Attributes
    ----------
    name : str
        For people: the file's stem or the zoo's name.
    layers : dict of str to layer
        In topological order; every name in a layer's ``inputs`` stands before it, but for what is read with a delay.
    outputs : tuple of str
        Names of the layers whose values the network returns, in the model's order.
    weights : {"file", "synthetic"}
        ``"synthetic"``: the model's own weights were replaced by seeded random ones.
    onnx_bytes : bytes
        The model that the layers were read from (weights replaced where synthetic), for the reference run.
    input_name : str
        Name of the data input in ``onnx_bytes``.
    sha256 : str
        Hash of the file as the user gave it.
    notes : tuple of str
        What a reader of the results should know: sizes that were assumed, weights that stand on tiles twice.
    """

    name: str
    layers: dict[str, AnyLayer]
    outputs: tuple[str, ...]
    weights: Literal["file", "synthetic"]
    onnx_bytes: bytes
    input_name: str
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def input_layer(self) -> InputLayer:
        """The layer that stands for the network's input."""
        return next(layer for layer in self.layers.values() if isinstance(layer, InputLayer))

    @property
    def input_shape(self) -> Shape:
        """Shape of one input, without the batch."""
        return self.input_layer.output_shape

    @property
    def matrix_layers(self) -> list[MatrixLayer]:
        """The layers that go to tiles, in topological order."""
        return [layer for layer in self.layers.values() if isinstance(layer, MatrixLayer)]

    @property
    def macs(self) -> int:
        """Useful multiply-accumulates per input, wherever they are done."""
        return self.macs_on_tiles + sum(layer.macs for layer in self.layers.values() if isinstance(layer, DigitalLayer))

    @property
    def macs_on_tiles(self) -> int:
        """Those of them that tiles do."""
        return sum(layer.macs for layer in self.matrix_layers)

    def consumers(self, name: str) -> list[AnyLayer]:
        """Layers that read the output of layer ``name``, in topological order."""
        return [layer for layer in self.layers.values() if name in layer.inputs]
