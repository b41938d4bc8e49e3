"""`run`: one call from an architecture and a network to a `Result`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from chipsim.against import run_baseline, von_neumann
from chipsim.architecture.chip import build_chip
from chipsim.crossbar.precision import Precision
from chipsim.errors import InputError
from chipsim.execution.accuracy import compute_values
from chipsim.execution.first_inputs import activity_of_first
from chipsim.execution.split import split_data
from chipsim.extremes import checked
from chipsim.files import staged
from chipsim.network.dataset import load_data
from chipsim.network.unused_arrays import note_unused
from chipsim.network.zoo import load_network
from chipsim.partial import of_first_inputs, partial_data
from chipsim.planes import check_counts, pay_for_refit, pay_for_values, simulate_refit
from chipsim.planning.choose import make_plan, make_rounds
from chipsim.planning.reloading import check_reload, simulate_rounds
from chipsim.prepare import Progress, age_of, chip_spec, dataset_of
from chipsim.result import Result
from chipsim.settings import Settings
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
    data : str or Path, optional
        ``"zoo:digits"`` or an .npz file with ``x`` (or an array per input of the network, by name), and optionally
        ``y`` and ``x_calibration``; without it a few seeded standard-normal inputs.
    baseline : str or Path, optional
        An architecture of kind von-neumann.
    batch : int
        Inputs that the host hands over together, on both machines; never changes values.
    seed : int
        Of every random draw.
    age : str, optional
        Of the devices, such as ``"1 day"``; the earliest that the model knows if not given.
    programmings : int
        Independent programmings for the noisy accuracy.
    overrides, baseline_overrides : sequence of str
        ``"path.to.field=value"``.
    drain : bool
        Finish each batch before the next.
    timing_only : bool
        Times, energy and traffic only: no values.
    trace : int
        Keep every span of so many first inputs.
    precision : {"float32", "float64", "exact"}
        Of the products on the tiles; exact ones are the same bytes on every processor for the same cells.
    save_programming, load_programming : str or Path, optional
        A file for what all programmings of this run drew, and one to take it from.
    replicas : sequence of str
        ``"layer=number"`` copies of a layer that take turns at its positions, or ``"balanced"``: as many as fit.
    shapes : sequence of str
        ``"input=1x3x224x224"``: sizes that the model leaves open; the data binds them if not given.
    mapping : str or Path, optional
        Name of a strategy, such as ``"in-order"``, or a file that holds a mapping (`chipsim map --out` writes one);
        what the architecture says if not given.
    arrivals : str, optional
        Rate at which inputs come, such as ``"1000/s"`` or ``"poisson 1000/s"``; all at once if not given.
    beside : sequence of str
        Further networks on the chip at the same time, ``"zoo:digits-mlp,data=zoo:digits,batch=4"``; see `parse_beside`.
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
        batch, seed, age, programmings, tuple(overrides), tuple(baseline_overrides), drain, timing_only, trace,
        precision, None if load_programming is None else str(load_programming), arrivals,
        tuple(replicas), tuple(shapes), None if mapping is None else str(mapping), tuple(beside),
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
            at_time=at_time,
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
    spec = chip_spec(settings)
    other = von_neumann(settings)
    settings, age_s = age_of(settings, spec)
    data = None if settings.data is None else load_data(settings.data)
    network = load_network(
        settings.model, seed=settings.seed, shapes=settings.shapes, data_shape=None if data is None else data.shapes
    )
    dataset, network = dataset_of(settings, network, data), note_unused(network, data)
    chip_graph = build_chip(spec)
    rounds = make_rounds(network, chip_graph, settings.replicas)
    plan = make_plan(network, chip_graph, settings.replicas, settings.seed) if rounds is None else rounds.plan
    if rounds is not None:
        check_reload(settings, spec)
    split = split_data(dataset)
    values = refit = None
    load = None if settings.load_programming is None else Path(settings.load_programming)
    if not settings.timing_only:
        values = compute_values(
            plan, split, settings.seed, age_s, settings.programmings,
            progress=lambda text: progress(text, 0, 1), threads=threads, chunk=chunk, precision=settings.precision,
            save=save_programming, load=load, stop=stop,
        )  # fmt: skip
    asked, arrivals_ps = len(split.x), _arrivals_ps(settings, len(split.x))
    progress("timing", 0, asked)
    reloading = None
    with stop.patiently():
        if rounds is None:
            chip = simulate_chip(
                plan, asked, settings.batch, drain=settings.drain, trace_inputs=settings.trace, arrivals_ps=arrivals_ps,
                stop=lambda: stop.asked, progress=lambda done: progress("timing", done, asked), at_time=at_time,
                counts=None if values is None else values.conversion_counts, exact_all=exact_all,
            )  # fmt: skip
        else:
            chip, reloading = simulate_rounds(
                rounds, asked, settings.batch, writes=None if values is None else values.writes,
                progress=lambda done: progress("timing", done, asked),
            )  # fmt: skip
    inputs = chip.inputs  # fewer than asked for after an interrupt
    if values is not None and inputs < asked:
        first = activity_of_first(
            inputs, plan, split, settings.seed, age_s, threads=threads, chunk=chunk, precision=settings.precision,
            load=load,
        )  # fmt: skip
        values = of_first_inputs(values, first)
    if values is not None:
        check_counts(plan, chip, values, inputs)
        pay_for_values(plan, chip, values)
        with stop.patiently():
            refit = simulate_refit(plan, values)
        if refit is not None:
            pay_for_refit(chip, refit)
    if reloading is not None:
        loading: Loading | None = reloading.before
    else:
        loading = simulate_loading(plan, values.writes) if values is not None and values.writes else None
    against = None
    if other is not None:
        against = run_baseline(
            other, network, inputs, settings.batch, progress, stop, drain=settings.drain, arrivals_ps=arrivals_ps
        )
    partial = partial_data(settings, values, inputs, asked, other is not None and against is None)
    baseline, best = (None, None) if against is None else (against.outcome, against.best_batch)
    found = Findings(
        settings, plan, dataset, split, age_s, values, chip, other, baseline, loading, best, partial, refit, reloading,
    )  # fmt: skip
    return Result(result_data(found), tables(plan, chip, values, baseline))


def _arrivals_ps(settings: Settings, inputs: int) -> list[int] | None:
    if settings.arrivals is None:
        return None
    return parse_arrivals(settings.arrivals).times_ps(inputs, settings.batch, settings.seed)


def _silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""
