import io
import re

import pytest
from rich.console import Console

import chipsim
from chipsim.architecture.loader import load_spec
from chipsim.report.conversion_notes import conversion_notes
from chipsim.report.tables import result_table
from chipsim.units import human


def rendered(table, width=100, **options) -> str:
    console = Console(width=width, file=io.StringIO(), **options)
    console.print(table)
    return console.file.getvalue()


def line(text: str, start: str) -> str:
    return next(row for row in text.splitlines() if row.startswith(start))


def test_accuracies_stand_as_in_the_data(mlp):
    text = rendered(result_table(mlp))
    accuracy = mlp.data["accuracy"]
    for name in ("reference", "ideal", "quantised", "noisy"):
        assert f"{100 * accuracy[name]:.2f} %" in line(text, name)
    assert f"± {100 * accuracy['noisy_std']:.2f} %" in line(text, "noisy")
    assert f"lowest {100 * accuracy['noisy_min']:.2f} % of 2 programmings" in line(text, "noisy")


def test_one_programming_has_no_spread(mlp, altered):
    result = altered(mlp)
    result.data["settings"]["programmings"] = 1
    row = line(rendered(result_table(result)), "noisy")
    assert row.rstrip().endswith("%  of 1 programming")
    assert "±" not in row


def test_a_narrow_table_breaks_no_word(compared, altered):
    result = altered(compared)
    result.data["chip"]["busiest"] = {"component": "router(0,1)->tile(0,1)", "utilisation": 0.984}
    words = rendered(result_table(result), width=80).split()
    assert {"router(0,1)", "->", "tile(0,1),"} <= set(words)


@pytest.mark.parametrize("share", [None, 0.0, 0.44])
def test_cells_that_were_not_accepted_are_shown_beside_loading(compared, altered, share):
    result = altered(compared)
    result.data["chip"] |= {"loading_s": 1e-3, "loading_j": 1e-6, "loading": {"unconverged": share}}
    if share is None:
        result.data["chip"]["loading"] = None
    text = rendered(result_table(result)).splitlines()
    found = [row for row in text if row.startswith("  cells not accepted")]
    assert [row.split()[3:] for row in found] == ([["44.00", "%", "-", "-"]] if share else [])
    if share:
        assert text[text.index(found[0]) - 1].startswith("  its energy")


def test_each_row_has_chip_baseline_and_their_ratio(compared):
    text = rendered(result_table(compared))
    chip, baseline, ratio = (compared.data[key] for key in ("chip", "baseline", "ratio"))
    row = line(text, "Energy per input")
    assert human(chip["energy_per_input_j"], "J") in row
    assert human(baseline["energy_per_input_j"], "J") in row
    factor = ratio["energy_per_input_j"]
    assert f"{max(factor, 1 / factor):.3g}x {'more, worse' if factor > 1 else 'less, better'}" in row


def test_data_moved_is_shown_per_level_and_in_total(compared):
    text = rendered(result_table(compared))
    levels = compared.data["chip"]["bytes_moved_per_input"]
    between = sum(amount for level, amount in levels.items() if level != "cell_array")
    assert human(between, "B") in line(text, "Data moved per input")
    assert human(levels["link_hop"], "B") in line(text, "  links, each hop")


def test_what_was_run_is_stated(compared):
    text = rendered(result_table(compared))
    assert text.startswith("zoo:digits-cnn on hermes64")
    assert "1 day" in line(text, "age of the cells")
    assert compared.data["settings"]["calibration"] in text
    assert line(text, "Technology").split() == ["Technology", "14", "nm", "45", "nm"]
    assert line(text, "Batch").split() == ["Batch", "2", "2"]
    assert f"fastest with batches of {compared.data['baseline']['best_batch']['batch']}:" in " ".join(text.split())
    assert f"{compared.data['chip']['tiles_used']} of 64" in line(text, "Tiles used")


def test_drift_compensation_says_what_it_cost(compared):
    text = " ".join(rendered(result_table(compared)).split())
    cost = compared.data["chip"]["drift_compensation"]
    assert f"{human(cost['time_s'], 's')} (in no latency) and {human(cost['energy_j'], 'J')}" in text
    assert "uncompensated" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_number_is_cut_off_at_any_width(compared, width):
    text = rendered(result_table(compared), width)
    assert "…" not in text
    assert all(len(row) <= width for row in text.splitlines())


def test_at_80_columns_every_row_of_numbers_is_one_line(compared):
    text = rendered(result_table(compared), 80)
    for row in text.splitlines():
        if row.startswith(("Latency", "Energy", "Throughput", "Useful")):
            assert re.search(r"(more|less|same|better|worse|-)\s*$", row)


def test_at_80_columns_no_label_wraps():
    result = chipsim.run(
        "hermes64", "zoo:digits-mlp", timing_only=True, baseline="edge_npu", arrivals="poisson 250000/s"
    )
    text = rendered(result_table(result), 80)
    for label in ("Waits at host, mean", "Inputs waiting, mean", "Latency, first input", "Data moved per input"):
        [row] = [row for row in text.splitlines() if row.startswith(label)]
        assert re.search(r"\d", row[len(label) :])


def test_the_verdict_is_readable_without_colour(compared):
    plain = rendered(result_table(compared))
    coloured = rendered(result_table(compared), force_terminal=True, color_system="standard")
    assert "\x1b[3" in coloured
    assert "\x1b" not in plain
    assert ", worse" in plain or ", better" in plain


def test_synthetic_weights_show_signal_to_noise_instead_of_accuracy(altered):
    result = altered()
    result.data["weights"] = "synthetic"
    result.data["accuracy"] = dict.fromkeys(result.data["accuracy"])
    text = rendered(result_table(result))
    layers = result.data["signal_to_noise_db"]
    assert "weights are synthetic" in text
    assert "reference" not in text.split("Technology")[0]
    assert f"{min(layers.values()):.1f} dB" in line(text, "  worst layer")
    assert f"{max(layers.values()):.1f} dB" in line(text, "  best layer")


def test_timing_only_and_few_inputs_are_said(timing_only, single):
    assert "timing only: no values were computed" in rendered(result_table(timing_only))
    text = rendered(result_table(single))
    assert "No steady throughput below 4 inputs" in text
    assert line(text, "Throughput").split()[1:] == ["-", "-", "-"]


def test_cycles_that_depend_on_values_are_said_to_be_the_most_there_can_be(timing_only):
    counter = (
        "tile.mvm_latency=null",
        "tile.mvm_energy=null",
        "tile.adc.kind=counter",
        "tile.adc.energy_per_cycle=2 fJ",
    )
    result = chipsim.run("hermes64", "zoo:digits-mlp", timing_only=True, overrides=counter)
    assert "Conversions that depend on them are charged at full scale" in rendered(result_table(result), 200)
    assert "energy that depends on them is not included" in rendered(result_table(timing_only), 200)


def test_much_clipping_is_warned_of_and_little_is_not(altered):
    result = altered()
    result.data["chip"] |= {"clipped_inputs": 0.0101, "saturated_outputs": 0.0099, "compensated_by": "global"}
    text = " ".join(rendered(result_table(result)).split())
    assert "Warning: 1.01 % of the inputs of the tiles are clipped. Ranges are those of the calibration inputs" in text
    for help_ in (
        "calibrate with more",
        "noise and drift of cells",
        "tile.compensation.kind=affine",
        "dac.range=per-vector",
    ):
        assert help_ in text
    assert "adc.range" not in text
    assert "saturate their converters" not in text
    result.data["chip"] |= {"clipped_inputs": 0.0099}
    assert "Warning" not in rendered(result_table(result))


def clipping(compensated_by, who=""):
    shares = {"clipped_inputs": 0.0272, "saturated_outputs": 0.05}
    (note,) = conversion_notes(shares | {"compensated_by": compensated_by}, who)
    return note


def test_a_warning_of_clipping_names_its_network():
    note = clipping("global", "half")
    assert note.startswith("Warning for half: 2.72 % of the inputs of the tiles are clipped and 5.00 % of the outputs")
    assert "--set tile.dac.range=per-vector and --set tile.adc.range=full-scale" in note


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("none", "kind=affine, or per-column where layers are recurrent, or widen the ranges, --set tile.dac"),
        ("global", "kind=affine, or per-column where layers are recurrent, or widen the ranges, --set tile.dac"),
        ("per-column", "kind=affine, where no layer is recurrent, or widen the ranges, --set tile.dac"),
        ("affine", "or noise of cells pushes values beyond the ranges (widen the ranges, --set tile.dac"),
        (None, "or noise of cells pushes values beyond the ranges (widen the ranges, --set tile.dac"),
    ],
)
def test_a_warning_of_clipping_names_what_is_not_done_yet(before, says):
    note = clipping(before)
    assert says in note
    assert ("kind=affine" in note) == (before in ("none", "global", "per-column"))
    assert ("already" in note) == (before == "affine")


@pytest.mark.parametrize(
    ("kind", "age", "expected"),
    [("affine", "1 day", "affine"), ("none", "1 day", "none"), ("affine", None, None)],
)
def test_a_result_says_how_drift_was_compensated(kind, age, expected):
    found = chipsim.run(
        "hermes64", "zoo:digits-mlp", programmings=1, age=age, overrides=(f"tile.compensation.kind={kind}",)
    )
    assert found.data["chip"]["compensated_by"] == expected
    found.data["chip"]["saturated_outputs"] = 0.5
    note = " ".join(rendered(result_table(found), 200).split())
    assert ("drift is compensated channel by channel already" in note) == (expected == "affine")
    assert ("tile.compensation.kind=affine, or" in note) == (expected == "none")


def test_the_fields_that_a_warning_names_are_there():
    note = clipping("global")
    named = re.findall(r"--set ([\w.]+=[\w-]+)", note)
    spec = load_spec("hermes64", named)
    assert len(named) == 3
    assert (spec.tile.dac.range, spec.tile.adc.range) == ("per-vector", "full-scale")
    assert spec.tile.compensation.kind == "affine"


def test_calibration_and_age_are_shown_where_there_were_any(compared, timing_only, altered):
    assert line(rendered(result_table(compared)), "age of the cells").split()[-2:] == ["1", "day"]
    text = rendered(result_table(timing_only))
    assert not any(row.startswith(("calibration", "age of the cells")) for row in text.splitlines())
    result = altered(timing_only)
    result.data["chip"]["drift_compensation"] = compared.data["chip"]["drift_compensation"]
    assert "age of the cells" in rendered(result_table(result))


def test_of_one_layer_there_is_no_median(altered):
    result = altered()
    result.data["signal_to_noise_db"] = {"only": 12.0}
    text = rendered(result_table(result))
    assert "of 1 layer, noisy" in line(text, "signal to noise")
    assert "median of" not in text


def test_a_single_unlabelled_input_works(single):
    text = rendered(result_table(single))
    assert "the data have no labels" in text


def test_names_are_text_and_not_markup(altered):
    result = altered()
    result.data["network"]["name"] = "[red]net[/red]"
    result.data["chip"]["name"] = "[bold]chip[/]"
    assert "[red]net[/red] on [bold]chip[/]" in rendered(result_table(result))


def test_precision_is_shown_where_the_result_has_it(altered):
    result = altered()
    result.data["chip"]["precision"] = "8 bit"
    assert "8 bit" in line(rendered(result_table(result)), "Precision")


def test_writing_between_rounds_is_shown_and_named_as_the_busiest_part(compared, altered):
    result = altered(compared)
    assert "Tiles written again" not in rendered(result_table(result))
    makespan = result.data["chip"]["makespan_s"]
    result.data["chip"]["reloading"] = {"rounds": 3, "times": 8, "time_s": 0.9999 * makespan, "energy_j": 2e-6}
    text = rendered(result_table(result))
    assert line(text, "Rounds of layers").split()[3] == "3"
    assert "8 writings of a round" in line(text, "Tiles written again")
    assert "2 µJ" in line(text, "  its energy, in that above")
    assert "writing of tiles, 100.0 %" in " ".join(text.split())


def test_a_throughput_that_no_long_stream_can_have_is_said_to_be_one(compared, altered):
    result = altered(compared)
    chip, inputs = result.data["chip"], result.data["settings"]["inputs"]
    assert "too few for a steady stream" not in " ".join(rendered(result_table(result)).split())
    chip["busiest"] = {"component": "a->b", "utilisation": 0.5}
    chip["throughput_inputs_per_s"] = 1.2 * inputs / (0.5 * chip["makespan_s"])
    text = " ".join(rendered(result_table(result)).split())
    assert f"{inputs} inputs are too few for a steady stream" in text
    assert "by a -> b alone" in text
    chip["throughput_inputs_per_s"] /= 1.2
    assert "too few for a steady stream" not in " ".join(rendered(result_table(result)).split())


def test_parts_without_any_energy_are_named_and_those_contained_in_others_are_not(compared, altered):
    assert "Counted as free" not in rendered(result_table(compared))  # its control units are contained in the tiles
    result = altered(compared)
    for row in result.tables["ledger"]:
        if row["machine"] == "chip" and row["kind"] in ("link", "router") and row["action"] != "static":
            row |= {"joules_per_unit": 0.0, "energy_j": 0.0, "source": "assumption"}
    text = " ".join(rendered(result_table(result)).split())
    assert "Counted as free, as the architecture gives no energy for them: link, router (see chipsim check)." in text
