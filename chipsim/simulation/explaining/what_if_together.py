"""`what_if_together`: the same of several networks on one chip, each with its throughput and latency."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from chipsim.errors import CapacityError
from chipsim.mapping.beside import place_beside
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.explaining.faster import faster_chips, in_words
from chipsim.simulation.explaining.what_if import FEWEST_INPUTS, MOST_MVMS, Variant, one_copy_more, variant_of, worth
from chipsim.simulation.together import Together, Workload, simulate_together

OfAll = tuple[Variant, ...]
"""A variant of the chip as each network on it takes it; busiest is what is busy for longest with all of them."""


def what_if_together(
    works: Sequence[Workload], asked: int, faster: float, progress: Callable[[int, int], None]
) -> list[OfAll]:
    """Simulate each variant with all networks; the chip as it is comes first, the others by the gain of the one asked.

    Parameters
    ----------
    works : sequence of Workload
        Networks and the inputs that each variant is simulated with.
    asked : int
        The network that is asked about: of its slowest layer one copy more is tried.
    faster : float
        How many times as fast each component is to be, greater than zero.
    progress : callable
        Told how many simulations are done, and of how many.
    """
    changed = list(faster_chips(works[0].plan.chip.spec, faster))
    total = 2 + len(changed)
    progress(0, total)
    today = _simulated("", "", (), works)
    found = []
    for done, (what, fields, chip) in enumerate(changed, start=1):
        progress(done, total)
        on_chip = [replace(work, plan=replace(work.plan, chip=chip)) for work in works]
        found.append(_simulated(what, in_words(fields, faster), fields, on_chip))
    progress(total - 1, total)
    found += _one_copy_more(works, asked)
    return [today, *sorted(found, key=lambda variant: worth(variant[asked]))]


def _simulated(what: str, change: str, fields: tuple[str, ...], works: Sequence[Workload]) -> OfAll:
    found = simulate_together(works)
    busiest = max(found.busy_ps, key=lambda name: (found.busy_ps[name], name))
    return tuple(
        replace(variant_of(what, change, fields, outcome, work.batch), busiest=busiest)
        for work, outcome in zip(works, found.networks, strict=True)
    )


def _one_copy_more(works: Sequence[Workload], asked: int) -> Iterator[OfAll]:
    """The slowest layer of the network asked about, on tiles that no other network has."""
    work = works[asked]
    if work.counts:  # what a copy's conversions would take is not known
        return
    copy = one_copy_more(work.plan)
    if copy is None:
        return
    others = [other.plan for number, other in enumerate(works) if number != asked]
    try:
        plan = place_beside(others, work.plan.chip, lambda free: copy.on(replace(work.plan, chip=free)))
    except CapacityError:
        yield (Variant(copy.what, f"{copy.change}: no room", (), None, None),) * len(works)
        return
    yield _simulated(
        copy.what, copy.change, (),
        [replace(other, plan=plan) if number == asked else other for number, other in enumerate(works)],
    )  # fmt: skip


def first_inputs(works: Sequence[Workload], whole: Together) -> list[int]:
    """How many inputs of each network variants are simulated with: those of the first part of the run.

    Parameters
    ----------
    works : sequence of Workload
    whole : Together
        What they take.

    Notes
    -----
    The part ends when tiles have done `MOST_MVMS` products, but not before every network has inputs enough for a
    throughput or is done. So networks that meet in the run meet here, too.
    """
    networks = whole.networks
    least = [min(work.inputs, _enough(work, outcome)) for work, outcome in zip(works, networks, strict=True)]
    times = sorted({time for outcome in networks for time in outcome.done_ps})
    first = max(max(outcome.done_ps[:count]) for outcome, count in zip(networks, least, strict=True))
    low, high = times.index(first), len(times)  # until times[high] there are too many
    found = _until(networks, times[low])
    while high - low > 1:
        middle = (low + high) // 2
        counts = _until(networks, times[middle])
        if sum(count * work.plan.tile_mvms for count, work in zip(counts, works, strict=True)) > MOST_MVMS:
            high = middle
        else:
            low, found = middle, counts
    return found


def _enough(work: Workload, outcome: ChipOutcome) -> int:
    return max(FEWEST_INPUTS, 2 * outcome.max_inputs_in_flight + 2, 4 * work.batch)


def _until(networks: Sequence[ChipOutcome], time_ps: int) -> list[int]:
    return [sum(done <= time_ps for done in outcome.done_ps) for outcome in networks]
