"""`map_from_file`: a mapping that a person or a program wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chipsim.architecture.chip import Chip
from chipsim.errors import InputError, MappingError, nearest
from chipsim.mapping.placement import Place, pieces, place
from chipsim.mapping.plan import Plan
from chipsim.mapping.plan_file import PlanFile, network_sha256, read_plan_file
from chipsim.mapping.strategy import Options
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer

Where = Callable[[tuple[str | int, ...]], str]
Key = tuple[str, int, int, int, int]
"""Layer, matrix, replica, row and column of a block."""


def map_from_file(path: Path, network: Network, chip: Chip, options: Options) -> Plan:
    """Put every block where a file says.

    Parameters
    ----------
    path : Path
        As `chipsim.mapping.plan_file.write_plan` writes it.
    network : Network
    chip : Chip
    options : Options
        Copies of layers, where they are given, must be those of the file.

    Raises
    ------
    InputError
        With file, line and dotted path: if the file is not of this network or crossbar, names a tile that is not there,
        puts a block on another's cells, or leaves one out.
    """
    content, where = read_plan_file(path)
    _check_origin(content, where, network, chip)
    copies = _copies(content, where, network, options)
    wanted, places = _wanted(content, where, chip), []
    for part in pieces(network, chip, copies):
        key = (part.layer, part.matrix, part.replica.number, part.block.row, part.block.column)
        if key not in wanted:
            raise InputError(f"{path}: layer {part.layer!r} has no line for {_words(key)}; add one to its blocks")
        places.append(wanted.pop(key))
    if wanted:
        key = next(iter(wanted))
        raise InputError(f"{path}: layer {key[0]!r} has no {_words(key)}; remove that line")
    units = _digital_units(content, where, network, chip)
    try:
        return place(network, chip, copies, places=places, digital_units=units)
    except MappingError as error:
        raise InputError(f"{path}: {error}") from None


def _words(key: Key) -> str:
    _, matrix, replica, row, column = key
    return f"block in row {row}, column {column} of matrix {matrix}, replica {replica}"


def _check_origin(content: PlanFile, where: Where, network: Network, chip: Chip) -> None:
    found = network_sha256(network)
    if content.network.sha256 != found:
        raise InputError(
            f"{where(('network', 'sha256'))}: the mapping is of another network, {content.network.name!r} "
            f"({content.network.sha256[:12]}...), than {network.name!r} ({found[:12]}...), or of the same with other "
            "options that change its layers; write a new one with chipsim map --out"
        )
    crossbar = (chip.spec.tile.crossbar.rows, chip.spec.tile.crossbar.columns)
    if content.chip.crossbar != crossbar:
        raise InputError(
            f"{where(('chip', 'crossbar'))}: the mapping is for crossbars of {content.chip.crossbar[0]} x "
            f"{content.chip.crossbar[1]}, {chip.spec.name} has {crossbar[0]} x {crossbar[1]}"
        )


def _copies(content: PlanFile, where: Where, network: Network, options: Options) -> dict[str, int]:
    positions = {layer.name: layer.positions for layer in network.matrix_layers if not layer.shares}
    copies: dict[str, int] = {}
    for number, layer in enumerate(content.layers):
        place_ = ("layers", number)
        if layer.layer not in positions:
            close = nearest(layer.layer, positions)
            raise InputError(
                f"{where((*place_, 'layer'))}: {network.name} has no layer {layer.layer!r} on tiles{close}"
            )
        if layer.layer in copies:
            raise InputError(f"{where((*place_, 'layer'))}: layer {layer.layer!r} is given twice")
        most = positions[layer.layer]
        if layer.replicas > most:
            raise InputError(
                f"{where((*place_, 'replicas'))}: layer {layer.layer} has {most} positions: at most {most}"
            )
        copies[layer.layer] = layer.replicas
    if missing := [name for name in positions if name not in copies]:
        raise InputError(f"{where(('layers',))}: layer {missing[0]!r} is missing")
    for name, asked in options.replicas.items():
        if copies.get(name, asked) != asked:
            raise InputError(f"--replicas {name}={asked}: the file of the mapping has {copies[name]}; leave it out")
    return copies


def _wanted(content: PlanFile, where: Where, chip: Chip) -> dict[Key, Place]:
    """The place of every block that the file names."""
    numbers = {tile: number for number, tile in enumerate(chip.tiles)}
    found: dict[Key, Place] = {}
    for index, layer in enumerate(content.layers):
        for number, block in enumerate(layer.blocks):
            place_ = ("layers", index, "blocks", number)
            key = (layer.layer, block.matrix, block.replica, block.row, block.column)
            if block.tile not in numbers:
                close = nearest(block.tile, numbers)
                raise InputError(f"{where((*place_, 'tile'))}: {chip.spec.name} has no {block.tile!r}{close}")
            if key in found:
                raise InputError(f"{where(place_)}: {_words(key)} of layer {layer.layer!r} is given twice")
            found[key] = Place(numbers[block.tile], block.crossbar, block.first_row, block.first_column)
    return found


def _digital_units(content: PlanFile, where: Where, network: Network, chip: Chip) -> dict[str, str]:
    digital = [layer.name for layer in network.layers.values() if isinstance(layer, DigitalLayer)]
    for name, unit in content.digital_units.items():
        if name not in digital:
            close = nearest(name, digital)
            raise InputError(f"{where(('digital_units', name))}: {network.name} has no digital layer {name!r}{close}")
        if unit not in chip.digital_units:
            close = nearest(unit, chip.digital_units)
            raise InputError(f"{where(('digital_units', name))}: {chip.spec.name} has no {unit!r}{close}")
    if missing := [name for name in digital if name not in content.digital_units]:
        raise InputError(f"{where(('digital_units',))}: layer {missing[0]!r} is missing")
    return {name: content.digital_units[name] for name in digital}
