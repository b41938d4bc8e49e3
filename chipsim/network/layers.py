"""What a network is made of: layers without hardware in them.

Shapes never include the batch. A layer's output is seen as ``positions`` x ``channels``: a feature map
(C, H, W) has H*W positions in raster order with C channels each, a vector (N,) has one position. Tokens and time steps
have their channels last: (T, D) has T positions with D channels each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import onnx
from numpy.typing import NDArray

from chipsim.network.cell import CellRules, Role
from chipsim.network.matrix import Matrix

Shape = tuple[int, ...]
ActivationKind = Literal["relu", "leaky_relu", "sigmoid", "tanh", "clip"]


def positions_of(shape: Shape, axes: int = 2) -> int:
    """Number of positions where the last ``axes`` axes are positions: H*W of (C, H, W), 1 of (N,)."""
    return math.prod(shape[max(1, len(shape) - axes) :])


def channels_of(shape: Shape, axes: int = 2) -> int:
    """Number of channels per position of an output of this shape."""
    return math.prod(shape) // positions_of(shape, axes)


@dataclass(frozen=True, slots=True)
class Window:
    """The sliding window of a convolution or pooling: one output position sees kernel x kernel inputs.

    Every pair is (y, x), or (z, y, x) over a volume; ``pads`` is (top, left, bottom, right): all that come before, then
    all that come after, negative where the input is cut. With ``stuffing`` s, s - 1 zeros stand between neighbours of
    the input, which makes a transposed convolution of stride s a plain one.
    """

    kernel: tuple[int, ...] = (1, 1)
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    stuffing: tuple[int, ...] = (1, 1)

    @property
    def taps(self) -> int:
        """Inputs that one output sees, per channel."""
        return math.prod(self.kernel)

    @property
    def grid(self) -> tuple[int, int]:
        """The kernel as rows and columns; over a volume the two last axes are one."""
        return self.kernel[0], math.prod(self.kernel[1:])


@dataclass(frozen=True, slots=True)
class Activation:
    """A function that a neuron unit applies to each value.

    ``parameters`` is (alpha,) of a leaky ReLU, (low, high) of a clip and empty otherwise.
    """

    kind: ActivationKind
    parameters: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """What all layers have: a name, the names of the layers that feed it and the shape of its output.

    The last ``position_axes`` axes of the output are positions, the others channels; the first is always of channels.
    With ``channels_last`` the last axis is of channels, and all before it are positions. A layer walks its positions in
    raster order, with ``reverse`` from the last to the first. ``number_type`` is the type in which a layer on tiles
    hands on what it gives, or to which another one rounds it, as NumPy calls it; empty for float32, and for what an
    operator gives by itself.
    """

    name: str
    inputs: tuple[str, ...]
    output_shape: Shape
    position_axes: int = field(default=2, kw_only=True)
    channels_last: bool = field(default=False, kw_only=True)
    reverse: bool = field(default=False, kw_only=True)
    number_type: str = field(default="", kw_only=True)

    @property
    def positions(self) -> int:
        """Output positions per input of the network."""
        if self.channels_last:
            return math.prod(self.output_shape[:-1])
        return positions_of(self.output_shape, self.position_axes)

    @property
    def channels(self) -> int:
        """Values per output position."""
        return math.prod(self.output_shape) // self.positions


@dataclass(frozen=True, slots=True)
class InputLayer(Layer):
    """The network's input, one example at a time; ``dtype`` is the type in which the model takes it."""

    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class MatrixLayer(Layer):
    """A convolution or dense layer: weight matrices on crossbars, bias and activations at the neuron unit.

    A dense layer that reads a whole feature map is a convolution whose kernel is the map.

    Attributes
    ----------
    input_shape : tuple of int
        (C, H, W) or (C, D, H, W) that the window slides over.
    window : Window
    matrices : tuple of Matrix
    activations : tuple of Activation
        Applied in order after the bias.
    delay : int
        With d > 0, position p reads position p - d of the layer that feeds it, in the order in which it walks; the
        first d read a constant that is held where the layer is computed, or their sequence's position of a second
        input.
    steps : int
        Of a loop: its positions are computed in so many steps, each of which depends on the one before.
    shares : str
        The layer whose weights, which stand on tiles once, are this one's too; empty where it has its own.
    """

    input_shape: Shape
    window: Window
    matrices: tuple[Matrix, ...]
    activations: tuple[Activation, ...] = ()
    delay: int = field(default=0, kw_only=True)
    steps: int = field(default=1, kw_only=True)
    shares: str = field(default="", kw_only=True)

    @property
    def macs(self) -> int:
        """Useful multiply-accumulates per input of the network; those with zeros that were stuffed in are not."""
        stuffed = any(zeros > 1 for zeros in self.window.stuffing)
        steps = math.prod(self.input_shape[1:]) if stuffed else self.positions
        return steps * sum(m.rows * m.columns for m in self.matrices)


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
    omitted : tuple of int
        Positions at which the node leaves an optional operand out.
    pattern : {"elementwise", "window", "barrier"}
        How output positions depend on input positions: p on p; p on a window; any on all.
    window : Window or None
        The window of a pooling operator (``pattern="window"``).
    element_operations : int
        Scalar operations per input of the network: for time and energy.
    activations : tuple of Activation
        Applied in order after the operator, by the same unit.
    opset : int
        Of the operator's domain.
    domain : str
        Where the operator is defined; empty for ONNX's own.
    operands : tuple of tuple of int, or None
        Shapes, batch of one included, in which the operator takes ``inputs`` where it runs one example at a time;
        None where it takes all at once.
    output, outputs : int
        Which of the operator's outputs this layer gives, of how many.
    macs : int
        Multiply-accumulates among the element operations (two operations each), per input of the network.
    reason : str
        Why a product is not on tiles, or the operator is run as it stands; empty where there is nothing to say.
    step : bool
        Whether it hands on one step of what a loop goes along.
    function : onnx.FunctionProto, or None
        The nodes that the operator stands for, where several run together; their operands have its names.
    """

    operator: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[int, NDArray[Any]] = field(default_factory=dict)
    pattern: Literal["elementwise", "window", "barrier"] = "barrier"
    window: Window | None = None
    element_operations: int = 0
    activations: tuple[Activation, ...] = ()
    opset: int = 21
    domain: str = ""
    operands: tuple[Shape, ...] | None = None
    output: int = 0
    outputs: int = 1
    macs: int = 0
    reason: str = ""
    omitted: tuple[int, ...] = ()
    step: bool = False
    function: onnx.FunctionProto | None = None

    @property
    def positions_given(self) -> tuple[int, ...]:
        """Operand positions of ``inputs``."""
        elsewhere = {*self.constants, *self.omitted}
        free = (position for position in count() if position not in elsewhere)
        return tuple(position for position, _ in zip(free, self.inputs, strict=False))


@dataclass(frozen=True, slots=True)
class GateLayer(Layer):
    """The gates of a recurrent operator: value by value in a neuron unit, which keeps the state.

    Attributes
    ----------
    rules : CellRules
    part : {"state", "reset", "cell", "held"}
        What comes out: the new state; a GRU's old state times its reset gate; an LSTM's new cell; the state that a
        sequence keeps when it has ended.
    state : str
        Of all but ``"state"`` the layer of the same operator that gives the new state.
    element_operations : int
        Scalar operations per input of the network: for time and energy.
    given : tuple of Role
        What the last of ``inputs`` are, behind the sums of matrices: operands that are data.
    """

    rules: CellRules
    part: Literal["state", "reset", "cell", "held"] = "state"
    state: str = ""
    element_operations: int = 0
    given: tuple[Role, ...] = ()

    @property
    def operator(self) -> str:
        """What is computed, for people."""
        return f"{self.rules.kind} {self.part}"

    @property
    def operands(self) -> dict[Role, str]:
        """Layers that give operands which are data."""
        return dict(zip(self.given, self.inputs[len(self.inputs) - len(self.given) :], strict=True))


@dataclass(frozen=True, slots=True)
class ViewLayer(Layer):
    """The same values under another shape (Reshape, Flatten, Unsqueeze): costs nothing.

    Attributes
    ----------
    picks : tuple of int, or None
        Positions of the layer before that it hands on, in raster order; None for all.
    first_channel : int or None
        The first of the layer's channels that it hands on, as many as it has itself; None for all. Its positions are
        those of the layer before.
    """

    picks: tuple[int, ...] | None = None
    first_channel: int | None = None


AnyLayer = InputLayer | MatrixLayer | DigitalLayer | GateLayer | ViewLayer
