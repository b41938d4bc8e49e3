"""Strategies by name, chipsim's own and those of packages, against one contract."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.errors import CapacityError, InputError, MappingError
from chipsim.mapping.conformance import check_mapping
from chipsim.mapping.placement import Place, pieces, place
from chipsim.mapping.plan_file import plan_data, write_plan
from chipsim.mapping.registry import find_mapping, list_mappings
from chipsim.network.zoo import load_network
from chipsim.planning import annealing
from chipsim.planning.choose import make_plan, make_rounds


def chip(*overrides: str):
    return build_chip(load_spec("hermes64", overrides))


@pytest.mark.parametrize("name", list_mappings())
def test_every_strategy_keeps_the_contract(name, monkeypatch):
    monkeypatch.setattr(annealing, "FEWEST_STEPS", 200)  # the contract holds after any number of steps
    check_mapping(find_mapping(name))


def tiles_swapped(network, chip, options, seed):
    count = len(pieces(network, chip, options.replicas))
    place(network, chip, options.replicas)  # refuses what does not fit
    return place(network, chip, options.replicas, places=[Place(count - 1 - i) for i in range(count)])


def test_another_placement_keeps_the_contract():
    check_mapping(tiles_swapped)


def leaves_out_digital(network, chip, options, seed):
    return replace(place(network, chip, options.replicas), digital_units={})


def ignores_copies(network, chip, options, seed):
    return place(network, chip)


def differs(network, chip, options, seed):
    differs.calls = (getattr(differs, "calls", 0) + 1) % 2
    return (tiles_swapped if differs.calls else place_in_order)(network, chip, options, seed)


def place_in_order(network, chip, options, seed):
    return place(network, chip, options.replicas)


def too_few_blocks(network, chip, options, seed):
    plan = place(network, chip, options.replicas)
    name, layer = next(iter(plan.layers.items()))
    part = layer.slices[0]
    changed = replace(layer, slices=(*layer.slices[1:], replace(part, blocks=part.blocks[:-1])))
    return replace(plan, layers={**plan.layers, name: changed}) if len(part.blocks) > 1 else plan


@pytest.mark.parametrize(
    ("broken", "clause"),
    [
        (leaves_out_digital, "does not name every digital layer"),
        (ignores_copies, "2 copies of .* were asked for and 1 made"),
        (differs, "the same arguments give another plan"),
        (too_few_blocks, "is not whole"),
    ],
)
def test_a_broken_clause_is_named(broken, clause):
    with pytest.raises(AssertionError, match=clause):
        check_mapping(broken)


def install(folder: Path, entries: str) -> None:
    info = folder / "other_mapper-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-mapper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[chipsim.mappings]\n{entries}\n")
    (folder / "other_mapper.py").write_text(
        "from chipsim.mapping.placement import Place, place\n\n"
        "def map_last(network, chip, options, seed):\n"
        "    count = len(place(network, chip, options.replicas).stored_blocks)\n"
        "    last = len(chip.tiles) - 1\n"
        "    return place(network, chip, options.replicas, places=[Place(last - i) for i in range(count)])\n"
    )


def test_another_package_can_bring_a_strategy(tmp_path, monkeypatch):
    install(tmp_path, "last = other_mapper:map_last\nlost = other_mapper:nothing")
    monkeypatch.syspath_prepend(tmp_path)
    check_mapping(find_mapping("last"))
    built = chip("mapping.strategy=last")
    plan = make_plan(load_network("zoo:digits-mlp"), built)
    assert plan.blocks[0].tile == built.tiles[-1]
    with pytest.raises(InputError, match="mapping 'lost' cannot be loaded from 'other_mapper:nothing'"):
        find_mapping("lost")


def test_a_name_claimed_twice_is_refused(tmp_path, monkeypatch):
    install(tmp_path, "balanced = other_mapper:map_last")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="'balanced' is claimed by several packages"):
        find_mapping("balanced")


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"unknown mapping 'inorder'; give one of .*did you mean 'in-order'"):
        make_plan(load_network("zoo:digits-mlp"), chip("mapping.strategy=inorder"))


def test_balanced_is_what_balanced_replicas_make_and_keeps_to_its_budget():
    network = load_network("zoo:digits-cnn")
    whole = make_plan(network, chip("mapping.strategy=balanced"))
    words = make_plan(network, chip(), ["balanced"])
    assert plan_data(whole) == plan_data(words)
    assert whole.tiles_used == 9
    part = make_plan(network, chip("mapping.strategy=balanced", "mapping.tiles=8"))
    assert part.tiles_used <= 8
    with pytest.raises(CapacityError, match=r"mapping\.tiles is 5, and zoo:digits-cnn needs 6"):
        make_plan(network, chip("mapping.strategy=balanced", "mapping.tiles=5"))
    fixed = make_plan(network, chip("mapping.strategy=balanced"), ["block1=2"])
    assert fixed.layers["block1"].replicas == 2


@pytest.mark.parametrize(
    ("numbers", "message"),
    [([0, 0, 1, 2], "lie over each other"), ([0, 1, 2], "has 4 blocks, and 3"), ([0, 1, 2, 64], "no tile number 64")],
)
def test_places_that_cannot_be_are_refused(numbers, message):
    with pytest.raises(MappingError, match=message):
        place(load_network("zoo:digits-mlp"), chip(), places=[Place(number) for number in numbers])


@pytest.mark.parametrize("name", list_mappings())
def test_no_strategy_takes_more_tiles_than_are_allowed(name, tmp_path):
    network, sharing = load_network("zoo:digits-mlp"), "neuron_unit.partial_sums=gather"
    least = make_plan(network, chip(sharing, f"mapping.strategy={name}", "neuron_unit.hop_latency=0 s")).tiles_used
    least = 4 if name == "balanced" else least  # without copies
    enough = chip(sharing, f"mapping.strategy={name}", f"mapping.tiles={least}")
    plan = make_plan(network, enough)
    assert plan.tiles_used == least
    if least > 1:
        with pytest.raises(CapacityError, match=rf"mapping\.tiles is {least - 1}, and zoo:digits-mlp"):
            make_plan(network, chip(sharing, f"mapping.strategy={name}", f"mapping.tiles={least - 1}"))
    path = tmp_path / "plan.json"
    write_plan(plan, path)
    assert make_plan(network, chip(sharing, f"mapping.strategy={path}", f"mapping.tiles={least}")).layers == plan.layers
    if least > 1:
        with pytest.raises(CapacityError, match=r"with the mapping .*plan\.json"):
            make_plan(network, chip(sharing, f"mapping.strategy={path}", f"mapping.tiles={least - 1}"))


def test_rounds_take_all_tiles():
    few = chip("mapping.reload=true", "mapping.tiles=2", "grid.shape=[1,2]")
    with pytest.raises(InputError, match=r"leave out mapping\.tiles"):
        make_rounds(load_network("zoo:digits-mlp"), few)
