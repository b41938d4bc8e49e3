"""`Edge`: who needs which output positions of whom, with views looked through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, reduce

import numpy as np
from numpy.typing import NDArray

from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, GateLayer, MatrixLayer, ViewLayer
from chipsim.network.reads import Reads, read_by
from chipsim.network.walks import is_turned, kernel_columns, reads_in_walks, shape_channels_first
from chipsim.network.windows import WindowSizes, need, oldest, window_sizes

HOST = "host"
Taps = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """A producer's output on its way to one consumer. Positions count in the order in which layers walk them.

    Attributes
    ----------
    producer, consumer : str
        Names of layers; `HOST` as the consumer is where the network's outputs go.
    operand : int
        Which of the consumer's inputs this is.
    need, oldest : ndarray of int64, shape (consumer positions,)
        See `chipsim.network.windows`.
    taps_y, taps_x : tuple of tuple of int, or None
        For each producer row (column), the kernel rows (columns) that it meets in some window; an empty one is
        never read. Of a volume, the first axis gives rows and the other two together columns. None: every position is
        read whole.
    reads : tuple of Reads, or None
        Along each axis, what the consumer reads of the producer; None where every position is read whole.
    mixed : bool
        A view in between mixes positions and channels: the consumer's parts each read every channel of the producer.
    channels : tuple of int, or None
        First and last + 1 of the producer's channels that a view hands on (rule T85); None for all.
    """

    producer: str
    consumer: str
    operand: int
    need: NDArray[np.int64]
    oldest: NDArray[np.int64]
    taps_y: tuple[Taps, ...] | None = None
    taps_x: tuple[Taps, ...] | None = None
    mixed: bool = False
    reads: tuple[Reads, ...] | None = None
    channels: tuple[int, int] | None = None

    def read_by(self, consumers: range, total: int) -> NDArray[np.bool_]:
        """Which of ``total`` producer positions some consumer positions read, shape (total,)."""
        if self.reads is None:
            return np.ones(total, np.bool_)
        asked = np.zeros(len(self.need), np.bool_)
        asked[consumers.start : consumers.stop : consumers.step] = True
        return read_by(self.reads, asked)

    def taps(self, position: int) -> tuple[Taps, Taps] | None:
        """Kernel rows and columns that a producer position meets; None where it is read whole."""
        if self.taps_y is None or self.taps_x is None:
            return None
        y, x = divmod(position, len(self.taps_x))
        return self.taps_y[y], self.taps_x[x]


def edges(network: Network) -> list[Edge]:
    """All edges between layers that do something, outputs to the host last.

    Returns
    -------
    list of Edge
        In topological order of the consumers, then of their operands.
    """
    slid = cache(_slid)
    found = [
        _handed_on(network, _edge(network, layer.name, operand, slid), layer.inputs[operand])
        for layer in network.layers.values()
        if isinstance(layer, MatrixLayer | DigitalLayer | GateLayer)
        for operand in range(len(layer.inputs))
    ]
    for operand, name in enumerate(dict.fromkeys(network.outputs)):
        producer, _, picks = _through_views(network, name)
        if picks is None:
            steps = np.arange(network.layers[producer].positions, dtype=np.int64)
            edge = Edge(producer, HOST, operand, steps + 1, steps)
        else:
            edge = _to_host(network, producer, operand, picks)
        found.append(_handed_on(network, edge, name))
    return found


def _handed_on(network: Network, edge: Edge, name: str) -> Edge:
    """The edge with those channels of the producer that views behind ``name`` hand on."""
    first, count = 0, None
    layer = network.layers[name]
    while isinstance(layer, ViewLayer):
        if layer.first_channel is not None:
            first, count = first + layer.first_channel, layer.channels if count is None else count
        layer = network.layers[layer.inputs[0]]
    return edge if count is None else replace(edge, channels=(first, first + count))


@dataclass(frozen=True, slots=True)
class _Slid:
    """What of an edge follows from the window that slides along it alone; see `Edge`."""

    need: NDArray[np.int64]
    oldest: NDArray[np.int64]
    taps_y: tuple[Taps, ...]
    taps_x: tuple[Taps, ...]
    reads: tuple[Reads, ...]


def _slid(sizes: WindowSizes) -> _Slid:
    touched = sizes.touched()
    taps = [_taps(found, size) for found, size in zip(touched, sizes.inputs, strict=True)]
    reads = tuple(Reads(found, size) for found, size in zip(touched, sizes.inputs, strict=True))
    taps_x, _ = reduce(_product, zip(taps[1:], sizes.window.kernel[1:], strict=True))
    return _Slid(sizes.need(), sizes.oldest(), taps[0], taps_x, reads)


def _edge(network: Network, consumer_name: str, operand: int, slid: Callable[[WindowSizes], _Slid]) -> Edge:
    """The edge to one operand; ``slid`` is `_slid`, which layers with like windows ask once."""
    consumer = network.layers[consumer_name]
    seen = network.layers[consumer.inputs[operand]]
    producer_name, mixed, picks = _through_views(network, seen.name)
    producer = network.layers[producer_name]
    if mixed or is_turned(seen, consumer):  # positions are mixed: all must be there
        count, total = consumer.positions, producer.positions
        all_of_it, none = np.full(count, total, np.int64), np.zeros(count, np.int64)
        return Edge(producer_name, consumer_name, operand, all_of_it, none, mixed=True)
    walked = reads_in_walks(seen, consumer, operand, producer, picks)
    if walked is not None:
        return _walked(producer_name, consumer_name, operand, walked, kernel_columns(consumer, producer, picks))
    shape, axes = shape_channels_first(seen)
    sizes = window_sizes(shape, consumer, axes)
    if sizes is None:
        wanted, first = need(shape, consumer, axes), oldest(shape, consumer, axes)
        return Edge(producer_name, consumer_name, operand, wanted, first)
    of = slid(sizes)
    return Edge(producer_name, consumer_name, operand, of.need, of.oldest, of.taps_y, of.taps_x, reads=of.reads)


def _through_views(network: Network, name: str) -> tuple[str, bool, NDArray[np.int64] | None]:
    """The layer behind views, whether they mix its positions, and which of these they hand on (None: all)."""
    layer, mixed = network.layers[name], False
    picks: NDArray[np.int64] | None = None
    while isinstance(layer, ViewLayer):
        source = network.layers[layer.inputs[0]]
        if layer.picks is not None and not is_turned(source, layer) and not mixed:
            chosen = np.array(layer.picks, np.int64)
            picks = chosen if picks is None else chosen[picks]
        else:
            mixed |= layer.picks is not None or source.positions != layer.positions or is_turned(source, layer)
            picks = None if mixed else picks
        layer = source
    return layer.name, mixed, picks


def _walked(producer: str, consumer: str, operand: int, reads: Reads, columns: NDArray[np.int64] | None = None) -> Edge:
    """An edge between layers that walk one axis, given who reads whom.

    ``columns`` are the columns of the consumer's kernel that the producer's positions meet; the first if not given.
    """
    wanted = np.maximum.accumulate(reads.last)
    first = np.minimum.accumulate(reads.first[::-1])[::-1]
    met = np.zeros(reads.size, np.int64) if columns is None else columns
    taps: tuple[Taps, ...] = tuple(
        (tap,) if read else () for tap, read in zip(met.tolist(), reads.any.tolist(), strict=True)
    )
    return Edge(producer, consumer, operand, wanted, first, ((0,),), taps, reads=(reads,))


def _to_host(network: Network, producer: str, operand: int, picks: NDArray[np.int64]) -> Edge:
    """Some positions of a layer to the host, in the order in which they are made."""
    layer = network.layers[producer]
    made = np.sort(layer.positions - 1 - picks if layer.reverse else picks)
    return _walked(producer, HOST, operand, Reads(made[:, None], layer.positions))


def _taps(touched: NDArray[np.int64], size: int) -> tuple[Taps, ...]:
    """Kernel offsets along one axis at which each input index is read."""
    found: list[set[int]] = [set() for _ in range(size)]
    for row in touched.tolist():
        for tap, index in enumerate(row):
            if index >= 0:
                found[index].add(tap)
    return tuple(tuple(sorted(taps)) for taps in found)


def _product(first: tuple[tuple[Taps, ...], int], second: tuple[tuple[Taps, ...], int]) -> tuple[tuple[Taps, ...], int]:
    """Kernel offsets along two axes as one, and the kernel's size along both."""
    (rows, height), (columns, width) = first, second
    return tuple(
        tuple(y * width + x for y in row for x in column) for row in rows for column in columns
    ), height * width
