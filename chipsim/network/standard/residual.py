"""ResNet-18 and ResNet-50 (He et al. 2016, table 1; strides of the bottleneck at its 3 x 3, as in version 1.5)."""

from __future__ import annotations

import onnx

from chipsim.network.standard.building import GraphBuilder

WIDTHS = (64, 128, 256, 512)
LAST_SCALE = 0.5
"""Of the batch normalisation that ends a block, so that sums over many blocks do not grow."""


def resnet18(seed: int, side: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """Two blocks of two 3 x 3 convolutions at each of four sizes.

    Parameters
    ----------
    seed : int
        Of the weights.
    side : int
        Of the image.
    classes : int
    """
    return _network(GraphBuilder("resnet18", seed), (2, 2, 2, 2), False, side, classes)


def resnet50(seed: int, side: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """3, 4, 6 and 3 bottleneck blocks; parameters as for `resnet18`."""
    return _network(GraphBuilder("resnet50", seed), (3, 4, 6, 3), True, side, classes)


def _network(
    build: GraphBuilder, blocks: tuple[int, ...], bottleneck: bool, side: int, classes: int
) -> onnx.ModelProto:
    first = build.node("Relu", build.norm(build.conv("image", 3, 64, 7, 2), 64))
    last, channels = build.node("MaxPool", first, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 64
    for stage, (count, width) in enumerate(zip(blocks, WIDTHS, strict=True)):
        for number in range(count):
            stride = 2 if stage and not number else 1
            outputs = 4 * width if bottleneck else width
            inner = _bottleneck if bottleneck else _plain
            long = inner(build, last, channels, width, stride)
            short = last
            if stride > 1 or channels != outputs:
                short = build.norm(build.conv(last, channels, outputs, 1, stride), outputs)
            last, channels = build.node("Relu", build.node("Add", long, short)), outputs
    flat = build.node("Flatten", build.node("GlobalAveragePool", last))
    return build.model({"image": ["N", 3, side, side]}, build.dense(flat, channels, classes))


def _plain(build: GraphBuilder, before: str, channels: int, width: int, stride: int) -> str:
    inner = build.node("Relu", build.norm(build.conv(before, channels, width, 3, stride), width))
    return build.norm(build.conv(inner, width, width, 3), width, LAST_SCALE)


def _bottleneck(build: GraphBuilder, before: str, channels: int, width: int, stride: int) -> str:
    inner = build.node("Relu", build.norm(build.conv(before, channels, width, 1), width))
    inner = build.node("Relu", build.norm(build.conv(inner, width, width, 3, stride), width))
    return build.norm(build.conv(inner, width, 4 * width, 1), 4 * width, LAST_SCALE)
