"""Table and figure of a network over time, and the pages that explain them."""

import copy
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from chipsim.ageing import AgeingSettings, age_network, default_ages
from chipsim.device import get_device, list_devices
from chipsim.report.ageing_rows import ageing_table
from chipsim.report.figures.ageing import draw_ageing, save_ageing
from chipsim.report.figures.canvas import house_style

PAGE = Path(__file__).parents[2] / "docs" / "ageing.md"


@pytest.fixture(scope="module")
def aged(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, x=rng.random((12, 1, 8, 8), dtype=np.float32), y=np.arange(12) % 10)
    settings = AgeingSettings("hermes64", "zoo:digits-cnn", str(path), "0 s,1 hour,1 year", 2)
    return age_network(settings, progress=lambda text: None)


def without_labels(data):
    blind = copy.deepcopy(data)
    blind["accuracy"] = dict.fromkeys(blind["accuracy"])
    for row in blind["ageing"]:
        row |= {f"accuracy_{what}": None for what in ("mean", "std", "min")}
    return blind


def printed(data, width):
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(ageing_table(data))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_every_row_is_on_one_line(aged, width):
    lines = printed(aged, width).splitlines()
    rows = [line for line in lines if line.rstrip().endswith("dB")]
    assert len(rows) == len(aged["ageing"]) == 12
    assert [line.split("  ")[0].strip() for line in rows if line[0] != " "] == ["0 s", "1 h", "1 year"]


def test_without_labels_the_table_has_no_accuracies(aged):
    text = printed(without_labels(aged), 80)
    assert "lowest" not in text
    assert "without gain" in text


def test_one_programming_has_no_spread(aged):
    single = copy.deepcopy(aged)
    single["settings"]["programmings"] = 1
    for row in single["ageing"]:
        row["programmings"] = 1
    rows = [line.split() for line in printed(single, 120).splitlines() if line.rstrip().endswith("dB")]
    assert {row[row.index("%") + 1] for row in rows} == {"-"}  # behind the mean, where the others have their spread
    with house_style():
        assert draw_ageing(single).get_suptitle().endswith("\n1 programming")
        assert draw_ageing(aged).get_suptitle().endswith("one standard deviation of 2 programmings")


def test_the_title_says_where_ages_count_from(aged):
    assert printed(aged, 80).splitlines()[0].rstrip().endswith("ageing; age 0 is 20 s after programming")
    other = copy.deepcopy(aged)
    other["chip"]["age_zero_s"] = None
    assert printed(other, 80).splitlines()[0].rstrip().endswith("ageing")


def lines_of(figure):
    return [[line.get_label() for line in axes.get_lines()] for axes in figure.axes]


def test_one_line_per_compensation_and_the_reference(aged):
    with house_style():
        names = ["no compensation", "global: a factor per block", "per column", "affine refit (AdaBS)"]
        figure = draw_ageing(aged)
        assert lines_of(figure) == [[*names, "reference (software)"], names]
        scored = figure.axes[0]
        assert scored.get_lines()[-1].get_ydata()[0] == 100 * aged["accuracy"]["reference"]
        looks = [(line.get_linestyle(), line.get_marker()) for line in scored.get_lines()[:4]]
        assert len({marker for _, marker in looks}) == 4
        assert lines_of(draw_ageing(without_labels(aged))) == [names]


def test_equal_numbers_give_equal_bytes_and_single_ages_work(aged, tmp_path):
    for name in "ab":
        save_ageing(aged, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    single = copy.deepcopy(aged)
    single["ageing"] = [row for row in single["ageing"] if row["age_s"] == 0]
    single["settings"]["ages_s"] = [0.0]
    save_ageing(single, tmp_path / "single.png")
    with Image.open(tmp_path / "single.png") as picture:
        assert picture.size == (1290, 600)


@pytest.mark.parametrize("name", [name for name in list_devices() if name != "table"])
def test_default_ages_are_inside_the_range_of_every_device(name):
    device = get_device(name)
    ages = default_ages(device)
    assert ages == sorted(set(ages))
    for age_s in ages:
        device.check_age(age_s)


def test_every_column_and_key_is_documented(aged):
    page = PAGE.read_text(encoding="utf-8")
    documented = set(re.findall(r"`([^`\n]+)`", page))
    for column in aged["ageing"][0]:
        base = re.sub("_(std|min)$", "_mean", column)
        assert base in documented, column
    for key, value in aged.items():
        assert key in documented, key
        inner = value if key in ("chip", "network", "settings", "accuracy") else {}
        for name in inner:
            assert name in documented, f"{key}.{name}"
    for name in aged["programmings"][0]:
        assert name in documented or name in ("programming", "age_s", "compensation")
