"""Print what docs/validation.md shows: one core's errors beside published ones, and what the scale of weights does.

    python scripts/compare_published.py [--write | --check]

Takes about ten seconds. ``--write`` puts the tables between the marker lines of the page, ``--check`` compares them
with the page and ends with 1 where a number is off by more than another kind of processor can make it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import importlib.resources
import re
import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

import chipsim
from chipsim.crossbar import InputConverter, OutputConverter, ReadPath, column_scale, output_range, program_block
from chipsim.device import get_device
from chipsim.device.model import DeviceModel
from chipsim.streams import stream

Floats = NDArray[np.float64]

PAGE = Path(__file__).parents[1] / "docs" / "validation.md"
SIZE, MVMS, BITS, SLOTS = 256, 4096, 8, 256
PUBLISHED_MVM, PUBLISHED_PROGRAMMING = "1.94 %", "4.8 to 5.3 %"
PROGRAMMINGS, SPREAD = 5, 4.0
CELLS = {
    "`pcm`, one day": ("1 day", "tile.crossbar.device=pcm"),
    "`generic`, 2 %": (None, "tile.crossbar.device={model: generic, parameters: {programming_spread: 0.02}}"),
    "`generic`, 10 %": (None, "tile.crossbar.device={model: generic, parameters: {programming_spread: 0.1}}"),
}
TOLERANCE = {"core": (0.02, 0.011), "scale": (0.02, 0.5)}  # share of a number, or so much of its unit


@dataclass(frozen=True, slots=True)
class CoreErrors:
    """Standard deviations over one core.

    Attributes
    ----------
    programming : float
        Of (weight in the cells - weight wanted), in units of the largest weight.
    total : float
        Of (output - exact product), in units of the output converters' full range, from the lowest to the highest code.
    corrected : float
        The same after the best gain and offset of each column.
    """

    programming: float
    total: float
    corrected: float


def core_errors(weights: Floats, inputs: Floats, device: DeviceModel) -> CoreErrors:
    """Program one core at its device's earliest age and compare its products with exact ones.

    Parameters
    ----------
    weights : ndarray of float, shape (rows, columns)
    inputs : ndarray of float, shape (mvms, rows)
    device : DeviceModel
    """
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    largest = scale * (device.g_max_siemens - device.g_min_siemens)
    block = program_block(weights, scale, device, stream(1, "programming"))
    assert block.minus is not None
    held = (block.plus.programmed.astype(np.float64) - block.minus.programmed) * scale
    array = block.at_age(device.earliest_age_s, stream(1, "slow noise"))
    dac = InputConverter(BITS, float(np.abs(inputs).max()))
    adc = OutputConverter(BITS, output_range(inputs, weights, scale, device))
    got = ReadPath.connect(array, dac, adc, SLOTS).multiply(inputs, stream(1, "fast noise")).values
    found, wanted = got / largest / (2 * adc.range), inputs @ weights / largest / (2 * adc.range)
    return CoreErrors(
        float(np.std((held - weights) / largest)), float(np.std(found - wanted)), float(np.std(residual(found, wanted)))
    )


def residual(found: Floats, wanted: Floats) -> Floats:
    """What is left of the outputs when each column's best straight line through the wanted ones is taken off."""
    centred, right = found - found.mean(axis=0), wanted - wanted.mean(axis=0)
    return centred - right * ((centred * right).sum(axis=0) / np.square(right).sum(axis=0))


def core_table() -> str:
    """Errors of a HERMES-like core, as a Markdown table."""
    rng = stream(1, "core")
    draws = {"uniform": lambda shape: rng.uniform(-1, 1, shape), "normal": lambda shape: rng.standard_normal(shape)}
    lines = ["| weights and inputs | cells | programming | product | product, corrected |", "|---|---|---|---|---|"]
    lines.append(f"| published | that core | {PUBLISHED_PROGRAMMING} | {PUBLISHED_MVM} | |")
    for kind, draw in draws.items():
        weights, inputs = draw((SIZE, SIZE)), draw((MVMS, SIZE))
        for devices, words in ((2, "two devices"), (1, "one device")):
            errors = core_errors(weights, inputs, get_device("pcm-hermes", devices_per_polarity=devices))
            numbers = (errors.programming, errors.total, errors.corrected)
            lines.append(f"| {kind} | {words} | {' | '.join(f'{100 * number:.2f} %' for number in numbers)} |")
    return "\n".join(lines) + "\n"


def uneven(model: onnx.ModelProto, spread: float) -> onnx.ModelProto:
    """The same function with columns of unequal size: factors on hidden outputs, which the next layer undoes.

    Parameters
    ----------
    model : onnx.ModelProto
        Gemm layers (``transB``) with ReLU between them.
    spread : float
        Factors lie between 1 / spread and spread, evenly in their logarithm.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    tensors = {tensor.name: tensor for tensor in changed.graph.initializer}
    layers = [node.input for node in changed.graph.node if node.op_type == "Gemm"]
    values = {name: numpy_helper.to_array(tensor).copy() for name, tensor in tensors.items()}
    for index, (here, after) in enumerate(pairwise(layers)):
        count = len(values[here[1]])
        factors = np.float32(spread) ** stream(1, "factors", index).uniform(-1, 1, count).astype(np.float32)
        values[here[1]] *= factors[:, None]
        values[here[2]] *= factors
        values[after[1]] /= factors
    for name, tensor in tensors.items():
        tensor.CopyFrom(numpy_helper.from_array(values[name], name))
    return changed


def scale_table() -> str:
    """Accuracy with a scale per column and with one per matrix, as a Markdown table."""
    head = "| network | cells | per column | signal to noise | per matrix | signal to noise |"
    lines = [head, "|---|---|---|---|---|---|"]
    data = importlib.resources.files("chipsim.network") / "data" / "digits-mlp.onnx"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "uneven-mlp.onnx")
        path.write_bytes(uneven(onnx.load_model_from_string(data.read_bytes()), SPREAD).SerializeToString())
        networks = {
            "`digits-mlp`": "zoo:digits-mlp", "`digits-cnn`": "zoo:digits-cnn", "`digits-mlp` rescaled": str(path)
        }  # fmt: skip
        for name, network in networks.items():
            for cells, (age, override) in CELLS.items():
                both = [accuracy(network, age, override, scale) for scale in ("per-column", "per-tensor")]
                lines.append(f"| {name} | {cells} | {' | '.join(both)} |")
    return "\n".join(lines) + "\n"


def accuracy(network: str, age: str | None, *overrides: str) -> str:
    """Mean accuracy with its standard deviation, and the median signal to noise of the layers, as two cells."""
    *others, scale = overrides
    data = chipsim.run(
        "hermes64", network, data="zoo:digits", age=age, programmings=PROGRAMMINGS,
        overrides=[*others, f"tile.crossbar.scale={scale}"],
    ).data  # fmt: skip
    found, noise = data["accuracy"], median(data["signal_to_noise_db"].values())
    return f"{100 * found['noisy']:.1f} ± {100 * found['noisy_std']:.1f} % | {noise:.1f} dB"


TABLES = {"core": core_table, "scale": scale_table}


def markers(name: str) -> tuple[str, str]:
    """The lines before and behind a table on the page."""
    return f"<!-- {name}: start (scripts/compare_published.py) -->", f"<!-- {name}: end -->"


def shown(page: str, name: str) -> str:
    """The table of a name as it stands on the page."""
    start, end = markers(name)
    if start not in page or end not in page:
        raise ValueError(f"{PAGE.name} needs the lines {start!r} and {end!r}")
    return page.partition(start)[2].partition(end)[0].strip() + "\n"


def alike(one: str, other: str, share: float, unit: float) -> bool:
    """Whether two texts have the same words, and numbers that differ by no more than a share or so much of their unit.

    Examples
    --------
    >>> alike("a 1.00 %", "a 1.01 %", share=0.02, unit=0.0), alike("a 1.00 %", "b 1.00 %", share=1, unit=1)
    (True, False)
    """
    number = re.compile(r"\d+(?:\.\d+)?")
    if number.sub("#", one) != number.sub("#", other):
        return False
    pairs = zip(map(float, number.findall(one)), map(float, number.findall(other)), strict=True)
    return all(abs(a - b) <= max(share * abs(a), unit) for a, b in pairs)


def main() -> int:
    """Print, write or check the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--write", action="store_true", help="rewrite the page")
    choice.add_argument("--check", action="store_true", help="compare with the page")
    options = parser.parse_args()
    page, stale = PAGE.read_text(encoding="utf-8"), []
    for name, table in TABLES.items():
        made = table()
        print(made)
        if not alike(made, shown(page, name), *TOLERANCE[name]):
            stale.append(name)
        if options.write:
            start, end = markers(name)
            before, after = page.partition(start)[0], page.partition(end)[2]
            page = f"{before}{start}\n\n{made}\n{end}{after}"
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
    if options.check and stale:
        print(f"stale on {PAGE.name}: {', '.join(stale)}; run python scripts/compare_published.py --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
