"""`simulate_rounds`: batch after batch through all rounds, with tiles written in between (rules T86 to T88)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from typing import Protocol

from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import InputError
from chipsim.mapping.plan import Plan
from chipsim.planning.rounds import Rounds
from chipsim.planning.rounds_chip import in_round
from chipsim.planning.writing import Reloading, end_of, load_before, load_of
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.core.jump import Simulated
from chipsim.simulation.core.ledger import Action, Ledger
from chipsim.simulation.core.timeline import StageSpan, Timeline
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.loading import Writes
from chipsim.simulation.outcome import SimulatorCost
from chipsim.units import PS_PER_S


def check_reload(settings: AsksForMore, spec: InMemorySpec) -> None:
    """Refuse what rounds do not go with.

    Raises
    ------
    InputError
        Naming the option.
    """
    wrong = [
        name
        for name, given in (
            ("--arrivals", settings.arrivals is not None),
            ("--trace", settings.trace > 0),
            ("tile.dac.early_stop or tile.adc.early_stop", spec.tile.dac.early_stop or spec.tile.adc.early_stop),
            ("tile.compensation.kind: affine", spec.tile.compensation.kind == "affine"),
        )
        if given
    ]
    if wrong:
        raise InputError(f"mapping.reload does not go with {wrong[0]}; leave one of the two out")


class AsksForMore(Protocol):
    """What of a run's settings matters here."""

    @property
    def arrivals(self) -> str | None:
        """Rate of the inputs."""

    @property
    def trace(self) -> int:
        """Inputs whose spans are kept."""


def simulate_rounds(
    rounds: Rounds, inputs: int, batch: int, *, writes: Mapping[str, Writes] | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[ChipOutcome, Reloading]:  # fmt: skip
    """Let inputs go through all rounds, a batch at a time.

    Parameters
    ----------
    rounds : Rounds
    inputs, batch : int
    writes : mapping of str to Writes, optional
        For each block of ``rounds.plan``, by name; the most that a cell can take if not given.
    progress : callable, optional
        Told the number of finished inputs.
    """
    loads = tuple(load_of(each, number, writes) for number, each in enumerate(rounds.rounds))
    batches = ceil(inputs / batch)
    times = (batches - 1, *[batches] * (len(loads) - 1))
    reloading = Reloading(load_before(rounds, writes), loads, times)
    total, clock, left = _Sum(rounds), 0, inputs
    known: dict[tuple[int, int], ChipOutcome] = {}
    while left:
        size, first, released = min(batch, left), left == inputs, 0
        for number, each in enumerate(rounds.rounds):
            if not (first and number == 0):
                clock += end_of(loads[number])
            released = released if number else clock
            key = (number, size)
            if key not in known:
                known[key] = simulate_chip(each.plan, size, size)
            total.add(known[key], number, clock)
            clock += known[key].makespan_ps
        total.finish(known[len(loads) - 1, size], released, clock)
        left -= size
        if progress is not None:
            progress(inputs - left)
    alone = [known.get((number, 1)) or simulate_chip(each.plan, 1) for number, each in enumerate(rounds.rounds)]
    latency = sum(outcome.makespan_ps for outcome in alone) + sum(map(end_of, loads[1:]))
    return total.outcome(rounds.plan, reloading, batch, latency), reloading


class _Sum:
    """Adds up the runs of rounds; every component has the name that it has in its round."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self._busy: Counter[str] = Counter()
        self._mvms: Counter[str] = Counter()
        self._block_busy: Counter[str] = Counter()
        self._links: dict[str, list[int]] = {}
        self._ends: dict[str, tuple[str, str]] = {}
        self._ledger = Ledger()
        self._static: dict[int, list[tuple[str, str, Action, float]]] = {}
        self._stages: list[StageSpan] = []
        self._peaks: dict[tuple[str, str, str], int] = {}
        self._runs: dict[int, ChipOutcome] = {}
        self._released: list[int] = []
        self._done: list[int] = []
        self._admitted: list[int] = []

    def add(self, run: ChipOutcome, number: int, start: int) -> None:
        """A batch of inputs went through one round, which began at a time."""
        self._runs[id(run)] = run
        self._busy.update({component_in_round(name, number): time for name, time in run.timeline.busy_ps.items()})
        self._mvms.update({_block(name, number): count for name, count in run.tile_mvms.items()})
        self._block_busy.update({_block(name, number): time for name, time in run.block_busy_ps.items()})
        for name, source, target, *amounts in run.links:
            link = in_round(name, number)
            self._ends[link] = in_round(source, number), in_round(target, number)
            kept = self._links.setdefault(link, [0, 0, 0])
            self._links[link] = [before + more for before, more in zip(kept, amounts, strict=True)]
        power = []
        for row in run.ledger.rows():
            action = Action(row.action, row.unit, row.joules_per_unit, row.source, row.level)
            component = in_round(row.component, number)
            self._ledger.add(component, row.kind, action, row.layer, row.amount)
            if row.action == "static":
                power.append((component, row.kind, action, row.joules_per_unit))
        self._static[number] = power
        inputs = len(self._done)
        for span in run.timeline.stages:
            times = span.start_ps + start, span.end_ps + start
            self._stages.append(StageSpan(span.layer, inputs + span.input, *times))
        for peak in run.buffer_peaks:
            key = peak.producer, peak.consumer, in_round(peak.component, number)
            self._peaks[key] = max(peak.positions, self._peaks.get(key, 0))

    def finish(self, last: ChipOutcome, released: int, end: int) -> None:
        """A batch is through the last round, which ended at a time."""
        start = end - last.makespan_ps
        self._released += [released] * last.inputs
        self._admitted += [released] * last.inputs
        self._done += [start + done for done in last.done_ps]

    def outcome(self, plan: Plan, reloading: Reloading, batch: int, alone: int) -> ChipOutcome:
        """Everything together."""
        self._pay(reloading)
        one = next(iter(self._runs.values()))
        makespan = max(self._done)
        arrays = dict.fromkeys(placed.array for placed in plan.blocks)
        # one array of the chip is busy in each of its rounds
        real: Counter[str] = Counter()
        for array in arrays:
            real[re.sub(r"@\d+", "", array)] += self._busy[array]
        costs = [run.cost for run in self._runs.values()]
        kept = max((span.input for span in one.timeline.stages), default=0)
        return replace(
            one,
            released_ps=self._released,
            done_ps=self._done,
            admitted_ps=self._admitted,
            batch=batch,
            latency_alone_ps=alone,
            ledger=self._ledger,
            timeline=Timeline([span for span in self._stages if span.input <= kept], [], dict(self._busy)),
            utilisation_mean=sum(real.values()) / makespan / len(real),
            cost=SimulatorCost(
                sum(cost.events for cost in costs),
                sum(cost.cpu_s for cost in costs),
                sum(cost.wall_s for cost in costs),
            ),
            tile_mvms=dict(self._mvms),
            block_busy_ps=dict(self._block_busy),
            links=[
                (name, *self._ends[name], packets, size, busy) for name, (packets, size, busy) in self._links.items()
            ],
            buffer_peaks=[
                replace(one.buffer_peaks[0], producer=key[0], consumer=key[1], component=key[2], positions=positions)
                for key, positions in self._peaks.items()
            ]
            if one.buffer_peaks
            else [],
            max_inputs_in_flight=max(run.max_inputs_in_flight for run in self._runs.values()),
            simulated=Simulated(len(self._done), None, "tiles are written again between rounds (T86)"),
        )

    def _pay(self, reloading: Reloading) -> None:
        """Writing, and the power that the chip draws meanwhile (T88)."""
        spec = self._rounds.plan.chip.spec
        programming = spec.tile.programming
        assert programming is not None  # checked where rounds are made
        for number, (load, times) in enumerate(zip(reloading.loads, reloading.times, strict=True)):
            if load is None or not times:
                continue
            source = "transfer over host and links, as for loading"
            sent = Action("reload transfer", "byte", load.transfer_j / load.bytes, source, "host")
            pulse = Action("reload pulse", "pulse", programming.pulse_energy, programming.source_of("pulse_energy"))
            verify = Action(
                "reload verify", "verify", programming.verify_energy, programming.source_of("verify_energy")
            )
            for action, amount in ((sent, load.bytes), (pulse, load.pulses), (verify, load.verifies)):
                self._ledger.add(f"cells@{number + 1}", "programming", action, "", amount * times)
            for component, kind, action, _ in self._static[number]:
                self._ledger.add(component, kind, action, "", times * load.end_ps / PS_PER_S)


def component_in_round(name: str, number: int) -> str:
    """Name of a component, a link or an array in a round."""
    return _block(name, number) if name.startswith("tile(") and "->" not in name else in_round(name, number)


def _block(name: str, number: int) -> str:
    """Name of a block in a round: behind the tile's, before its array and corner.

    Examples
    --------
    >>> _block("tile(0,1)[2]+0,8", 0)
    'tile(0,1)@1[2]+0,8'
    """
    tile, bracket, rest = name.partition(")")
    return f"{tile}{bracket}@{number + 1}{rest}"
