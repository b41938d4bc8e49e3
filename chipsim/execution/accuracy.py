"""`compute_values`: the scored inputs run four ways, for accuracies and signal-to-noise per layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from chipsim.crossbar.precision import Precision
from chipsim.execution.affine_refit import refitter
from chipsim.execution.calibration import Ranges, calibrate, device_of
from chipsim.execution.forward import Values
from chipsim.execution.functional import IDEAL, QUANTISED, Fidelity, program_network
from chipsim.execution.scores import check_values, noisy_accuracy, scorer, signal_to_noise_db
from chipsim.execution.split import Split
from chipsim.execution.stored import ProgrammingFile, ProgrammingWriter
from chipsim.execution.values_outcome import ValuesOutcome, note_activity, note_refit
from chipsim.mapping.plan import Plan
from chipsim.network.reference import compared_layers, run_reference
from chipsim.stopping import Stop

Progress = Callable[[str], None]


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
    found.compensated_by = plan.chip.spec.tile.compensation.kind if has_aged(plan, age_s) else None
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
                note_refit(found, analog, refitted)
                found.signal_to_noise_db = {name: signal_to_noise_db(ideal[name], noisy[name]) for name in layers}
                found.outputs["noisy"] = noisy[keep[0]]
            both = [noisy] if plain is None else [noisy, plain.run(split.x, keep, chunk)]
            scores.append([score(values[keep[0]]) for values in both])  # at once: finished or not
    found.programmings = len(scores)
    found.outputs |= {"reference": reference, "ideal": ideal[keep[0]], "quantised": quantised[keep[0]]}
    found.accuracy = {name: score(found.outputs[name]) for name in ("reference", "ideal", "quantised")}
    found.accuracy |= noisy_accuracy([each[0] for each in scores], [each[1] for each in scores if len(each) > 1])
    return found


def noisy_fidelity(plan: Plan, age_s: float, precision: Precision) -> Fidelity:
    """Everything on; drift is compensated above the earliest age, if the architecture does so at all."""
    spec = plan.chip.spec
    compensated = has_aged(plan, age_s) and spec.tile.compensation.kind != "none"
    return Fidelity(True, True, age_s, compensated, precision)


def has_aged(plan: Plan, age_s: float) -> bool:
    """Whether cells are older than at the earliest age that their model knows: only then is there drift."""
    return age_s > device_of(plan.chip.spec).earliest_age_s


@contextmanager
def _finished_ones(scores: list[list[float | None]], asked: int, stop: Stop) -> Iterator[None]:
    """Leave it at some finished programmings on the first interrupt."""
    try:
        yield
    except KeyboardInterrupt:
        if not (stop.once and 0 < len(scores) < asked):
            raise
        stop.used()


def _writer(
    save: Path | None, plan: Plan, precision: Precision, ranges: dict[str, Ranges], age_s: float
) -> AbstractContextManager[ProgrammingWriter | None]:
    return nullcontext() if save is None else ProgrammingWriter.open(save, plan, precision, ranges, age_s)
