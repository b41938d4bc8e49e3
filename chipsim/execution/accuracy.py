"""Accuracy four ways, signal-to-noise per layer, and the data that converters are calibrated with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean, pstdev  # exact: a mean is never below the least value

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import DataError
from chipsim.execution.calibration import calibrate, device_of
from chipsim.execution.forward import Values
from chipsim.execution.functional import IDEAL, QUANTISED, AnalogNetwork, Fidelity, program_network
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import Dataset
from chipsim.network.graph import Network
from chipsim.network.reference import compared_layers, run_reference

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
        MVMs that each tile computed for the scored inputs.
    integrated_conductance : dict of (tile, layer) to float
        Siemens x seconds over all scored inputs, first programming.
    reference_reads : dict of (tile, layer) to int
        MVMs spent on drift compensation at the asked-for age.
    reference_conductance : dict of (tile, layer) to float
        Siemens x seconds over those reads.
    clipped_inputs, saturated_outputs : float
        Shares of all conversions, first programming.
    outputs : dict of str to ndarray
        Of the ``reference``, ``ideal``, ``quantised`` and ``noisy`` (first programming) runs, before a final Softmax.
    """

    accuracy: dict[str, float | None] = field(default_factory=dict)
    signal_to_noise_db: dict[str, float | None] = field(default_factory=dict)
    tile_mvms: dict[str, int] = field(default_factory=dict)
    integrated_conductance: dict[tuple[str, str], float] = field(default_factory=dict)
    reference_reads: dict[tuple[str, str], int] = field(default_factory=dict)
    reference_conductance: dict[tuple[str, str], float] = field(default_factory=dict)
    clipped_inputs: float = 0.0
    saturated_outputs: float = 0.0
    outputs: dict[str, Values] = field(default_factory=dict)


def compute_values(
    plan: Plan, split: Split, seed: int, age_s: float, programmings: int, *, progress: Progress, threads: int = 2,
    chunk: int | None = None,
) -> ValuesOutcome:  # fmt: skip
    """Run the scored inputs through the plan at every fidelity.

    Parameters
    ----------
    plan : Plan
    split : Split
    seed : int
    age_s : float
        Above the device's earliest known age the global drift factor is on, and a run without it beside.
    programmings : int
        Independent programmings for the noisy accuracy.
    progress : callable
        Told in words what is being computed.
    threads, chunk : int
        Change speed and memory, no byte of the outcome.

    Raises
    ------
    DataError
        If values leave the range of float32, or a label is no class of the network.
    """
    network, found = plan.network, ValuesOutcome()
    score = _scorer(split.y if network.weights == "file" else None)
    keep = compared_layers(network, before_softmax=True)
    progress("reference")
    reference = run_reference(network, split.x, before_softmax=True)[0]
    _check_values(network, reference, split.y)
    progress("calibration")
    ranges = calibrate(plan, split.calibration)
    layers = tuple(layer.name for layer in network.matrix_layers)
    kept = tuple(dict.fromkeys((*keep, *layers)))

    def run(fidelity: Fidelity, programming: int, wanted: tuple[str, ...]) -> tuple[AnalogNetwork, dict[str, Values]]:
        analog = program_network(plan, ranges, fidelity, seed, programming, threads)
        return analog, analog.run(split.x, wanted, chunk)

    progress("ideal")
    _, ideal = run(IDEAL, 0, kept)
    progress("quantised")
    _, quantised = run(QUANTISED, 0, keep)
    aged = age_s > device_of(plan.chip.spec).earliest_age_s
    noisy_scores, uncompensated = [], []
    for programming in range(programmings):
        progress(f"noisy, programming {programming + 1} of {programmings}")
        analog, noisy = run(Fidelity(True, True, age_s, aged), programming, kept if programming == 0 else keep)
        noisy_scores.append(score(noisy[keep[0]]))
        if programming == 0:
            _note_activity(found, analog)
            found.signal_to_noise_db = {name: signal_to_noise_db(ideal[name], noisy[name]) for name in layers}
            found.outputs["noisy"] = noisy[keep[0]]
        if aged:
            _, plain = run(Fidelity(True, True, age_s, False), programming, keep)
            uncompensated.append(score(plain[keep[0]]))
    found.outputs |= {"reference": reference, "ideal": ideal[keep[0]], "quantised": quantised[keep[0]]}
    found.accuracy = {name: score(found.outputs[name]) for name in ("reference", "ideal", "quantised")}
    found.accuracy |= _noisy_accuracy(noisy_scores, uncompensated)
    return found


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


def _check_values(network: Network, reference: Values, labels: NDArray[np.int64] | None) -> None:
    if not np.isfinite(reference).all():
        raise DataError(
            f"{network.name}: its values leave the range of float32 with these inputs; scale the inputs or the weights"
        )
    classes = reference[0].size
    if labels is not None and not ((labels >= 0) & (labels < classes)).all():
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise DataError(f"'y' holds the label {wrong}, but {network.name} has {classes} classes, 0 to {classes - 1}")


def _scorer(labels: NDArray[np.int64] | None) -> Callable[[Values], float | None]:
    def score(outputs: Values) -> float | None:
        if labels is None:
            return None
        return float(np.mean(outputs.reshape(len(outputs), -1).argmax(axis=1) == labels))

    return score


def _mean(scores: list[float | None]) -> float | None:
    return None if not scores or None in scores else mean(scores)  # type: ignore[type-var]


def _spread(scores: list[float | None]) -> float | None:
    return None if not scores or None in scores else pstdev(scores)  # type: ignore[type-var]


def _note_activity(found: ValuesOutcome, analog: AnalogNetwork) -> None:
    found.tile_mvms = analog.tile_mvms()
    conversions = clipped = converted = saturated = 0
    seconds = analog.plan.chip.spec.tile.dac.time_per_lsb
    for name, layer in analog.layers.items():
        clipped, converted = clipped + layer.clipped_inputs, converted + layer.converted_inputs
        for block in layer.blocks:
            key = (block.placed.tile, name)
            found.integrated_conductance[key] = block.integrated_conductance * seconds
            if block.ready.reference_reads:
                found.reference_reads[key] = block.ready.reference_reads // 2
                found.reference_conductance[key] = block.ready.reference_conductance * seconds
            saturated += block.saturated_outputs
            conversions += block.conversions
    found.clipped_inputs = clipped / converted if converted else 0.0
    found.saturated_outputs = saturated / conversions if conversions else 0.0
