"""One hypothesis profile for all tests: derandomised, no deadline, no database; BLAS on one thread; Ctrl-C works."""

import os
import signal
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

settings.register_profile("chipsim", derandomize=True, deadline=None, database=None)
settings.load_profile("chipsim")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works() -> Iterator[None]:
    """Undo what a parent that ignores Ctrl-C hands down (``nohup``, ``&``), for the commands started here too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
