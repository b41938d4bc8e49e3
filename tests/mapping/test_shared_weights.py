"""Layers that share weights have one place in every plan, with every strategy, or copies where that cannot be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from siamese_model import siamese

from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import InputError, MappingError
from chipsim.mapping.plan import Plan
from chipsim.mapping.plan_file import network_sha256, plan_data, write_plan
from chipsim.network.graph import Network
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.weight_sharing import without_sharing
from chipsim.planning.choose import make_plan, make_rounds, with_strategy
from chipsim.planning.estimate import estimate
from chipsim.report.plan_numbers import plan_numbers


@pytest.fixture(scope="module")
def network() -> Network:
    return read_onnx(siamese(), "siamese")


def chip(*overrides: str) -> Chip:
    spec = load_spec("hermes64", overrides)
    assert isinstance(spec, InMemorySpec)
    return build_chip(spec)


def own(network: Network) -> Network:
    return replace(network, layers=without_sharing(network.layers))


@pytest.mark.parametrize("sums", ["gather", "chain"])
@pytest.mark.parametrize("strategy", ["in-order", "balanced", "best-fit", "annealed"])
def test_every_strategy_places_shared_weights_once(network: Network, strategy: str, sums: str) -> None:
    """The dense layer has two row blocks: 1 + 2 + 1 blocks where copies would take 7."""
    on = chip(f"mapping.strategy={strategy}", "mapping.tiles=12", f"neuron_unit.partial_sums={sums}")
    plan, alone = make_plan(network, on), make_plan(own(network), on)
    copies = plan.layers["classify"].replicas
    assert len(plan.stored_blocks) == 3 + copies
    assert len(plan.blocks) == 6 + copies
    assert plan.tiles_used < alone.tiles_used or (plan.tiles_used == 1 and strategy == "best-fit")
    assert plan.utilisation_cells < alone.utilisation_cells or strategy != "best-fit"
    assert plan.tile_mvms == alone.tile_mvms == 2 * 100 + 2 * 2 + 1
    for left, right in (("left/conv", "right/conv"), ("left/dense", "right/dense")):
        cells = [replace(placed, reader="") for placed in plan.layers[right].blocks]
        assert cells == list(plan.layers[left].blocks)
        assert plan.layers[right].slices[0].neuron_unit == plan.layers[left].slices[0].neuron_unit


def test_cells_and_tiles_count_once(network: Network) -> None:
    plan = make_plan(network, chip())
    rows = {row.layer: (row.tiles, row.cells_used) for row in plan.rows()}
    assert rows["right/conv"] == rows["right/dense"] == (0, 0)
    assert sum(tiles for tiles, _ in rows.values()) == plan.tiles_used == 4
    numbers = plan_numbers(plan)
    assert (numbers["tiles_used"], numbers["blocks"], numbers["tiles_before_sharing"]) == (4, 4, 7)
    layers = {layer["name"]: layer for layer in numbers["layers"]}
    assert sum(layer["cells_used"] for layer in layers.values()) == 18 * 4 + 400 * 40 + 40 * 5
    assert layers["right/dense"]["shares"] == "left/dense"
    assert layers["right/dense"]["places"] == layers["left/dense"]["places"]


def test_the_estimate_counts_the_turns(network: Network) -> None:
    shared, alone = (estimate(make_plan(each, chip())).parts_ps for each in (network, own(network)))
    both = max(time for name, time in shared.items() if name.startswith("tile(0,0)"))
    one = alone["tile(0,0)"]
    assert 1.5 * one < both <= 2 * one


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_plan_file_has_no_lines_for_weights_of_another_layer(tmp_path, network: Network, ending: str) -> None:
    plan, path = make_plan(network, chip("mapping.strategy=best-fit")), tmp_path / f"plan.{ending}"
    assert [layer["layer"] for layer in plan_data(plan)["layers"]] == ["left/conv", "left/dense", "classify"]
    write_plan(plan, path)
    spec = chip().spec
    again = make_plan(network, build_chip(with_strategy(spec, str(path))))
    assert again.layers == plan.layers
    with pytest.raises(InputError, match="another network"):
        make_plan(
            network,
            build_chip(with_strategy(load_spec("hermes64", ["mapping.share_weights=false"]), str(path))),
        )
    if ending == "json":
        data = json.loads(path.read_text())
        data["layers"].append({"layer": "right/conv", "replicas": 1, "blocks": []})
        path.write_text(json.dumps(data))
        with pytest.raises(InputError, match="no layer 'right/conv' on tiles"):
            make_plan(network, build_chip(with_strategy(spec, str(path))))


def test_hashes_of_networks_without_shared_weights_stay(network: Network) -> None:
    assert network_sha256(network) != network_sha256(own(network))


def test_shared_weights_have_no_copies(network: Network) -> None:
    for name in ("left/conv", "right/conv"):
        with pytest.raises(InputError, match=f"layer {name} shares its weights .*mapping.share_weights=false"):
            make_plan(network, chip(), [f"{name}=2"])
    plan = make_plan(network, chip("mapping.share_weights=false"), ["right/conv=2"])
    assert (plan.layers["left/conv"].replicas, plan.layers["right/conv"].replicas) == (1, 2)


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("mapping.share_weights=false", "share_weights is false"),
        ("mapping.reload=true", "reload is on"),
    ],
)
def test_copies_stand_where_weights_cannot_be_shared_and_a_note_says_so(
    network: Network, override: str, why: str
) -> None:
    plan = make_plan(network, chip(override))
    assert plan.tiles_used == len(plan.stored_blocks) == 7
    assert len(plan.network.notes) == 2
    assert all("once for each" in note and why in note for note in plan.network.notes)


def test_rounds_have_copies(network: Network) -> None:
    rounds = make_rounds(
        network,
        chip(
            "mapping.reload=true",
            "grid.shape=[1,3]",
            "tile.programming={pulse_time: 1 ns, verify_time: 1 ns, step: 0.2, tolerance: 0.1, max_iterations: 3}",
        ),
    )
    assert rounds is not None
    assert len(rounds.plan.stored_blocks) == len(rounds.plan.blocks) == 7


def test_layers_that_share_weights_are_not_fused(network: Network) -> None:
    nodes = [helper.make_node("MatMul", ["x", name], [f"y{i}"], f"m{i}") for i, name in enumerate("wwvu")]
    rng = np.random.default_rng(0)
    graph = helper.make_graph(
        nodes, "several", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8])],
        [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, ["N", 8]) for i in range(4)],
        [numpy_helper.from_array(rng.standard_normal((8, 8)).astype(np.float32), name) for name in "wvu"],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    several = read_onnx(model.SerializeToString(), "several")
    plan = make_plan(several, chip("mapping.fuse_parallel=true"))
    assert list(plan.layers) == ["m0", "m1", "m2+m3"]
    assert plan.tiles_used == 2


def test_a_plan_that_puts_shared_weights_elsewhere_is_refused(network: Network) -> None:
    plan = make_plan(network, chip())
    [part] = plan.layers["right/conv"].slices
    moved = replace(part, blocks=(replace(part.blocks[0], tile="tile(7,7)"),))
    layers = plan.layers | {"right/conv": replace(plan.layers["right/conv"], slices=(moved,))}
    with pytest.raises(MappingError, match="layer right/conv has the weights of left/conv"):
        Plan(plan.network, plan.chip, layers, plan.digital_units)
