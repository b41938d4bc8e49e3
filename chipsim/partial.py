"""A run that was ended early: `partial_data` says what is missing, `of_timed_inputs` fits its values to its times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from chipsim.execution.first_inputs import activity_of_first
from chipsim.execution.split import Split
from chipsim.execution.values_outcome import ValuesOutcome
from chipsim.mapping.plan import Plan
from chipsim.settings import Settings


def partial_data(
    settings: Settings, values: ValuesOutcome | None, inputs: int, asked: int, baseline_missing: bool
) -> dict[str, Any] | None:
    """Under ``partial`` in ``result.json``; None where nothing is missing.

    Parameters
    ----------
    settings : Settings
    values : ValuesOutcome or None
        None where only times were asked for.
    inputs, asked : int
        Inputs that went through the chip's simulation, and how many there are.
    baseline_missing : bool
        Whether a baseline was asked for and not finished.
    """
    programmings = None if values is None else values.programmings
    missing = {
        "noisy programmings": programmings is not None and programmings < settings.programmings,
        "timing": inputs < asked,
        "baseline": baseline_missing,
    }
    if not any(missing.values()):
        return None
    return {
        "cut_off": [name for name, is_missing in missing.items() if is_missing],
        "inputs": inputs,
        "inputs_asked": asked,
        "programmings": programmings,
        "programmings_asked": None if values is None else settings.programmings,
    }


def of_timed_inputs(
    values: ValuesOutcome, inputs: int, plan: Plan, split: Split, settings: Settings, age_s: float, *,
    threads: int, chunk: int | None, load: Path | None,
) -> ValuesOutcome:  # fmt: skip
    """Values of a run of which only the first inputs were timed, after an interrupt; as they are of a whole one.

    Parameters
    ----------
    values : ValuesOutcome
        Of all inputs.
    inputs : int
        How many were timed.
    plan, split, settings, age_s, threads, chunk, load
        What `values` was computed with.
    """
    if inputs == len(split.x):
        return values
    first = activity_of_first(
        inputs, plan, split, settings.seed, age_s, threads=threads, chunk=chunk, precision=settings.precision,
        load=load,
    )  # fmt: skip
    return of_first_inputs(values, first)


def of_first_inputs(values: ValuesOutcome, first: ValuesOutcome) -> ValuesOutcome:
    """Accuracies of all inputs, and what the tiles did for the first ones alone.

    Parameters
    ----------
    values : ValuesOutcome
        Of all inputs.
    first : ValuesOutcome
        Of the first programming with the first inputs: as many as were timed.
    """
    return replace(
        values,
        tile_mvms=first.tile_mvms,
        integrated_conductance=first.integrated_conductance,
        reference_reads=first.reference_reads,
        reference_conductance=first.reference_conductance,
        clipped_inputs=first.clipped_inputs,
        saturated_outputs=first.saturated_outputs,
    )
