"""How long does the effective matrix of an array with wires take, and what do wires cost per MVM?

    python benchmarks/wires.py [--json] [--rounds 3] [--threads 2]

CPU seconds on one thread, medians; the yardstick is a float64 product of 256x256 matrices. Before that, the pair block
is compared with the dense solution of one of its rows by conjugate gradients.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when NumPy is imported
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar import Array, InputConverter, OutputConverter, ReadPath, column_scale, program_block
from chipsim.crossbar.wires import WireResistance, effective_matrix, effective_pair
from chipsim.device import get_device
from chipsim.streams import stream

Floats = NDArray[np.float64]
WIRES = WireResistance(word_line_ohm=1.0, bit_line_ohm=1.0, driver_ohm=100.0, sense_ohm=100.0)
G_MAX, MVMS, SLOTS, BITS, AGE_S = 25e-6, 2048, 256, 8, 3600.0


def cells(rows: int, columns: int) -> Floats:
    return G_MAX * stream(1, rows, columns).random((rows, columns))


def network(conductance: Floats, wires: WireResistance, word: Floats, bit: Floats) -> tuple[Floats, Floats]:
    """Currents that leave the nodes of word and bit lines at these voltages, drivers and sense ends at zero."""
    through = conductance * (word - bit)
    out_word, out_bit = through.copy(), -through
    for volts, out, ohm in ((word, out_word, wires.word_line_ohm), (bit.T, out_bit.T, wires.bit_line_ohm)):
        along = np.diff(volts, axis=1) / ohm
        out[:, :-1] -= along
        out[:, 1:] += along
    out_word[:, 0] += word[:, 0] / (wires.word_line_ohm + wires.driver_ohm)
    out_bit[-1] += bit[-1] / (wires.bit_line_ohm + wires.sense_ohm)
    return out_word, out_bit


def check(conductance: Floats, matrix: Floats, row: int) -> float:
    """Drive one row, solve the network by conjugate gradients, and return the largest relative difference."""
    shape = (2, *conductance.shape)
    injected = np.zeros(shape)
    injected[0, row, 0] = 1 / (WIRES.word_line_ohm + WIRES.driver_ohm)
    diagonal = np.full(shape, conductance)
    diagonal[0] += 2 / WIRES.word_line_ohm
    diagonal[1] += 2 / WIRES.bit_line_ohm
    volts, residual = np.zeros(shape), injected.copy()
    direction = residual / diagonal
    energy = float(np.vdot(residual, direction))
    for _ in range(20_000):
        answer = np.stack(network(conductance, WIRES, direction[0], direction[1]))
        step = energy / float(np.vdot(direction, answer))
        volts += step * direction
        residual -= step * answer
        if np.abs(residual).max() < 1e-15 * injected.max():
            break
        ahead = residual / diagonal
        energy, before = float(np.vdot(residual, ahead)), energy
        direction = ahead + energy / before * direction
    wanted = volts[1, -1] / (WIRES.bit_line_ohm + WIRES.sense_ohm)
    return float(np.abs(matrix[row] / wanted - 1).max())


def cpu_seconds(run: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return statistics.median(times)


def peak_bytes(run: Callable[[], object]) -> int:
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def in_parallel(work: Callable[[Floats], object], threads: int) -> float:
    """Wall seconds of several blocks one after the other over those of the same blocks in a thread pool."""
    many, walls = [cells(256, 256)] * (3 * threads), []
    for workers in (1, threads):
        with ThreadPoolExecutor(workers) as pool:
            start = time.perf_counter()
            list(pool.map(work, many))
            walls.append(time.perf_counter() - start)
    return walls[0] / walls[1]


def products(square: Floats) -> None:
    for _ in range(700):
        square @ square


def mvm_ratio(rounds: int) -> float:
    """CPU time of noisy MVMs with wires over that of the same without."""
    data, device = stream(1, "data"), get_device("pcm")
    weights = data.standard_normal((256, 256), dtype=np.float32)
    vectors = data.standard_normal((MVMS, 256), dtype=np.float32)
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    block = program_block(weights, scale, device, stream(1, "programming"))
    array = block.at_age(AGE_S, stream(1, "slow"))
    plus, minus = effective_pair(block.plus.programmed, block.minus.programmed, WIRES)
    difference = (plus - minus) / (device.g_max_siemens - device.g_min_siemens)
    wired = replace(array, difference=difference.astype(np.float32))
    return _ratio(array, wired, vectors, 10 * rounds + 1)


def _ratio(plain: Array, wired: Array, vectors: NDArray[np.float32], rounds: int) -> float:
    dac, adc = InputConverter(BITS, 3.0), OutputConverter(BITS, 30.0)
    paths = [ReadPath.connect(array, dac, adc, SLOTS) for array in (plain, wired)]
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for path, found in zip(paths, times, strict=True):
            found.append(cpu_seconds(lambda path=path: path.multiply(vectors, stream(1, "fast")), 1))  # type: ignore[misc]
    return statistics.median(times[1]) / statistics.median(times[0])


def sparse_lu(conductance: Floats) -> float | None:
    """CPU seconds of SciPy's sparse LU of the same network, one solution per column; or None without SciPy."""
    try:
        from scipy.sparse import csc_matrix, diags, eye, kron
        from scipy.sparse.linalg import splu
    except ModuleNotFoundError:
        return None
    (rows, columns), given = conductance.shape, diags(conductance.ravel())

    def line(nodes: int, segment: float, end: float, at: int) -> object:
        main = np.full(nodes, 2 / segment)
        main[[0, -1]] = 1 / segment
        main[at] += 1 / (segment + end)
        return diags([main, np.full(nodes - 1, -1 / segment), np.full(nodes - 1, -1 / segment)], [0, 1, -1])

    word = kron(eye(rows), line(columns, WIRES.word_line_ohm, WIRES.driver_ohm, 0))
    bit = kron(line(rows, WIRES.bit_line_ohm, WIRES.sense_ohm, -1), eye(columns))
    whole = csc_matrix(kron([[1, 0], [0, 0]], word) + kron([[0, 0], [0, 1]], bit) + kron([[1, -1], [-1, 1]], given))
    ends = np.zeros((2 * rows * columns, 16))  # as many at a time; any will do for the time they take
    ends[-16:] = np.eye(16)

    def solve() -> None:
        factors = splu(whole)
        for _ in range(0, columns, 16):
            factors.solve(ends)

    return cpu_seconds(solve, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one flat JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of measurement")
    parser.add_argument("--threads", type=int, default=2, help="threads for blocks in parallel")
    options = parser.parse_args()
    pair = cells(256, 512)
    apart = max(check(pair, effective_matrix(pair, WIRES), row) for row in (0, 200))
    if not apart < 1e-9:
        sys.exit(f"benchmarks/wires.py: the effective matrix is wrong by {apart:.1e}; no timing is given")
    square = cells(256, 256)
    numbers: dict[str, float | None] = {"gemm_256_s": cpu_seconds(lambda: square @ square, 101), "apart": apart}
    for rows, columns in ((64, 64), (128, 128), (256, 256), (256, 512), (512, 256), (512, 512)):
        array = cells(rows, columns)
        numbers[f"{rows}x{columns}_s"] = cpu_seconds(lambda array=array: effective_matrix(array, WIRES), options.rounds)  # type: ignore[misc]
    both = replace(WIRES, drive="two-sided", sense="two-sided")
    numbers["256x256_two_sided_s"] = cpu_seconds(lambda: effective_matrix(square, both), options.rounds)
    numbers["256x512_two_sided_s"] = cpu_seconds(lambda: effective_matrix(pair, both), options.rounds)
    numbers["256x512_peak_mib"] = peak_bytes(lambda: effective_matrix(pair, WIRES)) / 2**20
    numbers["parallel_speedup"] = in_parallel(lambda each: effective_matrix(each, WIRES), options.threads)
    numbers["parallel_speedup_gemm"] = in_parallel(products, options.threads)
    numbers["mvm_wires_over_no_wires"] = mvm_ratio(options.rounds)
    numbers["256x256_sparse_lu_s"] = sparse_lu(square)
    if options.json:
        print(json.dumps(numbers))
        return
    for name, value in numbers.items():
        print(f"{name:26} " + ("needs scipy" if value is None else f"{value:.4g}"))


if __name__ == "__main__":
    main()
