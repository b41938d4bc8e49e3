"""Blocks for the tests of this folder."""

from __future__ import annotations

import numpy as np

from chipsim.crossbar import Array, ProgrammedBlock, column_scale, program_block
from chipsim.device import DeviceModel, get_device
from chipsim.streams import stream


def program(weights: np.ndarray, device: DeviceModel | None = None, key: str = "block") -> ProgrammedBlock:
    device = get_device("ideal") if device is None else device
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    return program_block(weights, scale, device, stream(1, key, "programming"))


def cells(weights: np.ndarray, device: DeviceModel | None = None, age_s: float = 0.0, key: str = "block") -> Array:
    return program(weights, device, key).at_age(age_s, stream(1, key, "slow"))


def normal(*shape: int, key: str = "data") -> np.ndarray:
    return stream(1, key).standard_normal(shape, dtype=np.float32)
