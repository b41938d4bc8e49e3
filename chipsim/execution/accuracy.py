"""Accuracy four ways, signal-to-noise per layer, and the data that converters are calibrated with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, pstdev  # exact: a mean is never below the least value

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.conversion_cycles import ConversionCounts
from chipsim.crossbar.precision import Precision
from chipsim.crossbar.program_verify import WriteCounts
from chipsim.errors import DataError
from chipsim.execution.affine_refit import Refit, refitter
from chipsim.execution.calibration import Ranges, calibrate, device_of
from chipsim.execution.forward import Values
from chipsim.execution.functional import IDEAL, QUANTISED, AnalogNetwork, Fidelity, program_network
from chipsim.execution.stored import ProgrammingFile, ProgrammingWriter
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import Dataset
from chipsim.network.graph import Network
from chipsim.network.reference import compared_layers, run_reference
from chipsim.stopping import Stop

MOST_CALIBRATION = 128
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Split:
    """Which inputs calibrate and which are scored.

    Attributes
    ----------
    x : ndarray of float32, shape (n, ...)
        Scored.
    y : ndarray of int64, shape (n,), or None
    calibration : ndarray of float32, shape (m, ...)
    rule : str
        In words, for the result.
    """

    x: Values
    y: NDArray[np.int64] | None
    calibration: Values
    rule: str


def split_data(dataset: Dataset) -> Split:
    """Set calibration inputs apart: the archive's own, else the first quarter (at most 128), else all."""
    x, y = dataset.x, dataset.y
    if dataset.x_calibration is not None:
        return Split(x, y, dataset.x_calibration, f"{len(dataset.x_calibration)} inputs of x_calibration, not scored")
    count = min(MOST_CALIBRATION, len(x) // 4)
    if count == 0:
        return Split(x, y, x, f"all {len(x)} inputs, which are scored too (fewer than 4 given)")
    plural = "s" if count > 1 else ""
    return Split(x[count:], None if y is None else y[count:], x[:count], f"the first {count} input{plural}, not scored")


@dataclass(slots=True)
class ValuesOutcome:
    """What the functional plane found.

    Attributes
    ----------
    accuracy : dict of str to float or None
    signal_to_noise_db : dict of str to float or None
        Per matrix layer, noisy against ideal outputs, for the first programming.
    tile_mvms : dict of str to int
        MVMs that each block computed for the scored inputs, by `PlacedBlock.name`: the tile's, if it is alone there.
    integrated_conductance : dict of (block's name, layer) to float
        Siemens x seconds over all scored inputs, first programming.
    reference_reads : dict of (block's name, layer) to int
        MVMs spent on drift compensation at the asked-for age.
    reference_conductance : dict of (block's name, layer) to float
        Siemens x seconds over those reads.
    refit_inputs : int
        Calibration inputs that affine factors were fitted with at the asked-for age; 0 where there are none.
    refit_conductance : dict of (block's name, layer) to float
        Siemens x seconds over those inputs, first programming.
    refit_conversions : dict of str to ConversionCounts
        What the conversions of each block took for those inputs, first programming; as `conversion_counts`.
    writes : dict of str to WriteCounts
        What writing each block took, first programming; empty where that is not known.
    conversion_counts : dict of str to ConversionCounts
        What the conversions of each block took, first programming; empty where time and energy do not depend on it.
    clipped_inputs, saturated_outputs : float
        Shares of all conversions, first programming.
    outputs : dict of str to ndarray
        Of the ``reference``, ``ideal``, ``quantised`` and ``noisy`` (first programming) runs, before a final Softmax.
    programming_sha256 : str or None
        Of the file that programmings were taken from.
    programmings : int
        Finished, fewer than asked for after an interrupt.
    """

    accuracy: dict[str, float | None] = field(default_factory=dict)
    signal_to_noise_db: dict[str, float | None] = field(default_factory=dict)
    tile_mvms: dict[str, int] = field(default_factory=dict)
    integrated_conductance: dict[tuple[str, str], float] = field(default_factory=dict)
    reference_reads: dict[tuple[str, str], int] = field(default_factory=dict)
    reference_conductance: dict[tuple[str, str], float] = field(default_factory=dict)
    refit_inputs: int = 0
    refit_conductance: dict[tuple[str, str], float] = field(default_factory=dict)
    refit_conversions: dict[str, ConversionCounts] = field(default_factory=dict)
    writes: dict[str, WriteCounts] = field(default_factory=dict)
    conversion_counts: dict[str, ConversionCounts] = field(default_factory=dict)
    clipped_inputs: float = 0.0
    saturated_outputs: float = 0.0
    outputs: dict[str, Values] = field(default_factory=dict)
    programming_sha256: str | None = None
    programmings: int = 0


def compute_values(
    plan: Plan, split: Split, seed: int, age_s: float, programmings: int, *, progress: Progress, threads: int = 2,
    chunk: int | None = None, precision: Precision = "float32", save: Path | None = None, load: Path | None = None,
    stop: Stop | None = None,
) -> ValuesOutcome:  # fmt: skip
    """Run the scored inputs through the plan at every fidelity.

    Parameters
    ----------
    plan : Plan
    split : Split
    seed : int
    age_s : float
        Above the device's earliest known age drift is compensated as the architecture says, and a run without beside.
    programmings : int
        Independent programmings for the noisy accuracy.
    progress : callable
        Told in words what is being computed.
    threads, chunk : int
        Change speed and memory, no byte of the outcome.
    precision : str
        Of the products.
    save, load : Path, optional
        A file for all programmings, and one to take ranges and programmings from.
    stop : Stop, optional
        Its first interrupt leaves it at the programmings that are finished, if there are any; none are saved then.

    Raises
    ------
    DataError
        If values leave the range of float32, or a label is no class of the network.
    InputError
        If a file of programmings cannot be used.
    OutputError
        If one cannot be written.
    """
    with ExitStack() as files:
        stored = None if load is None else files.enter_context(ProgrammingFile.open(load, plan, precision))
        draws, speed = (seed, age_s, programmings), (threads, chunk)
        return _compute(plan, split, draws, progress, speed, precision, save, stored, stop or Stop())


def _compute(
    plan: Plan, split: Split, draws: tuple[int, float, int], progress: Progress, speed: tuple[int, int | None],
    precision: Precision, save: Path | None, stored: ProgrammingFile | None, stop: Stop,
) -> ValuesOutcome:  # fmt: skip
    seed, age_s, programmings = draws
    threads, chunk = speed
    network, found = plan.network, ValuesOutcome(programming_sha256=None if stored is None else stored.sha256)
    score = scorer(split.y if network.weights == "file" else None)
    keep = compared_layers(network, before_softmax=True)
    progress("reference")
    reference = run_reference(network, split.x, before_softmax=True)[0]
    check_values(network, reference, split.y)
    progress("calibration")
    ranges = calibrate(plan, split.calibration, chunk) if stored is None else stored.ranges(plan)
    layers = tuple(layer.name for layer in network.matrix_layers)
    kept = tuple(dict.fromkeys((*keep, *layers)))

    def clean(fidelity: Fidelity, wanted: tuple[str, ...]) -> dict[str, Values]:
        exactly = replace(fidelity, precision=precision)
        return program_network(plan, ranges, exactly, seed, 0, threads).run(split.x, wanted, chunk)

    progress("ideal")
    ideal = clean(IDEAL, kept)
    progress("quantised")
    quantised = clean(QUANTISED, keep)
    fidelity = noisy_fidelity(plan, age_s, precision)
    adapt = refitter(plan, ranges, fidelity, split.calibration, threads, chunk, stored)
    scores: list[list[float | None]] = []
    with _finished_ones(scores, programmings, stop), _writer(save, plan, precision, ranges, age_s) as writer:
        for programming in range(programmings):
            progress(f"noisy, programming {programming + 1} of {programmings}")
            analog = program_network(plan, ranges, fidelity, seed, programming, threads, stored)
            plain = analog.uncompensated() if fidelity.compensated else None
            analog, refitted = adapt(analog, programming)
            if writer is not None:
                writer.add(analog, refitted)
            if programming == 0:
                analog.count_conversions()
            noisy = analog.run(split.x, kept if programming == 0 else keep, chunk)
            if programming == 0:
                note_activity(found, analog)
                _note_refit(found, analog, refitted)
                found.signal_to_noise_db = {name: signal_to_noise_db(ideal[name], noisy[name]) for name in layers}
                found.outputs["noisy"] = noisy[keep[0]]
            both = [noisy] if plain is None else [noisy, plain.run(split.x, keep, chunk)]
            scores.append([score(values[keep[0]]) for values in both])  # at once: finished or not
    found.programmings = len(scores)
    found.outputs |= {"reference": reference, "ideal": ideal[keep[0]], "quantised": quantised[keep[0]]}
    found.accuracy = {name: score(found.outputs[name]) for name in ("reference", "ideal", "quantised")}
    found.accuracy |= _noisy_accuracy([each[0] for each in scores], [each[1] for each in scores if len(each) > 1])
    return found


def noisy_fidelity(plan: Plan, age_s: float, precision: Precision) -> Fidelity:
    """Everything on; drift is compensated above the earliest age, if the architecture does so at all."""
    spec = plan.chip.spec
    aged = age_s > device_of(spec).earliest_age_s
    return Fidelity(True, True, age_s, aged and spec.tile.compensation.kind != "none", precision)


@contextmanager
def _finished_ones(scores: list[list[float | None]], asked: int, stop: Stop) -> Iterator[None]:
    """Leave it at some finished programmings on the first interrupt."""
    try:
        yield
    except KeyboardInterrupt:
        if not (stop.once and 0 < len(scores) < asked):
            raise


def _writer(
    save: Path | None, plan: Plan, precision: Precision, ranges: dict[str, Ranges], age_s: float
) -> AbstractContextManager[ProgrammingWriter | None]:
    return nullcontext() if save is None else ProgrammingWriter.open(save, plan, precision, ranges, age_s)


def _noisy_accuracy(scores: list[float | None], uncompensated: list[float | None]) -> dict[str, float | None]:
    return {
        "noisy": _mean(scores),
        "noisy_std": _spread(scores),
        "noisy_min": None if None in scores else min(scores),  # type: ignore[type-var]
        "noisy_uncompensated": _mean(uncompensated),
    }


def signal_to_noise_db(clean: Values, noisy: Values) -> float | None:
    """10 log10 of the power of the clean values over that of the difference; None where they are equal.

    Examples
    --------
    >>> signal_to_noise_db(np.float32([3.0]), np.float32([3.3])).__round__(1)
    20.0
    """
    power = float(np.square(clean, dtype=np.float64).sum())
    error = float(np.square(noisy.astype(np.float64) - clean).sum())
    return 10 * float(np.log10(power / error)) if power > 0 and error > 0 else None


def check_values(network: Network, reference: Values, labels: NDArray[np.int64] | None) -> None:
    """Refuse inputs that the network cannot take, and labels that it does not have.

    Raises
    ------
    DataError
    """
    if not np.isfinite(reference).all():
        raise DataError(
            f"{network.name}: its values leave the range of float32 with these inputs; scale the inputs or the weights"
        )
    classes = reference[0].size
    if labels is not None and not ((labels >= 0) & (labels < classes)).all():
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise DataError(f"'y' holds the label {wrong}, but {network.name} has {classes} classes, 0 to {classes - 1}")


def scorer(labels: NDArray[np.int64] | None) -> Callable[[Values], float | None]:
    """What turns outputs into the share of inputs that are classified as labelled; None without labels."""

    def score(outputs: Values) -> float | None:
        if labels is None:
            return None
        return float(np.mean(outputs.reshape(len(outputs), -1).argmax(axis=1) == labels))

    return score


def _mean(scores: list[float | None]) -> float | None:
    return None if not scores or None in scores else mean(scores)  # type: ignore[type-var]


def _spread(scores: list[float | None]) -> float | None:
    return None if not scores or None in scores else pstdev(scores)  # type: ignore[type-var]


def _note_refit(found: ValuesOutcome, analog: AnalogNetwork, refitted: Refit | None) -> None:
    if refitted is not None:
        seconds = analog.plan.chip.spec.tile.dac.time_per_lsb
        found.refit_inputs = refitted.inputs
        found.refit_conversions = refitted.conversions
        found.refit_conductance = {key: amount * seconds for key, amount in refitted.conductance.items()}


def note_activity(found: ValuesOutcome, analog: AnalogNetwork) -> None:
    """Take down what the tiles of a network have done."""
    found.tile_mvms = analog.tile_mvms()
    found.conversion_counts = analog.conversion_counts()
    conversions = clipped = converted = saturated = 0
    seconds = analog.plan.chip.spec.tile.dac.time_per_lsb
    for name, layer in analog.layers.items():
        clipped, converted = clipped + layer.clipped_inputs, converted + layer.converted_inputs
        for block in layer.blocks:
            key = (block.placed.name, name)
            found.integrated_conductance[key] = block.integrated_conductance * seconds
            saturated += block.saturated_outputs
            conversions += block.conversions
            if block.placed.reader:
                continue  # the cells are another layer's
            if block.ready.reference_reads:
                found.reference_reads[key] = block.ready.reference_reads // 2
                found.reference_conductance[key] = block.ready.reference_conductance * seconds
            if block.ready.writes is not None:
                found.writes[block.placed.name] = block.ready.writes
    found.clipped_inputs = clipped / converted if converted else 0.0
    found.saturated_outputs = saturated / conversions if conversions else 0.0
