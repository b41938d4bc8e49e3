"""One hypothesis profile for all tests: derandomised, no deadline, no database; BLAS on one thread."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("chipsim", derandomize=True, deadline=None, database=None)
settings.load_profile("chipsim")
