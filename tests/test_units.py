"""Text with a unit becomes an SI float, durations become whole picoseconds."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipsim.errors import UnitError
from chipsim.units import age_text, duration_ps, exact, from_ps, human, parse_age, parse_quantity, to_ps


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("8 ns", "time", 8e-9),
        ("8ns", "time", 8e-9),
        (" 1e-3 s ", "time", 1e-3),
        ("1_000 ps", "time", 1e-9),
        ("1.2 pJ", "energy", 1.2e-12),
        ("0.2 V", "voltage", 0.2),
        ("25 uS", "conductance", 25e-6),
        ("25 µS", "conductance", 25e-6),
        ("64 Gbit/s", "bandwidth", 8e9),
        ("64 Gb/s", "bandwidth", 8e9),
        ("64 GB/s", "bandwidth", 64e9),
        ("1 MiB/s", "bandwidth", 2.0**20),
        ("64 KiB", "capacity", 65536.0),
        ("64 kB", "capacity", 64000.0),
        ("12 bytes", "capacity", 12.0),
        ("16 bit", "capacity", 2.0),
        ("4 pJ/bit", "energy per byte", 32e-12),
        ("0.3 pJ", "energy per operation", 0.3e-12),
        ("400 Mop/s", "rate", 400e6),
        ("1 GHz", "frequency", 1e9),
    ],
)
def test_quantities(text, dimension, value):
    assert parse_quantity(text, dimension) == value


@pytest.mark.parametrize("value", [8, 8e-9, "8", "8.", None, True, [], "", "ns", "eight ns", "-", "1e ns", "nan s"])
def test_what_is_no_quantity_is_refused(value):
    with pytest.raises(UnitError, match=r"such as '8 ns'"):
        parse_quantity(value, "time")


@pytest.mark.parametrize(("text", "unit"), [("8 nS", "nS"), ("8 NS", "NS"), ("8 nsec", "nsec"), ("8 J", "J")])
def test_units_of_other_dimensions_are_refused(text, unit):
    with pytest.raises(UnitError, match=f"unknown unit '{unit}'"):
        parse_quantity(text, "time")


@pytest.mark.parametrize("text", ["1.2.3 ns", "1e999 s", "1e400 s", "1__0e ns"])
def test_numbers_that_are_none_are_refused(text):
    with pytest.raises(UnitError):
        parse_quantity(text, "time")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0 s", 0), ("1 day", 86400), ("2 days", 172800), ("1 month", 30 * 86400), ("1 year", 365 * 86400),
        ("1.5 h", 5400), ("3 MIN", 180), ("1e3 s", 1000), ("1 hour", 3600), ("10 years", 3650 * 86400),
    ],
)  # fmt: skip
def test_ages(text, seconds):
    assert parse_age(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"), (1e-6, "1e-06 s"), (20.0, "20 s"), (60.0, "1 minute"), (5400.0, "90 minutes"), (86400.0, "1 day"),
        (86401.0, "86401 s"), (30 * 86400.0, "30 days"), (2 * 365 * 86400.0, "2 years"),
    ],
)  # fmt: skip
def test_ages_in_words(seconds, text):
    assert age_text(seconds) == text


@given(st.one_of(st.floats(0, 1e15), st.integers(0, 10**15).map(float), st.integers(0, 10**6).map(lambda n: n * 60.0)))
def test_ages_in_words_read_back_exactly(seconds):
    assert parse_age(age_text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "day", "1", "-1 day", "1 fortnight", "1e300 years", "nan s", "inf s", "1 1 day"])
def test_what_is_no_age_is_refused(text):
    with pytest.raises(UnitError, match="age"):
        parse_age(text)


@given(st.floats(1e-3, 1e15), st.floats(1e-3, 1e15))
def test_durations_are_rounded_up_once(amount, rate):
    """Against exact decimal arithmetic on what a person would have written."""
    wanted = Fraction(Decimal(repr(amount))) * 10**12 / Fraction(Decimal(repr(rate)))
    assert 0 <= duration_ps(amount, rate) - wanted < 1


@given(st.integers(0, 10**15))
def test_picoseconds_survive_the_way_through_seconds(picoseconds):
    assert to_ps(from_ps(picoseconds)) == picoseconds


def test_a_tenth_is_a_tenth():
    assert exact(0.1) == Fraction(1, 10)
    assert duration_ps(0.1, 0.1) == 10**12


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 s"), (None, "-"), (1e-9, "1 ns"), (999.9999e-9, "1 µs"), (-2e-3, "-2 ms"), (1e-18, "0.001 fs")],
)
def test_numbers_for_people(value, shown):
    assert human(value, "s") == shown


@given(st.floats(1e-15, 1e18))
def test_numbers_for_people_are_near(value):
    number, unit = human(value, "s", 6).split()
    assert parse_quantity(f"{number} {unit}", "time") == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("dimension", "says"), [("energy per byte", "an energy per byte with"), ("time", "a time with")]
)
def test_messages_are_in_plain_english(dimension, says):
    with pytest.raises(UnitError, match=f"expected {says} its unit"):
        parse_quantity("1 foo", dimension)
