"""``chipsim map``."""

from __future__ import annotations

from rich.console import Console

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import SpecError
from chipsim.network.zoo import load_network
from chipsim.report.tables import digital_table, plan_table
from chipsim.simulation.pace import place_with_replicas


def map_command(
    architecture: str, model: str, overrides: tuple[str, ...], replicas: tuple[str, ...], shapes: tuple[str, ...],
    seed: int,
) -> None:  # fmt: skip
    """Print the plan."""
    spec = load_spec(architecture, overrides)
    if not isinstance(spec, InMemorySpec):
        raise SpecError(f"{architecture} is of kind {spec.kind}; only in-memory chips have tiles to map to")
    network, chip = load_network(model, seed=seed, shapes=shapes), build_chip(spec)
    console, plan = Console(), place_with_replicas(network, chip, replicas)
    console.print(plan_table(plan))
    console.print(digital_table(plan))
