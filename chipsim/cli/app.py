"""The commands and their options; each loads what it needs when it is called, and returns the work to be done.

`chipsim.cli.main` does the work outside of typer, which has ideas of its own about interrupts and closed pipes, and
gives it the `Stop` that Ctrl-C interrupts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from chipsim.cli.options import (
    Architecture,
    Arrivals,
    Chips,
    Data,
    Mapping,
    Model,
    OthersBeside,
    Overrides,
    Reload,
    Replicas,
    Seed,
    Shapes,
    named_folder,
)
from chipsim.stopping import Stop

Abort = typer.Abort
Work = Callable[[Stop], int | None]
UsageError: Any = typer.BadParameter.__base__  # from click or from typer's own copy of it, as typer's version has it

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, pretty_exceptions_enable=False,
    help="Simulate analog in-memory-computing chips: accuracy, time and energy of a neural network from one run.",
)  # fmt: skip


def _show_version(value: bool) -> None:
    if value:
        from chipsim import __version__

        typer.echo(f"chipsim {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
) -> None:
    """Take the options of all commands."""


@app.command()
def run(
    architecture: Architecture,
    model: Model,
    data: Data = None,
    baseline: Annotated[str | None, typer.Option(metavar="ARCH", help="A von Neumann machine to compare with.")] = None,
    batch: Annotated[int, typer.Option(help="Inputs that the host hands over together.", min=1)] = 1,
    seed: Seed = 0,
    age: Annotated[
        str | None, typer.Option(help='Of the devices, e.g. "1 day"; the earliest known if not given.')
    ] = None,
    programmings: Annotated[int, typer.Option(help="Independent programmings for the noisy accuracy.", min=1)] = 5,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", parser=named_folder, help="Write results and figures here.")
    ] = None,
    overrides: Overrides = None,
    baseline_set: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="Override a field of the baseline.")
    ] = None,
    drain: Annotated[bool, typer.Option("--drain", help="Finish each batch before the next.")] = False,
    timing_only: Annotated[bool, typer.Option("--timing-only", help="Skip values: times and energy only.")] = False,
    trace: Annotated[int, typer.Option(help="Write every span of so many first inputs to trace.csv.", min=0)] = 0,
    precision: Annotated[
        str, typer.Option(help="Of products: float32, float64, or exact (same bytes on every processor).")
    ] = "float32",
    save_programming: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Write what all programmings drew to a file.")
    ] = None,
    load_programming: Annotated[
        str | None, typer.Option(metavar="FILE.npz", help="Take programmings from such a file.")
    ] = None,
    replicas: Replicas = None,
    mapping: Mapping = None,
    chips: Chips = 1,
    reload: Reload = False,
    shape: Shapes = None,
    arrivals: Arrivals = None,
    beside: OthersBeside = None,
    threads: Annotated[int, typer.Option(help="Blocks computed side by side; changes no result.", min=1)] = 2,
    chunk: Annotated[
        int | None, typer.Option(help="Inputs computed together: less takes less memory; changes no result.", min=1)
    ] = None,
    exact_all: Annotated[
        bool, typer.Option("--exact-all", help="Simulate every input, also once they repeat: same numbers, later.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what result.json holds, and nothing else.")] = False,
) -> Work:
    """Run a network on a chip: accuracy, time, energy, and the same on a von Neumann machine."""
    from chipsim.cli.run import Request, run_command
    from chipsim.settings import Settings

    settings = Settings(
        architecture, model, data, baseline, batch, seed, age, programmings, _mapped(overrides, chips, reload),
        tuple(baseline_set or ()), drain, timing_only, trace, cast(Any, precision), load_programming,
        arrivals, tuple(replicas or ()), tuple(shape or ()), mapping, tuple(beside or ()),
    )  # fmt: skip
    request = Request(settings, out, json, save_programming, threads, chunk, exact_all)
    return lambda stop: run_command(request, stop)


def _mapped(overrides: list[str] | None, chips: int, reload: bool) -> tuple[str, ...]:
    """Overrides, and those that two options stand for."""
    more = [f"mapping.chips={chips}"] * (chips > 1) + ["mapping.reload=true"] * reload
    return (*(overrides or ()), *more)


@app.command()
def explain(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What chipsim run --out wrote, or result.json in it.")],
    input: Annotated[int, typer.Option(metavar="N", help="Whose critical path; from 0.")] = 0,
    faster: Annotated[float, typer.Option(metavar="K", help="How many times as fast parts are, what if.")] = 2.0,
    no_what_if: Annotated[bool, typer.Option("--no-what-if", help="Skip simulations with faster parts.")] = False,
    trace: Annotated[
        int | None, typer.Option(metavar="N", help="Inputs to trace; as many as needed if not given.", min=1)
    ] = None,
    network: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which one, of a run with --beside; the first if not given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", parser=named_folder, help="Write tables and a figure here.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON, and nothing else.")] = False,
) -> Work:
    """Explain a run: its critical path, what sets its pace, what waited for what, and what if parts were faster."""
    from chipsim.cli.explain import Request, explain_command
    from chipsim.explain.explain import Question

    request = Request(Question(folder, input, faster, not no_what_if, trace, network), out, json)
    return lambda stop: explain_command(request, stop)


@app.command("map")
def map_(
    architecture: Architecture,
    model: Model,
    overrides: Overrides = None,
    mapping: Mapping = None,
    chips: Chips = 1,
    reload: Reload = False,
    replicas: Replicas = None,
    shape: Shapes = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", parser=named_folder, help="Write the mapping as a file, and a picture of it, here."
        ),
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Mappings to simulate and show side by side.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON, and nothing else.")] = False,
) -> Work:
    """Show which part of a network goes to which tile, and what limits its pace."""
    from chipsim.cli.map import Request, map_command

    request = Request(
        architecture, model, _mapped(overrides, chips, reload), mapping, tuple(replicas or ()), tuple(shape or ()),
        seed, out,
        json, () if compare is None else tuple(name.strip() for name in compare.split(",")),
    )  # fmt: skip
    return lambda stop: map_command(request, stop)


@app.command()
def check(architecture: Architecture, overrides: Overrides = None) -> Work:
    """Check an architecture file and say what it describes."""
    from chipsim.cli.check import check_command

    return lambda _: check_command(architecture, tuple(overrides or ()))


@app.command()
def schema() -> Work:
    """Print the JSON Schema of architecture files, for completion in an editor."""
    from chipsim.cli.check import schema_command

    return lambda _: schema_command()


@app.command()
def device(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Device model; chipsim list devices names them.")],
    targets: Annotated[
        str | None, typer.Option(help="Between 0 (lowest conductance) and 1 (highest), e.g. 0.1,0.5.")
    ] = None,
    ages: Annotated[str | None, typer.Option(help='Since age zero of the model, e.g. "0 s,1 day".')] = None,
    samples: Annotated[int, typer.Option(help="Cells per target.", min=2)] = 100_000,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", parser=named_folder, help="Write a table and a plot here.")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Parameter, e.g. g_max='20 uS'."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON, and nothing else.")] = False,
) -> Work:
    """Show what a device model does: conductances as read, for some targets and ages."""
    from chipsim.cli.device import Request, device_command

    request = Request(model, tuple(parameters or ()), targets, ages, samples, seed, out, json)
    return lambda stop: device_command(request, stop)


@app.command()
def age(
    architecture: Architecture,
    model: Model,
    data: Data = None,
    ages: Annotated[
        str | None, typer.Option(help='Since age zero of the cells, e.g. "1 hour,1 year"; 20 s to a year if not given.')
    ] = None,
    programmings: Annotated[int, typer.Option(help="Independent programmings, each read at all ages.", min=1)] = 5,
    compensation: Annotated[
        str | None,
        typer.Option(help="Ways to make up for drift, separated by commas; all that the network's layers can have."),
    ] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", parser=named_folder, help="Write a table, numbers and a plot here.")
    ] = None,
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print what ageing.json holds, and nothing else.")] = False,
) -> Work:
    """Run a network on ageing cells: accuracy over time, with and without drift compensation."""
    from chipsim.ageing import AgeingSettings
    from chipsim.cli.age import Request, age_command

    settings = AgeingSettings(architecture, model, data, ages, programmings, compensation, seed, tuple(overrides or ()))
    return lambda stop: age_command(Request(settings, out, json), stop)


@app.command("list")
def list_(
    what: Annotated[
        str | None,
        typer.Argument(metavar="WHAT", help="architectures, networks, data, devices or mappings; all if not given."),
    ] = None,
) -> Work:
    """List the architectures, networks, data, devices and mapping strategies that come with chipsim."""
    from chipsim.cli.listing import list_command

    return lambda _: list_command(what)
