"""Every key of result.json and every CSV column is explained in docs/result.md."""

import re
from pathlib import Path

import pytest

from chipsim.settings import Settings
from chipsim.simulate import simulate
from chipsim.stopping import Stop

PAGE = Path(__file__).parents[2] / "docs" / "result.md"


@pytest.fixture(scope="module")
def sections() -> dict[str, set[str]]:
    """Heading -> names in the first column of its tables."""
    found: dict[str, set[str]] = {}
    for part in re.split(r"^#+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading = part.splitlines()[0]
        found[heading] = set(re.findall(r"^\| `([^`]+)` \|", part, flags=re.MULTILINE))
    return found


def test_every_key_of_the_json_is_documented(compared, mlp, sections):
    data = compared.data
    assert set(data) == sections["Top level"]
    both = sections["Both machines"]
    levels = set(data["chip"]["bytes_moved_per_input"])
    assert levels <= both
    chip, baseline = set(data["chip"]), set(data["baseline"])
    assert chip & baseline == both - levels
    assert chip - baseline | set(data["chip"]["drift_compensation"]) == sections["Only the chip"]
    assert baseline - chip == sections["Only the baseline"]
    assert set(data["chip"]["simulation"]) == sections["Inputs that were simulated"]
    assert set(data["ratio"]) <= both
    assert set(data["accuracy"]) == sections["Accuracy"]


def test_every_nested_key_is_documented(compared, sections):
    for groups, heading in (
        (("network", "settings"), "Network and settings"),
        (("versions", "input_hashes", "simulator"), "Provenance"),
    ):
        assert {f"{group}.{key}" for group in groups for key in compared.data[group]} == sections[heading]


def test_every_key_of_arrivals_and_of_partial_results_is_documented(sections):
    asked = Settings("hermes64", "zoo:digits-mlp", baseline="edge_npu", timing_only=True, arrivals="1000/s")
    stop = Stop()
    with stop.patiently():
        stop.interrupt()
    data = simulate(asked, threads=1, chunk=None, progress=lambda *_: None, stop=stop).data
    assert set(data["chip"]["arrivals"]) == set(data["baseline"]["arrivals"]) == sections["Arrivals at a rate"]
    assert set(data["partial"]) == sections["Partial results"]


@pytest.mark.parametrize("name", ["layers", "tiles", "links", "ledger", "pipeline", "trace"])
def test_every_column_is_documented(compared, sections, name):
    assert set(compared.tables[name][0]) == sections[f"{name}.csv"]


def test_every_table_has_a_section(compared, sections):
    assert {f"{name}.csv" for name in compared.tables} == {name for name in sections if name.endswith(".csv")}
