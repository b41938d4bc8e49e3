"""VGG-16 (Simonyan and Zisserman 2015, table 1, column D)."""

from __future__ import annotations

import onnx

from chipsim.network.standard.building import GraphBuilder

STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and channels between two poolings."""


def vgg16(seed: int, side: int = 224, classes: int = 1000, hidden: int = 4096) -> onnx.ModelProto:
    """Thirteen 3 x 3 convolutions and three dense layers.

    Parameters
    ----------
    seed : int
        Of the weights.
    side : int
        Of the image, a multiple of 32.
    classes : int
    hidden : int
        Width of the dense layers.
    """
    build = GraphBuilder("vgg16", seed)
    last, channels = "image", 3
    for count, width in STAGES:
        for _ in range(count):
            last, channels = build.node("Relu", build.conv(last, channels, width, 3)), width
        last = build.node("MaxPool", last, kernel_shape=[2, 2], strides=[2, 2])
    last, size = build.node("Flatten", last), channels * (side // 32) ** 2
    for width in (hidden, hidden):
        last, size = build.node("Relu", build.dense(last, size, width)), width
    return build.model({"image": ["N", 3, side, side]}, build.dense(last, size, classes))
