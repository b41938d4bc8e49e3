from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from chipsim.device import get_device
from chipsim.device.conformance import check_device
from chipsim.errors import DeviceRangeError, SpecError
from chipsim.streams import stream

HEAD = "time_s,target,mean_shift,spread\n"
GOOD = HEAD + "0,0,0,0.01\n0,1,0,0.02\n99,0,0.1,0.03\n99,1,-0.2,0.04\n"
SIEMENS = (
    "target_siemens,time_s,mean_shift_siemens,spread_siemens,read_noise_siemens\n"
    "1e-6,10,0,1e-7,1e-8\n4e-6,10,0,1e-7,2e-8\n9e-6,10,0,1e-7,3e-8\n"
)


def write(folder: Path, text: str) -> str:
    path = folder / "cell.csv"
    path.write_text(text)
    return str(path)


def test_a_table_of_fractions(tmp_path: Path) -> None:
    """200,000 cells, four standard errors, false alarm rate 6e-5 for each of the six comparisons."""
    device = get_device("table", path=write(tmp_path, GOOD), g_max="10 uS")
    check_device(device)
    cells = 200_000
    for target, age_s, mean, spread in [(1, 0, 10.0, 0.2), (1, 99, 8.0, 0.4), (0.5, 9, 4.75, 0.25)]:
        state = device.program(np.full(cells, target * 10e-6), stream(1))
        found = device.at_age(state, age_s, stream(1)).conductance.astype(np.float64) * 1e6
        assert found.mean() == pytest.approx(mean, abs=4 * spread / math.sqrt(cells))
        assert found.std() == pytest.approx(spread, rel=4 / math.sqrt(2 * cells))


def test_a_table_in_siemens_at_one_time_with_read_noise(tmp_path: Path) -> None:
    device = get_device("table", path=write(tmp_path, SIEMENS))
    check_device(device)
    assert (device.g_min_siemens, device.g_max_siemens, device.earliest_age_s) == (1e-6, 9e-6, 10.0)
    cells = device.at_age(device.program([1e-6, 2.5e-6, 9e-6], stream(2)), 10.0, stream(2))
    assert cells.fast_sigma is not None
    np.testing.assert_allclose(cells.fast_sigma, [1e-8, 1.5e-8, 3e-8], rtol=1e-5)


def test_times_outside_the_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceRangeError, match="allowed: from 0 s to 99 s"):
        get_device("table", path=write(tmp_path, GOOD)).check_age(100.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column 'time_s'; there are: none"),
        ("time_s,target,spread\n", r"line 1: no column 'mean_shift' \(or 'mean_shift_siemens'\)"),
        ("time_s,taget,mean_shift,spread\n", "line 1: unknown column 'taget'; did you mean 'target'"),
        ("time_s,target,target_siemens,mean_shift,spread\n", "line 1: column 'target' stands there twice"),
        (HEAD, "has no rows below its first line"),
        (HEAD + "0,0,0,0.1\n", "line 2: time 0 s needs at least two targets"),
        (HEAD + "0,0,0,0.1\n\n0,1,0,-0.1\n", "line 4: spread -0.1 is negative"),
        (HEAD + "0,0,0,0.1\n0,1,nan,0.1\n", "line 3: 'nan' is not finite"),
        (HEAD + "0,0,0,0.1\n0,1,much,0.1\n", "line 3: 'much' is not a number"),
        (HEAD + "0,0,0,0.1\n0,1,0\n", "line 3: 3 values, but 4 columns"),
        (HEAD + "0,1,0,0.1\n0,0,0,0.1\n", "line 3: targets must rise, but 0 follows 1"),
        (HEAD + "9,0,0,0\n9,1,0,0\n1,0,0,0\n1,1,0,0\n", "line 4: times must rise, but 1 s follows 9 s"),
        (HEAD + "0,0,0,0\n0,1,0,0\n1,0,0,0\n1,0.9,0,0\n", "line 5: target 0.9, where the first time has 1"),
        (HEAD + "0,0,0,0\n0,1,0,0\n1,0,0,0\n", "line 4: time 1 s has 1 targets of 2"),
        (HEAD + "0,0,0,0\n0,1,0,0\n1,0,0,0\n2,0,0,0\n", "line 5: time 1 s has 1 targets, the first one 2"),
        (HEAD + "0,0.1,0,0\n0,1,0,0\n", "run from 0.1 to 1; fractions must run from 0 to 1"),
        (HEAD + "-1,0,0,0\n-1,1,0,0\n", "line 2: time_s -1 is negative"),
    ],
)
def test_mistakes_are_named_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as error:
        get_device("table", path=write(tmp_path, text))
    assert "cell.csv" in str(error.value)


def test_parameters_that_do_not_fit_the_table(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="needs the path of a CSV file"):
        get_device("table")
    with pytest.raises(SpecError, match=r"nowhere.csv cannot be read: No such file"):
        get_device("table", path="nowhere.csv")
    with pytest.raises(SpecError, match="leave g_min_siemens and g_max_siemens out"):
        get_device("table", path=write(tmp_path, SIEMENS), g_max="5 uS")
    with pytest.raises(SpecError, match="starts at 0 s, so offset_s must be above 0"):
        get_device("table", path=write(tmp_path, GOOD), offset="0 s")
