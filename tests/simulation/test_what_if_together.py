"""What-if runs of several networks against simulations of all of them on chips that are written with the fields."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_machines import chip, conv, dense, network, source
from test_several_networks import side_by_side
from test_what_if import MORE, PARTS, WRITTEN, silent

from chipsim.mapping.beside import place_beside
from chipsim.mapping.placement import place
from chipsim.simulation.explaining.what_if_together import OfAll, first_inputs, what_if_together
from chipsim.simulation.together import Workload, simulate_together

NETS = [
    network([source(4, 2, 2), conv("a", source(4, 2, 2), 4), dense("b", "a", 16, 4)]),
    network([source(4), dense("c", "x", 4, 4)]),
]
GRID = {"grid.shape": "[2, 3]"}


def works_on(changes, counts=(12, 20), copies=None) -> list[Workload]:
    built = chip({**GRID, **changes})
    plans = side_by_side(NETS, built)
    if copies:
        plans[0] = place_beside(plans[1:], built, lambda free: place(NETS[0], free, copies))
    return [Workload(plan=plan, inputs=count) for plan, count in zip(plans, counts, strict=True)]


def by_name(variants: list[OfAll]) -> dict[str, OfAll]:
    return {variant[0].what: variant for variant in variants}


def numbers(works: list[Workload]) -> list[tuple[float, float]]:
    found = simulate_together(works)
    return [(1e12 / outcome.interval_ps, outcome.latency_alone_ps / 1e12) for outcome in found.networks]


def test_every_variant_is_the_run_of_all_on_an_architecture_with_these_fields():
    found = by_name(what_if_together(works_on({**PARTS, **MORE}), 0, 2, silent))
    assert set(found) == {"", *WRITTEN, "layer a"}
    for what, changes in {"": {}, **WRITTEN}.items():
        expected = numbers(works_on({**PARTS, **MORE, **changes}))
        assert [(each.throughput_inputs_per_s, each.latency_s) for each in found[what]] == expected, what
    expected = numbers(works_on({**PARTS, **MORE}, copies={"a": 2, "b": 1}))
    assert [(each.throughput_inputs_per_s, each.latency_s) for each in found["layer a"]] == expected


def test_the_order_is_that_of_the_network_that_is_asked_about():
    for asked in range(2):
        first, *others = what_if_together(works_on({**PARTS, **MORE}), asked, 3, silent)
        assert first[asked].what == ""
        rates = [variant[asked].throughput_inputs_per_s for variant in others]
        assert rates == sorted(rates, reverse=True)


def test_a_port_that_both_share_makes_both_twice_as_fast():
    """Inputs of 4 bytes take turns at 10 MB/s, 800 ns for one of each; at 20 MB/s it takes 400 ns."""
    nets = [network([source(4), dense("a", "x", 4, 4)]) for _ in range(2)]
    changes = {"grid.shape": "[1, 2]", "host.bandwidth": "10 MB/s", "host.max_inputs_in_flight": 2}
    works = [Workload(plan=plan, inputs=20) for plan in side_by_side(nets, chip(changes))]
    found = by_name(what_if_together(works, 1, 2, silent))
    for now, then in zip(found[""], found["host"], strict=True):
        assert now.throughput_inputs_per_s == pytest.approx(1 / 800e-9, rel=1e-6)
        assert then.throughput_inputs_per_s == pytest.approx(1 / 400e-9, rel=1e-6)
    assert {each.busiest for each in found[""]} <= {"host->router(0,0)", "router(0,0)->host"}  # held alike


def test_a_copy_that_no_tile_is_left_for_has_no_numbers_of_any_network():
    found = by_name(what_if_together(works_on({**PARTS, "grid.shape": "[1, 3]"}), 0, 2, silent))
    assert {each.change for each in found["layer a"]} == {"2 copies instead of 1: no room"}
    assert all(each.throughput_inputs_per_s is each.latency_s is None for each in found["layer a"])


def test_the_first_part_of_a_run_has_enough_inputs_of_each_and_no_more_than_it_has():
    works = works_on(PARTS, counts=(200, 7))
    whole = simulate_together(works)
    assert first_inputs(works, whole) == [200, 7]
    heavy = [replace(work, plan=_Counted(work.plan, 5000)) for work in works]
    counts = first_inputs(heavy, whole)
    until = max(outcome.done_ps[count - 1] for outcome, count in zip(whole.networks, counts, strict=True))
    assert counts == [sum(time <= until for time in outcome.done_ps) for outcome in whole.networks]
    assert 8 <= counts[0] < 200
    assert counts[1] == 7


class _Counted:
    """A plan that says that its inputs take more products than they do."""

    def __init__(self, plan, tile_mvms: int) -> None:
        self.plan, self.tile_mvms = plan, tile_mvms
