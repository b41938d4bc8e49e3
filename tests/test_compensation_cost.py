"""What drift compensation costs: in the time before the first input, and in the ledger under names of its own."""

from __future__ import annotations

import pytest

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.mapping.placement import place
from chipsim.network.zoo import load_network
from chipsim.simulation.core.durations import mvm_phases
from chipsim.simulation.engine import simulate_chip
from chipsim.units import from_ps

PARTS = ["tile.mvm_energy=null", "tile.adc.energy_per_conversion=30 pJ", "tile.dac.energy_per_conversion=2 pJ"]


def run(kind, *overrides, model="zoo:digits-mlp", age="1 day"):
    return chipsim.run(
        "hermes64", model, data="zoo:digits", age=age, programmings=1,
        overrides=[f"tile.compensation.kind={kind}", *overrides],
    )  # fmt: skip


def ledger(result):
    return result.ledger[result.ledger["machine"] == "chip"]


def besides_cells(result):
    """All joules but those of the scored inputs in the cells, which depend on what the layers before put out."""
    rows = ledger(result)
    return rows.loc[rows["action"] != "array", "energy_j"].sum()


@pytest.mark.parametrize("overrides", [[], PARTS], ids=["one energy", "parts"])
@pytest.mark.parametrize("kind", ["global", "per-column", "affine", "none"])
def test_the_energy_per_input_is_the_sum_of_the_ledger(kind, overrides):
    result = run(kind, *overrides)
    rows, chip = ledger(result), result.data["chip"]
    inputs = result.data["settings"]["inputs"]
    assert rows["energy_j"].sum() == pytest.approx(chip["energy_per_input_j"] * inputs, rel=1e-12)
    own = rows[rows["action"].str.match("(reference|refit) ")]
    if kind == "none":
        assert chip["drift_compensation"] is None
        assert own.empty
        assert result.data["accuracy"]["noisy_uncompensated"] is None
        return
    cost = chip["drift_compensation"]
    assert cost["kind"] == kind
    assert own["energy_j"].sum() == pytest.approx(cost["energy_j"], rel=1e-12)
    without = run("none", *overrides)
    assert besides_cells(result) == pytest.approx(besides_cells(without) + cost["energy_j"], rel=1e-12)
    assert chip["bytes_moved_per_input"] == without.data["chip"]["bytes_moved_per_input"]


@pytest.mark.parametrize("kind", ["global", "per-column", "affine"])
def test_one_input_more_in_the_steady_stream_does_not_pay_for_it(kind):
    """The energy of an MVM contains the cells here, so that it is the same with any compensation, or with none."""
    chip, without = run(kind).data["chip"], run("none").data["chip"]
    assert chip["energy_per_input_steady_j"] == pytest.approx(without["energy_per_input_steady_j"], rel=1e-12)
    spent_once = chip["drift_compensation"]["energy_j"] / 450
    assert chip["energy_per_input_j"] == pytest.approx(without["energy_per_input_j"] + spent_once, rel=1e-12)
    assert spent_once > 1e-3 * without["energy_per_input_j"]


def plan_of(model):
    return place(load_network(model), build_chip(load_spec("hermes64")))


@pytest.mark.parametrize("model", ["zoo:digits-mlp", "zoo:digits-cnn"])
def test_reads_per_column_take_their_mvms_and_two_operations_per_output(model):
    """Neuron units work side by side at 400 million values per second, 114 pJ each (hermes64.yaml)."""
    result, plan = run("per-column", "tile.compensation.reads=50", model=model), plan_of(model)
    cost, rows = result.data["chip"]["drift_compensation"], ledger(result)
    assert (cost["reads_per_tile"], cost["inputs"]) == (50, None)
    assert (rows.loc[rows["action"] == "reference mvm", "amount"] == 50).all()
    of_unit: dict[str, int] = {}
    for layer in plan.layers.values():
        for part in layer.slices:
            columns = sum(placed.block.columns for placed in part.blocks)
            of_unit[part.neuron_unit] = of_unit.get(part.neuron_unit, 0) + 2 * 50 * columns
    sums = rows[rows["action"] == "reference sum"]
    assert sums.groupby("component")["amount"].sum().to_dict() == of_unit
    assert sums["energy_j"].sum() == pytest.approx(114e-12 * sum(of_unit.values()))
    reads_s = 50 * from_ps(mvm_phases(plan.chip.spec, 256, 256).latency_ps)
    assert cost["time_s"] == pytest.approx(reads_s + max(of_unit.values()) / 400e6, rel=1e-9)


@pytest.mark.parametrize("model", ["zoo:digits-mlp", "zoo:digits-cnn"])
def test_a_refit_costs_what_running_its_inputs_costs(model):
    result, plan = run("affine", model=model), plan_of(model)
    alone = simulate_chip(plan, 128)
    cost = result.data["chip"]["drift_compensation"]
    assert (cost["reads_per_tile"], cost["inputs"]) == (None, 128)
    assert cost["time_s"] == from_ps(alone.makespan_ps)
    assert cost["energy_j"] == pytest.approx(alone.ledger.total_joules(), rel=1e-12)  # cells are part of mvm_energy
    rows = ledger(result)
    refit = rows[rows["action"].str.startswith("refit ")]
    assert refit.loc[refit["action"] == "refit mvm", "amount"].sum() == 128 * plan.tile_mvms
    cells = refit[refit["action"] == "refit array"]
    scored = rows[rows["action"] == "array"]
    assert cells["amount"].sum() / 128 == pytest.approx(scored["amount"].sum() / 450, rel=0.1)


@pytest.mark.parametrize("kind", ["per-column", "affine"])
def test_times_of_the_run_itself_do_not_change(kind):
    chip, usual = run(kind).data["chip"], run("global").data["chip"]
    for key in ("latency_first_input_s", "latency_p50_s", "makespan_s", "throughput_inputs_per_s", "tile_mvms"):
        assert chip[key] == usual[key]


@pytest.mark.parametrize("kind", ["global", "per-column", "affine"])
def test_the_earliest_age_costs_nothing(kind):
    result = run(kind, age="0 s")
    assert result.data["chip"]["drift_compensation"] is None
    assert result.data["accuracy"]["noisy_uncompensated"] is None


@pytest.mark.parametrize("kind", ["per-column", "affine"])
def test_equal_bytes_whatever_the_chunk_and_threads(kind):
    results = [
        chipsim.run(
            "hermes64", "zoo:digits-mlp", data="zoo:digits", age="1 year", programmings=2, chunk=chunk,
            threads=threads, overrides=[f"tile.compensation.kind={kind}"],
        )
        for chunk, threads in ((None, 2), (31, 1))
    ]  # fmt: skip
    first, second = ({key: value for key, value in each.data.items() if key != "simulator"} for each in results)
    assert first == second
    assert results[0].tables == results[1].tables
