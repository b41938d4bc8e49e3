from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pytest

from chipsim.cli import main
from chipsim.device import list_devices


def rows_of(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, float]]:
    assert main(["device", *words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) == {"rows"}
    rows: list[dict[str, float]] = data["rows"]
    return rows


def test_rows_hold_conductances_as_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Stored statistics of the `pcm` model with 1,000,000 cells; 20,000 here, four standard errors, 6e-5 each."""
    words = ("pcm", "--targets", "0.1,0.5", "--ages", "0 s,1 day", "--samples", "20000", "--seed", "3")
    rows = rows_of(capsys, *words)
    assert [(row["target"], row["age_s"]) for row in rows] == [(0.1, 0), (0.1, 86400), (0.5, 0), (0.5, 86400)]
    with (Path(__file__).parents[1] / "data" / "aihwkit_statistics.csv").open(newline="") as file:
        known = {(r["target"], float(r["time_s"]), r["stat"]): float(r["value"]) for r in csv.DictReader(file)
                 if r["model"].startswith("PCMLike")}  # fmt: skip
    for row in rows:
        mean, std = (known[f"{row['target']:g}", row["age_s"], f"{stat}_g_uS"] for stat in ("mean", "std"))
        assert row["mean_siemens"] * 1e6 == pytest.approx(mean, abs=4 * std / math.sqrt(20_000))
        assert row["std_siemens"] * 1e6 == pytest.approx(std, rel=4 / math.sqrt(2 * 20_000))


def test_same_seed_same_bytes_and_targets_do_not_disturb_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("rram-cmo", "--ages", "1 hour", "--samples", "100", "--seed", "5")
    both = rows_of(capsys, *words, "--targets", "0.2,0.9")
    assert rows_of(capsys, *words, "--targets", "0.9") == both[1:]
    assert rows_of(capsys, *words[:-1], "6", "--targets", "0.9") != both[1:]


@pytest.mark.parametrize("model", sorted(set(list_devices()) - {"table"}))
def test_every_model_has_a_default_question(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(capsys, model, "--samples", "10")
    assert rows[0]["target"] == 0
    assert rows[-1]["target"] == 1


@pytest.mark.parametrize(("model", "zero"), [("pcm", "20 s"), ("pcm-hermes", "5 minutes"), ("flash", None)])
def test_the_title_says_where_ages_count_from(model: str, zero: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["device", model, "--targets", "0.5", "--ages", "0 s", "--samples", "10"]) == 0
    title = " ".join(capsys.readouterr().out.partition("asked for")[0].split()).removesuffix(" target")
    said = title.partition("; ")[2]
    assert said == ("" if zero is None else f"age 0 is {zero} after programming")


def test_files_and_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "device",
        "pcm-hermes",
        "--set",
        "devices_per_polarity=1",
        "--samples",
        "10",
        "--out",
        str(tmp_path / "new"),
    ]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "pcm-hermes: 0 S to 10.35 µS, 10 cells per target" in printed
    with (tmp_path / "new" / "device.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["target", "age_s", "mean_siemens", "std_siemens"]
    assert len(rows) == 6 * 6
    assert (tmp_path / "new" / "device.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pmc"], "unknown device 'pmc'.*did you mean 'pcm'"),
        (["pcm", "--ages", "1 dya"], "age '1 dya' is not a time"),
        (["pcm", "--ages", "1 day,,1 year"], "--ages '1 day,,1 year' has an empty entry"),
        (["pcm", "--ages=-1 s"], "age '-1 s' must be"),
        (["rram-wan", "--ages", "0 s"], "rram-wan.*allowed: from 1 s to 172800 s"),
        (["pcm", "--targets", "1.5"], "target 1.5 is not between 0"),
        (["pcm", "--targets", "nan"], "target nan is not between 0"),
        (["pcm", "--targets", "half"], "target 'half' is not a number"),
        (["pcm", "--set", "g_max"], "must be FIELD=VALUE"),
        (["pcm", "--set", "g_mx=1"], "no parameter 'g_mx'"),
        (["pcm", "--set", "g_max=20"], "g_max needs text with a unit.*g_max_siemens=2e-05"),
        (["sram", "--targets", "0.5"], "holds one bit"),
        (["table"], "needs the path of a CSV file"),
    ],
)
def test_mistakes_end_with_2_and_one_message(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["device", *words, "--out", str(tmp_path / "new")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert re.search(message, printed.err)
    assert not (tmp_path / "new").exists()
