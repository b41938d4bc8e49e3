"""What the timing plane costs, in bare SimPy timeouts per tile-MVM: `python benchmarks/engine.py [--json|--sizes]`."""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import argparse  # noqa: E402
import json  # noqa: E402
import resource  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import simpy  # noqa: E402
from engine_sizes import print_sizes  # noqa: E402
from resnet18 import write_resnet18  # noqa: E402

from chipsim.architecture.chip import build_chip  # noqa: E402
from chipsim.architecture.loader import load_spec  # noqa: E402
from chipsim.mapping.plan import Plan  # noqa: E402
from chipsim.mapping.registry import find_mapping  # noqa: E402
from chipsim.mapping.strategy import Options  # noqa: E402
from chipsim.network.zoo import load_network  # noqa: E402
from chipsim.simulation.engine import simulate_chip  # noqa: E402

TIMEOUTS = 300_000
ROUNDS = 5
STREAM = 10_000
STREAM_ROUNDS = 5
COMPARED = 24
"""Images of the stream that are simulated both ways."""
OTHERS = {"pimsim-nn": "29.5", "ZigZag": "69 to 91", "SCALE-Sim": "151"}
"""CPU seconds of ResNet-18, measured on another machine with two cores."""


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


def on_grid(model: str, side: int, mapping: str = "in-order") -> Plan:
    """A network on a hermes64 of so many tiles a side."""
    chip = build_chip(load_spec("hermes64", [f"grid.shape=[{side},{side}]"]))
    return find_mapping(mapping)(load_network(model), chip, Options(), 0)


def measure() -> dict[str, float | None]:
    """ResNet-50 as medians over interleaved rounds, the other networks, and the stream's medians."""
    plan = on_grid("onnx:resnet50", 24)
    simulate(plan)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
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
        "peak_rss_bytes": peak_kib * (1 if sys.platform == "darwin" else 1024),
        **others(yardstick),
        **stream(on_grid("onnx:resnet50", 24, "annealed")),
    }


def others(yardstick: float) -> dict[str, float]:
    """One image of VGG-19 and of ResNet-18."""
    vgg19 = on_grid("onnx:vgg19", 48)
    vgg19_s, _ = simulate(vgg19)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "resnet18.onnx")
        write_resnet18(path)
        resnet18_s, _ = simulate(on_grid(str(path), 24))
    ratio = vgg19_s / yardstick / vgg19.tile_mvms
    return {"resnet18_cpu_s": resnet18_s, "vgg19_cpu_s": vgg19_s, "vgg19_timeouts_per_tile_mvm": ratio}


def stream(plan: Plan) -> dict[str, float | None]:
    """Many images through the jump, against the images up to it, as medians; null where no state came back.

    Placed in order, ResNet-50 saturates some links of hermes64, and no state came back within 120 images.
    Annealed, it does not.
    """
    few = simulate_chip(plan, COMPARED)
    if few.simulated.why_all is not None:
        return {"stream10000_over_transient": None}
    assert few.done_ps == simulate_chip(plan, COMPARED, exact_all=True).done_ps
    transient = few.simulated.inputs - few.max_inputs_in_flight
    rows = []
    for _ in range(STREAM_ROUNDS):
        many = simulate_chip(plan, STREAM).cost.cpu_s
        rows.append((many / simulate_chip(plan, transient, exact_all=True).cost.cpu_s, many))
    ratio, seconds = (statistics.median(column) for column in zip(*rows, strict=True))
    return {"stream10000_over_transient": ratio, "stream10000_cpu_s": seconds, "transient_inputs": transient}


def print_table(figures: dict[str, float | None]) -> None:
    """All figures, and those of other simulators beside them."""
    for key, value in figures.items():
        print(f"{key:32s} {'-' if value is None else f'{value:.4g}'}")
    print(f"\nResNet-18, CPU s: chipsim {figures['resnet18_cpu_s']:.3g} here; elsewhere", end=" ")
    print(", ".join(f"{name} {seconds}" for name, seconds in OTHERS.items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print a flat JSON object")
    parser.add_argument("--sizes", action="store_true", help="print cost against tiles and inputs, and draw it")
    asked = parser.parse_args()
    if asked.sizes:
        print_sizes()
    elif asked.json:
        print(json.dumps(measure()))
    else:
        print_table(measure())
