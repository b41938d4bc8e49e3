"""`run`: one call from an architecture and a network to a `Result`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec, VonNeumannSpec
from chipsim.baseline.machine import simulate_baseline
from chipsim.errors import InputError, SpecError
from chipsim.execution.accuracy import compute_values, split_data
from chipsim.execution.calibration import device_of
from chipsim.mapping.placement import place
from chipsim.network.dataset import Dataset, fit_data, load_data, synthetic_data
from chipsim.network.graph import Network
from chipsim.network.zoo import load_network
from chipsim.planes import check_counts, pay_for_values
from chipsim.result import Result
from chipsim.settings import SYNTHETIC_INPUTS, Settings
from chipsim.simulation.engine import simulate_chip
from chipsim.summary import Findings, result_data
from chipsim.tabulate import tables
from chipsim.units import parse_age

Progress = Callable[[str, int, int], None]


def run(
    architecture: str | Path, model: str | Path, *, data: str | Path | None = None, baseline: str | Path | None = None,
    batch: int = 1, seed: int = 0, age: str | None = None, programmings: int = 5, overrides: Sequence[str] = (),
    baseline_overrides: Sequence[str] = (), drain: bool = False, timing_only: bool = False, trace: int = 0,
    threads: int = 2, chunk: int | None = None, progress: Progress | None = None,
) -> Result:  # fmt: skip
    """Simulate a network on an in-memory chip, and on a von Neumann machine beside it.

    Parameters
    ----------
    architecture : str or Path
        Of kind in-memory, by name (``"hermes64"``) or path.
    model : str or Path
        ``"zoo:digits-mlp"``, ``"onnx:resnet50"`` or the path of an ONNX file.
    data : str or Path, optional
        ``"zoo:digits"`` or an .npz file with ``x``, and optionally ``y`` and ``x_calibration``; without it a few
        seeded standard-normal inputs.
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
    threads, chunk : int
        Blocks computed side by side, inputs per pass: speed and memory, no byte of the result.
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
    )  # fmt: skip
    return simulate(settings, threads=threads, chunk=chunk, progress=progress or _silent)


def simulate(settings: Settings, *, threads: int, chunk: int | None, progress: Progress) -> Result:
    """Do what `run` describes."""
    try:
        result = _simulate(settings, threads, chunk, progress)
    except OverflowError as error:
        raise _extreme(f"times or energies overflow ({error.args[-1]})") from None
    _check_finite(result.data, "result")
    return result


def _extreme(what: str) -> InputError:
    return InputError(f"{what}; look for extreme values in the architecture and its overrides")


def _check_finite(data: dict[str, Any], path: str) -> None:
    for key, value in data.items():
        if isinstance(value, dict):
            _check_finite(value, f"{path}.{key}")
        elif isinstance(value, float) and not math.isfinite(value):
            raise _extreme(f"{path}.{key} comes out as {value}")


def _simulate(settings: Settings, threads: int, chunk: int | None, progress: Progress) -> Result:
    progress("reading", 0, 1)
    spec = _in_memory(settings)
    other = _von_neumann(settings)
    age_s = _age(settings, spec)
    network = load_network(settings.model, seed=settings.seed)
    dataset = _dataset(settings, network)
    plan = place(network, build_chip(spec))
    split = split_data(dataset)
    values = None
    if not settings.timing_only:
        values = compute_values(
            plan, split, settings.seed, age_s, settings.programmings,
            progress=lambda text: progress(text, 0, 1), threads=threads, chunk=chunk,
        )  # fmt: skip
    inputs = len(split.x)
    chip = simulate_chip(
        plan, inputs, settings.batch, drain=settings.drain, trace_inputs=settings.trace,
        progress=lambda done: progress("timing", done, inputs),
    )  # fmt: skip
    if values is not None:
        check_counts(plan, chip, values, inputs)
        pay_for_values(plan, chip, values)
    beside = None
    if other is not None:
        beside = simulate_baseline(
            other, network, inputs, settings.batch, drain=settings.drain,
            progress=lambda done: progress("baseline", done, inputs),
        )  # fmt: skip
    found = Findings(settings, plan, dataset, split, age_s, values, chip, other, beside)
    return Result(result_data(found), tables(plan, chip, values, beside))


def _silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def _in_memory(settings: Settings) -> InMemorySpec:
    spec = load_spec(settings.architecture, settings.overrides)
    if not isinstance(spec, InMemorySpec):
        raise SpecError(f"{settings.architecture} is of kind {spec.kind}; give it as --baseline, and a chip as ARCH")
    return spec


def _von_neumann(settings: Settings) -> VonNeumannSpec | None:
    if settings.baseline is None:
        if settings.baseline_overrides:
            raise InputError("--baseline-set needs --baseline")
        return None
    spec = load_spec(settings.baseline, settings.baseline_overrides)
    if not isinstance(spec, VonNeumannSpec):
        raise SpecError(f"{settings.baseline} is of kind {spec.kind}; a baseline is of kind von-neumann")
    return spec


def _age(settings: Settings, spec: InMemorySpec) -> float:
    device = device_of(spec)
    if settings.age is None:
        return device.earliest_age_s
    age_s = parse_age(settings.age)
    device.check_age(age_s)
    return age_s


def _dataset(settings: Settings, network: Network) -> Dataset:
    if settings.data is None:
        return synthetic_data(network, SYNTHETIC_INPUTS, settings.seed)
    return fit_data(load_data(settings.data), network)
