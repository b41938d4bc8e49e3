"""Small real results, computed once per session."""

import copy

import numpy as np
import pytest

import chipsim
from chipsim.result import Result


@pytest.fixture(scope="session")
def mlp() -> Result:
    """A result without a baseline, with labels."""
    return chipsim.run("hermes64", "zoo:digits-mlp", data="zoo:digits", programmings=2)


@pytest.fixture(scope="session")
def compared(tmp_path_factory) -> Result:
    """A convolutional network beside a baseline, aged, few inputs, traced."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, x=rng.random((8, 1, 8, 8), dtype=np.float32), y=np.arange(8) % 10)
    return chipsim.run(
        "hermes64", "zoo:digits-cnn", data=path, baseline="edge_npu", age="1 day", programmings=2, batch=2, trace=1
    )


@pytest.fixture(scope="session")
def timing_only() -> Result:
    """No values, made-up inputs."""
    return chipsim.run("hermes64", "zoo:digits-cnn", timing_only=True, baseline="edge_npu")


@pytest.fixture
def altered(compared):
    """A copy of a result that a test may change."""

    def copied(base: Result = compared) -> Result:
        return Result(copy.deepcopy(base.data), copy.deepcopy(dict(base.tables)))

    return copied


@pytest.fixture(scope="session")
def single(tmp_path_factory) -> Result:
    """One input."""
    path = tmp_path_factory.mktemp("data") / "one.npz"
    np.savez(path, x=np.full((1, 1, 8, 8), 0.5, dtype=np.float32))
    return chipsim.run("hermes64", "zoo:digits-mlp", data=path, baseline="edge_npu", programmings=1)
