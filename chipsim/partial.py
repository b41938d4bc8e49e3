"""A run that was ended early: `partial_data` says what is missing, `of_first_inputs` fits its values to its times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chipsim.execution.values_outcome import ValuesOutcome
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
