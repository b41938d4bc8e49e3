"""Compute cycles equal the closed forms and what SCALE-Sim reported."""

import csv
from math import ceil
from pathlib import Path

import pytest
from baseline_machines import convolution, dense, machine
from hypothesis import given
from hypothesis import strategies as st

from chipsim.architecture.spec import ComputeArray
from chipsim.baseline.dataflow import Gemm, gemm_cycles
from chipsim.baseline.systolic import dataflow_of
from chipsim.baseline.weights import cut_weights, products_of

NAMES = {"ws": "weight-stationary", "is": "input-stationary", "os": "output-stationary"}
DATA = Path(__file__).parent.parent / "data" / "scalesim_cycles.csv"
ROWS = list(csv.DictReader(DATA.read_text(encoding="utf-8").splitlines()))
FORMS = {
    "ws": lambda m, k, n, r, c: ceil(k / r) * ceil(n / c) * (2 * r + c + m - 2) - 1,
    "is": lambda m, k, n, r, c: ceil(k / r) * ceil(m / c) * (2 * r + c + n - 2) - 1,
    "os": lambda m, k, n, r, c: ceil(m / r) * ceil(n / c) * (r + c + k - 2) - 1,
}
sizes = st.integers(1, 70)
small = st.integers(1, 20)


def array(kind: str, rows: int, columns: int) -> ComputeArray:
    if kind == "simd":
        return ComputeArray.model_validate({"kind": "simd", "columns": rows * columns, "frequency": "1 GHz"})
    fields = {"rows": rows, "columns": columns, "dataflow": NAMES[kind], "frequency": "1 GHz"}
    return ComputeArray.model_validate(fields)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row.values()))
def test_cycles_equal_scale_sim(row: dict[str, str]) -> None:
    flow = dataflow_of(array(row["dataflow"], int(row["array_rows"]), int(row["array_cols"])))
    assert gemm_cycles(flow, Gemm(int(row["M"]), int(row["K"]), int(row["N"]))) == int(row["total_cycles"])


def test_all_dataflows_have_reference_rows() -> None:
    assert len(ROWS) == 12
    assert {row["dataflow"] for row in ROWS} == set(NAMES)


@given(st.sampled_from(sorted(FORMS)), sizes, sizes, sizes, small, small)
def test_cycles_equal_the_closed_form(kind: str, m: int, k: int, n: int, r: int, c: int) -> None:
    assert gemm_cycles(dataflow_of(array(kind, r, c)), Gemm(m, k, n)) == FORMS[kind](m, k, n, r, c)


@given(sizes, sizes, sizes, small)
def test_lanes_are_never_idle_before_the_last_cycle(m: int, k: int, n: int, lanes: int) -> None:
    assert gemm_cycles(dataflow_of(array("simd", 1, lanes)), Gemm(m, k, n)) == ceil(m * k * n / lanes)


@given(
    st.sampled_from([*FORMS, "simd"]), sizes, sizes, small, small, st.integers(1, 500), st.sampled_from([4, 8, 16]),
    st.integers(1, 3),
)  # fmt: skip
def test_weight_tiles_add_up_and_fit(
    kind: str, k: int, n: int, r: int, c: int, half: int, bits: int, inputs: int
) -> None:
    flow = dataflow_of(array(kind, r, c))
    products = products_of(dense("d", "x", k, n), flow, inputs)
    half = max(half, 2)
    tiles = cut_weights(products, bits, half)
    weights, cycles = tiles.weights(products), tiles.cycles(products)
    assert sum(weights) == k * n
    assert sum(cycles) == gemm_cycles(flow, Gemm(inputs, k, n))
    assert len(weights) == len(cycles) == tiles.tiles
    assert max(weights) * bits <= half * 8
    assert min(weights) > 0
    assert min(cycles) >= 0


@pytest.mark.parametrize("kind", [*FORMS, "simd"])
def test_groups_run_one_after_the_other(kind: str) -> None:
    flow = dataflow_of(array(kind, 8, 8))
    layer = convolution("c", "x", 16, 32, 5, groups=4)
    products = products_of(layer, flow, 3)
    assert products.cycles_until(products.bands) == 4 * gemm_cycles(flow, Gemm(75, 36, 8))
    assert products.weights_until(products.bands) == 4 * 36 * 8


def test_a_tile_may_hold_many_groups() -> None:
    spec = machine()
    products = products_of(convolution("c", "x", 64, 64, 5, groups=64), dataflow_of(spec.compute), 1)
    # two folds of at most 8 weights for each of 64 groups; 16 folds of 8 bytes fit 128 bytes
    assert cut_weights(products, 8, 128).tiles == 8


@given(st.sampled_from([*FORMS, "simd"]), sizes, sizes, sizes, small, small)
def test_every_operand_is_read_at_least_once(kind: str, m: int, k: int, n: int, r: int, c: int) -> None:
    flow, gemm = dataflow_of(array(kind, r, c)), Gemm(m, k, n)
    assert flow.weight_reads(gemm) >= k * n
    assert flow.input_reads(gemm) >= m * k
