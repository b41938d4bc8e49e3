"""The age axis of a device's figure says what it is."""

import matplotlib.pyplot as plt
import pytest

from chipsim.device.sampling import Reads
from chipsim.report.figures.device import draw_device


@pytest.mark.parametrize(
    ("ages", "words"),
    [
        ([0.0, 20.0, 86_400.0], "age, linear from 0 to 20 s, then logarithmic"),
        ([20.0, 86_400.0], "age, logarithmic"),
        ([0.0], "age"),
    ],
)
def test_an_axis_that_begins_with_zero_says_so(ages: list[float], words: str) -> None:
    figure = draw_device([Reads(0.5, age, 1e-6, 1e-7) for age in ages], "device")
    assert figure.axes[0].get_xlabel() == words
    plt.close("all")
