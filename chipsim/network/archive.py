"""`arrays_of`: what an .npz archive holds, read with nothing in it executed, and checks of single arrays."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import DataError

BUILT_IN = ("zoo:digits", "zoo:vowels")
# what NumPy and zipfile raise on damaged archives, beside ValueError
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    LookupError,
    RuntimeError,
    MemoryError,
    ArithmeticError,
)


def read_archive(path: Path) -> bytes:
    """The bytes of a file.

    Raises
    ------
    DataError
        If there is none that can be read.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a device may never end
            raise DataError(f"{path} is no file")
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; give an .npz archive or one of {', '.join(BUILT_IN)}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None


def arrays_of(content: bytes, name: str, wanted: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """The arrays that an archive holds; pickled objects are never opened, and only matter among the wanted ones."""
    if not content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise DataError(f"{name}: is not an .npz archive; write one with numpy.savez(path, x=inputs)")
    arrays: dict[str, NDArray[Any]] = {}
    key = "x"
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            for key in sorted(archive.files, key=lambda key: key not in wanted):
                try:
                    arrays[key] = archive[key]
                except ValueError as error:
                    if key in wanted or "pickle" not in str(error).lower():
                        raise
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise DataError(f"{name}: array {key!r} is damaged: {error}; write the archive again") from None
        raise DataError(f"{name}: array {key!r} holds Python objects, which are not opened; save numbers") from None
    except _DAMAGE as error:
        raise DataError(f"{name}: is damaged or was cut off ({error}); write the archive again") from None
    return arrays


def checked_inputs(values: NDArray[Any], key: str, name: str) -> NDArray[np.float32]:
    """An array of inputs, shape (n, ...), in float32.

    Raises
    ------
    DataError
        If it is none: no numbers, not finite, or without a batch.
    """
    if values.dtype.kind not in "fiub":
        raise DataError(f"{name}: {key!r} holds {values.dtype}, not numbers")
    if values.ndim < 2 or values.size == 0:
        single = f" (one value each: {values.size} x 1)" if values.ndim == 1 and values.size else ""
        raise DataError(
            f"{name}: {key!r} has the shape {values.shape}; it must hold at least one input, the batch first{single}"
        )
    if not np.isfinite(values).all():
        raise DataError(f"{name}: {key!r} holds NaN or infinite values; remove them")
    with np.errstate(over="ignore"):
        result = values.astype(np.float32)
    if not np.isfinite(result).all():
        raise DataError(f"{name}: {key!r} holds values too large for float32; scale them down")
    return result


def checked_labels(values: NDArray[Any], count: int, name: str) -> NDArray[np.int64]:
    """Labels of so many inputs, shape (count,).

    Raises
    ------
    DataError
        If they are none.
    """
    if values.dtype.kind not in "iu":
        raise DataError(f"{name}: 'y' holds {values.dtype}; labels must be whole numbers (int64)")
    if values.shape != (count,):
        raise DataError(f"{name}: 'y' has the shape {values.shape}; it must be ({count},), one label per input in 'x'")
    return values.astype(np.int64)
