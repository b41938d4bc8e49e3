"""What the timing plane costs, in bare SimPy timeouts per tile-MVM: `python benchmarks/engine.py [--json]`."""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import argparse  # noqa: E402
import json  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402

import simpy  # noqa: E402

from chipsim.architecture.chip import build_chip  # noqa: E402
from chipsim.architecture.loader import load_spec  # noqa: E402
from chipsim.mapping.placement import place  # noqa: E402
from chipsim.mapping.plan import Plan  # noqa: E402
from chipsim.network.zoo import load_network  # noqa: E402
from chipsim.simulation.engine import simulate_chip  # noqa: E402

TIMEOUTS = 300_000
ROUNDS = 5


def timeout_s() -> float:
    """Processor seconds of one bare timeout: a process that does nothing but wait."""
    env = simpy.Environment()

    def process() -> Iterator[simpy.Event]:
        for _ in range(TIMEOUTS):
            yield env.timeout(1)

    env.process(process())
    start = time.process_time()
    env.run()
    return (time.process_time() - start) / TIMEOUTS


def simulate(plan: Plan, trace_inputs: int = 0) -> tuple[float, int]:
    """Processor seconds and events of one image; every layer's MVMs are checked."""
    start = time.process_time()
    outcome = simulate_chip(plan, 1, trace_inputs=trace_inputs)
    seconds = time.process_time() - start
    assert sum(outcome.tile_mvms.values()) == plan.tile_mvms
    return seconds, outcome.cost.events


def measure() -> dict[str, float]:
    """Medians over interleaved rounds."""
    plan = place(load_network("onnx:resnet50"), build_chip(load_spec("hermes64", ["grid.shape=[24,24]"])))
    simulate(plan)
    rows = []
    for _ in range(ROUNDS):
        yardstick, (plain, events) = timeout_s(), simulate(plan)
        traced, _ = simulate(plan, trace_inputs=1)
        rows.append((yardstick, plain, traced, events, plain / yardstick, traced / yardstick))
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    yardstick, plain, traced, events, ratio, traced_ratio = medians
    return {
        "timeouts_per_tile_mvm": ratio / plan.tile_mvms,
        "timeouts_per_tile_mvm_traced": traced_ratio / plan.tile_mvms,
        "timeout_s": yardstick,
        "tile_mvms": plan.tile_mvms,
        "events": events,
        "events_per_tile_mvm": events / plan.tile_mvms,
        "resnet50_cpu_s": plain,
        "resnet50_traced_cpu_s": traced,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a flat JSON object")
    figures = measure()
    if parser.parse_args().json:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:32s} {value:.4g}")
