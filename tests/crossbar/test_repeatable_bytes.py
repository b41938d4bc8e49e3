from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from crossbar_blocks import cells, normal
from hypothesis import given, settings
from hypothesis import strategies as st

import chipsim
from chipsim.crossbar import InputConverter, OutputConverter, ReadPath
from chipsim.device import get_device
from chipsim.streams import stream

MVMS, ROWS, COLUMNS = 150, 100, 70
VECTORS = normal(MVMS, ROWS, key="inputs")


def path_of(slots: int, bits: int | None = None) -> ReadPath:
    array = cells(normal(ROWS, COLUMNS), get_device("pcm"), age_s=3600.0)
    return ReadPath.connect(array, InputConverter(bits, 3.0), OutputConverter(bits, 15.0), slots)


def in_parts(path: ReadPath, cuts: list[int]) -> bytes:
    edges = [0, *sorted(cuts), MVMS]
    noise = stream(1, "fast")
    parts = [path.multiply(VECTORS[a:b], noise, first_mvm=a).values for a, b in pairwise(edges)]
    return np.concatenate(parts).tobytes()


@pytest.mark.parametrize("bits", [None, 8])
@pytest.mark.parametrize("slots", [1, 4, 16, 64, 256])
def test_cuts_at_multiples_of_slots_change_nothing(slots: int, bits: int | None) -> None:
    path = path_of(slots, bits)
    whole = in_parts(path, [])
    assert in_parts(path, list(range(slots, MVMS, slots))) == whole
    assert in_parts(path, list(range(3 * slots, MVMS, 3 * slots))) == whole


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, MVMS), max_size=6), slots=st.sampled_from([1, 7, 16, 64]))
def test_any_cuts_change_nothing(cuts: list[int], slots: int) -> None:
    path = path_of(slots)
    assert in_parts(path, cuts) == in_parts(path, [])


def test_other_blocks_change_nothing() -> None:
    alone = path_of(16).multiply(VECTORS, stream(1, "a", "fast")).values.tobytes()
    other = ReadPath.connect(
        cells(normal(ROWS, 9), get_device("pcm"), key="other"), InputConverter(), OutputConverter(), 8
    )
    other.multiply(VECTORS, stream(1, "b", "fast"))
    path = path_of(16)
    other.multiply(VECTORS[:5], stream(1, "b", "fast"))
    assert path.multiply(VECTORS, stream(1, "a", "fast")).values.tobytes() == alone


def test_inputs_are_left_as_they_were() -> None:
    vectors = VECTORS.copy()
    path = path_of(16, bits=8)
    path.multiply(vectors, stream(1))
    path.multiply_codes(vectors, stream(1))
    assert vectors.tobytes() == VECTORS.tobytes()


def digests(slots: int) -> list[str]:
    return [hashlib.sha256(in_parts(path_of(slots), cuts)).hexdigest() for cuts in ([], [64], [1, 50, 130])]


@pytest.mark.parametrize("kernels", ["Haswell"])
def test_cuts_change_nothing_with_other_blas_kernels(kernels: str) -> None:
    places = os.pathsep.join([str(Path(chipsim.__file__).parents[1]), str(Path(__file__).parent)])
    code = "from test_repeatable_bytes import digests; print(*digests(16), *digests(64))"
    environment = os.environ | {"OPENBLAS_CORETYPE": kernels, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": places}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = done.stdout.split()
    assert len(found) == 6
    assert len(set(found[:3])) == len(set(found[3:])) == 1
