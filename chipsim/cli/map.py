"""``chipsim map``."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import SpecError
from chipsim.files import output_folder
from chipsim.mapping.plan import Plan
from chipsim.mapping.plan_file import write_plan
from chipsim.network.zoo import load_network
from chipsim.planning.choose import make_plan, with_strategy
from chipsim.report.plan_numbers import plan_numbers
from chipsim.report.tables import digital_table, file_table, plan_table


@dataclass(frozen=True, slots=True)
class Request:
    """What to map, how, and what to do with it."""

    architecture: str
    model: str
    overrides: tuple[str, ...] = ()
    mapping: str | None = None
    replicas: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    seed: int = 0
    out: Path | None = None
    json: bool = False


def map_command(request: Request) -> None:
    """Print the plan, and write it where asked."""
    with nullcontext() if request.out is None else output_folder(request.out):
        plan = _plan(request)
        paths = [] if request.out is None else _write(plan, request.out)
    if request.json:
        print(json.dumps(plan_numbers(plan), indent=2))
        return
    console = Console()
    console.print(plan_table(plan))
    console.print(digital_table(plan))
    if request.out is not None:
        console.print(file_table(paths, request.out))


def _plan(request: Request) -> Plan:
    spec = load_spec(request.architecture, request.overrides)
    if not isinstance(spec, InMemorySpec):
        raise SpecError(f"{request.architecture} is of kind {spec.kind}; only in-memory chips have tiles to map to")
    chip = build_chip(with_strategy(spec, request.mapping))
    network = load_network(request.model, seed=request.seed, shapes=request.shapes)
    return make_plan(network, chip, request.replicas, request.seed)


def _write(plan: Plan, folder: Path) -> list[Path]:
    """The plan as a file that ``--mapping`` takes, and a picture."""
    from chipsim.report.figures.canvas import house_style, save
    from chipsim.report.figures.placement import draw_placement

    file, picture = folder / "mapping.json", folder / "mapping.png"
    write_plan(plan, file, plan.chip.spec.mapping.strategy)
    with house_style():
        save(draw_placement(plan), picture)
    return [file, picture]
