"""`make_plan`: a network on a chip by the strategy that the architecture or the run names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chipsim.architecture.chip import Chip
from chipsim.architecture.several_chips import with_chips
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import CapacityError, InputError
from chipsim.mapping.from_file import map_from_file
from chipsim.mapping.placement import pieces
from chipsim.mapping.plan import Plan
from chipsim.mapping.plan_file import is_plan_file, read_plan_file
from chipsim.mapping.prepare import prepared, why_unshared
from chipsim.mapping.registry import find_mapping
from chipsim.mapping.strategy import Options
from chipsim.network.graph import Network
from chipsim.planning.balanced import chosen_replicas
from chipsim.planning.columns import in_columns
from chipsim.planning.rounds import Rounds, plan_rounds


def with_strategy(spec: InMemorySpec, name: str | None) -> InMemorySpec:
    """The architecture as a network is mapped to it: all chips, and another strategy or file where one is given."""
    if name is not None:
        spec = spec.model_copy(update={"mapping": spec.mapping.model_copy(update={"strategy": name})})
    return with_chips(spec)


def make_plan(network: Network, chip: Chip, replicas: Sequence[str] = (), seed: int = 0) -> Plan:
    """Map a network as ``mapping`` of the chip's architecture says; the plan's network may have other layers for it.

    Parameters
    ----------
    network : Network
    chip : Chip
    replicas : sequence of str
        As `chipsim.planning.balanced.chosen_replicas` takes them.
    seed : int
        Of what is random in a strategy.

    Raises
    ------
    InputError
        If there is no such strategy or file, or it cannot be used.
    CapacityError
        If the network does not fit, or takes more tiles than ``mapping.tiles`` allows.
    """
    section = chip.spec.mapping
    network = prepared(network, section, why_unshared(chip.spec))
    copies = chosen_replicas(replicas, network, chip)
    options = Options(section, copies)
    if is_plan_file(section.strategy):
        return _within(map_from_file(Path(section.strategy), network, chip, options))
    return _within(find_mapping(section.strategy)(network, chip, options, seed))


def _within(plan: Plan) -> Plan:
    """The plan, if it keeps to the tiles that it may take."""
    section = plan.chip.spec.mapping
    if section.tiles != "all" and plan.tiles_used > section.tiles:
        raise CapacityError(
            f"mapping.tiles is {section.tiles}, and {plan.network.name} takes {plan.tiles_used} with the mapping "
            f"{section.strategy}; allow more, or let blocks share tiles (best-fit)"
        )
    return plan


def make_rounds(network: Network, chip: Chip, replicas: Sequence[str] = ()) -> Rounds | None:
    """Cut a network that does not fit into rounds, where ``mapping.reload`` asks for it; None otherwise.

    Raises
    ------
    InputError
        If that cannot be combined with other options.
    CapacityError
        If a layer does not fit by itself, and cannot be cut between its columns.
    """
    if not needs_rounds(network, chip):
        return None
    if replicas:
        raise InputError("mapping.reload has no tiles to spare for copies: leave out --replicas")
    if chip.spec.mapping.tiles != "all":
        raise InputError("mapping.reload uses all tiles of the chip in every round: leave out mapping.tiles")
    return plan_rounds(in_columns(prepared(network, chip.spec.mapping, why_unshared(chip.spec)), chip), chip)


def check_strategy(spec: InMemorySpec) -> None:
    """Refuse a mapping that no network could have: a strategy that is not there, an unreadable file, too many chips.

    Raises
    ------
    InputError
    """
    with_chips(spec)
    if is_plan_file(spec.mapping.strategy):
        read_plan_file(Path(spec.mapping.strategy))
    else:
        find_mapping(spec.mapping.strategy)


def needs_rounds(network: Network, chip: Chip) -> bool:
    """Whether ``mapping.reload`` is asked for and the network does not fit at once."""
    section = chip.spec.mapping
    if not section.reload:
        return False
    return len(pieces(prepared(network, section, why_unshared(chip.spec)), chip)) > len(chip.arrays)
