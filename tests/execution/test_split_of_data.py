"""Calibration inputs are not scored, unless there are fewer than four."""

import numpy as np
import pytest

from chipsim.execution.scores import signal_to_noise_db
from chipsim.execution.split import split_data
from chipsim.network.dataset import Dataset


def dataset(count, calibration=None):
    x = np.arange(count, dtype=np.float32)[:, None]
    own = None if calibration is None else np.full((calibration, 1), -1, np.float32)
    return Dataset("data", x, np.arange(count), own, "hash")


@pytest.mark.parametrize(
    ("count", "calibrating"), [(4, 1), (7, 1), (8, 2), (100, 25), (511, 127), (512, 128), (515, 128), (2000, 128)]
)
def test_first_quarter_calibrates_up_to_128(count, calibrating):
    split = split_data(dataset(count))
    assert split.calibration[:, 0].tolist() == list(range(calibrating))
    assert split.x[:, 0].tolist() == split.y.tolist() == list(range(calibrating, count))
    plural = "s" if calibrating > 1 else ""
    assert split.rule == f"the first {calibrating} input{plural}, not scored"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_fewer_than_four_calibrate_and_are_scored(count):
    split = split_data(dataset(count))
    assert len(split.x) == len(split.calibration) == len(split.y) == count
    assert "scored too" in split.rule


@pytest.mark.parametrize("count", [1, 3, 100])
def test_own_calibration_inputs_leave_all_others_scored(count):
    split = split_data(dataset(count, calibration=5))
    assert len(split.x) == len(split.y) == count
    assert (split.calibration == -1).all()
    assert len(split.calibration) == 5
    assert "x_calibration" in split.rule


def test_labels_are_optional():
    data = dataset(10)
    assert split_data(Dataset("data", data.x, None, None, "hash")).y is None


def test_signal_to_noise_of_equal_or_absent_signals_is_undefined():
    ones = np.ones(3, np.float32)
    assert signal_to_noise_db(ones, ones) is None
    assert signal_to_noise_db(0 * ones, ones) is None
    assert signal_to_noise_db(ones, 2 * ones) == 0
