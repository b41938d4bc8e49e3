"""`in_words`: what is missing of a run that was ended early."""

from __future__ import annotations

from typing import Any


def in_words(partial: dict[str, Any]) -> str:
    """What was cut off, and after how much.

    Parameters
    ----------
    partial : dict
        ``partial`` of a result.

    Examples
    --------
    >>> in_words({"cut_off": ["timing"], "inputs": 12, "inputs_asked": 450, "programmings": 5,
    ...           "programmings_asked": 5})
    'timing: 12 of 450 inputs'
    """
    said = {
        "noisy programmings": f"noisy programmings: {partial['programmings']} of {partial['programmings_asked']}",
        "timing": f"timing: {partial['inputs']:,} of {partial['inputs_asked']:,} inputs",
        "baseline": "no baseline",
    }
    return "; ".join(said[name] for name in partial["cut_off"])


def title(text: str, data: dict[str, Any]) -> str:
    """A title that says if the result is partial."""
    return f"PARTIAL: {text}" if data.get("partial") else text


def partial_note(data: dict[str, Any]) -> list[str]:
    """A line under the numbers of a partial result."""
    partial = data.get("partial")
    if not partial:
        return []
    asked, done = partial["inputs_asked"], partial["inputs"]
    note = f"PARTIAL, the run was interrupted: {in_words(partial)}."
    if done < asked:
        note += f" Times, energies and traffic are those of a run with the first {done:,} input{'s' * (done > 1)}."
        if partial["programmings"] is not None:
            note += f" Accuracies are over all {asked:,}."
    return [note]
