"""`window_of`: the sliding window that a node's attributes describe."""

from __future__ import annotations

from chipsim.network.layers import Shape, Window
from chipsim.network.operators.node import Node


def map_of(node: Node, shape: Shape) -> Shape:
    """(C, H, W) of a feature map, (C, D, H, W) of a volume; a sequence (C, L) is a map of one row."""
    if len(shape) not in (2, 3, 4):
        node.unsupported(f"on an input of shape {shape}; it must be channels and one to three axes")
    return (shape[0], 1, shape[1]) if len(shape) == 2 else shape


def window_of(node: Node, kernel: tuple[int, ...]) -> Window:
    """The window of a convolution or pooling, explicit padding included.

    Parameters
    ----------
    node : Node
    kernel : tuple of int
        One size per spatial axis.

    Returns
    -------
    Window
        Of a sequence: one row.
    """
    axes = len(kernel)
    strides = tuple(node.attributes.get("strides", (1,) * axes))
    dilations = tuple(node.attributes.get("dilations", (1,) * axes))
    sizes = node.input_shape[1:]
    before, after = _padding(node, sizes, kernel, strides, dilations)
    return _on_a_map(Window(kernel, strides, (*before, *after), dilations, (1,) * axes))


def transposed_window_of(node: Node, kernel: tuple[int, ...]) -> Window:
    """The window of a transposed convolution: one of stride 1 over the input with zeros between neighbours.

    Parameters
    ----------
    node : Node
    kernel : tuple of int
        One size per spatial axis.

    Notes
    -----
    Input i meets output o at tap k where o = i * stride - pad + k * dilation. With the kernel turned round, tap j =
    kernel - 1 - k, that is the stuffed index i * stride = o - before + j * dilation with before = (kernel - 1) *
    dilation - pad; what comes after follows from the output's size.
    """
    axes = len(kernel)
    strides = tuple(node.attributes.get("strides", (1,) * axes))
    dilations = tuple(node.attributes.get("dilations", (1,) * axes))
    reach = [(taps - 1) * dilation for taps, dilation in zip(kernel, dilations, strict=True)]
    stuffed = [(size - 1) * stride + 1 for size, stride in zip(node.input_shape[1:], strides, strict=True)]
    cut = _cut_before(node, [size + more for size, more in zip(stuffed, reach, strict=True)])
    before = tuple(more - pad for more, pad in zip(reach, cut, strict=True))
    after = tuple(
        output + more - size - first
        for output, more, size, first in zip(node.output_shape[1:], reach, stuffed, before, strict=True)
    )
    return _on_a_map(Window(kernel, (1,) * axes, (*before, *after), dilations, strides))


def _cut_before(node: Node, full: list[int]) -> tuple[int, ...]:
    """What a transposed convolution leaves out at the beginning of each axis."""
    axes = len(full)
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode == "VALID":
        return (0,) * axes
    if mode == "NOTSET" and "output_shape" not in node.attributes:
        return tuple(node.attributes.get("pads", (0,) * (2 * axes)))[:axes]
    extra = node.attributes.get("output_padding", (0,) * axes)
    total = [
        max(size + more - output, 0) for size, more, output in zip(full, extra, node.output_shape[1:], strict=True)
    ]
    return tuple(pad // 2 if mode == "SAME_UPPER" else pad - pad // 2 for pad in total)


def _on_a_map(window: Window) -> Window:
    """A window over a sequence as one over a map of one row."""
    if len(window.kernel) > 1:
        return window
    before, after = window.pads
    return Window(
        (1, *window.kernel), (1, *window.strides), (0, before, 0, after), (1, *window.dilations),
        (1, *window.stuffing),
    )  # fmt: skip


def _padding(
    node: Node, sizes: Shape, kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Padding before and after each spatial axis."""
    axes = len(kernel)
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode == "NOTSET":
        pads = tuple(node.attributes.get("pads", (0,) * (2 * axes)))
        if min(pads) < 0:
            node.unsupported(f"with negative padding {pads}")
        return pads[:axes], pads[axes:]
    if mode == "VALID":
        return (0,) * axes, (0,) * axes
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        node.wrong(f"auto_pad={mode!r} is not one of NOTSET, SAME_UPPER, SAME_LOWER, VALID")
    total = [
        max((-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
        for size, taps, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    small, large = tuple(pad // 2 for pad in total), tuple(pad - pad // 2 for pad in total)
    return (small, large) if mode == "SAME_UPPER" else (large, small)
