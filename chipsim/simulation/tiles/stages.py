"""`StageNotes`: when each layer begins and ends its work on the first inputs."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.simulation.core.timeline import StageSpan

STAGE_INPUTS = 8
"""Inputs whose layer spans are kept for the pipeline figure."""
Note = Callable[[int, int], None]


class StageNotes:
    """First starts and last ends of layers, for the first inputs."""

    def __init__(self) -> None:
        self._starts: dict[tuple[str, int], int] = {}
        self._ends: dict[tuple[str, int], int] = {}

    def starter(self, layer: str) -> Note:
        """What to call with (input, time) when one of a layer's servers starts on an input."""

        def note(input: int, time: int) -> None:
            if input < STAGE_INPUTS:
                self._starts[layer, input] = min(time, self._starts.get((layer, input), time))

        return note

    def ender(self, layer: str) -> Note:
        """What to call with (input, time) when one of a layer's servers has finished an input."""

        def note(input: int, time: int) -> None:
            if input < STAGE_INPUTS:
                self._ends[layer, input] = max(time, self._ends.get((layer, input), 0))

        return note

    def spans(self) -> list[StageSpan]:
        """Those that began and ended."""
        return [
            StageSpan(layer, input, start, self._ends[layer, input])
            for (layer, input), start in self._starts.items()
            if (layer, input) in self._ends
        ]
