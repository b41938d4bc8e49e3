"""What a network is made of: layers without hardware in them.

Shapes never include the batch. A layer's output is seen as ``positions`` x ``channels``: a feature map
(C, H, W) has H*W positions in raster order with C channels each, a vector (N,) has one position.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
ActivationKind = Literal["relu", "leaky_relu", "sigmoid", "tanh", "clip"]


def positions_of(shape: Shape) -> int:
    """Number of positions of an output of this shape: H*W of (C, H, W), 1 of (N,)."""
    return math.prod(shape[1:]) if len(shape) <= 3 else math.prod(shape[-2:])


def channels_of(shape: Shape) -> int:
    """Number of channels per position of an output of this shape."""
    return math.prod(shape) // positions_of(shape)


@dataclass(frozen=True, slots=True)
class Window:
    """The sliding window of a convolution or pooling: one output position sees kernel x kernel inputs.

    Every pair is (y, x); ``pads`` is (top, left, bottom, right).
    """

    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Activation:
    """A function that a neuron unit applies to each value.

    ``parameters`` is (alpha,) of a leaky ReLU, (low, high) of a clip and empty otherwise.
    """

    kind: ActivationKind
    parameters: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Matrix:
    """One weight matrix of a layer; a grouped convolution has one per group.

    Attributes
    ----------
    name : str
        Unique in the network.
    weights : ndarray of float32, shape (rows, columns)
        Rows in the order (kernel y, kernel x, channel), columns are output channels.
    bias : ndarray of float32, shape (columns,)
    first_input_channel, first_output_channel : int
        Where the matrix's channels begin in the layer's input and output.
    """

    name: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    first_input_channel: int = 0
    first_output_channel: int = 0

    @property
    def rows(self) -> int:
        """Word lines that the matrix needs."""
        return int(self.weights.shape[0])

    @property
    def columns(self) -> int:
        """Bit lines (pairs of them) that the matrix needs."""
        return int(self.weights.shape[1])


@dataclass(frozen=True, slots=True)
class Layer:
    """What all layers have: a name, the names of the layers that feed it and the shape of its output."""

    name: str
    inputs: tuple[str, ...]
    output_shape: Shape

    @property
    def positions(self) -> int:
        """Output positions per input of the network."""
        return positions_of(self.output_shape)

    @property
    def channels(self) -> int:
        """Values per output position."""
        return channels_of(self.output_shape)


@dataclass(frozen=True, slots=True)
class InputLayer(Layer):
    """The network's input, one example at a time."""


@dataclass(frozen=True, slots=True)
class MatrixLayer(Layer):
    """A convolution or dense layer: weight matrices on crossbars, bias and activations at the neuron unit.

    A dense layer that reads a whole feature map is a convolution whose kernel is the map.

    Attributes
    ----------
    input_shape : tuple of int
        (C, H, W) that the window slides over.
    window : Window
    matrices : tuple of Matrix
    activations : tuple of Activation
        Applied in order after the bias.
    """

    input_shape: tuple[int, int, int]
    window: Window
    matrices: tuple[Matrix, ...]
    activations: tuple[Activation, ...] = ()

    @property
    def macs(self) -> int:
        """Useful multiply-accumulates per input of the network."""
        return self.positions * sum(m.rows * m.columns for m in self.matrices)


@dataclass(frozen=True, slots=True)
class DigitalLayer(Layer):
    """Any other operator: runs on a digital unit, with exact values.

    Attributes
    ----------
    operator : str
        ONNX operator type, e.g. ``"MaxPool"``.
    attributes : mapping
        ONNX attributes as plain Python values.
    constants : mapping of int to ndarray
        Operand position in the ONNX node -> constant value; the other operands are ``inputs`` in order.
    pattern : {"elementwise", "window", "barrier"}
        How output positions depend on input positions: p on p; p on a window; any on all.
    window : Window or None
        The window of a pooling operator (``pattern="window"``).
    element_operations : int
        Scalar operations per input of the network: for time and energy.
    activations : tuple of Activation
        Applied in order after the operator, by the same unit.
    opset : int
    """

    operator: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[int, NDArray[Any]] = field(default_factory=dict)
    pattern: Literal["elementwise", "window", "barrier"] = "barrier"
    window: Window | None = None
    element_operations: int = 0
    activations: tuple[Activation, ...] = ()
    opset: int = 21


@dataclass(frozen=True, slots=True)
class ViewLayer(Layer):
    """The same values under another shape (Reshape, Flatten, Unsqueeze): costs nothing."""


AnyLayer = InputLayer | MatrixLayer | DigitalLayer | ViewLayer
