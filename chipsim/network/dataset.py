"""`Dataset`: inputs to run, labels to score them by, and inputs to calibrate ranges with."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import DataError, nearest
from chipsim.network.graph import Network
from chipsim.network.layers import Shape
from chipsim.streams import stream

BUILT_IN = ("zoo:digits",)
CALIBRATION_IMAGES = 128
_SYNTHETIC = ("synthetic data", "synthetic calibration data")
# what NumPy and zipfile raise on damaged archives, beside ValueError
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, LookupError, RuntimeError, MemoryError)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Inputs of a network.

    Attributes
    ----------
    name : str
        What the user asked for.
    x : ndarray of float32, shape (n, ...)
    y : ndarray of int64, shape (n,), or None
        Class of each input.
    x_calibration : ndarray of float32, shape (m, ...), or None
        Inputs that are not scored; ranges of converters are set with them.
    sha256 : str
        Hash of the file, or of the values where there is none.
    """

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.int64] | None
    x_calibration: NDArray[np.float32] | None
    sha256: str


def load_data(name_or_path: str) -> Dataset:
    """Load the built-in digits or an .npz archive.

    Parameters
    ----------
    name_or_path : str
        ``"zoo:digits"`` (450 test images, shape (n, 1, 8, 8), pixels from 0 to 1) or the path of an archive with
        ``x``, and optionally ``y`` (whole numbers, one per input) and ``x_calibration``.

    Raises
    ------
    DataError
        If there is no such data, or the archive is damaged or does not hold what it should.

    Examples
    --------
    >>> load_data("zoo:digits").x.shape
    (450, 1, 8, 8)
    """
    if name_or_path in BUILT_IN:
        return _digits(name_or_path)
    if name_or_path.startswith("zoo:"):
        hint = nearest(name_or_path, BUILT_IN)
        raise DataError(f"no data called {name_or_path!r}; there is {', '.join(BUILT_IN)}, or give an .npz file{hint}")
    content = _read(Path(name_or_path))
    arrays = _arrays(content, name_or_path, ("x", "y", "x_calibration"))
    if "x" not in arrays:
        raise DataError(f"{name_or_path}: has no array 'x'; save the inputs with numpy.savez(path, x=inputs)")
    x = _inputs(arrays["x"], "x", name_or_path)
    y = _labels(arrays["y"], len(x), name_or_path) if "y" in arrays else None
    calibration = None
    if "x_calibration" in arrays:
        calibration = _inputs(arrays["x_calibration"], "x_calibration", name_or_path)
        if calibration.shape[1:] != x.shape[1:]:
            raise DataError(
                f"{name_or_path}: 'x_calibration' has inputs of shape {calibration.shape[1:]}, "
                f"'x' of shape {x.shape[1:]}; they must be equal"
            )
    return Dataset(name_or_path, x, y, calibration, hashlib.sha256(content).hexdigest())


def fit_data(dataset: Dataset, network: Network) -> Dataset:
    """The same data in the shape that a network takes.

    Raises
    ------
    DataError
        If an input has another shape than the network's, beyond axes of size one and flattening.
    """
    wanted = network.input_shape
    x = _fit(dataset.x, wanted, dataset.name, network.name)
    calibration = dataset.x_calibration
    if calibration is not None:
        calibration = _fit(calibration, wanted, dataset.name, network.name)
    return replace(dataset, x=x, x_calibration=calibration)


def synthetic_data(network: Network, count: int, seed: int) -> Dataset:
    """Standard normal inputs without labels, and as many others to calibrate with.

    Parameters
    ----------
    network : Network
    count : int
        Number of inputs, at least one.
    seed : int
    """
    if count < 1:
        raise DataError(f"synthetic data needs at least one input, not {count}")
    shape = (count, *network.input_shape)
    x, calibration = (stream(seed, purpose).standard_normal(shape, np.float32) for purpose in _SYNTHETIC)
    return Dataset("synthetic", x, None, calibration, hashlib.sha256(x.tobytes()).hexdigest())


def _digits(name: str) -> Dataset:
    content = (files("chipsim.network") / "data" / "digits.npz").read_bytes()
    arrays = _arrays(content, name, ("images", "labels", "train", "test"))
    images = (arrays["images"][:, None] / np.float32(16)).astype(np.float32)
    test, calibration = arrays["test"], arrays["train"][:CALIBRATION_IMAGES]
    labels = arrays["labels"][test].astype(np.int64)
    return Dataset(name, images[test], labels, images[calibration], hashlib.sha256(content).hexdigest())


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a device may never end
            raise DataError(f"{path} is no file")
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; give an .npz archive or one of {', '.join(BUILT_IN)}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None


def _arrays(content: bytes, name: str, wanted: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Those of the wanted arrays that an archive holds; pickled objects are never opened."""
    if not content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise DataError(f"{name}: is not an .npz archive; write one with numpy.savez(path, x=inputs)")
    arrays: dict[str, NDArray[Any]] = {}
    key = "x"
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            for key in wanted:
                if key in archive.files:
                    arrays[key] = archive[key]
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise DataError(f"{name}: array {key!r} is damaged: {error}; write the archive again") from None
        raise DataError(f"{name}: array {key!r} holds Python objects, which are not opened; save numbers") from None
    except _DAMAGE as error:
        raise DataError(f"{name}: is damaged or was cut off ({error}); write the archive again") from None
    return arrays


def _inputs(values: NDArray[Any], key: str, name: str) -> NDArray[np.float32]:
    if values.dtype.kind not in "fiub":
        raise DataError(f"{name}: {key!r} holds {values.dtype}, not numbers")
    if values.ndim < 2 or values.size == 0:
        raise DataError(
            f"{name}: {key!r} has the shape {values.shape}; it must hold at least one input, the batch first"
        )
    if not np.isfinite(values).all():
        raise DataError(f"{name}: {key!r} holds NaN or infinite values; remove them")
    with np.errstate(over="ignore"):
        result = values.astype(np.float32)
    if not np.isfinite(result).all():
        raise DataError(f"{name}: {key!r} holds values too large for float32; scale them down")
    return result


def _labels(values: NDArray[Any], count: int, name: str) -> NDArray[np.int64]:
    if values.dtype.kind not in "iu":
        raise DataError(f"{name}: 'y' holds {values.dtype}; labels must be whole numbers (int64)")
    if values.shape != (count,):
        raise DataError(f"{name}: 'y' has the shape {values.shape}; it must be ({count},), one label per input in 'x'")
    return values.astype(np.int64)


def _fit(x: NDArray[np.float32], wanted: Shape, name: str, network: str) -> NDArray[np.float32]:
    given = x.shape[1:]
    same = [size for size in given if size != 1] == [size for size in wanted if size != 1]
    flat = (len(given) == 1 or len(wanted) == 1) and int(np.prod(given)) == int(np.prod(wanted))
    if not (same or flat):
        turned = sorted(given) == sorted(wanted)
        mend = "transpose the axes (reshaping would mix up the values)" if turned else "give inputs of that shape"
        raise DataError(f"{name}: its inputs have the shape {given}, but {network} takes {wanted}; {mend}")
    return np.ascontiguousarray(x.reshape(len(x), *wanted), np.float32)
