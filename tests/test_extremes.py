"""The field of an architecture that is to blame for numbers nobody can reckon with."""

import pytest

from chipsim.architecture.loader import load_spec
from chipsim.extremes import most_extreme


@pytest.mark.parametrize(
    ("override", "path", "text"),
    [
        ("host.latency=3 s", "host.latency", "3 s"),
        ("link.energy_per_byte=5 TJ/B", "link.energy_per_byte", "5e+12 J/B"),
        ("host.bandwidth=0.001 B/s", "host.bandwidth", "0.001 B/s"),
    ],
)
def test_the_culprit_is_found_among_ordinary_fields(override: str, path: str, text: str) -> None:
    score, where, words = most_extreme(load_spec("hermes64", [override]))
    assert score > 0
    assert (where, words) == (path, text)


@pytest.mark.parametrize("name", ["hermes64", "edge_npu"])
def test_ordinary_architectures_have_none(name: str) -> None:
    assert most_extreme(load_spec(name, []))[0] <= 1
