"""`trace_several`: a run of several networks, simulated again with full trace as far as one of them needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec, spec_hash
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import InputError, nearest
from chipsim.execution.first_inputs import activity_of_first
from chipsim.execution.split import split_data
from chipsim.execution.values_outcome import ValuesOutcome
from chipsim.mapping.beside import place_beside
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import fit_data, load_data, synthetic_data
from chipsim.network.zoo import load_network
from chipsim.planning.choose import make_plan, with_strategy
from chipsim.settings import SYNTHETIC_INPUTS
from chipsim.simulation.explaining.traced_run import TracedRun
from chipsim.simulation.explaining.tracing import trace_together
from chipsim.simulation.tiles.varying import ConversionCounts
from chipsim.simulation.together import Together, Workload, simulate_together
from chipsim.simulation.units.arrivals import parse_arrivals
from chipsim.units import PS_PER_S


@dataclass(frozen=True, slots=True)
class Asked:
    """Which input of which network is asked about, and how many inputs of it are to be traced.

    Attributes
    ----------
    network : int
        Its place among the networks.
    input : int
    trace : int or None
        As many as are needed, of at most ``most_mvms`` products on tiles, if None.
    most_mvms : int
    """

    network: int
    input: int
    trace: int | None
    most_mvms: int


@dataclass(frozen=True, slots=True)
class Several:
    """A run of several networks, simulated again.

    Attributes
    ----------
    run : TracedRun
        As far as it was traced.
    last : int
        The last input of the network that is asked about whose path nothing changes that was not traced; or -1.
    works : sequence of Workload
        Networks and their streams, as they were.
    whole : Together
        What all of their inputs take.
    """

    run: TracedRun
    last: int
    works: Sequence[Workload]
    whole: Together


def find_network(data: Mapping[str, Any], label: str | None) -> int:
    """The place of a network by its label; the first if none is given.

    Raises
    ------
    InputError
        If there is no such network.
    """
    labels = [item["label"] for item in data["networks"]]
    if label is None:
        return 0
    if label not in labels:
        raise InputError(f"--network {label!r} is none of {', '.join(labels)}{nearest(label, labels)}")
    return labels.index(label)


def trace_several(data: Mapping[str, Any], asked: Asked, folder: Path) -> Several:
    """Simulate a run of several networks again.

    Parameters
    ----------
    data : mapping
        What its ``result.json`` holds.
    asked : Asked
    folder : Path
        Where it was read.

    Raises
    ------
    InputError
        If what it was made from has changed.
    """
    works = _works(data, folder)
    whole = simulate_together(works)
    for item, outcome in zip(data["networks"], whole.networks, strict=True):
        if outcome.makespan_ps / PS_PER_S != item["makespan_s"]:
            raise InputError(
                f"{item['label']} took {item['makespan_s']:g} s in the run in {folder}, now it takes "
                f"{outcome.makespan_ps / PS_PER_S:g} s: it was made by another version of chipsim; run again"
            )
    counts = _traced_inputs(works, whole, asked)
    run = trace_together(
        [first_of(work, count) for work, count in zip(works, counts, strict=True)],
        [item["label"] for item in data["networks"]],
        asked.network,
    )
    return Several(run, _last_exact(works, whole, counts, asked.network), works, whole)


def chip_of(settings: Mapping[str, Any]) -> InMemorySpec:
    """The chip of a run.

    Parameters
    ----------
    settings : mapping
        Of the run: ``architecture`` and ``set``.

    Raises
    ------
    InputError
        If it is another kind of machine by now.
    """
    spec = load_spec(settings["architecture"], settings["set"])
    if not isinstance(spec, InMemorySpec):
        raise InputError(f"{settings['architecture']} is of kind {spec.kind}, and no longer that of the run: run again")
    return spec


def check_hash(what: str, name: str, found: str, expected: str, folder: Path) -> None:
    """Refuse what has changed since a run.

    Raises
    ------
    InputError
        Naming it.
    """
    if found != expected:
        raise InputError(
            f"{what} {name} has changed since the run in {folder} (sha256 {found[:12]}..., then {expected[:12]}...); "
            "restore it, or run again"
        )


def counts_again(
    plan: Plan, settings: Mapping[str, Any], seed: int, data_sha256: str, inputs: int, folder: Path
) -> Mapping[str, ConversionCounts] | None:
    """What conversions took, where that depends on values (rule T43): these are computed again.

    Parameters
    ----------
    plan : Plan
    settings : mapping
        Of the run: ``data``, ``timing_only``, ``age_s``, ``precision`` and ``load_programming``.
    seed : int
    data_sha256 : str
        Of the data then.
    inputs : int
    folder : Path
    """
    tile = plan.chip.spec.tile
    if settings["timing_only"] or not (tile.dac.early_stop or tile.adc.early_stop):
        return None
    return first_programming(plan, settings, seed, data_sha256, inputs, folder).conversion_counts


def first_programming(
    plan: Plan, settings: Mapping[str, Any], seed: int, data_sha256: str, inputs: int, folder: Path
) -> ValuesOutcome:
    """What tiles did in the first programming, computed again for the first inputs; see `counts_again`."""
    if data_sha256 and settings["data"].endswith("seeded standard-normal inputs"):
        dataset = synthetic_data(plan.network, SYNTHETIC_INPUTS, seed)
    else:
        dataset = fit_data(load_data(settings["data"]), plan.network)
    check_hash("data", settings["data"], dataset.sha256, data_sha256, folder)
    load = settings["load_programming"]
    return activity_of_first(
        inputs, plan, split_data(dataset), seed, settings["age_s"], precision=settings["precision"],
        load=None if load is None else Path(load),
    )  # fmt: skip


def _works(data: Mapping[str, Any], folder: Path) -> list[Workload]:
    """Networks and their streams, as they were."""
    settings, hashes, seed = data["settings"], data["input_hashes"], data["seed"]
    spec = chip_of(settings)
    spec = with_strategy(spec, settings.get("mapping"))
    check_hash("architecture", settings["architecture"], spec_hash(spec), hashes["architecture"], folder)
    chip, works = build_chip(spec), list[Workload]()
    for number, item in enumerate(data["networks"]):
        asked = item["settings"]
        shape = item["network"]["input_shape"]
        network = load_network(asked["model"], seed=seed, shapes=asked["shapes"], data_shape=tuple(shape))
        check_hash("model", asked["model"], network.sha256, hashes["models"][number], folder)
        plan = place_beside(
            [work.plan for work in works], chip,
            lambda free, net=network, copies=asked["replicas"]: make_plan(net, free, copies, seed),  # type: ignore[misc]
        )  # fmt: skip
        times = None
        if asked["arrivals"] is not None:
            rate = parse_arrivals(asked["arrivals"])
            times = rate.times_ps(asked["inputs"], asked["batch"], seed, network=number)
        how = {**settings, "data": asked["data"], "load_programming": asked.get("load_programming")}
        counts = counts_again(plan, how, seed, hashes["data"][number], asked["inputs"], folder)
        works.append(
            Workload(
                plan=plan, inputs=asked["inputs"], batch=asked["batch"], drain=asked["drain"], arrivals_ps=times,
                counts=counts,
            )
        )  # fmt: skip
    return works


def first_of(work: Workload, count: int) -> Workload:
    """A network with its first inputs only."""
    times = None if work.arrivals_ps is None else work.arrivals_ps[:count]
    return replace(work, inputs=count, arrivals_ps=times)


def _traced_inputs(works: Sequence[Workload], whole: Together, asked: Asked) -> list[int]:
    """Of each network what was admitted before the last traced input of the one that is asked about was done."""
    own = whole.networks[asked.network]
    total, in_flight = own.inputs, own.max_inputs_in_flight
    if asked.trace is not None:
        if not asked.input < asked.trace:
            raise InputError(f"--trace {asked.trace} leaves out input {asked.input}; trace one more at least")
        return _under_way(whole, asked.network, min(total, asked.trace))
    wanted = min(total, max(asked.input + in_flight, 2 * in_flight + 2))
    while True:
        counts = _under_way(whole, asked.network, wanted)
        mvms = sum(count * work.plan.tile_mvms for count, work in zip(counts, works, strict=True))
        if mvms <= asked.most_mvms or wanted == asked.input + 1:
            return counts
        wanted = max(asked.input + 1, wanted // 2)


def _under_way(whole: Together, network: int, traced: int) -> list[int]:
    until = max(whole.networks[network].done_ps[:traced])
    return [
        traced if number == network else max(1, sum(time < until for time in outcome.admitted_ps))
        for number, outcome in enumerate(whole.networks)
    ]


def _last_exact(works: Sequence[Workload], whole: Together, counts: Sequence[int], network: int) -> int:
    """The last input that is done when the first one is admitted that was left out."""
    left_out = [
        outcome.admitted_ps[count]
        for work, outcome, count in zip(works, whole.networks, counts, strict=True)
        if count < work.inputs
    ]
    done = whole.networks[network].done_ps[: counts[network]]
    if not left_out:
        return counts[network] - 1
    return next((input for input, time in enumerate(done) if time > min(left_out)), len(done)) - 1
