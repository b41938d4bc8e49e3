"""`Network`: layers in topological order, weights included."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import AnyLayer, DigitalLayer, InputLayer, MatrixLayer, Shape
from chipsim.network.number_types import input_values


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
    onnx_bytes : bytes, or callable that makes them
        The model that the layers were read from (weights replaced where synthetic), for the reference run.
    input_name : str
        Name of the first data input in ``onnx_bytes``; all of them are the names of `input_layers`.
    sha256 : str
        Hash of the file as the user gave it.
    notes : tuple of str
        What a reader of the results should know: sizes that were assumed, weights that stand on tiles twice.
    alone : bool
        Whether ``onnx_bytes`` must be run one example at a time, since some values do not have the batch on axis 0.
    value_shapes : tuple of tuple of int
        Of the outputs as the model gives them for one input, batch of one included.
    """

    name: str
    layers: dict[str, AnyLayer]
    outputs: tuple[str, ...]
    weights: Literal["file", "synthetic"]
    onnx_bytes: bytes | Callable[[], bytes]
    input_name: str
    sha256: str
    notes: tuple[str, ...] = ()
    alone: bool = False
    value_shapes: tuple[Shape, ...] = ()

    def model_bytes(self) -> bytes:
        """The model that the layers were read from; made anew where it is not kept."""
        return self.onnx_bytes if isinstance(self.onnx_bytes, bytes) else self.onnx_bytes()

    @property
    def input_layers(self) -> list[InputLayer]:
        """The layers that stand for what the network is given: one, or several that make up an input together."""
        return [layer for layer in self.layers.values() if isinstance(layer, InputLayer)]

    @property
    def input_layer(self) -> InputLayer:
        """The first of them."""
        return self.input_layers[0]

    @property
    def input_shape(self) -> Shape:
        """Shape of one input, without the batch; of several input layers all values one after another."""
        first, *others = self.input_layers
        if not others:
            return first.output_shape
        return (sum(math.prod(layer.output_shape) for layer in (first, *others)),)

    def join_inputs(self, arrays: Mapping[str, NDArray[Any]], dtype: type = np.float32) -> NDArray[Any]:
        """What each input layer is given as one array, shape (n, *input_shape); `split_inputs` undoes it."""
        first, *others = self.input_layers
        if not others:
            return np.ascontiguousarray(arrays[first.name], dtype)
        parts = [arrays[layer.name].reshape(len(arrays[layer.name]), -1) for layer in (first, *others)]
        return np.concatenate(parts, axis=1, dtype=dtype)

    def split_inputs(self, x: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """What each input layer is given, shape (n, *its shape), in the type that it takes."""
        layers, start, found = self.input_layers, 0, {}
        flat = x.reshape(len(x), -1)
        for layer in layers:
            size = math.prod(layer.output_shape)
            part = x if len(layers) == 1 else flat[:, start : start + size]
            found[layer.name] = input_values(part.reshape(len(x), *layer.output_shape), layer.dtype, layer.name)
            start += size
        return found

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
