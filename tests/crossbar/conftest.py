from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def one_blas_thread() -> Iterator[None]:
    """The caller's part of repeatable bytes."""
    with threadpool_limits(1, "blas"):
        yield
