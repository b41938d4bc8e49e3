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
from chipsim.simulation.explaining.critical_path import Cycle, Segment, critical_path, steady_cycle
from chipsim.simulation.explaining.traced_run import TracedRun
from chipsim.simulation.explaining.waits import kind_of, waits
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
        See `chipsim.explained_variants`.
    last : int, optional
        The last input whose times nothing changes that was not traced; as many inputs tell if not given.
    """
    path = critical_path(run, input)
    last = _last_exact(run, result["settings"]["inputs"]) if last is None else last
    causes = _causes(run, max(last, input))
    late = last if last >= run.outcome.max_inputs_in_flight else run.outcome.inputs - 1
    data = {
        "schema_version": SCHEMA_VERSION,
        "chip": result["chip"]["name"],
        "network": result["network"]["name"],
        "beside": result.get("beside", []),
        "settings": {key: result["settings"][key] for key in ("inputs", "batch", "drain", "arrivals", "replicas")},
        "inputs_traced": run.outcome.inputs,
        "max_inputs_in_flight": run.outcome.max_inputs_in_flight,
        "path": {
            "input": input,
            "exact": input <= last,
            "latency_s": from_ps(path[-1].end_ps - path[0].start_ps),
            "segments": len(path),
            "composition": composition(run, path, input),
        },
        "steady": _steady(run, late),
        "causes": causes,
        "what_if": what_if,
    }
    rows = [] if what_if is None else what_if["variants"]
    return Explanation(data, {"causes": causes, "critical_path": _path(run, path), "what_if": rows})


def _last_exact(run: TracedRun, total: int) -> int:
    """The last input whose times no input that was left out can change: those are admitted when it is done; or -1."""
    traced = run.outcome.inputs
    return traced - 1 if traced == total else max(-1, traced - run.outcome.max_inputs_in_flight)


def composition(run: TracedRun, segments: Iterable[Segment], input: int | None) -> Records:
    """Time of a path by layer, kind of component and activity, the longest first.

    Parameters
    ----------
    run : TracedRun
    segments : iterable of Segment
    input : int or None
        Whose path: time that goes to others is counted apart.
    """
    found: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for segment in segments:
        times = found[segment.layer, kind_of(run, segment.component), segment.activity]
        times[0] += segment.ps
        of_others = segment.input != input or bool(run.networks[segment.layer].tag)
        times[1] += segment.ps if input is not None and of_others else 0
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
    rows = composition(run, cycle.segments, None)
    for row in rows:
        del row["for_other_inputs_s"]
        row["time_s"] /= cycle.inputs
    return {
        "interval_s": cycle.interval_ps / 1e12,
        "inputs": cycle.inputs,
        "repeats": cycle.repeats,
        "through_admission": cycle.admits,
        "component": _most_of(cycle),
        "composition": rows,
    }


def _most_of(cycle: Cycle) -> str:
    """The component that has most of a cycle."""
    times: defaultdict[str, int] = defaultdict(int)
    for segment in cycle.segments:
        times[segment.component] += segment.ps
    return max(times, key=lambda name: (times[name], name))


def _causes(run: TracedRun, last: int) -> Records:
    return [
        {
            "layer": wait.layer, "kind": wait.kind, "activity": wait.activity, "cause": wait.cause, "count": wait.count,
            "busy_s": from_ps(wait.busy_ps), "work_waited_s": from_ps(wait.work_ps),
            "server_waited_s": from_ps(wait.server_ps),
        }
        for wait in waits(run, last)
    ]  # fmt: skip


def _path(run: TracedRun, path: Sequence[Segment]) -> Records:
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
