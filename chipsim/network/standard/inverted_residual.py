"""MobileNetV2: inverted residuals with depthwise convolutions (Sandler et al. 2018, table 2)."""

from __future__ import annotations

import numpy as np
import onnx

from chipsim.network.standard.building import GraphBuilder

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, stride of the first block."""
LAST_SCALE = 0.5


def mobilenet(seed: int, side: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """Width one.

    Parameters
    ----------
    seed : int
        Of the weights.
    side : int
        Of the image.
    classes : int
    """
    build = GraphBuilder("mobilenet", seed)
    limits = (build.constant(np.array(0, np.float32)), build.constant(np.array(6, np.float32)))

    def active(before: str, channels: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        made = build.norm(build.conv(before, channels, outputs, kernel, stride, groups), outputs)
        return build.node("Clip", made, *limits)

    last, channels = active("image", 3, 32, 3, 2), 32
    for expansion, width, count, first_stride in STAGES:
        for number in range(count):
            stride, wide = first_stride if not number else 1, expansion * channels
            inner = last if expansion == 1 else active(last, channels, wide, 1)
            inner = active(inner, wide, wide, 3, stride, wide)
            inner = build.norm(build.conv(inner, wide, width, 1), width, LAST_SCALE)
            last = build.node("Add", inner, last) if stride == 1 and channels == width else inner
            channels = width
    last = active(last, channels, 1280, 1)
    flat = build.node("Flatten", build.node("GlobalAveragePool", last))
    return build.model({"image": ["N", 3, side, side]}, build.dense(flat, 1280, classes))
