"""A random stream depends on the seed and its key only."""

import subprocess
import sys

import numpy as np
import pytest

from chipsim.streams import stream

KEYS = [
    (0,),
    (1,),
    (0, "a"),
    (0, "b"),
    (0, "a", 1),
    (0, "a", "1"),
    (0, "a", 1, 2),
    (0, "a", 12),
    (0, 1, "a"),
    (10**30,),
]


def test_different_keys_are_different_streams():
    first = [tuple(stream(*key).integers(0, 2**63, 4)) for key in KEYS]
    assert len(set(first)) == len(KEYS)


def test_streams_are_not_correlated():
    """45 pairs of 10,000 normals: beyond five standard errors in one of 40,000 choices of keys."""
    draws = np.stack([stream(*key).standard_normal(10_000) for key in KEYS])
    assert np.abs(np.corrcoef(draws) - np.eye(len(KEYS))).max() < 5 / np.sqrt(10_000)


@pytest.mark.parametrize("chunks", [[1000], [1, 999], [333, 333, 334], [1] * 1000])
def test_float32_normals_do_not_depend_on_how_they_are_drawn(chunks):
    rng = stream(3, "normals")
    parts = [rng.standard_normal(count, np.float32) for count in chunks]
    assert np.concatenate(parts).tobytes() == stream(3, "normals").standard_normal(1000, np.float32).tobytes()


def test_another_process_draws_the_same():
    code = "from chipsim.streams import stream; print(stream(7, 'x', 3).integers(0, 2**63))"
    shown = [
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert shown[0] == shown[1] == f"{stream(7, 'x', 3).integers(0, 2**63)}\n"
