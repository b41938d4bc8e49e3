"""`check_mapping`: does a mapping strategy keep the contract? For chipsim's own and anyone else's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import CapacityError
from chipsim.mapping.partition import pack, partition
from chipsim.mapping.placement import place
from chipsim.mapping.plan import LayerPlan, Plan, Slice
from chipsim.mapping.plan_file import plan_data
from chipsim.mapping.strategy import MappingStrategy, Options
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, InputLayer, MatrixLayer, Window
from chipsim.network.matrix import Matrix

SUMS = "chain", "gather"
"""How partial sums of row blocks on several tiles may come together, on chips that strategies are tried on."""


def check_mapping(strategy: MappingStrategy) -> None:
    """Map a few small networks and check the plans against the contract of `MappingStrategy`.

    Parameters
    ----------
    strategy : MappingStrategy

    Raises
    ------
    AssertionError
        Naming the network and the clause that is broken.

    Examples
    --------
    >>> from chipsim.mapping.in_order import map_in_order
    >>> check_mapping(map_in_order)
    """
    for network, chip in product(_networks(), (_chip("[6, 6]", sums) for sums in SUMS)):
        options = Options(chip.spec.mapping)
        plan = strategy(network, chip, options, 3)
        check_plan(plan, network, chip)
        same = plan_data(strategy(network, chip, options, 3)) == plan_data(plan)
        _require(network, same, "the same arguments give another plan")
        for name, layer in ((each.name, each) for each in network.matrix_layers if each.positions > 1):
            copies = Options(chip.spec.mapping, {name: 2})
            copied = strategy(network, chip, copies, 3)
            check_plan(copied, network, chip)
            made = copied.layers[name].replicas
            _require(network, made == 2, f"2 copies of {layer.name} were asked for and {made} made")
    _check_refusal(strategy)


def check_plan(plan: Plan, network: Network, chip: Chip) -> None:
    """Check that a plan puts every cell of every matrix somewhere, once for each copy.

    That blocks do not lie over each other is checked where a `Plan` is made.

    Raises
    ------
    AssertionError
        Naming the network and the clause that is broken.
    """
    _require(network, plan.network is network, "the plan is of another network")
    _require(network, plan.chip is chip, "the plan is for another chip")
    wanted = [layer.name for layer in network.matrix_layers]
    _require(network, list(plan.layers) == wanted, f"the plan has layers {list(plan.layers)}, not {wanted}, in order")
    for name, layer in plan.layers.items():
        _check_blocks(network, name, layer, chip)
        for part in layer.slices:
            _check_slice(network, name, part, chip)
    digital = {layer.name for layer in network.layers.values() if isinstance(layer, DigitalLayer)}
    _require(network, set(plan.digital_units) == digital, "digital_units does not name every digital layer once")
    known = set(plan.digital_units.values()) <= set(chip.digital_units)
    _require(network, known, "digital_units names a unit that the chip does not have")


def _require(network: Network, condition: bool, clause: str) -> None:
    if not condition:
        raise AssertionError(f"network {network.name!r}: {clause}")


def _check_blocks(network: Network, name: str, layer: LayerPlan, chip: Chip) -> None:
    """Every copy has each block of the layer's matrices exactly once."""
    crossbar = chip.spec.tile.crossbar
    packed = pack(layer.layer, crossbar.rows, crossbar.columns)
    _require(network, len(packed) == len(layer.matrices), f"layer {name} is packed into other matrices")
    cut = {(index, block) for index, matrix in enumerate(packed)
           for block in partition(matrix, crossbar.rows, crossbar.columns)}  # fmt: skip
    for number in range(layer.replicas):
        mine = [(p.matrix, p.block) for p in layer.blocks if p.replica.number == number]
        _require(network, len(mine) == len(cut) and set(mine) == cut, f"copy {number} of layer {name} is not whole")
    alike = {placed.replica.of for placed in layer.blocks} == {layer.replicas}
    _require(network, alike, f"the blocks of layer {name} do not agree on how many copies there are")


def _check_slice(network: Network, name: str, part: Slice, chip: Chip) -> None:
    tiles = [placed.tile for placed in part.blocks]
    _require(network, set(tiles) <= set(chip.tiles), f"layer {name}: the chip has no {set(tiles) - set(chip.tiles)}")
    rows = [placed.block.row for placed in part.blocks]
    _require(network, rows == list(range(len(rows))), f"layer {name}: a slice's row blocks are not in order")
    beside = part.neuron_unit == chip.neuron_unit_of(tiles[0])
    _require(network, beside, f"layer {name}: a slice's neuron unit is not beside its first tile")


def _check_refusal(strategy: MappingStrategy) -> None:
    """A chip that is too small is refused."""
    network = max(_networks(), key=lambda each: place(each, _chip("[6, 6]")).tiles_used)
    try:
        strategy(network, _chip("[1, 2]"), Options(), 3)
    except CapacityError:
        return
    raise AssertionError(f"network {network.name!r}: two tiles are too few, and no CapacityError says so")


def _chip(shape: str, sums: str = SUMS[0]) -> Chip:
    spec = load_spec("hermes64", [f"grid.shape={shape}", f"neuron_unit.partial_sums={sums}"])
    assert isinstance(spec, InMemorySpec)
    return build_chip(spec)


def _networks() -> Iterator[Network]:
    """A dense chain with blocks in both directions, a branch that rejoins, groups, and layers that share weights."""
    vector = InputLayer("x", (), (300,))
    yield _network("chain", [vector, _dense("a", "x", 300, 600), _dense("b", "a", 600, 10)])
    image = InputLayer("x", (), (4, 6, 6))
    first, second = _convolution("a", "x", 4, 8), _convolution("b", "a", 8, 8)
    joined = DigitalLayer("add", ("a", "b"), (8, 6, 6), "Add", pattern="elementwise", element_operations=288)
    yield _network("branch", [image, first, second, joined, _convolution("c", "add", 8, 300)])
    yield _network("groups", [image, _convolution("a", "x", 4, 8), _convolution("g", "a", 8, 16, 8)])
    steps = [_dense(name, before, 300, 300) for name, before in (("a", "x"), ("b", "a"), ("c", "b"))]
    again = replace(steps[2], shares="a", matrices=steps[0].matrices)
    yield _network("shared", [vector, steps[0], steps[1], again])


def _network(name: str, layers: list[AnyLayer]) -> Network:
    return Network(name, {layer.name: layer for layer in layers}, (layers[-1].name,), "file", b"", "x", "")


def _dense(name: str, before: str, rows: int, columns: int) -> MatrixLayer:
    matrix = Matrix(name, np.ones((rows, columns), np.float32), np.zeros(columns, np.float32))
    return MatrixLayer(name, (before,), (columns,), (rows, 1, 1), Window(), (matrix,))


def _convolution(name: str, before: str, channels: int, outputs: int, groups: int = 1) -> MatrixLayer:
    rows, columns = channels // groups * 9, outputs // groups
    matrices = tuple(
        Matrix(f"{name}.{g}", np.ones((rows, columns), np.float32), np.zeros(columns, np.float32),
               g * channels // groups, g * columns)
        for g in range(groups)
    )  # fmt: skip
    window = Window((3, 3), (1, 1), (1, 1, 1, 1))
    return MatrixLayer(name, (before,), (outputs, 6, 6), (channels, 6, 6), window, matrices)
