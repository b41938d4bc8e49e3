"""`simulate_several`: one call from several networks on one chip to a `Result` (rules T90 to T92)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from chipsim.against import Against, run_baseline, von_neumann
from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.spec import InMemorySpec, VonNeumannSpec
from chipsim.beside import Beside, parse_beside
from chipsim.errors import InputError
from chipsim.execution.accuracy import compute_values
from chipsim.execution.split import Split, split_data
from chipsim.execution.stored import stored_age_and_count
from chipsim.execution.values_outcome import ValuesOutcome
from chipsim.extremes import checked
from chipsim.files import staged
from chipsim.mapping.beside import place_beside
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import Dataset
from chipsim.partial import of_timed_inputs
from chipsim.planes import settle
from chipsim.planning.choose import make_plan
from chipsim.prepare import Progress, age_of, chip_spec, network_and_data
from chipsim.result import Result
from chipsim.settings import Settings
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.together import Workload, simulate_together
from chipsim.simulation.units.arrivals import parse_arrivals
from chipsim.stopping import Stop
from chipsim.together_summary import Member, together_data
from chipsim.together_tables import together_tables
from chipsim.units import age_text


@dataclass(frozen=True, slots=True)
class _Network:
    """One of the networks: what was asked for, where it is and what it computes."""

    asked: Beside
    dataset: Dataset
    split: Split
    plan: Plan
    values: ValuesOutcome | None
    arrivals_ps: list[int] | None

    @property
    def load(self) -> Path | None:
        """Where its programmings come from, if not drawn anew."""
        return None if self.asked.load_programming is None else Path(self.asked.load_programming)

    @property
    def work(self) -> Workload:
        """For the timing plane."""
        return Workload(
            plan=self.plan, inputs=len(self.split.x), batch=self.asked.batch, drain=self.asked.drain,
            arrivals_ps=self.arrivals_ps, counts=None if self.values is None else self.values.conversion_counts,
        )  # fmt: skip


def simulate_several(
    settings: Settings, *, threads: int, chunk: int | None, progress: Progress, save_programming: Path | None = None,
    stop: Stop | None = None, at_time: Callable[[int], None] | None = None, exact_all: bool = False,
) -> Result:  # fmt: skip
    """Run the networks of ``settings.model`` and ``settings.beside`` on one chip at once.

    Parameters
    ----------
    settings : Settings
    threads, chunk, progress, save_programming, stop, at_time, exact_all
        As for `chipsim.simulate.simulate`.

    Returns
    -------
    Result
        With ``networks``, one entry for each, instead of ``accuracy``; see ``docs/several.md``.
    """
    first = Beside(
        settings.model, settings.data, settings.batch, settings.arrivals, settings.drain, settings.replicas,
        settings.shapes, None if save_programming is None else str(save_programming), settings.load_programming,
    )  # fmt: skip
    asked = [first, *map(parse_beside, settings.beside)]
    with ExitStack() as files:  # programmings are kept only beside a result
        places = [files.enter_context(staged(path)) for path in _different(asked)]
        return checked(
            lambda: _simulate(settings, asked, places, threads, chunk, progress, stop or Stop(), at_time, exact_all),
            settings,
        )


def _different(asked: Sequence[Beside]) -> list[Path | None]:
    """Where programmings are written, of each network to a file of its own."""
    paths = [None if item.save_programming is None else Path(item.save_programming) for item in asked]
    seen = Counter(path.resolve() for path in paths if path is not None)
    for path in paths:
        if path is not None and seen[path.resolve()] > 1:
            raise InputError(f"save-programming {path}: two networks cannot write to one file; give each its own")
    return paths


def _one_age(settings: Settings, asked: Sequence[Beside], spec: InMemorySpec) -> tuple[Settings, float]:
    """The age of the cells and the number of programmings, which those that come from files must agree on."""
    loaded = [item.load_programming for item in asked if item.load_programming is not None]
    found, age_s = age_of(replace(settings, load_programming=loaded[0] if loaded else None), spec)
    for name in loaded[1:]:
        stored_s, count = stored_age_and_count(Path(name))
        if (stored_s, count) != (age_s, found.programmings):
            raise InputError(
                f"{name} holds {count} programmings of age {age_text(stored_s)}, {loaded[0]} {found.programmings} of "
                f"age {age_text(age_s)}; all networks are on one chip: give files that agree"
            )
    return found, age_s


def _simulate(
    settings: Settings, asked: Sequence[Beside], places: Sequence[Path | None], threads: int, chunk: int | None,
    progress: Progress, stop: Stop, at_time: Callable[[int], None] | None, exact_all: bool,
) -> Result:  # fmt: skip
    progress("reading", 0, 1)
    spec, other = chip_spec(settings), von_neumann(settings)
    if spec.mapping.reload:
        raise InputError("mapping.reload does not go with --beside: the tiles between rounds are one network's")
    settings, age_s = _one_age(settings, asked, spec)
    chip, networks = build_chip(spec), list[_Network]()
    for each in asked:
        networks.append(_read(each, settings, chip, networks))
    if not settings.timing_only:
        networks = [
            _computed(item, settings, age_s, threads, chunk, progress, stop, place)
            for item, place in zip(networks, places, strict=True)
        ]
    works = [item.work for item in networks]
    total = sum(work.inputs for work in works)
    progress("timing", 0, total)
    with stop.patiently():
        found = simulate_together(
            works,
            trace_inputs=min(settings.trace, max(work.inputs for work in works)),
            stop=lambda: stop.asked,
            progress=lambda done: progress("timing", done, total),
            at_time=at_time,
            exact_all=exact_all,
        )
        alone = [None if stop.asked else _alone(work) for work in works]
    stop.patient = True  # there is something to show from here on
    members = [
        _member(item, outcome, by_itself, settings, age_s, threads, chunk)
        for item, outcome, by_itself in zip(networks, found.networks, alone, strict=True)
    ]
    if other is not None:
        members = [replace(member, against=_against(other, member, item, progress, stop))
                   for member, item in zip(members, networks, strict=True)]  # fmt: skip
    return Result(together_data(settings, age_s, members, found, other), together_tables(members, found))


def _read(asked: Beside, settings: Settings, chip: Chip, before: list[_Network]) -> _Network:
    network, dataset = network_and_data(settings, asked.model, asked.data, asked.shapes)
    plan = place_beside(
        [item.plan for item in before], chip, lambda free: make_plan(network, free, asked.replicas, settings.seed)
    )
    split, times = split_data(dataset), None
    if asked.arrivals is not None:
        rate = parse_arrivals(asked.arrivals)
        times = rate.times_ps(len(split.x), asked.batch, settings.seed, network=len(before))
    return _Network(asked, dataset, split, plan, None, times)


def _computed(
    item: _Network, settings: Settings, age_s: float, threads: int, chunk: int | None, progress: Progress, stop: Stop,
    save: Path | None,
) -> _Network:  # fmt: skip
    values = compute_values(
        item.plan, item.split, settings.seed, age_s, settings.programmings,
        progress=lambda text: progress(f"{item.plan.network.name}: {text}", 0, 1), threads=threads, chunk=chunk,
        precision=settings.precision, save=save, load=item.load, stop=stop,
    )  # fmt: skip
    return replace(item, values=values)


def _alone(work: Workload) -> ChipOutcome:
    """The same network on the same tiles, with the rest of the chip idle."""
    return simulate_chip(
        work.plan, work.inputs, work.batch, drain=work.drain, arrivals_ps=work.arrivals_ps, counts=work.counts
    )


def _against(
    spec: VonNeumannSpec, member: Member, item: _Network, progress: Progress, stop: Stop
) -> Against | None:  # fmt: skip
    """A network by itself on the baseline, with the inputs that it had on the chip."""
    asked, inputs = item.asked, member.outcome.inputs
    times = None if item.arrivals_ps is None else item.arrivals_ps[:inputs]
    return run_baseline(
        spec, item.plan.network, inputs, asked.batch, progress, stop, drain=asked.drain, arrivals_ps=times
    )


def _member(
    item: _Network, outcome: ChipOutcome, alone: ChipOutcome | None, settings: Settings, age_s: float, threads: int,
    chunk: int | None,
) -> Member:  # fmt: skip
    """Put times and values of one network together, and add to its energy what depends on values."""
    values, plan = item.values, item.plan
    if values is not None:
        values = of_timed_inputs(
            values, outcome.inputs, plan, item.split, settings, age_s, threads=threads, chunk=chunk, load=item.load
        )
        settle(plan, outcome, values)
    return Member(item.asked, item.dataset, item.split, plan, values, outcome, alone)
