import struct
import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import chipsim
from chipsim.errors import OutputError
from chipsim.report.figures import save_figures
from chipsim.report.figures.canvas import house_style
from chipsim.report.figures.energy import draw_energy
from chipsim.report.figures.floor_plan import draw_floor_plan
from chipsim.report.figures.letters import shorten_all
from chipsim.report.figures.pipeline import draw_pipeline
from chipsim.units import human

ALL = ["utilisation.png", "pipeline.png", "energy.png", "comparison.png"]


def size_of(path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def names(paths) -> list[str]:
    return [path.name for path in paths]


def test_a_comparison_gives_four_figures_of_sensible_size(compared, tmp_path):
    paths = save_figures(compared, tmp_path)
    assert names(paths) == ALL
    for path in paths:
        width, height = size_of(path)
        assert 500 < width < 4000
        assert 300 < height < 4000
        assert path.stat().st_size > 10_000


def test_without_a_baseline_there_is_no_comparison(mlp, tmp_path):
    assert names(save_figures(mlp, tmp_path)) == ALL[:3]
    assert not (tmp_path / "comparison.png").exists()


@pytest.mark.parametrize("kind", ["timing_only", "single"])
def test_missing_numbers_leave_no_figure_out(kind, request, tmp_path):
    assert names(save_figures(request.getfixturevalue(kind), tmp_path)) == ALL


def test_equal_results_give_equal_bytes(compared, altered, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder, result in ((first, compared), (second, altered())):
        folder.mkdir()
        save_figures(result, folder)
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in ALL)


def test_the_users_own_style_changes_nothing_and_is_left_alone(mlp, tmp_path):
    plain, styled = tmp_path / "a", tmp_path / "b"
    plain.mkdir()
    styled.mkdir()
    save_figures(mlp, plain)
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30.0}):
        save_figures(mlp, styled)
        assert mpl.rcParams["font.size"] == 30.0
    assert all((plain / name).read_bytes() == (styled / name).read_bytes() for name in ALL[:3])


def test_no_date_or_version_is_written(mlp, tmp_path):
    for path in save_figures(mlp, tmp_path):
        assert b"tEXt" not in path.read_bytes()


def test_one_layer_on_one_tile_works(altered, tmp_path):
    result = altered()
    for name in ("tiles", "layers"):
        result.tables[name][1:] = []
    layer = result.tables["layers"][0]["layer"]
    for name in ("pipeline", "ledger"):
        result.tables[name][:] = [row for row in result.tables[name] if row["layer"] in (layer, "")]
    result.tables["links"].clear()
    assert names(save_figures(result, tmp_path)) == ALL


def test_large_grids_and_strange_names_work(altered, tmp_path):
    result = altered()
    tile = result.tables["tiles"][0]
    result.tables["tiles"][:] = [tile | {"x": float(x), "y": float(y)} for y in range(40) for x in range(70)]
    result.data["network"]["name"] = "/models/" + "long/" * 40 + "$x_1$ [bold] \u6a21.onnx"
    for row in result.tables["layers"]:
        row["layer"] = "$\\frac{" + row["layer"]
    for row in result.tables["pipeline"]:
        row["layer"] = "$\\frac{" + row["layer"]
    assert names(save_figures(result, tmp_path)) == ALL
    assert max(size_of(tmp_path / "utilisation.png")) < 4000


def test_empty_tables_give_no_figures(altered, tmp_path):
    result = altered()
    for name in ("tiles", "pipeline", "ledger"):
        result.tables[name].clear()
    result.data["baseline"] = None
    assert save_figures(result, tmp_path) == []


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), ValueError("broken")])
def test_nothing_half_written_is_left_when_saving_fails(mlp, tmp_path, monkeypatch, fault):
    def fail(self, file, **options):
        file.write_bytes(b"half")
        raise fault

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OutputError if isinstance(fault, OSError) else ValueError):
        save_figures(mlp, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_used_tile_is_labelled_with_layer_and_share(compared):
    with house_style():
        figure = draw_floor_plan(compared)
        texts = [text.get_text() for text in figure.axes[0].texts]
        used = [tile for tile in compared.tables["tiles"] if tile["layer"]]
        assert sum(text.startswith(used[0]["layer"] + "\n") for text in texts) == 1
        assert sum("%" in text for text in texts) == len(used)
        assert "host" in texts
        figure.clear()


def test_rounds_are_drawn_below_each_other_with_the_host_beside_each():
    written = "{pulse_time: 125 ns, pulse_energy: 28 pJ, verify_time: 768 ns, verify_energy: 52.5 pJ, step: 0.25, "
    written += "tolerance: 0.02, max_iterations: 30, write_heads: 32}"
    changes = ["grid.shape=[1,3]", "mapping.reload=true", f"tile.programming={written}"]
    result = chipsim.run("hermes64", "zoo:digits-cnn", timing_only=True, batch=5, overrides=changes)
    with house_style():
        figure = draw_floor_plan(result)
        hosts = [text.get_position() for text in figure.axes[0].texts if text.get_text() == "host"]
        assert len(hosts) == result.data["chip"]["reloading"]["rounds"] == 2
        ways = [way for lines in figure.axes[0].collections if isinstance(lines, LineCollection)
                for way in lines.get_segments()]  # fmt: skip
        assert all(way[0][0] == way[-1][0] or way[0][1] == way[-1][1] for way in ways)  # none is aslant
        assert "2 rounds one below the other" in figure.get_suptitle()
        figure.clear()


def test_writing_between_rounds_has_a_row_of_its_own_as_long_as_it_took():
    written = "{pulse_time: 125 ns, verify_time: 768 ns, step: 0.25, tolerance: 0.02, max_iterations: 30}"
    changes = ["grid.shape=[1,3]", "mapping.reload=true", f"tile.programming={written}"]
    result = chipsim.run("hermes64", "zoo:digits-cnn", timing_only=True, batch=2, overrides=changes)
    first, second = result.data["chip"]["reloading"]["round_s"]
    with house_style():
        figure = draw_pipeline(result)
        (axes,) = figure.axes
        assert [text.get_text() for text in axes.get_yticklabels()][-1] == "(writing of tiles)"
        row = len(axes.get_yticks()) - 1
        bars = sorted((bar for bar in axes.patches if abs(bar.get_y() + bar.get_height() / 2 - row) < 1e-9),
                      key=lambda bar: bar.get_x())  # fmt: skip
        last = max(span["end_s"] for span in result.tables["pipeline"])
        unit = axes.get_xlim()[1] / 1.01 / last
        inputs = 1 + max(span["input"] for span in result.tables["pipeline"])
        expected = [second, first] * -(-inputs // 2)
        assert [bar.get_width() / unit for bar in bars] == pytest.approx(expected[:-1])
        work = [bar for bar in axes.patches if bar not in bars]
        assert work
        figure.clear()


def test_without_rounds_no_writing_is_drawn(mlp):
    with house_style():
        figure = draw_pipeline(mlp)
        assert not any("writing" in text.get_text() for axes in figure.axes for text in axes.get_yticklabels())
        figure.clear()


def test_rows_of_long_names_stay_different(altered, mlp):
    result = altered(mlp)
    paths = [f"node_LSTM_{number}/{way}/recurrent" for number in (114, 222) for way in ("forward", "backward")]
    ways = dict(zip(("dense1", "dense2", "dense3", "dense4"), paths, strict=True))
    for row in [*result.tables["pipeline"], *result.tables["layers"]]:
        row["layer"] = ways.get(row["layer"], row["layer"])
    with house_style():
        figure = draw_pipeline(result)
        texts = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert len(set(texts)) == len(texts)
        assert {path[-21:] for path in paths} <= {text[-21:] for text in texts}
        assert all(len(text) <= 24 for text in texts)
        figure.clear()


@pytest.mark.parametrize(
    "names",
    [["a" * 30 + "b" + "a" * 30, "a" * 61], ["\U0001f600" * 9, "\U0001f601" * 9], ["x" * 40 + "1", "x" * 40 + "2"]],
)
def test_names_that_no_cut_tells_apart_are_numbered(names):
    found = shorten_all(names, 12)
    assert len(set(found)) == 2
    assert all(len(text) <= 12 for text in found)


def test_tiles_and_title_of_several_networks_say_whose_they_are():
    result = chipsim.run("hermes64", "zoo:digits-cnn", timing_only=True, beside=["zoo:digits-mlp"])
    with house_style():
        figure = draw_floor_plan(result)
        texts = [text.get_text().splitlines() for text in figure.axes[0].texts]
        held = [lines for lines in texts if len(lines) == 3]
        assert len(held) == result.data["chip"]["tiles_used"]
        assert {lines[0][-4:] for lines in held} == {"-cnn", "-mlp"}
        assert figure.get_suptitle().endswith("batch 1")
        figure.clear()


def test_drift_compensation_has_a_bar_of_its_own(compared, altered):
    """The static power of a refit belongs to it, and not to static power."""
    result, inputs = altered(), compared.data["settings"]["inputs"]
    rows = [row for row in result.tables["ledger"] if row["machine"] == "chip"]
    result.tables["ledger"].append({**rows[-1], "action": "refit static", "kind": "tile", "energy_j": 1e-6 * inputs})
    for each, more_j in ((compared, 0.0), (result, 1e-6)):
        joules = compared.data["chip"]["drift_compensation"]["energy_j"] / inputs + more_j
        static = sum(row["energy_j"] for row in rows if row["action"] == "static") / inputs
        with house_style():
            figure = draw_energy(each)
            totals, parts = figure.axes[:2]
            widths = [bar.get_width() for bar in totals.patches if bar.get_y() < 0.5]
            unit = {"µJ": 1e-6, "nJ": 1e-9}[totals.get_xlabel().split("(")[1].rstrip(")")]
            assert widths[-2:] == pytest.approx([joules / unit, static / unit])
            place = [label.get_text() for label in parts.get_yticklabels()].index("drift compensation, once")
            assert parts.texts[place].get_text().startswith(human(joules, "J"))
            assert "drift compensation" in [text.get_text() for text in figure.legends[0].get_texts()]
            figure.clear()


def test_without_drift_compensation_nothing_is_said_of_it(mlp):
    with house_style():
        figure = draw_energy(mlp)
        assert "drift compensation" not in [text.get_text() for text in figure.legends[0].get_texts()]
        figure.clear()


def test_pyplot_is_never_imported():
    code = "import sys, chipsim.report.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
