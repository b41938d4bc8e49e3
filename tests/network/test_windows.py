from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipsim.network.layers import DigitalLayer, MatrixLayer, ViewLayer, Window
from chipsim.network.matrix import Matrix
from chipsim.network.windows import need, oldest


def explicit_windows(size: tuple[int, int], out: tuple[int, int], window: Window) -> list[set[int]]:
    """The producer positions that each consumer position reads, tap by tap."""
    height, width = size
    windows = []
    for oy in range(out[0]):
        for ox in range(out[1]):
            taps = set()
            for ky in range(window.kernel[0]):
                for kx in range(window.kernel[1]):
                    y = oy * window.strides[0] - window.pads[0] + ky * window.dilations[0]
                    x = ox * window.strides[1] - window.pads[1] + kx * window.dilations[1]
                    if 0 <= y < height and 0 <= x < width:
                        taps.add(y * width + x)
            windows.append(taps)
    return windows


def brute_force(windows: list[set[int]], producer_positions: int) -> tuple[list[int], list[int]]:
    needed = [max((max(w) + 1 for w in windows[: p + 1] if w), default=0) for p in range(len(windows))]
    kept = [min((min(w) for w in windows[p:] if w), default=producer_positions) for p in range(len(windows))]
    return needed, kept


def touched_one_by_one(inputs: int, outputs: int, window: Window, axis: int) -> list[list[int]]:
    """Which input each tap of each output meets, written out: zeros stand between inputs, padding around them."""
    line: list[int] = []
    for index in range(inputs):
        line += [index] + [-1] * (window.stuffing[axis] - 1)
    line = line[: (inputs - 1) * window.stuffing[axis] + 1]
    found = []
    for output in range(outputs):
        places = [
            output * window.strides[axis] + tap * window.dilations[axis] - window.pads[axis]
            for tap in range(window.kernel[axis])
        ]
        found.append([line[place] if 0 <= place < len(line) else -1 for place in places])
    return found


def brute_volume(window: Window, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> list[set[int]]:
    lines = [touched_one_by_one(inputs[a], outputs[a], window, a) for a in range(len(inputs))]
    found = []
    for at in product(*(range(size) for size in outputs)):
        met = product(*(lines[a][at[a]] for a in range(len(inputs))))
        found.append({int(np.ravel_multi_index(index, inputs)) for index in met if min(index) >= 0})
    return found


@settings(max_examples=150)
@given(st.data(), st.sampled_from([2, 3]))
def test_stuffed_windows_and_volumes_equal_brute_force(data: st.DataObject, count: int) -> None:
    def sizes(low: int, high: int) -> tuple[int, ...]:
        return tuple(data.draw(st.integers(low, high)) for _ in range(count))

    inputs, outputs = sizes(1, 4), sizes(1, 5)
    window = Window(sizes(1, 3), sizes(1, 2), (*sizes(-2, 3), *sizes(0, 0)), sizes(1, 2), sizes(1, 3))
    windows = brute_volume(window, inputs, outputs)
    needed, kept = brute_force(windows, math.prod(inputs))
    layer = MatrixLayer("c", ("x",), (2, *outputs), (3, *inputs), window, (), position_axes=count)
    assert need((3, *inputs), layer, count).tolist() == needed
    assert oldest((3, *inputs), layer, count).tolist() == kept


@st.composite
def axes(draw: st.DrawFn) -> tuple[int, int, int, int, int, int, int]:
    """size, kernel, stride, padding before and after, dilation, outputs (one more where the last window overhangs)."""
    size, kernel = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    dilation, stride = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    reach = (kernel - 1) * dilation + 1
    before, after = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    room = max(size + before + after - reach, 0)
    outputs = room // stride + 1 + draw(st.integers(0, 1))
    return size, kernel, stride, before, after, dilation, outputs


@settings(max_examples=300)
@given(axes(), axes())
def test_need_and_oldest_equal_brute_force_over_explicit_windows(y: tuple[int, ...], x: tuple[int, ...]) -> None:
    window = Window((y[1], x[1]), (y[2], x[2]), (y[3], x[3], y[4], x[4]), (y[5], x[5]))
    size, out = (y[0], x[0]), (y[6], x[6])
    conv = MatrixLayer("c", ("x",), (2, *out), (3, *size), window, ())
    pool = DigitalLayer("p", ("x",), (3, *out), "MaxPool", pattern="window", window=window)
    needed, kept = brute_force(explicit_windows(size, out, window), size[0] * size[1])
    for layer in (conv, pool):
        assert need((3, *size), layer).tolist() == needed
        assert oldest((3, *size), layer).tolist() == kept
        assert need((3, *size), layer).dtype == oldest((3, *size), layer).dtype == np.int64


def test_a_dense_layer_on_a_map_needs_all_of_it() -> None:
    matrix = Matrix("d", np.zeros((32, 5), np.float32), np.zeros(5, np.float32))
    dense = MatrixLayer("d", ("x",), (5,), (2, 4, 4), Window(kernel=(4, 4)), (matrix,))
    assert need((2, 4, 4), dense).tolist() == [16]
    assert oldest((2, 4, 4), dense).tolist() == [0]


def test_a_dense_layer_on_a_vector_needs_its_one_position() -> None:
    dense = MatrixLayer("d", ("x",), (5,), (8, 1, 1), Window(), ())
    assert need((8,), dense).tolist() == [1]
    assert oldest((8,), dense).tolist() == [0]


def test_a_window_over_a_sequence_slides_along_its_length() -> None:
    conv = MatrixLayer("c", ("x",), (4, 3), (2, 1, 5), Window(kernel=(1, 3)), ())
    pool = DigitalLayer("p", ("x",), (2, 3), "MaxPool", pattern="window", window=Window(kernel=(1, 3)))
    for layer in (conv, pool):
        assert need((2, 5), layer).tolist() == [3, 4, 5]
        assert oldest((2, 5), layer).tolist() == [0, 1, 2]


def test_a_broadcast_operand_must_be_there_from_first_to_last() -> None:
    scale = DigitalLayer("m", ("x", "s"), (4, 2, 2), "Mul", pattern="elementwise")
    assert need((4, 1, 1), scale).tolist() == [1, 1, 1, 1]
    assert oldest((4, 1, 1), scale).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("before", "after", "needed", "kept"),
    [
        ((4, 2, 2), (2, 2, 2, 2), [1, 2, 3, 4], [0, 1, 2, 3]),  # the channels alone are split
        ((4, 2, 2), (16,), [4], [0]),
        ((16,), (4, 2, 2), [1, 1, 1, 1], [0, 0, 0, 0]),
        ((16, 1, 1), (16,), [1], [0]),
    ],
)
def test_a_view_is_positionwise_where_positions_stay(
    before: tuple[int, ...], after: tuple[int, ...], needed: list[int], kept: list[int]
) -> None:
    view = ViewLayer("v", ("x",), after)
    assert need(before, view).tolist() == needed
    assert oldest(before, view).tolist() == kept


def test_a_barrier_needs_everything_at_every_position() -> None:
    barrier = DigitalLayer("t", ("x",), (3, 2, 2), "Transpose", pattern="barrier")
    assert need((2, 3, 2), barrier).tolist() == [6, 6, 6, 6]
    assert oldest((2, 3, 2), barrier).tolist() == [0, 0, 0, 0]
