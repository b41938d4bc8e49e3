"""A network over time: what single runs say at each age, from cells that are programmed once."""

from dataclasses import replace
from statistics import mean

import pytest
from analog_plans import zoo_bench

from chipsim.architecture.compensation_spec import COMPENSATIONS, Compensation
from chipsim.errors import DeviceRangeError
from chipsim.execution.accuracy import compute_values
from chipsim.execution.ageing import compute_ageing
from chipsim.execution.scores import signal_to_noise_db
from chipsim.units import parse_age

HOUR_S, YEAR_S = parse_age("1 hour"), parse_age("1 year")
ALL = [Compensation(kind=kind) for kind in COMPENSATIONS]


def silent(text):
    pass


def aged(bench, ages_s=(HOUR_S, YEAR_S), programmings=2, compensations=ALL, **options):
    return compute_ageing(
        bench.plan, bench.split, 5, ages_s, programmings, compensations, progress=silent, **options
    )  # fmt: skip


@pytest.fixture(scope="module")
def bench():
    return zoo_bench("zoo:digits-cnn")


@pytest.fixture(scope="module")
def found(bench):
    return aged(bench)


def scores(found, age_s, kind):
    return [each for each in found.scores if each.age_s == age_s and each.compensation == kind]


@pytest.mark.parametrize("kind", COMPENSATIONS)
def test_scores_are_those_of_single_runs(bench, found, kind):
    one = zoo_bench("zoo:digits-cnn", f"tile.compensation.kind={kind}")
    for age_s in (HOUR_S, YEAR_S):
        values = compute_values(one.plan, one.split, 5, age_s, 2, progress=silent)
        mine = scores(found, age_s, kind)
        assert [each.programming for each in mine] == [0, 1]
        assert mean(each.accuracy for each in mine) == values.accuracy["noisy"]
        assert min(each.accuracy for each in mine) == values.accuracy["noisy_min"]
        assert mine[0].signal_to_noise_db == signal_to_noise_db(values.outputs["ideal"], values.outputs["noisy"])
        if kind != "none":
            plain = mean(each.accuracy for each in scores(found, age_s, "none"))
            assert plain == values.accuracy["noisy_uncompensated"]
    for name in ("reference", "ideal", "quantised"):
        assert found.accuracy[name] == values.accuracy[name]


def test_a_year_takes_the_gain_and_compensation_gives_it_back(found):
    gains = {kind: mean(each.gain for each in scores(found, YEAR_S, kind)) for kind in COMPENSATIONS}
    assert gains["none"] < 0.2
    assert 0.8 < gains["global"] < 1.0
    assert 0.8 < gains["per-column"] < 1.0
    assert gains["affine"] == pytest.approx(1.0, abs=0.02)
    shape = {kind: mean(each.signal_to_noise_without_gain_db for each in scores(found, YEAR_S, kind)) for kind in gains}
    assert shape["none"] < shape["global"] < shape["affine"]


def test_at_the_earliest_age_there_is_nothing_to_make_up_for(bench):
    found = aged(bench, (0.0,), 1)
    assert len({replace(each, compensation="none") for each in found.scores}) == 1
    assert [each.compensation for each in found.scores] == list(COMPENSATIONS)


def test_chunks_and_threads_change_no_byte(bench, found):
    assert aged(bench, chunk=33, threads=1) == found


def test_ages_and_kinds_do_not_disturb_each_other(bench, found):
    alone = aged(bench, (YEAR_S,), 2, ALL[1:2])
    assert alone.scores == scores(found, YEAR_S, ALL[1].kind)


def test_without_labels_signal_to_noise_remains(bench):
    blind = replace(bench, split=replace(bench.split, y=None))
    found = aged(blind, (YEAR_S,), 1)
    assert found.accuracy == {"reference": None, "ideal": None, "quantised": None}
    assert all(each.accuracy is None and each.signal_to_noise_db > 0 for each in found.scores)


def test_an_age_that_the_cells_do_not_know_is_refused_at_once():
    bench = zoo_bench("zoo:digits-mlp", "tile.crossbar.device=rram-cmo")
    with pytest.raises(DeviceRangeError):
        aged(bench, (1.0, YEAR_S))
