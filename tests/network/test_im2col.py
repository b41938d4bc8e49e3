from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from network_models import normal

from chipsim.network.im2col import im2col
from chipsim.network.layers import Window


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
)
def test_each_row_is_one_window_in_kernel_y_kernel_x_channel_order(
    kernel: tuple[int, int], strides: tuple[int, int], pads: tuple[int, int, int, int], dilations: tuple[int, int]
) -> None:
    x, window = normal(2, 3, 6, 7), Window(kernel, strides, pads, dilations)
    padded = np.zeros((2, 3, 6 + pads[0] + pads[2], 7 + pads[1] + pads[3]), np.float32)
    padded[:, :, pads[0] : pads[0] + 6, pads[1] : pads[1] + 7] = x
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    expected = [
        [
            image[channel, y + ky * dilations[0], x0 + kx * dilations[1]]
            for ky in range(kernel[0])
            for kx in range(kernel[1])
            for channel in range(3)
        ]
        for image in padded
        for y in range(0, padded.shape[2] - reach[0] + 1, strides[0])
        for x0 in range(0, padded.shape[3] - reach[1] + 1, strides[1])
    ]
    result = im2col(x, window)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, expected)


def test_a_range_of_channels_gives_only_their_columns() -> None:
    x, window = normal(1, 6, 4, 4), Window(kernel=(2, 2))
    np.testing.assert_array_equal(im2col(x, window, 2, 3), im2col(x[:, 2:5], window))


def test_the_input_is_not_changed() -> None:
    x = normal(1, 2, 3, 3)
    before = x.copy()
    im2col(x, Window(kernel=(1, 1)))[:] = 0
    np.testing.assert_array_equal(x, before)
