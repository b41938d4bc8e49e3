"""`activity_of_first`: what the tiles do for the first inputs alone, where a run was ended early."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from chipsim.crossbar.precision import Precision
from chipsim.execution.accuracy import noisy_fidelity
from chipsim.execution.affine_refit import refitter
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import program_network
from chipsim.execution.split import Split
from chipsim.execution.stored import ProgrammingFile
from chipsim.execution.values_outcome import ValuesOutcome, note_activity
from chipsim.mapping.plan import Plan


def activity_of_first(
    inputs: int, plan: Plan, split: Split, seed: int, age_s: float, *, threads: int = 2, chunk: int | None = None,
    precision: Precision = "float32", load: Path | None = None,
) -> ValuesOutcome:  # fmt: skip
    """Run the first inputs through the first programming again: the same draws, the same bytes.

    Parameters
    ----------
    inputs : int
        How many of the scored ones.
    plan, split, seed, age_s, threads, chunk, precision, load
        As in `compute_values`.

    Returns
    -------
    ValuesOutcome
        Without accuracies and outputs.
    """
    with ExitStack() as files:
        stored = None if load is None else files.enter_context(ProgrammingFile.open(load, plan, precision))
        ranges = calibrate(plan, split.calibration, chunk) if stored is None else stored.ranges(plan)
        fidelity = noisy_fidelity(plan, age_s, precision)
        adapt = refitter(plan, ranges, fidelity, split.calibration, threads, chunk, stored)
        analog, _ = adapt(program_network(plan, ranges, fidelity, seed, 0, threads, stored), 0)
        analog.count_conversions()
        analog.run(split.x[:inputs], (), chunk)
    found = ValuesOutcome()
    note_activity(found, analog)
    return found
