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
from chipsim.planning.choose import make_plan, make_rounds, with_strategy
from chipsim.planning.compare import Compared, compare
from chipsim.planning.estimate import estimate
from chipsim.planning.rounds import Rounds
from chipsim.planning.rounds_chip import RoundsChip
from chipsim.planning.rounds_file import write_rounds
from chipsim.report.comparison_rows import (
    COMPARED_HOW,
    comparison_numbers,
    comparison_table,
    estimate_numbers,
    limit_line,
    sharing_line,
)
from chipsim.report.plan_numbers import plan_numbers
from chipsim.report.tables import digital_table, file_table, plan_table
from chipsim.stopping import Stop


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
    compare: tuple[str, ...] = ()


def map_command(request: Request, stop: Stop) -> None:
    """Print the plan, and write it where asked."""
    with nullcontext() if request.out is None else output_folder(request.out, stop.whole):
        spec = load_spec(request.architecture, request.overrides)
        if not isinstance(spec, InMemorySpec):
            raise SpecError(f"{request.architecture} is of kind {spec.kind}; only in-memory chips have tiles to map to")
        network = load_network(request.model, seed=request.seed, shapes=request.shapes)
        chip = build_chip(with_strategy(spec, request.mapping))
        rounds = make_rounds(network, chip, request.replicas)
        plan = make_plan(network, chip, request.replicas, request.seed) if rounds is None else rounds.plan
        found = compare(network, spec, request.compare, request.replicas, request.seed)
        with stop.whole():
            paths = [] if request.out is None else _write(plan, rounds, request.out)
    stop.patient = True  # what is left is to print it
    _print(plan, found, paths, request)


def _print(plan: Plan, found: dict[str, Compared], paths: list[Path], request: Request) -> None:
    if request.json:
        limit = None if isinstance(plan.chip, RoundsChip) else estimate_numbers(estimate(plan))
        numbers = plan_numbers(plan) | {"estimate": limit}
        print(json.dumps(numbers | {"compared": comparison_numbers(found)}, indent=2))
        return
    console = Console()
    console.print(plan_table(plan))
    console.print(digital_table(plan))
    if isinstance(plan.chip, RoundsChip):
        console.print(
            f"in {plan.chip.rounds} rounds, named behind @; tiles are written again in between", highlight=False
        )
    else:
        console.print(sharing_line(plan), highlight=False)
        console.print(limit_line(plan, estimate(plan)), highlight=False)
    if found:
        console.print()
        console.print(comparison_table(found))
        console.print(COMPARED_HOW, highlight=False)
    if request.out is not None:
        console.print(file_table(paths, request.out))


def _write(plan: Plan, rounds: Rounds | None, folder: Path) -> list[Path]:
    """A picture, and the plan as a file that ``--mapping`` takes; rounds are no such plan and have their own."""
    from chipsim.report.figures.canvas import house_style, save
    from chipsim.report.figures.placement import draw_placement

    picture = folder / "mapping.png"
    with house_style():
        save(draw_placement(plan), picture)
    if rounds is not None:
        file = folder / "rounds.json"
        write_rounds(rounds, file)
        return [file, picture]
    file = folder / "mapping.json"
    write_plan(plan, file, plan.chip.spec.mapping.strategy)
    return [file, picture]
