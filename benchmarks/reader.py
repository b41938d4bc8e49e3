"""How long do reading and mapping ResNet-50 take, and its noisy values, beside ONNX Runtime?

    python benchmarks/reader.py [--json] [--rounds 7] [--profile]

Reading and mapping are counted in session creations of the same file, the noisy functional pass of one image in
inferences; both yardsticks run on one thread in this process, in turns, and medians are printed. ``--profile`` says
where the time goes.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads its BLAS

import argparse
import cProfile
import json
import pstats
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.loader import load_spec
from chipsim.execution import functional
from chipsim.execution.accuracy import noisy_fidelity
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import AnalogNetwork, program_network
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.dataset import synthetic_data
from chipsim.network.digital import open_session
from chipsim.network.zoo import PUBLISHED, load_network

MODEL, SIDE = "onnx:resnet50", 24


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def read_and_map(chip: Chip) -> Plan:
    return place(load_network(MODEL), chip)


@dataclass(frozen=True)
class Subjects:
    """What is timed."""

    chip: Chip
    file: bytes
    analog: AnalogNetwork
    images: np.ndarray

    @classmethod
    def prepare(cls) -> Subjects:
        chip = build_chip(load_spec("hermes64", [f"grid.shape=[{SIDE},{SIDE}]"]))
        file = (files("onnx") / "backend" / "test" / "data" / "light" / PUBLISHED[MODEL]).read_bytes()
        plan = read_and_map(chip)
        images = synthetic_data(plan.network, 1, seed=0).x
        fidelity = noisy_fidelity(plan, 20.0, "float32")
        analog = program_network(plan, calibrate(plan, images), fidelity, seed=0, threads=1)
        return cls(chip, file, analog, images)

    def infer(self) -> float:
        """One image through onnxruntime; making the session is not counted."""
        network = self.analog.plan.network
        session = open_session(network.model_bytes())
        feeds = network.split_inputs(self.images)
        session.run(None, feeds)
        return seconds(lambda: session.run(None, feeds))

    def noisy(self) -> object:
        return self.analog.run(self.images, self.analog.plan.network.outputs)


def measure(subjects: Subjects, rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {"session": [], "read_and_map": [], "inference": [], "noisy": []}
    for turn in range(rounds + 1):
        found = {
            "session": seconds(lambda: open_session(subjects.file)),
            "read_and_map": seconds(lambda: read_and_map(subjects.chip)),
            "inference": subjects.infer(),
            "noisy": seconds(subjects.noisy),
        }
        if turn:  # the first one fills caches
            for name, took in found.items():
                times[name].append(took)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "read_and_map_over_session": medians["read_and_map"] / medians["session"],
        "noisy_pass_over_inference": medians["noisy"] / medians["inference"],
        **{f"{name}_s": value for name, value in medians.items()},
    }


class OneThread:
    """Stands in for a pool of threads, so that a profile sees what they would do."""

    def __init__(self, _: int) -> None:
        pass

    def __enter__(self) -> OneThread:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    map = staticmethod(map)


def profile(function: Callable[[], object]) -> None:
    functional.ThreadPoolExecutor = OneThread  # type: ignore[misc, assignment]
    profiler = cProfile.Profile()
    profiler.runcall(function)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one flat JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of measurement, at least 3")
    parser.add_argument("--profile", action="store_true", help="say where the time goes instead")
    options = parser.parse_args()
    subjects = Subjects.prepare()
    if options.profile:
        profile(lambda: read_and_map(subjects.chip))
        profile(subjects.noisy)
        return
    found = measure(subjects, max(options.rounds, 3))
    if options.json:
        print(json.dumps(found))
        return
    sessions = found["read_and_map_over_session"]
    print(f"reading and mapping {MODEL}: {found['read_and_map_s']:.2f} s, {sessions:.1f} session creations")
    print(f"noisy pass of one image: {found['noisy_s']:.2f} s, {found['noisy_pass_over_inference']:.1f} inferences")


if __name__ == "__main__":
    main()
