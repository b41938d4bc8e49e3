"""`explain_rounds`: why a run of a network larger than its chip took as long as it did, round by round (T86 to T88)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipsim.errors import InputError
from chipsim.explain.explanation import SCHEMA_VERSION, Explanation, cause_rows, composition, pace, settings_of
from chipsim.explain.several import first_programming
from chipsim.explain.variants import what_if_rows
from chipsim.planning.reloading import component_in_round, simulate_rounds
from chipsim.planning.rounds import Rounds
from chipsim.planning.rounds_what_if import what_if_rounds
from chipsim.planning.traced_rounds import (
    Part,
    TracedRounds,
    cycle_of_rounds,
    path_through_rounds,
    trace_rounds,
    waits_in_rounds,
)
from chipsim.result import Records
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.explaining.waits import kind_of
from chipsim.simulation.loading import Writes
from chipsim.units import from_ps


@dataclass(frozen=True, slots=True)
class AskedOfRounds:
    """What to explain of a run in rounds.

    Attributes
    ----------
    folder : Path
    input : int
        Whose critical path.
    trace : int or None
        Inputs of its batch to trace; all, of at most ``most_mvms`` products on tiles, if None.
    most_mvms : int
    faster : float or None
        How many times as fast components are in what-if runs; none are made if None.
    """

    folder: Path
    input: int
    trace: int | None
    most_mvms: int
    faster: float | None


def explain_rounds(
    data: Mapping[str, Any], rounds: Rounds, asked: AskedOfRounds, progress: Callable[[str, int, int], None]
) -> Explanation:
    """Trace the batch of an input through all rounds, and find what its time went by.

    Parameters
    ----------
    data : mapping
        What ``result.json`` holds.
    rounds : Rounds
        Made from what it names.
    asked : AskedOfRounds
    progress : callable
        Told (what is being done, done, total).

    Raises
    ------
    InputError
        If the run was made from something else, or the input is not to be traced.
    """
    settings = data["settings"]
    total, batch = settings["inputs"], settings["batch"]
    progress("computing values", 0, 1)
    writes = _writes(data, rounds, asked.folder)
    progress("tracing", 0, 1)
    outcome, _ = simulate_rounds(rounds, total, batch, writes=writes)
    _check_times(data, outcome, asked.folder)
    number, place = divmod(asked.input, batch)
    size = min(batch, total - number * batch)
    traced = trace_rounds(rounds, _traced_inputs(asked, size, place, rounds), writes)
    what_ifs = None
    if asked.faster is not None:
        variants = what_if_rounds(
            rounds, total, batch, writes, asked.faster,
            lambda done, of: progress(f"what if: {done + 1} of {of} simulations", 0, 1),
        )  # fmt: skip
        what_ifs = what_if_rows(asked.faster, total, variants)
    return _explained(data, outcome, traced, asked.input, size, what_ifs)


def _explained(
    data: Mapping[str, Any], outcome: ChipOutcome, traced: TracedRounds, input: int, size: int,
    what_ifs: dict[str, Any] | None,
) -> Explanation:  # fmt: skip
    batch = data["settings"]["batch"]
    number, place = divmod(input, batch)
    first, begin = number * batch, outcome.released_ps[input]
    path = list(_rows(traced, path_through_rounds(traced, place), first, begin))
    causes = list(_causes(traced, written_before=number > 0))
    recurs = size == batch and outcome.inputs >= 2 * batch
    cycle = list(_rows(traced, cycle_of_rounds(traced), first, begin)) if recurs else []
    found = {
        "schema_version": SCHEMA_VERSION,
        "chip": data["chip"]["name"],
        "network": data["network"]["name"],
        "beside": [],
        "rounds": len(traced.runs),
        "settings": settings_of(data),
        "inputs_traced": traced.runs[0].outcome.inputs,
        "trace_for_exact": size,
        "max_inputs_in_flight": outcome.max_inputs_in_flight,
        "path": {
            "input": input,
            "exact": traced.runs[0].outcome.inputs == size,
            "latency_s": from_ps(path[-1]["end_ps"] - path[0]["start_ps"]),
            "segments": len(path),
            "composition": composition(path, input),
        },
        "steady": pace(cycle, batch, repeats=True, through_admission=False) if cycle else None,
        "causes": causes,
        "what_if": what_ifs,
    }
    rows = [] if what_ifs is None else what_ifs["variants"]
    return Explanation(found, {"causes": causes, "critical_path": path, "what_if": rows})


def _rows(traced: TracedRounds, parts: Sequence[Part], first: int, begin_ps: int) -> Iterator[dict[str, Any]]:
    """A path as rows of a table, in the time and with the inputs of the whole run."""
    for number, segments in parts:
        run = traced.runs[number]
        for segment in segments:
            yield {
                "start_ps": begin_ps + segment.start_ps, "end_ps": begin_ps + segment.end_ps,
                "component": component_in_round(segment.component, number), "kind": kind_of(run, segment.component),
                "activity": segment.activity, "layer": segment.layer, "input": first + segment.input,
                "position": segment.position, "next_waits_for": segment.cause, "round": number + 1,
            }  # fmt: skip


def _causes(traced: TracedRounds, *, written_before: bool) -> Records:
    return [
        {**row, "round": number + 1}
        for number, found in waits_in_rounds(traced, written_before=written_before)
        for row in cause_rows(found)
    ]


def _traced_inputs(asked: AskedOfRounds, size: int, place: int, rounds: Rounds) -> int:
    """The whole batch, as far as memory allows."""
    if asked.trace is not None:
        if not place < asked.trace:
            raise InputError(
                f"--trace {asked.trace} leaves out input {asked.input}, which is number {place + 1} of its batch; "
                f"trace {place + 1} at least"
            )
        return min(size, asked.trace)
    affordable = max(1, asked.most_mvms // max(1, rounds.plan.tile_mvms))
    return min(size, max(place + 1, affordable))


def _writes(data: Mapping[str, Any], rounds: Rounds, folder: Path) -> Mapping[str, Writes] | None:
    """What writing took, where values were computed: cells are programmed again."""
    settings = data["settings"]
    if settings["timing_only"]:
        return None
    return first_programming(rounds.plan, settings, data["seed"], data["input_hashes"]["data"], 1, folder).writes


def _check_times(data: Mapping[str, Any], outcome: ChipOutcome, folder: Path) -> None:
    """The simulation gives what the result says."""
    assert outcome.latency_alone_ps is not None  # that of rounds always is
    found, said = from_ps(outcome.latency_alone_ps), data["chip"]["latency_first_input_s"]
    if found != said:
        raise InputError(
            f"the run in {folder} took {said:g} s for its first input, now it takes {found:g} s: it was made by "
            "another version of chipsim; run again"
        )
