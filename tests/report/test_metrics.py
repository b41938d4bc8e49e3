import pytest

from chipsim.report.metrics import METRICS, divide, in_words, percent


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(14.23, "14.2x more"), (0.357, "2.8x less"), (1.004, "the same"), (1234.5, "1,234x more"), (99.96, "100x more"),
     (1e-6, "1,000,000x less"), (0.0, "none"), (None, "-")],
)  # fmt: skip
def test_ratios_read_as_people_say_them(ratio, words):
    assert in_words(ratio) == words


def test_more_is_better_for_throughput_and_worse_for_energy():
    assert METRICS["throughput_inputs_per_s"].verdict(2.0) == "better"
    assert METRICS["energy_per_input_j"].verdict(2.0) == "worse"
    assert METRICS["energy_per_input_j"].verdict(0.0) == "better"


def test_equal_unknown_and_neutral_numbers_have_no_verdict():
    assert METRICS["energy_per_input_j"].verdict(1.001) == ""
    assert METRICS["energy_per_input_j"].verdict(None) == ""
    assert METRICS["peak_tops"].verdict(50.0) == ""


def test_small_shares_keep_their_digits():
    assert percent(0.00004) == "0.004 %"
    assert percent(0.0) == "0.00 %"


def test_nothing_is_divided_by_zero_or_by_the_unknown():
    assert divide(1.0, 0.0) is None
    assert divide(None, 1.0) is None
    assert divide(1.0, None) is None
