"""What `benchmarks/engine.py` says of a long stream: medians, whatever a single timing scatters."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("engine")


def test_the_stream_is_a_median_of_pairs_simulated_in_turn(engine: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of the processor are made up, of each pair others; two of five pairs were disturbed."""
    seconds = {engine.STREAM: [3.0, 9.0, 8.0, 3.3, 30.0], 0: [2.0, 1.0, 8.0, 3.0, 25.0]}
    asked: list[int] = []
    simulate = engine.simulate_chip

    def timed(plan: Any, inputs: int, **options: Any) -> Any:
        outcome = simulate(plan, inputs, **options)
        if inputs == engine.COMPARED:
            return outcome
        asked.append(inputs)
        mine = seconds[inputs if inputs == engine.STREAM else 0]
        return replace(outcome, cost=replace(outcome.cost, cpu_s=mine.pop(0)))

    monkeypatch.setattr(engine, "simulate_chip", timed)
    found = engine.stream(engine.on_grid("zoo:digits-cnn", 4))
    transient = found["transient_inputs"]
    assert 0 < transient < engine.COMPARED
    assert asked == [engine.STREAM, transient] * engine.STREAM_ROUNDS
    assert found["stream10000_over_transient"] == 30 / 25
    assert found["stream10000_cpu_s"] == 8.0
