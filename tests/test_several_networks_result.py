"""Several networks in one run: values and energies are those of each alone, and the result says what it must."""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import chipsim
from chipsim.beside import parse_beside
from chipsim.errors import CapacityError, InputError
from chipsim.explain.explain import Question, explain
from chipsim.explain.explanation import Explanation
from chipsim.report.explanation import explanation_table
from chipsim.report.figures import save_figures
from chipsim.report.figures.critical_path import save_critical_path
from chipsim.report.tables import several_table
from chipsim.result import Result
from chipsim.settings import Settings
from chipsim.simulate import simulate
from chipsim.stopping import Stop

PAGE = Path(__file__).parents[1] / "docs" / "several.md"
BESIDE = "zoo:digits-mlp,data={},batch=2,arrivals=poisson 200000/s"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, x=rng.random((8, 1, 8, 8), dtype=np.float32), y=np.arange(8) % 10)
    return path


@pytest.fixture(scope="module")
def both(few: Path) -> Result:
    return chipsim.run(
        "hermes64", "zoo:digits-cnn", data=few, age="1 day", programmings=2, seed=3, beside=[BESIDE.format(few)]
    )


@pytest.fixture(scope="module")
def alone(few: Path) -> list[Result]:
    shared = {"data": few, "age": "1 day", "programmings": 2, "seed": 3}
    return [
        chipsim.run("hermes64", "zoo:digits-cnn", **shared),
        chipsim.run("hermes64", "zoo:digits-mlp", batch=2, arrivals="poisson 200000/s", **shared),
    ]


def test_values_are_those_of_each_network_alone(both: Result, alone: list[Result]) -> None:
    for network, single in zip(both.data["networks"], alone, strict=True):
        assert network["accuracy"] == single.data["accuracy"]
        assert network["signal_to_noise_db"] == single.data["signal_to_noise_db"]
        assert network["compensated_by"] == single.data["chip"]["compensated_by"] == "global"
        assert network["clipped_inputs"] == single.data["chip"]["clipped_inputs"]
        assert network["saturated_outputs"] == single.data["chip"]["saturated_outputs"]
        assert network["tile_mvms"] == single.data["chip"]["tile_mvms"]


def test_alone_is_the_run_alone(both: Result, alone: list[Result]) -> None:
    """Of the first one, which lies on the same tiles; random arrivals of the second are not those of a first."""
    first, chip = both.data["networks"][0], alone[0].data["chip"]
    assert all(first["alone"][key] == chip[key] for key in first["alone"])
    assert first["latency_first_input_s"] == chip["latency_first_input_s"]
    for key, factor in first["slow_down"].items():
        assert factor == pytest.approx(
            first["alone"][key] / first[key] if key.startswith("throughput") else first[key] / first["alone"][key]
        )


def test_dynamic_energy_is_that_of_each_alone_and_all_rows_add_up(both: Result, alone: list[Result]) -> None:
    ledger = both.ledger
    for network, single in zip(both.data["networks"], alone, strict=True):
        rows = single.ledger[(single.ledger["machine"] == "chip") & (single.ledger["action"] != "static")]
        mine = ledger[ledger["network"] == network["label"]]
        if network is not both.data["networks"][0]:  # it lies elsewhere than alone: other links
            rows, mine = (table[~table["kind"].isin(["link", "router"])] for table in (rows, mine))
        assert mine.groupby(["kind", "action"])["energy_j"].sum().to_dict() == pytest.approx(
            rows.groupby(["kind", "action"])["energy_j"].sum().to_dict(), rel=1e-12
        )
        mine = ledger[ledger["network"] == network["label"]]
        assert network["dynamic_energy_j"] == pytest.approx(mine["energy_j"].sum(), rel=1e-12)
    static = ledger[ledger["network"] == ""]
    assert set(static["action"]) == {"static"}
    assert both.data["chip"]["static_energy_j"] == pytest.approx(static["energy_j"].sum(), rel=1e-12)
    assert both.data["chip"]["energy_j"] == pytest.approx(ledger["energy_j"].sum(), rel=1e-12)


def test_every_tile_stands_once_and_holds_one_network(both: Result) -> None:
    tiles = both.tiles
    assert len(tiles) == 64
    assert not tiles["tile"].duplicated().any()
    counts = {item["label"]: item["tiles_used"] for item in both.data["networks"]}
    assert tiles[tiles["layer"] != ""].groupby("network").size().to_dict() == counts
    assert both.data["chip"]["tiles_used"] == sum(counts.values())
    assert not both.units["unit"].duplicated().any()
    assert not both.links["link"].duplicated().any()


def test_the_same_run_gives_the_same_bytes(both: Result, few: Path) -> None:
    again = chipsim.run(
        "hermes64", "zoo:digits-cnn", data=few, age="1 day", programmings=2, seed=3, beside=[BESIDE.format(few)],
        threads=1, chunk=3,
    )  # fmt: skip
    assert again.tables == both.tables
    one, other = (json.loads(result.json()) for result in (both, again))
    del one["simulator"], other["simulator"]
    assert one == other


def test_files_figures_and_table(both: Result, tmp_path: Path) -> None:
    names = {path.name for path in (*both.save(tmp_path), *save_figures(both, tmp_path))}
    assert {"layers.csv", "ledger.csv", "result.json", "utilisation.png", "pipeline.png", "energy.png"} <= names
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(several_table(both))
    text = console.export_text()
    assert "zoo:digits-mlp" in text
    assert "than alone" in text
    assert "age of the cells" in text
    assert max(map(len, text.splitlines())) <= 80


def test_every_key_is_documented(both: Result) -> None:
    sections = {}
    for part in re.split(r"^#+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        first = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", part, flags=re.MULTILINE)
        sections[part.splitlines()[0]] = {name for cell in first for name in re.findall(r"`([^`]+)`", cell)}
    assert set(both.data["chip"]) == sections["The chip with several networks"]
    assert set(both.data["networks"][0]) == sections["Each network"]
    beside = chipsim.run(
        "hermes64", "zoo:digits-mlp", timing_only=True, baseline="edge_npu", beside=["zoo:digits-mlp"]
    )  # fmt: skip
    assert set(beside.data["baseline"]) == sections["The baseline, one network after another"]


def test_the_baseline_runs_each_network_as_if_it_were_alone(few: Path) -> None:
    against = {"data": few, "timing_only": True, "seed": 3, "baseline": "edge_npu", "trace": 1}
    both = chipsim.run(
        "hermes64", "zoo:digits-cnn", beside=[f"zoo:digits-mlp,data={few},batch=2,arrivals=200000/s"], **against
    ).data
    single = [
        chipsim.run("hermes64", "zoo:digits-cnn", **against).data,
        chipsim.run("hermes64", "zoo:digits-mlp", batch=2, arrivals="200000/s", **against).data,
    ]
    for network, alone in zip(both["networks"], single, strict=True):
        assert network["baseline"] == alone["baseline"]
        for key, ratio in network["ratio"].items():
            assert ratio == network[key] / network["baseline"][key]
    assert both["baseline"]["makespan_s"] == pytest.approx(sum(a["baseline"]["makespan_s"] for a in single), rel=1e-12)
    joules = sum(a["settings"]["inputs"] * a["baseline"]["energy_per_input_j"] for a in single)
    assert both["baseline"]["energy_j"] == pytest.approx(joules, rel=1e-12)
    assert both["ratio"]["energy_j"] == both["chip"]["energy_j"] / both["baseline"]["energy_j"]
    assert both["input_hashes"]["baseline"] == single[0]["input_hashes"]["baseline"]


def test_a_baseline_is_in_tables_figures_and_the_summary(few: Path, tmp_path: Path) -> None:
    both = chipsim.run(
        "hermes64", "zoo:digits-cnn", data=few, timing_only=True, baseline="edge_npu",
        beside=[f"zoo:digits-mlp,data={few}"],
    )  # fmt: skip
    parts = both.units[both.units["machine"] == "baseline"]
    assert set(parts["network"]) == {"zoo:digits-cnn", "zoo:digits-mlp"}
    rows = both.ledger[both.ledger["machine"] == "baseline"]
    assert rows["energy_j"].sum() == pytest.approx(both.data["baseline"]["energy_j"], rel=1e-12)
    assert {path.name for path in save_figures(both, tmp_path)} >= {"pipeline.png", "energy.png"}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(several_table(both))
    text = console.export_text()
    assert "on the baseline" in text
    assert "each network runs by itself" in text
    assert "age of the cells" not in text  # nothing read them
    assert max(map(len, text.splitlines())) <= 80


def test_a_trace_has_every_span_of_each_network_and_changes_nothing(few: Path) -> None:
    beside = [f"zoo:digits-mlp,data={few},batch=2"]
    plain = chipsim.run("hermes64", "zoo:digits-cnn", data=few, timing_only=True, beside=beside)
    traced = chipsim.run("hermes64", "zoo:digits-cnn", data=few, timing_only=True, trace=8, beside=beside)
    assert "trace.csv" not in {path.name for path in plain.save(few.parent)}
    spans = pd.DataFrame(traced.tables["trace"])
    for network in traced.data["networks"]:
        mine = spans[(spans["network"] == network["label"]) & (spans["activity"] == "mvm")]
        assert len(mine) == network["settings"]["inputs"] * network["tile_mvms"]
        ends = spans[spans["network"] == network["label"]].groupby("input")["end_ps"].max()
        assert ends.max() <= network["makespan_s"] * 1e12 + 1
    held = (spans["end_ps"] - spans["start_ps"])[spans["activity"] == "transfer"].groupby(spans["component"]).sum()
    links = traced.links[traced.links["packets"] > 0].set_index("link")["busy_s"]
    assert (held / 1e12).to_dict() == pytest.approx(links.to_dict(), rel=1e-9)
    for name in ("layers", "tiles", "units", "links", "ledger", "pipeline"):
        assert traced.tables[name] == plain.tables[name]
    assert traced.data["networks"] == plain.data["networks"]


def test_programmings_of_each_network_are_kept_and_taken_again(few: Path, tmp_path: Path) -> None:
    how = {"data": few, "age": "1 day", "programmings": 2, "seed": 3}
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    kept = chipsim.run(
        "hermes64", "zoo:digits-cnn", save_programming=first, **how,
        beside=[f"zoo:digits-mlp,data={few},save-programming={second}"],
    )  # fmt: skip
    taken = chipsim.run(
        "hermes64", "zoo:digits-cnn", data=few, seed=4, load_programming=first,
        beside=[f"zoo:digits-mlp,data={few},load-programming={second}"],
    )  # fmt: skip
    for one, other in zip(kept.data["networks"], taken.data["networks"], strict=True):
        assert one["accuracy"] == other["accuracy"]
        assert one["dynamic_energy_j"] == other["dynamic_energy_j"]
    assert kept.data["input_hashes"]["programmings"] == [None, None]
    assert all(taken.data["input_hashes"]["programmings"])
    assert taken.data["settings"]["age_s"] == 86400
    assert taken.data["settings"]["programmings"] == 2
    alone = chipsim.run("hermes64", "zoo:digits-cnn", save_programming=tmp_path / "alone.npz", **how)
    assert (tmp_path / "alone.npz").read_bytes() == first.read_bytes()
    assert alone.data["accuracy"] == kept.data["networks"][0]["accuracy"]


def test_programmings_that_do_not_go_together_are_refused(few: Path, tmp_path: Path) -> None:
    paths = tmp_path / "first.npz", tmp_path / "second.npz"
    for number, path in enumerate(paths):
        chipsim.run("hermes64", ("zoo:digits-cnn", "zoo:digits-mlp")[number], data=few, programmings=1 + number,
                    save_programming=path)  # fmt: skip
    with pytest.raises(InputError, match=r"second.npz holds 2 programmings of age .*give files that agree"):
        chipsim.run("hermes64", "zoo:digits-cnn", data=few, load_programming=paths[0],
                    beside=[f"zoo:digits-mlp,data={few},load-programming={paths[1]}"])  # fmt: skip
    with pytest.raises(InputError, match="two networks cannot write to one file"):
        chipsim.run("hermes64", "zoo:digits-cnn", data=few, save_programming=tmp_path / "x.npz",
                    beside=[f"zoo:digits-mlp,save-programming={tmp_path}/x.npz"])  # fmt: skip
    assert not (tmp_path / "x.npz").exists()


def test_an_interrupt_gives_the_inputs_that_were_admitted(few: Path) -> None:
    stop = Stop()
    with stop.patiently():
        stop.interrupt()
    settings = Settings(
        "hermes64", "zoo:digits-cnn", str(few), timing_only=True, beside=(f"zoo:digits-mlp,data={few}",)
    )
    data = simulate(settings, threads=1, chunk=None, progress=lambda *_: None, stop=stop).data
    assert data["partial"]["inputs"] == 2
    assert [item["settings"]["inputs"] for item in data["networks"]] == [1, 1]
    assert [item["alone"] for item in data["networks"]] == [None, None]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no model"),
        ("data=zoo:digits", "no model"),
        ("zoo:digits-mlp,dta=zoo:digits", "'dta' is none of data, .*did you mean 'data'"),
        ("zoo:digits-mlp,batch=0", "batch must be a whole number of at least 1, not '0'"),
        ("zoo:digits-mlp,batch=1_0", "batch must be"),
        ("zoo:digits-mlp,data=", "data has no value"),
        ("zoo:digits-mlp,drain=1", "drain has no value"),
        ("zoo:digits-mlp,batch=2,batch=3", "batch is given twice"),
        ("zoo:digits-mlp,arrivals=often", "are not a rate"),
    ],
)
def test_a_text_that_is_not_understood(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        parse_beside(text)


def test_commas_in_paths_are_no_separators() -> None:
    assert parse_beside("a,b.onnx,data=c,d.npz,drain").data == "c,d.npz"
    assert parse_beside("a,b.onnx,data=c,d.npz,drain").model == "a,b.onnx"


def test_what_is_for_one_network_is_refused(few: Path, tmp_path: Path) -> None:
    beside = {"beside": ["zoo:digits-mlp"], "timing_only": True}
    with pytest.raises(InputError, match="computes no values: leave programmings out"):
        chipsim.run("hermes64", "zoo:digits-cnn", timing_only=True, beside=["zoo:digits-mlp,save-programming=p.npz"])
    with pytest.raises(
        CapacityError, match=r"needs 4 tiles.* has 2 left .*; 6 of its 8 tiles are those of zoo:digits-cnn"
    ) as refused:
        chipsim.run("hermes64", "zoo:digits-cnn", **beside, overrides=["grid.shape=[2,4]"])
    assert "--set grid.shape=[4,4]" in str(refused.value)  # 6 tiles and 4
    assert "2 chips (--chips 2)" in str(refused.value)
    for mended in (["grid.shape=[4,4]"], ["grid.shape=[2,4]", "mapping.chips=2"]):
        result = chipsim.run("hermes64", "zoo:digits-cnn", **beside, overrides=mended)
        assert result.data["chip"]["tiles_used"] == 10
    for shape in ("[2,4]", "[1,4]"):  # the second network does not fit, or even the first
        with pytest.raises(CapacityError, match=r"--chips \d") as error:
            chipsim.run("hermes64", "zoo:digits-cnn", **beside, overrides=[f"grid.shape={shape}"])
        assert "--reload" not in str(error.value)


def test_periods_of_all_networks_together_are_left_out_and_change_no_number() -> None:
    told = {"data": "zoo:digits", "timing_only": True, "beside": ["zoo:digits-mlp,data=zoo:digits"],
            "overrides": ["host.bandwidth=20 MB/s"]}  # fmt: skip
    jumped, every = (chipsim.run("hermes64", "zoo:digits-cnn", **told, exact_all=exact).data for exact in (False, True))
    for few_of_them, all_of_them in zip(jumped["networks"], every["networks"], strict=True):
        assert few_of_them.pop("simulation")["inputs_simulated"] < 100
        assert all_of_them.pop("simulation") == {"inputs_simulated": 450, "period_inputs": None, "why_all": "asked for"}
    for data in (jumped, every):
        del data["simulator"]
    assert jumped == every


def note(result: Result) -> str:
    console = Console(width=2000, record=True, file=io.StringIO())
    console.print(several_table(result))
    return "".join(line for line in console.export_text().splitlines() if "still running" in line)


def test_it_is_said_for_how_much_of_a_throughput_the_others_ran() -> None:
    told = {"timing_only": True, "overrides": ["host.bandwidth=20 MB/s"]}
    early = chipsim.run(
        "hermes64", "zoo:digits-cnn", data="zoo:digits", beside=["zoo:digits-mlp,data=zoo:digits"], **told
    )
    longer, shorter = early.data["networks"]
    assert shorter["makespan_s"] < longer["makespan_s"] / 2
    assert (longer["others_running"], shorter["others_running"]) == (0, 1)
    assert longer["slow_down"]["throughput_inputs_per_s"] == pytest.approx(1, rel=0.01)
    assert "0.00 % for zoo:digits-cnn" in note(early)
    assert "zoo:digits-mlp" not in note(early)
    equal = chipsim.run(
        "hermes64", "zoo:digits-mlp", data="zoo:digits", beside=["zoo:digits-mlp,data=zoo:digits"], **told
    )
    shares = [item["others_running"] for item in equal.data["networks"]]
    assert min(shares) > 0.95
    assert ("still running" in note(equal)) == (min(shares) < 1)


def explained(folder: Path, **question) -> Explanation:
    return explain(Question(folder, **question), lambda *_: None)


def test_each_network_is_explained(few: Path, tmp_path: Path) -> None:
    beside = [f"zoo:digits-mlp,data={few},batch=2", f"zoo:digits-mlp,data={few},arrivals=poisson 100000/s"]
    run = chipsim.run("hermes64", "zoo:digits-cnn", data=few, timing_only=True, trace=8, seed=3, beside=beside)
    run.save(tmp_path)
    for item in run.data["networks"]:
        found = explained(tmp_path, network=item["label"], input=4)
        assert found.data["network"] == item["label"]
        assert len(found.data["beside"]) == 2
        path = found.tables["critical_path"]
        assert all(first["end_ps"] == second["start_ps"] for first, second in pairwise(path))
        spans = [row for row in run.tables["trace"] if row["network"] == item["label"] and row["input"] == 4]
        assert found.data["path"]["exact"]
        assert path[-1]["end_ps"] >= max(row["end_ps"] for row in spans)
        assert {row["network"] for row in path} <= {"", *found.data["beside"]}
        assert all(row["network"] == row["layer"].rpartition(": ")[0] for row in path)
        labels, variants = [item["label"], *found.data["beside"]], found.data["what_if"]["variants"]
        assert [row["network"] for row in variants] == labels * (len(variants) // 3)
        assert found.tables["what_if"] == variants
        assert all(row["throughput_gain"] == row["latency_gain"] == 1 for row in variants[:3])
        assert save_critical_path(found, tmp_path).stat().st_size > 0
    assert explained(tmp_path).data["network"] == "zoo:digits-cnn"
    shown = Console(width=80, record=True, file=io.StringIO())
    shown.print(explanation_table(explained(tmp_path, network="zoo:digits-mlp")))
    text = shown.export_text()
    assert "zoo:digits-mlp on hermes64: critical path of input 0" in text
    assert "What if it were 2 times as fast" in text
    assert "…" not in text
    assert explained(tmp_path, what_if=False).data["what_if"] is None


def test_what_if_leaves_the_arrivals_of_the_others(few: Path, tmp_path: Path) -> None:
    """Asked about, a network has all its inputs at once; beside another one, they come as they did."""
    beside = [f"zoo:digits-mlp,data={few},arrivals=20000/s"]
    chipsim.run("hermes64", "zoo:digits-cnn", data=few, timing_only=True, beside=beside).save(tmp_path)
    today = {}
    for label in ("zoo:digits-cnn", "zoo:digits-mlp"):
        rows = explained(tmp_path, network=label).tables["what_if"][:2]
        today[label] = {row["network"]: row["throughput_inputs_per_s"] for row in rows}
    assert today["zoo:digits-cnn"]["zoo:digits-mlp"] == pytest.approx(20000, rel=1e-3)
    assert today["zoo:digits-mlp"]["zoo:digits-mlp"] > 50000


def test_a_path_is_exact_as_far_as_nothing_that_was_left_out_can_change_it(few: Path, tmp_path: Path) -> None:
    chipsim.run(
        "hermes64", "zoo:digits-cnn", data=few, timing_only=True, beside=[f"zoo:digits-mlp,data={few}"]
    ).save(tmp_path)  # fmt: skip
    whole = explained(tmp_path, network="zoo:digits-mlp", input=5)
    for trace in range(1, 7):
        part = explained(tmp_path, network="zoo:digits-mlp", input=trace - 1, trace=trace)
        all_of_it = explained(tmp_path, network="zoo:digits-mlp", input=trace - 1)
        if part.data["path"]["exact"]:
            assert part.tables["critical_path"] == all_of_it.tables["critical_path"]
    assert whole.data["path"]["exact"]


def test_questions_about_networks_that_are_none(few: Path, tmp_path: Path) -> None:
    beside = [f"zoo:digits-mlp,data={few}"]
    chipsim.run("hermes64", "zoo:digits-cnn", data=few, timing_only=True, beside=beside).save(tmp_path)
    with pytest.raises(InputError, match=r"--network 'zoo:digits-ml' is none of .*did you mean 'zoo:digits-mlp'"):
        explained(tmp_path, network="zoo:digits-ml")
    with pytest.raises(InputError, match="the run has 6 inputs, from 0 to 5"):
        explained(tmp_path, network="zoo:digits-mlp", input=6)
    chipsim.run("hermes64", "zoo:digits-cnn", data=few, timing_only=True).save(tmp_path)
    with pytest.raises(InputError, match="has one network; leave it out"):
        explained(tmp_path, network="zoo:digits-cnn")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(networks=None), "networks should be a valid list, not None"),
        (lambda data: data.update(networks=[]), "networks List should have at least 1 item"),
        (lambda data: data["networks"][0].pop("settings"), "has no 'networks.0.settings'"),
        (lambda data: data["networks"][1]["settings"].update(batch=0), "networks.1.settings.batch should be greater"),
        (lambda data: data["networks"][1]["network"].update(input_shape=None), "networks.1.network.input_shape"),
        (lambda data: data["input_hashes"].update(models=["a"]), "models and data of 2 networks each"),
        (lambda data: data["settings"].update(architecture="edge_npu"), "edge_npu is of kind von-neumann"),
    ],
)
def test_an_edited_result_is_refused(few: Path, tmp_path: Path, change, message: str) -> None:
    beside = [f"zoo:digits-mlp,data={few}"]
    chipsim.run("hermes64", "zoo:digits-mlp", data=few, timing_only=True, beside=beside).save(tmp_path)
    data = json.loads((tmp_path / "result.json").read_text())
    change(data)
    (tmp_path / "result.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=re.escape(message)):
        explained(tmp_path)
