"""`software_versions`: the libraries and the kind of processor that a result was computed with."""

from __future__ import annotations

import platform
from importlib.metadata import version

from threadpoolctl import threadpool_info

import chipsim

_LIBRARIES = ("numpy", "onnx", "onnxruntime", "simpy", "networkx", "pandas", "pydantic")


def software_versions() -> dict[str, str]:
    """Names and versions, the processor's kernels (BLAS) included: bytes repeat on equal ones."""
    kernels = sorted({str(info.get("architecture")) for info in threadpool_info() if info["user_api"] == "blas"})
    return {
        "chipsim": chipsim.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        "machine": platform.machine(),
        "blas_kernels": ", ".join(kernels) or "unknown",
    }
