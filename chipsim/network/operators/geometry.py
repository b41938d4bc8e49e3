"""`window_of`: the sliding window that a node's attributes describe."""

from __future__ import annotations

from chipsim.network.layers import Shape, Window
from chipsim.network.operators.node import Node


def map_of(node: Node, shape: Shape) -> tuple[int, int, int]:
    """(C, H, W) of a feature map; a sequence (C, L) is a map of one row."""
    if len(shape) not in (2, 3):
        node.unsupported(f"on an input of shape {shape}; it must be (channels, length) or (channels, height, width)")
    return (shape[0], 1, shape[1]) if len(shape) == 2 else (shape[0], shape[1], shape[2])


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
    if axes == 1:
        kernel, strides, dilations, before, after = (
            (1, *kernel), (1, *strides), (1, *dilations), (0, *before), (0, *after),
        )  # fmt: skip
    return Window(
        kernel=(kernel[0], kernel[1]),
        strides=(strides[0], strides[1]),
        pads=(before[0], before[1], after[0], after[1]),
        dilations=(dilations[0], dilations[1]),
    )


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
