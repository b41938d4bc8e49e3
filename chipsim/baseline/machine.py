"""`simulate_baseline`: a network on a von Neumann machine, with the same result type as the chip."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fractions import Fraction

from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.accounting import count_actions, loading_of
from chipsim.baseline.engine import BaselineEngine
from chipsim.baseline.plan import plan_memory
from chipsim.baseline.program import Program, build_program
from chipsim.errors import CapacityError, InputError
from chipsim.network.graph import Network
from chipsim.simulation.core.timeline import Timeline
from chipsim.simulation.outcome import Outcome, SimulatorCost

LARGEST_BATCH = 256
"""Largest batch that `best_batch` tries (assumption)."""
_TRIAL_BATCHES, _SETTLED = 4, 2


def simulate_baseline(
    spec: VonNeumannSpec, network: Network, inputs: int, batch: int = 1, *, drain: bool = False,
    arrivals_ps: Sequence[int] | None = None, progress: Callable[[int], None] | None = None,
) -> Outcome:  # fmt: skip
    """Run ``inputs`` inputs of a network, ``batch`` at a time.

    Parameters
    ----------
    spec : VonNeumannSpec
    network : Network
        Only its shapes are read.
    inputs, batch : int
        At least 1; the last batch may be smaller.
    drain : bool
        Begin to send a batch when the one before is done.
    arrivals_ps : sequence of int, length inputs, optional
        When each input is there to be sent, equal within a batch; all from the beginning if not given.
    progress : callable, optional
        Called with the number of inputs that are done, after each batch.

    Returns
    -------
    Outcome

    Raises
    ------
    CapacityError
        If one position of a layer does not fit on chip.
    InputError
        If ``inputs`` or ``batch`` is below 1.
    """
    for name, value in (("inputs", inputs), ("batch", batch)):
        if value < 1:
            raise InputError(f"{name}(={value}) must be at least 1")
    wall, cpu = time.perf_counter(), time.process_time()
    programs, limit = _programs(spec, network, inputs, batch), _limit(spec, batch, drain)
    engine = BaselineEngine(spec, programs, limit, progress, arrivals_ps)
    engine.run()
    busy = _busy_ps(engine)
    loading = loading_of(spec, network, min(batch, inputs))
    return Outcome(
        name=spec.name,
        released_ps=engine.released_ps,
        done_ps=engine.done_ps,
        admitted_ps=engine.admitted_ps,
        batch=batch,
        ledger=count_actions(spec, engine),
        timeline=Timeline(stages=engine.stages, busy_ps=busy),
        peak_tops=2 * spec.compute.macs_per_cycle * spec.compute.frequency / 1e12,
        utilisation_mean=busy["compute"] / max(engine.done_ps),
        cost=SimulatorCost(engine.clock.events, time.process_time() - cpu, time.perf_counter() - wall),
        loading_s=loading.seconds,
        loading_j=loading.joules,
    )


def best_batch(spec: VonNeumannSpec, network: Network, inputs_hint: int) -> int:
    """The batch with the highest throughput, among powers of two; the smallest of equals.

    Parameters
    ----------
    spec : VonNeumannSpec
    network : Network
    inputs_hint : int
        How many inputs there are: no larger batch is tried.

    Returns
    -------
    int
        At most `LARGEST_BATCH`.
    """
    best, best_interval = 1, _interval_ps(spec, network, 1)
    batch = 2
    while batch <= min(inputs_hint, LARGEST_BATCH):
        try:
            interval = _interval_ps(spec, network, batch)
        except CapacityError:  # of loops (B26)
            break
        if interval < best_interval:
            best, best_interval = batch, interval
        batch *= 2
    return best


def _interval_ps(spec: VonNeumannSpec, network: Network, batch: int) -> Fraction:
    """Steady picoseconds per input: over the last batches of a few."""
    done = simulate_baseline(spec, network, _TRIAL_BATCHES * batch, batch).done_ps
    settled = _SETTLED * batch
    return Fraction(done[-1] - done[-1 - settled], settled)


def _programs(spec: VonNeumannSpec, network: Network, inputs: int, batch: int) -> list[Program]:
    """One program for all whole batches, one for the rest; both under one plan."""
    plan = plan_memory(spec, network, min(batch, inputs))
    whole, rest = divmod(inputs, batch)
    programs = [build_program(spec, network, plan, batch)] * whole if whole else []
    return [*programs, build_program(spec, network, plan, rest)] if rest else programs


def _limit(spec: VonNeumannSpec, batch: int, drain: bool) -> int | None:
    """Batches that may be released and not done."""
    if drain:
        return 1
    allowed = spec.host.max_inputs_in_flight
    return None if allowed == "auto" else max(1, allowed // batch)


def _busy_ps(engine: BaselineEngine) -> dict[str, int]:
    parts = [program.busy for program in engine.programs]
    return {
        "compute": sum(part.compute for part in parts),
        "vector_unit": sum(part.vector_unit for part in parts),
        "on_chip_memory": sum(part.on_chip_memory for part in parts),
        "dram": engine.dram.busy_ps,
        "host_in": engine.host.in_ps,
        "host_out": engine.host.out_ps,
    }
