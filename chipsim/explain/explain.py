"""`explain`: why a run took as long as it did, from its ``result.json``: the run is simulated again with full trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import spec_hash
from chipsim.errors import InputError
from chipsim.explain.explanation import Explanation, explanation
from chipsim.explain.rounds import AskedOfRounds, explain_rounds
from chipsim.explain.several import (
    Asked,
    Several,
    check_hash,
    chip_of,
    counts_again,
    find_network,
    first_of,
    trace_several,
)
from chipsim.explain.stored_result import folder_of, read_result
from chipsim.explain.variants import what_if_rows, what_if_rows_of_all
from chipsim.mapping.plan import Plan
from chipsim.mapping.plan_file import plan_sha256
from chipsim.network.zoo import load_network
from chipsim.planning.choose import make_plan, make_rounds, with_strategy
from chipsim.planning.rounds import Rounds
from chipsim.simulation.explaining.traced_run import TracedRun
from chipsim.simulation.explaining.tracing import trace_run
from chipsim.simulation.explaining.what_if import FEWEST_INPUTS, MOST_INPUTS, Stream, what_if
from chipsim.simulation.explaining.what_if import MOST_MVMS as MOST_WHAT_IF_MVMS
from chipsim.simulation.explaining.what_if_together import first_inputs, what_if_together
from chipsim.simulation.together import simulate_together
from chipsim.simulation.units.arrivals import parse_arrivals
from chipsim.units import from_ps

MOST_MVMS = 250_000
"""Tile-MVMs that are traced unless asked for more: about two gigabytes."""
MOST_FASTER = 1e6
"""More, or as much slower, is no question about a component (assumption)."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What to explain.

    Attributes
    ----------
    folder : Path
        Where a run was written to, or the ``result.json`` there.
    input : int
        Whose critical path.
    faster : float
        How many times as fast components are in what-if runs, more than zero.
    what_if : bool
        Whether to make any.
    trace : int or None
        Inputs to trace; as many as are needed, within `MOST_MVMS`, if None.
    network : str or None
        Which one, of a run of several; the first if None.
    """

    folder: Path
    input: int = 0
    faster: float = 2.0
    what_if: bool = True
    trace: int | None = None
    network: str | None = None


def explain(question: Question, progress: Progress) -> Explanation:
    """Simulate a run's first inputs again, and find what their time went by.

    Parameters
    ----------
    question : Question
    progress : callable
        Told (what is being done, done, total).

    Raises
    ------
    InputError
        If there is no result, or it is partial or of another version, or what it was made from has changed.
    """
    if not 1 / MOST_FASTER <= question.faster <= MOST_FASTER:
        raise InputError(
            f"--faster {question.faster:g} must be a number greater than zero, from {1 / MOST_FASTER:g} to "
            f"{MOST_FASTER:g}, such as 2"
        )
    question = replace(question, folder=folder_of(question.folder))
    data = read_result(question.folder)
    if "networks" in data:
        return _explain_one_of(data, question, progress)
    if question.network is not None:
        raise InputError(f"--network {question.network!r}: the run in {question.folder} has one network; leave it out")
    settings = data["settings"]
    total = settings["inputs"]
    _check_input(question, total)
    progress("reading", 0, 1)
    mapped = _mapped(data, question.folder)
    if isinstance(mapped, Rounds):
        faster = question.faster if question.what_if else None
        asked = AskedOfRounds(question.folder, question.input, question.trace, MOST_MVMS, faster)
        return explain_rounds(data, mapped, asked, progress)
    plan = mapped
    traced = _traced_inputs(question, plan, total, data["chip"]["max_inputs_in_flight"])
    stream = Stream(_what_if_inputs(data, plan), settings["batch"], settings["drain"])
    progress("computing values", 0, 1)
    counts = counts_again(
        plan, settings, data["seed"], data["input_hashes"]["data"], max(traced, stream.inputs), question.folder
    )
    progress("tracing", 0, 1)
    run = trace_run(
        plan, traced, settings["batch"], drain=settings["drain"], arrivals_ps=_arrivals_ps(data), counts=counts
    )
    _check_times(data, run, question.folder)
    what_ifs = None
    if question.what_if:
        variants = what_if(
            plan, Stream(stream.inputs, stream.batch, stream.drain, counts), question.faster,
            lambda done, of: progress(f"what if: {done + 1} of {of} simulations", 0, 1),
        )  # fmt: skip
        what_ifs = what_if_rows(question.faster, stream.inputs, variants)
    return explanation(data, run, question.input, what_ifs)


def _check_input(question: Question, total: int) -> None:
    if not 0 <= question.input < total:
        raise InputError(f"--input {question.input}: the run has {total} inputs, from 0 to {total - 1}")


def _explain_one_of(data: dict[str, Any], question: Question, progress: Progress) -> Explanation:
    """One network of several on a chip: its path may lead through what the others did."""
    number = find_network(data, question.network)
    item = data["networks"][number]
    _check_input(question, item["settings"]["inputs"])
    progress("tracing", 0, 1)
    asked = Asked(number, question.input, question.trace, MOST_MVMS)
    found = trace_several(data, asked, question.folder)
    what_ifs = None
    if question.what_if:
        what_ifs = _what_if_of_all(data, found, number, question.faster, progress)
    of_one = {
        "chip": {"name": data["chip"]["name"]}, "network": {"name": item["label"]}, "settings": item["settings"],
        "beside": [other["label"] for other in data["networks"] if other is not item],
    }  # fmt: skip
    return explanation(of_one, found.run, question.input, what_ifs, last=found.last)


def _what_if_of_all(
    data: dict[str, Any], found: Several, asked: int, faster: float, progress: Progress
) -> dict[str, Any]:
    """All inputs of the network that is asked about are there from the beginning; the others' come as in the run."""
    works, whole = list(found.works), found.whole
    if works[asked].arrivals_ps is not None:
        works[asked] = replace(works[asked], arrivals_ps=None)
        whole = simulate_together(works)
    counts = first_inputs(works, whole)
    variants = what_if_together(
        [first_of(work, count) for work, count in zip(works, counts, strict=True)], asked, faster,
        lambda done, of: progress(f"what if: {done + 1} of {of} simulations", 0, 1),
    )  # fmt: skip
    return what_if_rows_of_all(faster, counts, variants, [item["label"] for item in data["networks"]], asked)


def _mapped(data: dict[str, Any], folder: Path) -> Plan | Rounds:
    """Architecture and network of the result, as they were."""
    settings, hashes = data["settings"], data["input_hashes"]
    spec = chip_of(settings)
    spec = with_strategy(spec, settings.get("mapping"))
    check_hash("architecture", settings["architecture"], spec_hash(spec), hashes["architecture"], folder)
    shape = data["network"].get("input_shape")  # results of older versions lack it
    network = load_network(settings["model"], seed=data["seed"], data_shape=None if shape is None else tuple(shape))
    check_hash("model", settings["model"], network.sha256, hashes["model"], folder)
    chip = build_chip(spec)
    rounds = make_rounds(network, chip, settings["replicas"])
    plan = make_plan(network, chip, settings["replicas"], data["seed"]) if rounds is None else rounds.plan
    if "mapping" in data:  # results of older versions lack it
        check_hash("mapping", spec.mapping.strategy, plan_sha256(plan), data["mapping"]["sha256"], folder)
    return rounds or plan


def _traced_inputs(question: Question, plan: Plan, total: int, in_flight: int) -> int:
    """Enough that the path is that of the whole run and the stream is steady, as far as memory allows."""
    if question.trace is not None:
        if not question.input < question.trace:
            raise InputError(f"--trace {question.trace} leaves out input {question.input}; trace one more at least")
        return min(total, question.trace)
    affordable = max(2, MOST_MVMS // max(1, plan.tile_mvms))
    wanted = max(question.input + in_flight, 2 * in_flight + 2)
    return min(total, max(question.input + 1, min(affordable, wanted)))


def _what_if_inputs(data: dict[str, Any], plan: Plan) -> int:
    settings, in_flight = data["settings"], data["chip"]["max_inputs_in_flight"]
    affordable = min(MOST_INPUTS, MOST_WHAT_IF_MVMS // max(1, plan.tile_mvms))
    wanted = max(FEWEST_INPUTS, 2 * in_flight + 2, 4 * settings["batch"], affordable)
    return int(min(settings["inputs"], wanted))


def _arrivals_ps(data: dict[str, Any]) -> list[int] | None:
    settings = data["settings"]
    if settings["arrivals"] is None:
        return None
    return parse_arrivals(settings["arrivals"]).times_ps(settings["inputs"], settings["batch"], data["seed"])


def _check_times(data: dict[str, Any], run: TracedRun, folder: Path) -> None:
    """The simulation gives what the result says."""
    alone = run.outcome.latency_alone_ps
    found = from_ps(run.outcome.done_ps[0] - run.outcome.released_ps[0] if alone is None else alone)
    said = data["chip"]["latency_first_input_s"]
    if found != said:
        raise InputError(
            f"the run in {folder} took {said:g} s for its first input, now it takes {found:g} s: it was made by "
            "another version of chipsim; run again"
        )
