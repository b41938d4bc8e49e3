"""Wires of a block: against the array solved by hand, bit line by bit line."""

from __future__ import annotations

import numpy as np
import pytest
from crossbar_blocks import normal, program

from chipsim.crossbar import WeightSlices, column_scale, program_block, program_slices
from chipsim.crossbar.array import Physics
from chipsim.crossbar.array_wires import ArrayWires
from chipsim.crossbar.wires import WireResistance, effective_matrix, effective_pair, first_order_gain
from chipsim.device import get_device
from chipsim.streams import stream

WIRES = WireResistance(word_line_ohm=3.0, bit_line_ohm=2.0, driver_ohm=200.0, sense_ohm=100.0)
PCM, AGE_S = get_device("pcm"), 3600.0


def physics(wires=WIRES, rows=40, columns=30, type_=np.float64):
    return Physics(ArrayWires(wires, rows, columns), type=np.dtype(type_))


@pytest.mark.parametrize("layout", ["interleaved", "side-by-side"])
def test_a_block_of_pairs_is_what_effective_pair_says(layout):
    wires = WireResistance(3.0, 2.0, 200.0, 100.0, pair_layout=layout)
    block = program(normal(20, 12), PCM)
    array, plain = block.at_age(AGE_S, stream(1), physics(wires)), block.at_age(AGE_S, stream(1))
    rng = stream(1)
    now = [PCM.at_age(state, AGE_S, rng) for state in (block.plus, block.minus)]
    seen = effective_pair(*(part.conductance for part in now), wires)
    span = PCM.g_max_siemens - PCM.g_min_siemens
    np.testing.assert_allclose(array.difference, (seen[0] - seen[1]) / span, rtol=1e-12, atol=1e-15)
    gains = [first_order_gain(m, part.conductance) for m, part in zip(seen, now, strict=True)]
    variance = sum((part.fast_sigma * gain / span) ** 2 for part, gain in zip(now, gains, strict=True))
    np.testing.assert_allclose(array.fast_variance, variance, rtol=1e-6)
    assert np.abs(array.difference - plain.difference).max() > 0.01  # the wires do something
    np.testing.assert_array_equal(array.row_conductance_siemens, plain.row_conductance_siemens)


def test_float32_is_the_rounded_float64_result():
    block = program(normal(20, 12), PCM)
    double = block.at_age(AGE_S, stream(1), physics())
    single = block.at_age(AGE_S, stream(1), physics(type_=np.float32))
    assert single.difference.dtype == single.fast_variance.dtype == np.float32
    np.testing.assert_array_equal(single.difference, double.difference.astype(np.float32))


def test_unused_rows_and_columns_of_a_one_sided_array_change_nothing():
    block = program(normal(10, 6), PCM)
    small, large = (block.at_age(AGE_S, stream(1), physics(rows=r, columns=c)) for r, c in ((10, 6), (40, 30)))
    assert small.difference.tobytes() == large.difference.tobytes()


@pytest.mark.parametrize("two_sided", ["drive", "sense"])
def test_leads_to_the_far_ends_pass_unused_rows_and_columns(two_sided):
    wires = WireResistance(3.0, 2.0, 20.0, 10.0, **{two_sided: "two-sided"})
    block = program(normal(10, 6))
    array = block.at_age(0.0, stream(1), physics(wires, rows=25, columns=20))
    whole = np.zeros((25, 40))
    whole[-10:, 0:12:2], whole[-10:, 1:12:2] = block.plus.programmed, block.minus.programmed
    solved = effective_matrix(whole, wires)[-10:]
    span = block.device.g_max_siemens - block.device.g_min_siemens
    np.testing.assert_allclose(array.difference, (solved[:, 0:12:2] - solved[:, 1:12:2]) / span, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize("devices", [1, 2])
def test_all_slices_and_devices_hang_on_the_same_word_lines(offset, devices):
    slices, weights = WeightSlices(5, 2, offset), stream(3).integers(-15, 16, (9, 4)).astype(float)
    weights[0] = 15
    scale = column_scale(weights, PCM.g_min_siemens, PCM.g_max_siemens)
    block = program_slices(weights, scale, PCM, slices, stream(1), devices=devices)
    array = block.at_age(AGE_S, stream(2), physics())
    rng, lines, tail = stream(2), [], []
    for each in block.blocks:
        for part in each.cells_at(AGE_S, rng):
            planes = part.conductance.reshape(-1, *part.conductance.shape[-2:])
            (lines if planes.shape[2] == 4 else tail).extend(planes)
    solved = effective_matrix(np.concatenate([np.stack(lines, axis=2).reshape(9, -1), *tail], axis=1), WIRES)
    main = solved[:, : 4 * len(lines)].reshape(9, 4, len(lines))
    span = PCM.g_max_siemens - PCM.g_min_siemens
    for index in range(slices.count):
        if offset:
            wanted = main[:, :, index * devices : (index + 1) * devices].mean(axis=2) - PCM.g_min_siemens
        else:
            pair = main[:, :, 2 * index * devices : 2 * (index + 1) * devices].reshape(9, 4, 2, devices).mean(axis=3)
            wanted = pair[:, :, 0] - pair[:, :, 1]
        np.testing.assert_allclose(array.arrays[index].difference, wanted / span, rtol=1e-9, atol=1e-12)
    if offset:
        unit = solved[:, 4 * len(lines) :].mean(axis=1) - PCM.g_min_siemens
        np.testing.assert_allclose(array.arrays[-1].difference[:, 0], unit / span, rtol=1e-9, atol=1e-12)


def test_the_polynomial_is_applied_inside_the_read_path():
    from chipsim.crossbar import InputConverter, OutputConverter, ReadPath
    from chipsim.crossbar.wires_approximate import approximate_products

    device, weights, x = get_device("ideal"), normal(64, 8), normal(30, 64, key="x")
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    block = program_block(weights, scale, device, stream(1))
    array = block.at_age(0.0, stream(1), Physics(bit_line_ohm=5.0, type=np.dtype(np.float64)))
    span = device.g_max_siemens - device.g_min_siemens
    full = float(np.abs(x).max())
    path = ReadPath.connect(array, InputConverter(None, full), OutputConverter(), slots=16)
    wanted = approximate_products(x / full, array.difference, 1 / (5.0 * span)) * full * array.output_scale
    np.testing.assert_allclose(path.multiply(x, stream(1)).values, wanted, rtol=1e-6, atol=1e-6)
