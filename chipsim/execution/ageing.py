"""`compute_ageing`: what a network on a chip is worth over time, with and without each way to make up for drift.

Every programming is programmed once and read at all ages; reference and ideal runs, converter ranges and what affine
factors aim at are worked out once for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from chipsim.architecture.compensation_spec import Compensation, CompensationKind
from chipsim.crossbar.array import Array, ProgrammedBlock
from chipsim.crossbar.sliced_block import SlicedArray, SlicedBlock
from chipsim.execution.accuracy import Progress
from chipsim.execution.affine import Moments
from chipsim.execution.affine_refit import ideal_moments, refit
from chipsim.execution.block_run import BlockRun, BlockSite
from chipsim.execution.calibration import Ranges, calibrate, device_of
from chipsim.execution.forward import Values
from chipsim.execution.functional import (
    IDEAL,
    QUANTISED,
    AnalogNetwork,
    Fidelity,
    block_sites,
    program_network,
    run_sites,
)
from chipsim.execution.scores import check_values, scorer, signal_to_noise_db
from chipsim.execution.split import Split
from chipsim.mapping.plan import Plan
from chipsim.network.reference import compared_layers, run_reference
from chipsim.units import human


@dataclass(frozen=True, slots=True)
class AgedScore:
    """One programming at one age with one compensation.

    Attributes
    ----------
    programming : int
        From zero.
    age_s : float
    compensation : str
    accuracy : float or None
        None without labels.
    signal_to_noise_db : float or None
        Power of the ideal network's outputs over that of the difference to them; None where there is none.
    gain : float or None
        Least-squares factor between these outputs and the ideal ones; None where those are zero.
    signal_to_noise_without_gain_db : float or None
        The signal-to-noise after division by the gain.
    """

    programming: int
    age_s: float
    compensation: CompensationKind
    accuracy: float | None
    signal_to_noise_db: float | None
    gain: float | None
    signal_to_noise_without_gain_db: float | None


@dataclass(frozen=True, slots=True)
class AgeingOutcome:
    """What `compute_ageing` found.

    Attributes
    ----------
    accuracy : dict of str to float or None
        Of the ``reference``, ``ideal`` and ``quantised`` networks, which do not age.
    scores : list of AgedScore
        By programming, age and compensation.
    """

    accuracy: dict[str, float | None]
    scores: list[AgedScore]


def compute_ageing(
    plan: Plan, split: Split, seed: int, ages_s: Sequence[float], programmings: int,
    compensations: Sequence[Compensation], *, progress: Progress, threads: int = 2, chunk: int | None = None,
) -> AgeingOutcome:  # fmt: skip
    """Score programmings at several ages.

    Parameters
    ----------
    plan : Plan
    split : Split
    seed : int
    ages_s : sequence of float
        In seconds since age zero of the device model.
    programmings : int
        Independent ones.
    compensations : sequence of Compensation
        At the device's earliest age none of them does anything.
    progress : callable
        Told in words what is being computed.
    threads, chunk : int
        Change speed and memory, no byte of the outcome.

    Raises
    ------
    DataError
        If values leave the range of float32, or a label is no class of the network.
    DeviceRangeError
        If the device model does not know an age.

    Notes
    -----
    A score is that of a run at this age with this seed: all draws are the same, also those of slow and fast noise,
    which are the same normals at every age. So ages and compensations are compared on the same chips.
    """
    for age_s in ages_s:
        device_of(plan.chip.spec).check_age(age_s)
    bench, accuracy = _prepare(plan, split, seed, compensations, progress, (threads, chunk))
    scores = []
    for programming in range(programmings):
        words = f"programming {programming + 1} of {programmings}"
        progress(words)
        chip = _ProgrammedChip.program(bench, (seed, programming))
        for age_s in ages_s:
            plain = chip.at_age(age_s)
            seen: dict[CompensationKind, AgedScore] = {}
            for each in compensations:
                kind = each.kind if age_s > chip.earliest_age_s else "none"  # at first there is nothing to make up for
                if kind not in seen:
                    progress(f"{words}, at {human(age_s, 's')}, {kind}")
                    network = plain.uncompensated() if kind == "none" else chip.compensated(plain, each)
                    seen[kind] = bench.scored(network, programming, kind)
                scores.append(replace(seen[kind], compensation=each.kind))
    return AgeingOutcome(accuracy, scores)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all programmings share: the network, its data, and what they are compared with."""

    plan: Plan
    split: Split
    ranges: dict[str, Ranges]
    moments: dict[str, Moments]
    clean: Values
    output: str
    score: Callable[[Values], float | None]
    reads: bool
    threads: int
    chunk: int | None

    def scored(self, network: AnalogNetwork, programming: int, kind: CompensationKind) -> AgedScore:
        """Run the scored inputs."""
        values = network.run(self.split.x, (self.output,), self.chunk)[self.output]
        gain = gain_of(values, self.clean)
        return AgedScore(
            programming,
            network.fidelity.age_s,
            kind,
            self.score(values),
            signal_to_noise_db(self.clean, values),
            gain,
            signal_to_noise_db(self.clean, values / np.float32(gain)) if gain else None,
        )


@dataclass(frozen=True, slots=True)
class _ProgrammedChip:
    """One programming, with its cells as programmed and, where needed, at the time of reference answers; by block."""

    bench: _Bench
    sites: dict[str, list[BlockSite]]
    cells: dict[str, ProgrammedBlock | SlicedBlock]
    start: dict[str, Array | SlicedArray]

    @classmethod
    def program(cls, bench: _Bench, draw: tuple[int, int]) -> _ProgrammedChip:
        """Put the weights of all blocks into cells."""
        earliest_s = device_of(bench.plan.chip.spec).earliest_age_s
        sites = block_sites(bench.plan, bench.ranges, Fidelity(True, True, earliest_s), draw)
        every = [site for own in sites.values() for site in own if not site.placed.reader]
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(bench.threads) as pool:
            cells = list(pool.map(BlockSite.program, every))
            start = list(pool.map(BlockSite.start, every, cells)) if bench.reads else []
        names = [site.placed.name for site in every]
        return cls(bench, sites, dict(zip(names, cells, strict=True)), dict(zip(names, start, strict=False)))

    @property
    def earliest_age_s(self) -> float:
        """Of the device model."""
        return device_of(self.bench.plan.chip.spec).earliest_age_s

    def at_age(self, age_s: float) -> AnalogNetwork:
        """The cells at an age, to derive other networks from."""

        def evaluated(site: BlockSite) -> BlockRun:
            return site.run(site.evaluate(self.cells[site.placed.name], age_s, compensated=False))

        return self._network(Fidelity(True, True, age_s), evaluated)

    def compensated(self, plain: AnalogNetwork, compensation: Compensation) -> AnalogNetwork:
        """The cells of a network, not read yet, with drift made up for."""
        if compensation.kind == "affine":
            return refit(plain, self.bench.moments, self.bench.split.calibration, self.bench.chunk)[0]
        ready = {run.placed.name: run.ready for layer in plain.layers.values() for run in layer.blocks}

        def referenced(site: BlockSite) -> BlockRun:
            name = site.placed.name
            return site.run(site.referenced(ready[name], self.start[name], compensation))

        return self._network(replace(plain.fidelity, compensated=True), referenced)

    def _network(self, fidelity: Fidelity, prepare: Callable[[BlockSite], BlockRun]) -> AnalogNetwork:
        return run_sites(self.bench.plan, fidelity, self.sites, prepare, self.bench.threads)


def _prepare(
    plan: Plan, split: Split, seed: int, compensations: Sequence[Compensation], progress: Progress,
    speed: tuple[int, int | None],
) -> tuple[_Bench, dict[str, float | None]]:  # fmt: skip
    """Everything that does not age, and its accuracies."""
    network, (threads, chunk) = plan.network, speed
    score = scorer(split.y if network.weights == "file" else None)
    output = compared_layers(network, before_softmax=True)[0]
    progress("reference")
    outputs = {"reference": run_reference(network, split.x, before_softmax=True)[0]}
    check_values(network, outputs["reference"], split.y)
    progress("calibration")
    ranges = calibrate(plan, split.calibration, chunk)
    for name, fidelity in (("ideal", IDEAL), ("quantised", QUANTISED)):
        progress(name)
        outputs[name] = program_network(plan, ranges, fidelity, seed, 0, threads).run(split.x, (output,), chunk)[output]
    moments: dict[str, Moments] = {}
    if any(each.kind == "affine" for each in compensations):
        moments = ideal_moments(plan, ranges, split.calibration, threads=threads, chunk=chunk)
    reads = any(each.reads_per_tile for each in compensations)
    bench = _Bench(plan, split, ranges, moments, outputs["ideal"], output, score, reads, threads, chunk)
    return bench, {name: score(values) for name, values in outputs.items()}


def gain_of(values: Values, clean: Values) -> float | None:
    """Least-squares factor between values and clean ones; None where these are zero.

    Examples
    --------
    >>> gain_of(np.float32([1.0, 2.0]), np.float32([2.0, 4.0]))
    0.5
    """
    power = float(np.square(clean, dtype=np.float64).sum())
    return float((values.astype(np.float64) * clean).sum()) / power if power > 0 else None
