"""`reads_in_walks`: who reads whom where layers walk backwards, lag behind, or hand on some positions only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, MatrixLayer, Shape

Reads = NDArray[np.bool_]


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
    ndarray of bool, shape (consumer positions, producer positions), or None
        None where nothing walks backwards, lags or is left out.
    """
    delay = consumer.delay if isinstance(consumer, MatrixLayer) and operand == 0 else 0
    if delay:
        return np.eye(consumer.positions, producer.positions, -delay, dtype=np.bool_)
    sequences = first_state_of(consumer, operand)
    if picks is None and not producer.reverse and not consumer.reverse and not sequences:
        return None
    if sequences:
        wanted = _at_the_start(consumer, seen.positions, sequences)
    elif one_to_one(consumer) and consumer.positions == seen.positions:
        wanted = np.eye(seen.positions, dtype=np.bool_)
    else:
        wanted = np.ones((consumer.positions, seen.positions), np.bool_)
    found = np.zeros((consumer.positions, producer.positions), np.bool_)
    found[:, slice(None) if picks is None else picks] = wanted
    found = found[:, ::-1] if producer.reverse else found
    return found[::-1] if consumer.reverse else found


def first_state_of(consumer: AnyLayer, operand: int) -> int:
    """Of how many sequences an operand of a recurrent operator's layer is the first state; 0 where it is none."""
    if isinstance(consumer, MatrixLayer):
        return consumer.delay if operand == 1 else 0
    if not isinstance(consumer, GateLayer):
        return 0
    behind = operand - (len(consumer.inputs) - len(consumer.given))
    return consumer.rules.sequences if behind >= 0 and consumer.given[behind] in ("initial", "initial_cell") else 0


def _at_the_start(consumer: AnyLayer, sources: int, sequences: int) -> Reads:
    """Who reads a first state, both in raster order: the first position of each sequence, its own (rule T96)."""
    found = np.zeros((consumer.positions, sources), np.bool_)
    walked = np.arange(min(sequences, consumer.positions))
    raster = consumer.positions - 1 - walked if consumer.reverse else walked
    found[raster, raster % sequences] = True
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
