"""Compare standard networks at their full size, on tiles of ideal cells, with ONNX Runtime; docs/networks.md shows it.

    python scripts/compare_full_size.py [--write] [NETWORK ...]

Takes half a minute and 5 GB. Ends with 1 where an output is off by more than 1e-5 of the largest one. ``--write`` puts
the table between the marker lines of the page.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.execution.block_run import IDEAL
from chipsim.execution.calibration import Ranges
from chipsim.execution.functional import program_network
from chipsim.mapping.placement import pieces, place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.standard import BUILDERS

Floats = NDArray[np.float32]

PAGE = Path(__file__).parents[1] / "docs" / "networks.md"
START, END = "<!-- full size: start (scripts/compare_full_size.py) -->", "<!-- full size: end -->"
ARCHITECTURE, SEED = "hermes64", 0
ALLOWED = 1e-5


@dataclass(frozen=True, slots=True)
class Row:
    """What one network's comparison gave.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Of the one input.
    tiles : int
    macs, macs_on_tiles : int
    error : float
        Largest difference of an output, in units of the largest one.
    seconds : float
        CPU time of reading, mapping, programming and computing on tiles.
    """

    name: str
    shape: tuple[int, ...]
    tiles: int
    macs: int
    macs_on_tiles: int
    error: float
    seconds: float

    @property
    def line(self) -> str:
        """Of the table."""
        share = f"{100 * self.macs_on_tiles / self.macs:.4g} %"
        size = " x ".join(map(str, self.shape))
        return f"| `{self.name}` | {size} | {self.tiles:,} | {share} | {self.error:.1e} | {self.seconds:.1f} |"


def compare(name: str) -> Row:
    """One network with one input."""
    content = BUILDERS[name](SEED).SerializeToString(deterministic=True)
    began = time.process_time()
    network = read_onnx(content, name)
    plan = plan_of(network)
    x = np.random.default_rng(SEED).standard_normal((1, *network.input_shape), np.float32)
    ranges = {layer: Ranges(1.0, {}) for layer in plan.layers}  # without converters there are none
    found = program_network(plan, ranges, IDEAL, SEED, threads=1).run(x, network.outputs)
    seconds = time.process_time() - began
    errors = [
        float(np.abs(found[layer].reshape(expected.shape) - expected).max() / np.abs(expected).max())
        for layer, expected in zip(network.outputs, expected_of(content, x), strict=True)
    ]
    tiles = len({placed.tile for layer in plan.layers.values() for placed in layer.blocks})
    return Row(name, network.input_shape, tiles, network.macs, network.macs_on_tiles, max(errors), seconds)


def plan_of(network: Network) -> Plan:
    """On as many tiles as the network needs."""
    side = math.isqrt(len(pieces(network, build_chip(_spec(1)))) - 1) + 1
    chip = build_chip(_spec(side))
    units = {layer.name: chip.digital_units[0] for layer in network.layers.values() if isinstance(layer, DigitalLayer)}
    return place(network, chip, digital_units=units)  # which unit does not matter: nothing is timed


def _spec(side: int) -> InMemorySpec:
    spec = load_spec(ARCHITECTURE, (f"grid.shape=[{side},{side}]",))
    if not isinstance(spec, InMemorySpec):
        raise TypeError(f"{ARCHITECTURE} is no chip")
    return spec


def expected_of(content: bytes, x: Floats) -> list[Floats]:
    """What ONNX Runtime makes of the file as it stands."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    found: list[Floats] = session.run(None, {session.get_inputs()[0].name: x})
    return found


def table(rows: list[Row]) -> str:
    """The page's table."""
    head = "| network | input | tiles | MACs on tiles | largest error | CPU s |\n|---|---|---|---|---|---|"
    versions = f"ONNX Runtime {onnxruntime.__version__}, onnx {onnx.__version__}, NumPy {np.__version__}"
    return "\n".join([head, *(row.line for row in rows)]) + f"\n\nWith {versions}; one thread."


def main() -> int:
    """Compare, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(BUILDERS)}; all of them if none is given")
    parser.add_argument("--write", action="store_true", help="rewrite the page; for all networks")
    options = parser.parse_args()
    unknown = [name for name in options.networks if name not in BUILDERS]
    if unknown or (options.write and options.networks):
        parser.error(f"there is no network {unknown[0]!r}" if unknown else "--write is for all networks")
    rows = []
    for name in options.networks or BUILDERS:
        rows.append(compare(name))
        print(rows[-1].line, flush=True)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.partition(START)[0], page.partition(END)[2]
        PAGE.write_text(f"{before}{START}\n\n{table(rows)}\n\n{END}{after}", encoding="utf-8")
    return int(any(not row.error <= ALLOWED for row in rows))  # NaN is off too


if __name__ == "__main__":
    sys.exit(main())
