"""`plan_rounds`: a network that is larger than its chip, cut into rounds that fit one after the other (rule T86)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, count

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError, InputError
from chipsim.mapping.placement import Place, pieces, place
from chipsim.mapping.plan import LayerPlan, Plan
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, InputLayer, MatrixLayer
from chipsim.network.loops import loops
from chipsim.planning.cut import cut
from chipsim.planning.rounds_chip import RoundsChip, in_round, rounds_chip


@dataclass(frozen=True, slots=True)
class Round:
    """One part of the network on the chip.

    Attributes
    ----------
    plan : Plan
        Of a network of its own, which is given what earlier rounds made and returns what later ones need.
    loaded : Plan
        The same with those layers alone on tiles that are written before the round: all that do not stay.
    """

    plan: Plan
    loaded: Plan


@dataclass(frozen=True, slots=True)
class Rounds:
    """A network in rounds.

    Attributes
    ----------
    rounds : tuple of Round
    resident : tuple of str
        Layers that stay on their tiles throughout.
    plan : Plan
        All rounds beside each other, as if each had a chip of its own.
    """

    rounds: tuple[Round, ...]
    resident: tuple[str, ...]
    plan: Plan


def plan_rounds(network: Network, chip: Chip) -> Rounds:
    """Cut a network into the fewest rounds, and of these into those in which most tiles keep their weights.

    Parameters
    ----------
    network : Network
    chip : Chip

    Raises
    ------
    CapacityError
        If one layer, or the loop of a recurrent one, does not fit by itself.
    InputError
        If the architecture does not say how cells are written, or asks for another strategy than in order.
    """
    _check(chip)
    units, sizes = _units(network), _sizes(network, chip)
    weights = [sum(sizes.get(name, 0) for name in unit) for unit in units]
    resident, groups = _cut(weights, len(chip.arrays), network, units)
    where = _rounds_of(network, units, groups)
    stays = tuple(name for number in resident for name in units[number] if name in sizes)
    made = tuple(_round(network, chip, where, number, stays, sizes) for number in range(max(groups) + 1))
    return Rounds(made, stays, _side_by_side(network, chip, made))


def _check(chip: Chip) -> None:
    spec = chip.spec
    if spec.tile.programming is None:
        raise InputError(
            f"mapping.reload needs to know how cells are written, and {spec.name} has no section tile.programming; add "
            "one (docs/programming.md has one to copy, also as --set), or use more tiles or --chips"
        )
    if spec.mapping.strategy != "in-order":
        raise InputError(f"mapping.reload works with the strategy in-order alone, not {spec.mapping.strategy}")


def _units(network: Network) -> list[tuple[str, ...]]:
    """Matrix layers in order, those of one loop together: what must be on the chip at the same time."""
    around = {name: loop.state.name for loop in loops(network).values() for name in loop.members}
    found: dict[str, list[str]] = {}
    for layer in network.matrix_layers:
        found.setdefault(around.get(layer.name, layer.name), []).append(layer.name)
    return [tuple(names) for names in found.values()]


def _sizes(network: Network, chip: Chip) -> dict[str, int]:
    """Arrays that each layer takes."""
    sizes = dict.fromkeys((layer.name for layer in network.matrix_layers), 0)
    for part in pieces(network, chip):
        sizes[part.layer] += 1
    return sizes


def _cut(
    weights: Sequence[int], room: int, network: Network, units: Sequence[tuple[str, ...]]
) -> tuple[tuple[int, ...], list[int]]:
    """Which units stay, and the round of each unit (rule T86)."""
    largest = max(range(len(weights)), key=lambda number: weights[number])
    if weights[largest] > room:
        raise CapacityError(
            f"layer {' and '.join(units[largest])} of {network.name} needs {weights[largest]} tiles by itself, and "
            f"there are {room}: mapping.reload cannot help; use a larger chip or several (mapping.chips)"
        )
    return cut(weights, room)


def _rounds_of(network: Network, units: Sequence[tuple[str, ...]], groups: Sequence[int]) -> dict[str, int]:
    """The round in which each layer is computed: the others as soon as what they read is there."""
    where = {name: group for unit, group in zip(units, groups, strict=True) for name in unit}
    around = {name: where[loop.recurrent.name] for loop in loops(network).values() for name in loop.members}
    where |= around
    for layer in network.layers.values():
        if layer.name not in where:
            where[layer.name] = max((where[name] for name in layer.inputs), default=0)
    return where


def _round(
    network: Network, chip: Chip, where: dict[str, int], number: int, stays: tuple[str, ...], sizes: dict[str, int]
) -> Round:
    """The layers of one round, with inputs where they read what is not computed in it."""
    mine = {name: layer for name, layer in network.layers.items() if where[name] == number}
    computed = {name: layer for name, layer in mine.items() if not isinstance(layer, InputLayer)}
    needed = dict.fromkeys(name for layer in computed.values() for name in layer.inputs if name not in computed)
    later = {name for layer in network.layers.values() if where[layer.name] > number for name in layer.inputs}
    outputs = tuple(name for name in computed if name in later or name in network.outputs)
    given: dict[str, AnyLayer] = {name: _as_input(network.layers[name]) for name in needed}
    part = replace(network, name=f"{network.name}, round {number + 1}", layers={**given, **computed}, outputs=outputs)
    plan = place(part, chip, places=_places(part, chip, stays, sizes))
    layers = {name: layer for name, layer in plan.layers.items() if name not in stays}
    return Round(plan, replace(plan, layers=layers))


def _places(part: Network, chip: Chip, stays: Sequence[str], sizes: dict[str, int]) -> list[Place]:
    """Arrays of a round: of each layer that stays its own, the first of the chip; of the others what follows."""
    ends = list(accumulate((sizes[name] for name in stays), initial=0))
    own = {name: count(first) for name, first in zip(stays, ends, strict=False)}
    others = count(ends[-1])
    arrays = [next(own.get(piece.layer, others)) for piece in pieces(part, chip)]
    return [Place(*divmod(array, chip.spec.tile.crossbars)) for array in arrays]


def _as_input(layer: AnyLayer) -> InputLayer:
    """What another round made, as it comes from the host."""
    if isinstance(layer, InputLayer):
        return layer
    return InputLayer(
        layer.name, (), layer.output_shape, position_axes=layer.position_axes, channels_last=layer.channels_last
    )


def _side_by_side(network: Network, chip: Chip, rounds: Sequence[Round]) -> Plan:
    """All rounds as one plan, each on a copy of the chip."""
    copies: RoundsChip = rounds_chip(chip, len(rounds))
    layers: dict[str, LayerPlan] = {}
    units: dict[str, str] = {}
    gates: dict[str, str] = {}
    for number, each in enumerate(rounds):
        for name, layer in each.plan.layers.items():
            slices = tuple(
                replace(
                    part,
                    neuron_unit=in_round(part.neuron_unit, number),
                    blocks=tuple(replace(placed, tile=in_round(placed.tile, number)) for placed in part.blocks),
                )
                for part in layer.slices
            )
            layers[name] = replace(layer, slices=slices)
        units |= {name: in_round(unit, number) for name, unit in each.plan.digital_units.items()}
        gates |= {name: in_round(unit, number) for name, unit in each.plan.gate_units.items()}
    order = [layer.name for layer in network.layers.values() if isinstance(layer, MatrixLayer)]
    return Plan(network, copies, {name: layers[name] for name in order}, units, gates)
