"""`run`: one call from an architecture and a network to a `Result`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from chipsim.against import run_baseline, von_neumann
from chipsim.architecture.chip import build_chip
from chipsim.architecture.spec import InMemorySpec
from chipsim.crossbar.precision import Precision
from chipsim.errors import InputError
from chipsim.execution.accuracy import compute_values
from chipsim.execution.split import split_data
from chipsim.execution.values_outcome import ValuesOutcome
from chipsim.extremes import checked
from chipsim.files import staged
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.partial import of_timed_inputs, partial_data
from chipsim.planes import settle
from chipsim.planning.choose import make_plan, make_rounds
from chipsim.planning.reloading import check_reload, simulate_rounds
from chipsim.planning.rounds import Rounds
from chipsim.planning.writing import Reloading
from chipsim.prepare import Progress, age_of, chip_spec, network_and_data, note_options
from chipsim.result import Result
from chipsim.settings import Settings, texts_of
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.loading import Loading, simulate_loading
from chipsim.simulation.units.arrivals import parse_arrivals
from chipsim.stopping import Stop
from chipsim.summary import Findings, result_data
from chipsim.tabulate import tables
from chipsim.together import simulate_several


def run(
    architecture: str | Path, model: str | Path, *, data: str | Path | None = None, baseline: str | Path | None = None,
    batch: int = 1, seed: int = 0, age: str | None = None, programmings: int = 5, overrides: Sequence[str] = (),
    baseline_overrides: Sequence[str] = (), drain: bool = False, timing_only: bool = False, trace: int = 0,
    precision: Precision = "float32", save_programming: str | Path | None = None,
    load_programming: str | Path | None = None, arrivals: str | None = None, replicas: Sequence[str] = (),
    shapes: Sequence[str] = (), mapping: str | Path | None = None,
    beside: Sequence[str] = (),
    threads: int = 2, chunk: int | None = None, exact_all: bool = False,
    progress: Progress | None = None,
) -> Result:  # fmt: skip
    """Simulate a network on an in-memory chip, and on a von Neumann machine beside it.

    Parameters
    ----------
    architecture : str or Path
        Of kind in-memory, by name (``"hermes64"``) or path.
    model : str or Path
        ``"zoo:digits-mlp"``, ``"onnx:resnet50"`` or the path of an ONNX file.
    data, baseline, batch, seed, age, programmings, overrides, baseline_overrides, drain, timing_only, trace, precision
    load_programming, arrivals, replicas, shapes, mapping, beside
        The attributes of `chipsim.settings.Settings`, which says what each of them is; paths where it has their names.
    save_programming : str or Path, optional
        A file for what all programmings of this run drew.
    threads, chunk : int
        Blocks computed side by side, inputs per pass: speed and memory, no byte of the result.
    exact_all : bool
        Simulate every input, also where the chip's state has come back: the same numbers, later.
    progress : callable, optional
        Told (what is being done, done, total).

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If a file or option cannot be used.
    CapacityError
        If the network does not fit on the chip.
    """
    settings = Settings(
        str(architecture), str(model), None if data is None else str(data), None if baseline is None else str(baseline),
        batch, seed, age, programmings, texts_of("overrides", overrides),
        texts_of("baseline_overrides", baseline_overrides), drain, timing_only, trace,
        precision, None if load_programming is None else str(load_programming), arrivals,
        texts_of("replicas", replicas), texts_of("shapes", shapes), None if mapping is None else str(mapping),
        texts_of("beside", beside),
    )  # fmt: skip
    keep = None if save_programming is None else Path(save_programming)
    return simulate(
        settings, threads=threads, chunk=chunk, progress=progress or _silent, save_programming=keep,
        exact_all=exact_all,
    )  # fmt: skip


def simulate(
    settings: Settings, *, threads: int, chunk: int | None, progress: Progress, save_programming: Path | None = None,
    stop: Stop | None = None, at_time: Callable[[int], None] | None = None, exact_all: bool = False,
) -> Result:  # fmt: skip
    """Do what `run` describes; `stop` can end it early, and `at_time` is told the simulated time in ps."""
    if settings.timing_only and save_programming is not None:
        raise InputError("--timing-only computes no values: leave out --save-programming")
    if settings.beside:
        return simulate_several(
            settings, threads=threads, chunk=chunk, progress=progress, save_programming=save_programming, stop=stop,
            at_time=at_time, exact_all=exact_all,
        )  # fmt: skip
    with staged(save_programming) as place:  # programmings are kept only beside a result
        return checked(
            lambda: _simulate(settings, threads, chunk, progress, place, stop or Stop(), at_time, exact_all), settings
        )


def _simulate(
    settings: Settings, threads: int, chunk: int | None, progress: Progress, save_programming: Path | None,
    stop: Stop, at_time: Callable[[int], None] | None, exact_all: bool,
) -> Result:  # fmt: skip
    progress("reading", 0, 1)
    spec, other = chip_spec(settings), von_neumann(settings)
    given, (settings, age_s) = settings, age_of(settings, spec)
    network, dataset = network_and_data(settings, settings.model, settings.data, settings.shapes)
    split = split_data(dataset)
    plan, rounds = _mapped(settings, spec, note_options(network, given, settings, len(split.x)))
    load = None if settings.load_programming is None else Path(settings.load_programming)
    values = None if settings.timing_only else compute_values(
        plan, split, settings.seed, age_s, settings.programmings,
        progress=lambda text: progress(text, 0, 1), threads=threads, chunk=chunk, precision=settings.precision,
        save=save_programming, load=load, stop=stop,
    )  # fmt: skip
    asked, arrivals_ps = len(split.x), _arrivals_ps(settings, len(split.x))
    chip, reloading = _timed(settings, rounds or plan, asked, values, arrivals_ps, progress, stop, at_time, exact_all)
    stop.patient = True  # there is something to show from here on
    refit = None
    if values is not None:
        values = of_timed_inputs(
            values, chip.inputs, plan, split, settings, age_s, threads=threads, chunk=chunk, load=load
        )
        refit = settle(plan, chip, values)
    against = None if other is None else run_baseline(
        other, network, chip.inputs, settings.batch, progress, stop, drain=settings.drain, arrivals_ps=arrivals_ps
    )  # fmt: skip
    partial = partial_data(settings, values, chip.inputs, asked, other is not None and against is None)
    baseline, best = (None, None) if against is None else (against.outcome, against.best_batch)
    loading = _loading(plan, values, reloading)
    found = Findings(
        settings, plan, dataset, split, age_s, values, chip, other, baseline, loading, best, partial, refit, reloading,
    )  # fmt: skip
    return Result(result_data(found), tables(plan, chip, values, baseline))


def _mapped(settings: Settings, spec: InMemorySpec, network: Network) -> tuple[Plan, Rounds | None]:
    """Where everything is, and the rounds of a network that is larger than the chip."""
    chip = build_chip(spec)
    rounds = make_rounds(network, chip, settings.replicas)
    if rounds is None:
        return make_plan(network, chip, settings.replicas, settings.seed), None
    check_reload(settings, spec)
    return rounds.plan, rounds


def _timed(
    settings: Settings, mapped: Plan | Rounds, inputs: int, values: ValuesOutcome | None,
    arrivals_ps: list[int] | None, progress: Progress, stop: Stop, at_time: Callable[[int], None] | None,
    exact_all: bool,
) -> tuple[ChipOutcome, Reloading | None]:  # fmt: skip
    """The chip's times and counts, of fewer inputs than asked for after an interrupt; in rounds also what they took."""
    progress("timing", 0, inputs)

    def report(done: int) -> None:
        progress("timing", done, inputs)

    with stop.patiently():
        if isinstance(mapped, Rounds):
            writes = None if values is None else values.writes
            return simulate_rounds(mapped, inputs, settings.batch, writes=writes, progress=report)
        chip = simulate_chip(
            mapped, inputs, settings.batch, drain=settings.drain, trace_inputs=min(settings.trace, inputs),
            arrivals_ps=arrivals_ps, stop=lambda: stop.asked, progress=report, at_time=at_time,
            counts=None if values is None else values.conversion_counts, exact_all=exact_all,
        )  # fmt: skip
        return chip, None


def _loading(plan: Plan, values: ValuesOutcome | None, reloading: Reloading | None) -> Loading | None:
    """What comes before the first input: all tiles written, or those of the first round."""
    if reloading is not None:
        return reloading.before
    return simulate_loading(plan, values.writes) if values is not None and values.writes else None


def _arrivals_ps(settings: Settings, inputs: int) -> list[int] | None:
    if settings.arrivals is None:
        return None
    return parse_arrivals(settings.arrivals).times_ps(inputs, settings.batch, settings.seed)


def _silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""
