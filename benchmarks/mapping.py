"""Annealed placement against in order: bytes over links, and throughput and latency as simulated, for four networks.

    python benchmarks/mapping.py            a table
    python benchmarks/mapping.py --json     the numbers

Each network is on a mesh just large enough, with tiles and links of hermes64; its digital and neuron units are made so
fast that links may set the pace. Times are the simulated machine's; ``plan_s`` is what finding the placement took here,
in CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.network.zoo import load_network
from chipsim.planning.choose import make_plan, with_strategy
from chipsim.planning.compare import compared

NETWORKS = {
    "zoo:digits-cnn": "[3,3]",
    "onnx:squeezenet": "[7,7]",
    "onnx:inception_v1": "[15,15]",
    "onnx:resnet50": "[21,21]",
}
FAST_DIGITAL = ["digital_unit.rate=40 Gop/s", "neuron_unit.rate=40 Gop/s"]
INPUTS = 6


def measure(name: str, shape: str, strategy: str) -> dict[str, Any]:
    """One network, mapped one way."""
    spec = load_spec("hermes64", [f"grid.shape={shape}", *FAST_DIGITAL])
    assert isinstance(spec, InMemorySpec)
    network, chip = load_network(name), build_chip(with_strategy(spec, strategy))
    start = time.process_time()
    plan = make_plan(network, chip)
    plan_s = time.process_time() - start
    found = compared(plan, INPUTS)
    return {
        "network": name,
        "mapping": strategy,
        "tiles": plan.tiles_used,
        "plan_s": plan_s,
        "hop_bytes_per_input": found.estimated.hop_bytes,
        "throughput_inputs_per_s": found.throughput_inputs_per_s,
        "latency_first_input_s": found.latency_s,
        "limit": found.estimated.limit,
        "estimate_error": found.estimated.error(found.throughput_inputs_per_s),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    asked = parser.parse_args()
    rows = [measure(name, NETWORKS[name], way) for name in asked.networks for way in ("in-order", "annealed")]
    if asked.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'network':<18} {'mapping':<9} {'tiles':>5} {'plan':>8} {'hop-bytes':>12} {'inputs/s':>10} {'latency':>11}")
    for row in rows:
        print(
            f"{row['network']:<18} {row['mapping']:<9} {row['tiles']:>5} {row['plan_s']:>6.2f} s "
            f"{row['hop_bytes_per_input']:>12,} {row['throughput_inputs_per_s']:>10.4g} "
            f"{row['latency_first_input_s'] * 1e6:>8.1f} us"
        )
    for before, after in zip(rows[::2], rows[1::2], strict=True):
        print(
            f"{before['network']}: hop-bytes x {after['hop_bytes_per_input'] / before['hop_bytes_per_input']:.2f}, "
            f"throughput x {after['throughput_inputs_per_s'] / before['throughput_inputs_per_s']:.3f}, "
            f"latency x {after['latency_first_input_s'] / before['latency_first_input_s']:.3f}"
        )


if __name__ == "__main__":
    main()
