"""The table and the picture of `chipsim explain`, for explanations of every shape."""

import copy
import struct

import pytest
from rich.console import Console

from chipsim.cli import main
from chipsim.explain.explain import Question, explain
from chipsim.explain.explanation import Explanation
from chipsim.report.explanation import explanation_table
from chipsim.report.figures.critical_path import save_critical_path


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Explanation:
    """Of five made-up inputs."""
    folder = tmp_path_factory.mktemp("run")
    assert main(["run", "hermes64", "zoo:digits-cnn", "--timing-only", "--out", str(folder)]) == 0
    return explain(Question(folder, input=1), lambda *_: None)


@pytest.fixture
def altered(found):
    """A copy that a test may change."""
    return Explanation(copy.deepcopy(found.data), copy.deepcopy(dict(found.tables)))


def text_of(explanation: Explanation, width: int = 80) -> str:
    console = Console(width=width)
    with console.capture() as shown:
        console.print(explanation_table(explanation))
    return shown.get()


def size_of(path) -> tuple[int, int]:
    return struct.unpack(">II", path.read_bytes()[16:24])


def test_every_part_has_a_table(found):
    text = text_of(found)
    for title in (
        "critical path of input 1",
        "What sets the pace: tile(0,0)",
        "What work waited for",
        "What if it were 2",
    ):
        assert title in text
    assert "of the path" in text


def test_names_are_taken_literally_and_nothing_is_cut_off(altered):
    altered.data["network"] = "[bold]net[/bold]"
    altered.data["path"]["composition"][0]["layer"] = "a/very/long/name/" * 6
    text = text_of(altered)
    assert "[bold]net[/bold]" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_what_is_not_known_is_said(altered):
    altered.data["steady"] = altered.data["what_if"] = None
    text = text_of(altered)
    assert "nothing recurs on the path" in text
    assert "What if" not in text


def test_streams_that_wait_for_admission_or_are_not_steady_are_told(altered):
    altered.data["steady"] |= {"through_admission": True, "repeats": False}
    text = text_of(altered)
    assert "Inputs wait to be admitted: 3 at a time" in text
    assert "this interval is not the final one" in text


def test_the_picture_is_the_same_for_the_same_explanation(found, altered, tmp_path):
    first = save_critical_path(found, tmp_path).read_bytes()
    width, height = size_of(tmp_path / "critical_path.png")
    assert 1000 < width < 2000
    assert 500 < height < 2000
    assert save_critical_path(altered, tmp_path).read_bytes() == first


def test_many_layers_and_strange_names_fit(altered, tmp_path):
    rows = altered.tables["critical_path"]
    many = [row | {"layer": f"$\\frac{{ {number} \u6a21" + "long" * 20} for number, row in enumerate(rows)]
    picture = Explanation(altered.data | {"steady": None, "network": "n" * 300}, {"critical_path": many})
    save_critical_path(picture, tmp_path)
    assert size_of(tmp_path / "critical_path.png")[1] < 2000


def test_a_path_of_one_segment_is_drawn(altered, tmp_path):
    picture = Explanation(altered.data, {"critical_path": altered.tables["critical_path"][:1]})
    assert save_critical_path(picture, tmp_path).stat().st_size > 5_000
