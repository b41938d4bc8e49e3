"""`reads_in_walks`: who reads whom where layers walk backwards, lag behind, or hand on some positions only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, MatrixLayer, Shape
from chipsim.network.reads import Indices, Reads


def reads_in_walks(
    seen: AnyLayer, consumer: AnyLayer, operand: int, producer: AnyLayer, picks: NDArray[np.int64] | None
) -> Reads | None:
    """Which producer positions each consumer position reads, both in the order in which their layers walk.

    Parameters
    ----------
    seen : layer
        What the consumer reads: the producer, or a view of it.
    consumer : layer
    operand : int
        Which of the consumer's inputs.
    producer : layer
    picks : ndarray of int64, or None
        Positions of the producer that ``seen`` hands on, in raster order; None for all.

    Returns
    -------
    Reads or None
        None where nothing walks backwards, lags or is left out.
    """
    delay = consumer.delay if isinstance(consumer, MatrixLayer) and operand == 0 else 0
    if delay:
        before = np.arange(consumer.positions, dtype=np.int64) - delay
        return Reads(np.where((before >= 0) & (before < producer.positions), before, -1)[:, None], producer.positions)
    sequences = first_state_of(consumer, operand)
    if picks is None and not producer.reverse and not consumer.reverse and not sequences:
        return None
    read = np.arange(seen.positions, dtype=np.int64) if picks is None else picks
    read = producer.positions - 1 - read if producer.reverse else read
    if sequences:
        found = _at_the_start(consumer, read, sequences)
    elif one_to_one(consumer) and consumer.positions == seen.positions:
        found = read[:, None]
    else:
        found = np.broadcast_to(np.unique(read), (consumer.positions, len(np.unique(read))))
    return Reads(found[::-1] if consumer.reverse else found, producer.positions)


def first_state_of(consumer: AnyLayer, operand: int) -> int:
    """Of how many sequences an operand of a recurrent operator's layer is the first state; 0 where it is none."""
    if isinstance(consumer, MatrixLayer):
        return consumer.delay if operand == 1 else 0
    if not isinstance(consumer, GateLayer):
        return 0
    behind = operand - (len(consumer.inputs) - len(consumer.given))
    return consumer.rules.sequences if behind >= 0 and consumer.given[behind] in ("initial", "initial_cell") else 0


def _at_the_start(consumer: AnyLayer, sources: Indices, sequences: int) -> Indices:
    """Who reads a first state, in raster order: the first position of each sequence, its own source (rule T96)."""
    found = np.full((consumer.positions, 1), -1, np.int64)
    walked = np.arange(min(sequences, consumer.positions))
    raster = consumer.positions - 1 - walked if consumer.reverse else walked
    found[raster, 0] = sources[raster % sequences]
    return found


def kernel_columns(consumer: AnyLayer, producer: AnyLayer, picks: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    """Which column of a consumer's kernel each producer position meets, where the kernel covers all that it reads."""
    if not isinstance(consumer, MatrixLayer) or consumer.window.taps == 1:
        return None
    found = np.zeros(producer.positions, np.int64)
    found[slice(None) if picks is None else picks] = np.arange(consumer.window.taps)
    return found[::-1] if producer.reverse else found


def one_to_one(consumer: AnyLayer) -> bool:
    """Whether position p of a layer reads position p of operands with as many positions, and no other."""
    if isinstance(consumer, MatrixLayer):
        return consumer.channels_last and consumer.window.taps == 1
    return isinstance(consumer, GateLayer) or (isinstance(consumer, DigitalLayer) and consumer.pattern == "elementwise")


def is_turned(seen: AnyLayer, consumer: AnyLayer) -> bool:
    """Whether a consumer takes for positions what its producer takes for channels."""
    turns = isinstance(consumer, DigitalLayer) and consumer.operator == "Transpose" and one_to_one(consumer)
    different = seen.channels_last != consumer.channels_last
    if turns and different:
        return False
    return different and not (seen.positions == 1 and seen.output_shape == (seen.channels,))


def shape_channels_first(layer: AnyLayer) -> tuple[Shape, int]:
    """A shape whose last axes are the layer's positions, and how many of them they are."""
    if layer.channels_last:
        return (layer.channels, 1, layer.positions), 2
    return layer.output_shape, layer.position_axes
