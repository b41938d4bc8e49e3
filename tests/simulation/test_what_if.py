"""What-if runs against runs of architectures that are written with the changed fields, and against closed forms."""

from __future__ import annotations

import pytest
from small_machines import chip, conv, dense, network, plan, source, spec

from chipsim.architecture.chip import build_chip
from chipsim.errors import CapacityError
from chipsim.mapping.more_copies import with_more_copies
from chipsim.mapping.placement import Place, place
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.explaining.faster import faster_spec
from chipsim.simulation.explaining.what_if import Stream, Variant, what_if

LAYERS = [source(4, 2, 2), conv("a", source(4, 2, 2), 4), dense("b", "a", 16, 4)]
PARTS = {"tile.mvm_latency": None, "tile.adc.conversion_time": "10 ns", "tile.dac.time_per_lsb": "2 ns"}
# what is faster by two, written as architecture files have it
WRITTEN = {
    "array": {"tile.dac.time_per_lsb": "1 ns"},
    "ADC": {"tile.adc.conversion_time": "5 ns"},
    "tile buffer": {"tile.buffer.bandwidth": "2 GB/s"},
    "control unit": {"control_unit.issue_time": "2 ns"},
    "tile output": {"tile.output_bandwidth": "2 GB/s"},
    "neuron unit": {"neuron_unit.rate": "2 Gop/s", "neuron_unit.latency": "3 ns"},
    "digital unit": {"digital_unit.rate": "2 Gop/s"},
    "link bandwidth": {"link.bandwidth": "2 GB/s"},
    "link and router delay": {"link.latency": "1.5 ns", "router.delay": "1 ns"},
    "host": {"host.bandwidth": "2 GB/s", "host.latency": "4 ns"},
}
MORE = {"control_unit.issue_time": "4 ns", "neuron_unit.latency": "6 ns", "host.latency": "8 ns"}


def silent(done: int, total: int) -> None:
    assert 0 <= done < total


def by_name(variants: list[Variant]) -> dict[str, Variant]:
    return {variant.what: variant for variant in variants}


def numbers(built) -> tuple[float, float]:
    outcome = simulate_chip(built, 12)
    return 1e12 / outcome.interval_ps, outcome.latency_alone_ps / 1e12


def test_every_variant_is_the_run_of_an_architecture_with_these_fields():
    found = by_name(what_if(plan(LAYERS, {**PARTS, **MORE}), Stream(12), 2, silent))
    assert set(found) == {"", *WRITTEN, "layer a"}
    for what, changes in {"": {}, **WRITTEN}.items():
        expected = numbers(plan(LAYERS, {**PARTS, **MORE, **changes}))
        assert (found[what].throughput_inputs_per_s, found[what].latency_s) == expected, what
    copied = place(network(LAYERS), chip({**PARTS, **MORE}), {"a": 2, "b": 1})
    assert (found["layer a"].throughput_inputs_per_s, found["layer a"].latency_s) == numbers(copied)


def test_routers_are_varied_where_they_have_adders_or_bounded_buffers():
    routers = {
        "neuron_unit.partial_sums": "routers", "router.adder.rate": "50 Mop/s", "router.buffer": "16 B",
        "tile.crossbar.rows": 8, "grid.shape": "[2, 4]",
    }  # fmt: skip
    found = by_name(what_if(plan(LAYERS, {**PARTS, **routers}), Stream(12), 2, silent))
    assert set(found) == {"", *WRITTEN, "adders in routers", "buffers in routers", "layer a"} - {"control unit"}
    for what, changes in {
        "adders in routers": {"router.adder.rate": "100 Mop/s"}, "buffers in routers": {"router.buffer": "32 B"},
    }.items():  # fmt: skip
        expected = numbers(plan(LAYERS, {**PARTS, **routers, **changes}))
        assert (found[what].throughput_inputs_per_s, found[what].latency_s) == expected, what
    assert found["buffers in routers"].change == "router.buffer x 2"


def test_the_chip_as_it_is_comes_first_and_the_others_by_their_gain():
    first, *others = what_if(plan(LAYERS, PARTS), Stream(12), 3, silent)
    assert first.what == ""
    rates = [variant.throughput_inputs_per_s for variant in others]
    assert rates == sorted(rates, reverse=True)
    assert first.change == ""
    assert by_name(others)["ADC"].change == "tile.adc.conversion_time / 3"
    assert by_name(others)["host"].change == "host.bandwidth x 3"


def test_only_what_sets_the_pace_makes_it_faster():
    """One tile of 16 positions and 100 ns behind fast everything: half the time is twice the throughput."""
    fast = {"link.bandwidth": "1 TB/s", "host.bandwidth": "1 TB/s", "link.latency": "0 ns", "router.delay": "1 ps",
            "tile.buffer.bandwidth": "1 TB/s", "tile.output_bandwidth": "1 TB/s", "neuron_unit.rate": "1 Top/s",
            "tile.mvm_latency": "1 us"}  # fmt: skip
    found = by_name(what_if(plan([x := source(4, 4, 4), conv("a", x, 4)], fast), Stream(12), 2, silent))
    today = found[""].throughput_inputs_per_s
    assert today == pytest.approx(1 / 16e-6, rel=1e-3)
    assert found["array and ADC"].throughput_inputs_per_s == pytest.approx(2 * today, rel=1e-3)
    assert found["layer a"].throughput_inputs_per_s == pytest.approx(2 * today, rel=1e-3)
    for what in ("tile buffer", "tile output", "neuron unit", "digital unit", "link bandwidth", "host"):
        assert found[what].throughput_inputs_per_s == pytest.approx(today, rel=1e-3)
    assert found["array and ADC"].busiest == "tile(0,0)"


def test_a_copy_more_that_does_not_fit_has_no_numbers():
    found = by_name(what_if(plan(LAYERS, {**PARTS, "grid.shape": "[1, 2]"}), Stream(4), 2, silent))
    assert found["layer a"].change == "2 copies instead of 1: no room"
    assert found["layer a"].throughput_inputs_per_s is found["layer a"].latency_s is None


def test_links_that_are_not_like_the_others_are_faster_too():
    own = '[[0, 1], {"ends": [1, 2], "bandwidth": "100 MB/s", "latency": "8 ns"}, [2, 3]]'
    grid = {"grid.topology": "custom", "grid.links": own}
    faster = faster_spec(spec(grid), ["link.bandwidth", "link.latency"], 4)
    edges = build_chip(faster).graph.edges
    assert edges["router(1)", "router(2)"]["bandwidth_bytes_per_s"] == 400e6
    assert edges["router(1)", "router(2)"]["latency_s"] == 2e-9
    assert edges["router(0)", "router(1)"]["bandwidth_bytes_per_s"] == 4e9
    assert edges["router(0)", "router(1)"]["latency_s"] == 0.75e-9


def test_levels_of_a_hierarchy_are_faster_too():
    outer = '{"topology": "bus", "shape": [1, 2], "link": {"bandwidth": "50 MB/s"}}'
    levels = f'[{{"topology": "mesh", "shape": [1, 2]}}, {outer}]'
    built = spec({"grid.shape": None, "grid.topology": "hierarchical", "grid.levels": levels})
    before, after = (
        {edge[2] for edge in build_chip(each).graph.edges(data="bandwidth_bytes_per_s") if edge[2]}
        for each in (built, faster_spec(built, ["link.bandwidth"], 2))
    )
    assert 50e6 in before
    assert 50e6 not in after
    assert 100e6 in after


def test_three_inputs_have_no_throughput():
    found = by_name(what_if(plan(LAYERS, PARTS), Stream(3), 2, silent))
    assert found[""].throughput_inputs_per_s is None
    assert found["ADC"].latency_s < found[""].latency_s


def test_a_copy_more_leaves_all_others_where_the_mapping_has_them():
    """In order, all would move back to the first tiles, and the ways would be other ones."""
    net = network(LAYERS)
    built = chip({**PARTS, **MORE, "mapping.strategy": "annealed", "grid.shape": "[3, 3]"})
    own = place(net, built, places=[Place(8), Place(0)])
    found = by_name(what_if(own, Stream(12), 2, silent))
    copied = place(net, built, {"a": 2}, places=[Place(8), Place(1), Place(0)])
    assert with_more_copies(own, {"a": 2}).layers == copied.layers
    assert (found["layer a"].throughput_inputs_per_s, found["layer a"].latency_s) == numbers(copied)
    assert found["layer a"].latency_s != numbers(place(net, built, {"a": 2}))[1]


def test_a_copy_more_stands_beside_blocks_that_share_a_tile():
    built = chip({**PARTS, "mapping.strategy": "best-fit", "tile.crossbars": 2, "tile.crossbar.rows": 32})
    net = network(LAYERS)
    own = place(net, built, places=[Place(1, 1), Place(1, 1, 4)])
    more = with_more_copies(own, {"a": 3})
    assert [(each.tile, each.crossbar) for each in more.layers["a"].blocks] == [
        (built.tiles[1], 1), (built.tiles[0], 0), (built.tiles[0], 1)
    ]  # fmt: skip
    assert more.layers["b"] == own.layers["b"]
    with pytest.raises(CapacityError, match="no array of small is free for another copy of layer"):
        with_more_copies(place(net, chip({"grid.shape": "[1, 2]"})), {"a": 2})
