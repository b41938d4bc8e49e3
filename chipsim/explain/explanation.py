"""`Explanation`: what `chipsim explain` found, as numbers and tables."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chipsim.files import write_atomically
from chipsim.result import Records
from chipsim.simulation.explaining.critical_path import Segment, critical_path, steady_cycle
from chipsim.simulation.explaining.traced_run import TracedRun
from chipsim.simulation.explaining.waits import Wait, kind_of, waits
from chipsim.units import from_ps

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Explanation:
    """Numbers and tables.

    Attributes
    ----------
    data : dict
        Exactly what ``--json`` prints; see ``docs/explain.md``.
    tables : dict of str to list of dict
        ``causes``, ``critical_path``, ``what_if``: one dict per row.
    """

    data: dict[str, Any]
    tables: Mapping[str, Records]

    def json(self) -> str:
        """The text that ``--json`` prints."""
        return json.dumps(self.data, indent=2, allow_nan=False) + "\n"

    def save(self, folder: Path) -> list[Path]:
        """Write one CSV per table into an existing folder; one that there is nothing for is taken away."""
        written = []
        for name in self.tables:
            path = folder / f"{name}.csv"
            if not self.tables[name]:
                path.unlink(missing_ok=True)
                continue
            frame = self._frame(name)
            write_atomically(path, lambda file, frame=frame: frame.to_csv(file, index=False))  # type: ignore[misc]
            written.append(path)
        return written

    def _frame(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self.tables[name])


def explanation(
    result: dict[str, Any], run: TracedRun, input: int, what_if: dict[str, Any] | None, *, last: int | None = None
) -> Explanation:
    """Put together what was found.

    Parameters
    ----------
    result : dict
        What ``result.json`` holds.
    run : TracedRun
    input : int
        Whose path.
    what_if : dict or None
        See `chipsim.explain.variants`.
    last : int, optional
        The last input whose times nothing changes that was not traced; as many inputs tell if not given.
    """
    path = critical_path(run, input)
    rows_of_path = path_rows(run, path)
    last = _last_exact(run, result["settings"]["inputs"]) if last is None else last
    causes = _causes(run, max(last, input))
    late = last if last >= run.outcome.max_inputs_in_flight else run.outcome.inputs - 1
    data = {
        "schema_version": SCHEMA_VERSION,
        "chip": result["chip"]["name"],
        "network": result["network"]["name"],
        "beside": result.get("beside", []),
        "settings": settings_of(result),
        "inputs_traced": run.outcome.inputs,
        "max_inputs_in_flight": run.outcome.max_inputs_in_flight,
        "path": {
            "input": input,
            "exact": input <= last,
            "latency_s": from_ps(path[-1].end_ps - path[0].start_ps),
            "segments": len(path),
            "composition": composition(rows_of_path, input),
        },
        "steady": _steady(run, late),
        "causes": causes,
        "what_if": what_if,
    }
    rows = [] if what_if is None else what_if["variants"]
    return Explanation(data, {"causes": causes, "critical_path": rows_of_path, "what_if": rows})


def settings_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a run that its explanation names."""
    return {key: result["settings"][key] for key in ("inputs", "batch", "drain", "arrivals", "replicas")}


def _last_exact(run: TracedRun, total: int) -> int:
    """The last input whose times no input that was left out can change: those are admitted when it is done; or -1."""
    traced = run.outcome.inputs
    return traced - 1 if traced == total else max(-1, traced - run.outcome.max_inputs_in_flight)


def composition(rows: Records, input: int | None) -> Records:
    """Time of a path by layer, kind of component and activity, the longest first.

    Parameters
    ----------
    rows : list of dict
        The path; see `path_rows`.
    input : int or None
        Whose path: time that goes to others is counted apart.
    """
    found: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        times, ps = found[row["layer"], row["kind"], row["activity"]], row["end_ps"] - row["start_ps"]
        times[0] += ps
        of_others = row["input"] != input or bool(row.get("network"))
        times[1] += ps if input is not None and of_others else 0
    total = sum(times[0] for times in found.values())
    ordered = sorted(found.items(), key=lambda item: -item[1][0])
    return [
        {
            "layer": layer, "kind": kind, "activity": activity, "time_s": from_ps(time),
            "for_other_inputs_s": from_ps(others), "share": time / total,
        }
        for (layer, kind, activity), (time, others) in ordered
    ]  # fmt: skip


def _steady(run: TracedRun, input: int) -> dict[str, Any] | None:
    cycle = steady_cycle(run, input)
    if cycle is None:
        return None
    rows = path_rows(run, cycle.segments)
    return pace(rows, cycle.inputs, repeats=cycle.repeats, through_admission=cycle.admits)


def pace(cycle: Records, inputs: int, *, repeats: bool, through_admission: bool) -> dict[str, Any]:
    """What sets the pace, from the rows of what recurs every so many inputs.

    Parameters
    ----------
    cycle : list of dict
        See `path_rows`.
    inputs : int
    repeats, through_admission : bool
        See `chipsim.simulation.explaining.critical_path.Cycle`.
    """
    found, times = composition(cycle, None), defaultdict[str, int](int)
    for row in found:
        del row["for_other_inputs_s"]
        row["time_s"] /= inputs
    for row in cycle:
        times[row["component"]] += row["end_ps"] - row["start_ps"]
    return {
        "interval_s": (cycle[-1]["end_ps"] - cycle[0]["start_ps"]) / inputs / 1e12,
        "inputs": inputs,
        "repeats": repeats,
        "through_admission": through_admission,
        "component": max(times, key=lambda name: (times[name], name)),
        "composition": found,
    }


def _causes(run: TracedRun, last: int) -> Records:
    return cause_rows(waits(run, last))


def cause_rows(found: Iterable[Wait]) -> Records:
    """Waiting as rows of a table."""
    return [
        {
            "layer": wait.layer, "kind": wait.kind, "activity": wait.activity, "cause": wait.cause, "count": wait.count,
            "busy_s": from_ps(wait.busy_ps), "work_waited_s": from_ps(wait.work_ps),
            "server_waited_s": from_ps(wait.server_ps),
        }
        for wait in found
    ]  # fmt: skip


def path_rows(run: TracedRun, path: Sequence[Segment]) -> Records:
    """The segments of a path as rows of a table."""
    return [
        {
            "start_ps": segment.start_ps, "end_ps": segment.end_ps, "component": segment.component,
            "kind": kind_of(run, segment.component), "activity": segment.activity, "layer": segment.layer,
            "input": segment.input, "position": segment.position, "next_waits_for": segment.cause,
            **_of_which(run, segment),
        }
        for segment in path
    ]  # fmt: skip


def _of_which(run: TracedRun, segment: Segment) -> dict[str, str]:
    """The network, where there are several; empty for the one that is asked about."""
    tag = run.networks[segment.layer].tag
    return {"network": tag.removesuffix(": ")} if len(run.feeds.outputs) > 1 else {}
