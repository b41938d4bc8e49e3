"""`Dataset`: inputs to run, labels to score them by, and inputs to calibrate ranges with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import DataError, nearest
from chipsim.network.archive import BUILT_IN, arrays_of, checked_inputs, checked_labels, read_archive
from chipsim.network.given_lengths import check_lengths, draw_lengths
from chipsim.network.graph import Network
from chipsim.network.layers import Shape
from chipsim.streams import stream

OWN = ("x", "y", "x_calibration")
CALIBRATION = "_calibration"
CALIBRATION_IMAGES = 128
VOWEL_STEPS, VOWEL_UNIT = 29, 1e-4
_SYNTHETIC = ("synthetic data", "synthetic calibration data")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Inputs of a network.

    Attributes
    ----------
    name : str
        What the user asked for.
    x : ndarray of float32, shape (n, ...)
        Empty in an archive that names its inputs otherwise, until `fit_data` has joined them.
    y : ndarray of int64, shape (n,), or None
        Class of each input.
    x_calibration : ndarray of float32, shape (m, ...), or None
        Inputs that are not scored; ranges of converters are set with them.
    sha256 : str
        Hash of the file, or of the values where there is none.
    named : mapping of str to ndarray
        All arrays of numbers in the archive, by name.
    arrays : tuple of str
        Names of all arrays in the archive that can be read.
    """

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.int64] | None
    x_calibration: NDArray[np.float32] | None
    sha256: str
    named: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    arrays: tuple[str, ...] = ()

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of one example in each array."""
        found = {name: values.shape[1:] for name, values in self.named.items() if values.ndim > 1}
        return found | ({"x": self.x.shape[1:]} if self.x.size else {})


def load_data(name_or_path: str) -> Dataset:
    """Load the built-in digits or vowels, or an .npz archive.

    Parameters
    ----------
    name_or_path : str
        ``"zoo:digits"`` (450 test images, shape (n, 1, 8, 8), pixels from 0 to 1), ``"zoo:vowels"`` (370 utterances,
        shape (n, 29, 12), nine speakers; zeros stand before shorter ones) or the path of an archive with
        ``x``, and optionally ``y`` (whole numbers, one per input) and ``x_calibration``. For a network with several
        inputs it has an array per input, by the input's name, and optionally ``NAME_calibration`` of each.

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
        return _digits(name_or_path) if name_or_path == "zoo:digits" else _vowels(name_or_path)
    if name_or_path.startswith("zoo:"):
        hint = nearest(name_or_path, BUILT_IN)
        raise DataError(f"no data called {name_or_path!r}; there is {', '.join(BUILT_IN)}, or give an .npz file{hint}")
    content = read_archive(Path(name_or_path))
    arrays = arrays_of(content, name_or_path, OWN)
    named = {key: values for key, values in arrays.items() if key != "y" and values.dtype.kind in "fiub"}
    inputs = [key for key in named if not key.endswith(CALIBRATION)]
    if "x" not in arrays and not inputs:
        raise DataError(
            f"{name_or_path}: has no array 'x' ({_has(arrays)}); save the inputs with numpy.savez(path, x=inputs)"
        )
    x = checked_inputs(arrays["x"], "x", name_or_path) if "x" in arrays else np.zeros(0, np.float32)
    calibration = None
    if "x" in arrays and "x_calibration" in arrays:
        calibration = _calibration(arrays["x_calibration"], "x", x, name_or_path)
    y = None
    if "y" in arrays:  # inputs of other names are counted when the network is known
        y = checked_labels(arrays["y"], len(x) if x.size else arrays["y"].size, name_or_path)
    return Dataset(name_or_path, x, y, calibration, hashlib.sha256(content).hexdigest(), named, tuple(arrays))


def fit_data(dataset: Dataset, network: Network) -> Dataset:
    """The same data in the shape that a network takes; several inputs are joined (`Network.join_inputs`).

    Raises
    ------
    DataError
        If an array is missing, has another number of inputs than the others, or an input has another shape than the
        network's, beyond axes of size one and flattening; or if a sequence cannot be as long as it says.
    """
    layers = network.input_layers
    if len(layers) == 1 and dataset.x.size:
        x, calibration = {layers[0].name: dataset.x}, {layers[0].name: dataset.x_calibration}
    else:
        _check_names(dataset, network)
        x = {layer.name: _checked(dataset, layer.name, network) for layer in layers}
        calibration = {name: _named_calibration(dataset, name, network, values) for name, values in x.items()}
    _check_counts(x, dataset, "")
    whole = {name: values for name, values in calibration.items() if values is not None}
    if whole and len(whole) < len(x):
        lacking = next(name for name in x if name not in whole)
        raise DataError(f"{dataset.name}: has no array {lacking + CALIBRATION!r}; give one for every input or none")
    _check_counts(whole, dataset, CALIBRATION)
    check_lengths(network, x, dataset.name)
    check_lengths(network, whole, dataset.name)
    return replace(
        dataset,
        x=_joined(x, network, dataset.name),
        x_calibration=_joined(whole, network, dataset.name) if whole else None,
        named={},
    )


def _has(arrays: Iterable[str]) -> str:
    """What an archive holds, in words."""
    return f"it has {', '.join(map(repr, arrays)) or 'no arrays that can be read'}"


def _check_names(dataset: Dataset, network: Network) -> None:
    wanted = [layer.name for layer in network.input_layers]
    missing = [name for name in wanted if name not in dataset.named]
    if missing and len(wanted) == 1:
        nor = "" if missing[0] == "x" else f", nor one called {missing[0]!r} as the input of {network.name} is"
        raise DataError(
            f"{dataset.name}: has no array 'x'{nor} "
            f"({_has(dataset.arrays)}); save the inputs with numpy.savez(path, x=inputs)"
        )
    if missing:
        has = ", ".join(repr(name) for name in dataset.named if not name.endswith(CALIBRATION)) or "none"
        if missing[0] in dataset.arrays:
            raise DataError(f"{dataset.name}: {missing[0]!r} does not hold numbers; save it as an array of numbers")
        mend = f"save them with numpy.savez(path, {', '.join(f'{name}=...' for name in wanted)})"
        raise DataError(
            f"{dataset.name}: has no array {missing[0]!r}; {network.name} has the inputs "
            f"{', '.join(map(repr, wanted))}, the archive {has}{nearest(missing[0], list(dataset.named))}: {mend}"
        )


def _check_counts(arrays: Mapping[str, NDArray[Any]], dataset: Dataset, suffix: str) -> None:
    """All inputs, and the labels, must be as many."""
    counts = {name + suffix: len(values) for name, values in arrays.items()}
    if not suffix and dataset.y is not None:
        counts["y"] = len(dataset.y)
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name!r} has {count}" for name, count in counts.items())
        raise DataError(f"{dataset.name}: its arrays have different numbers of inputs: {listed}")


def _checked(dataset: Dataset, name: str, network: Network) -> NDArray[np.float32]:
    return checked_inputs(_as_column(dataset.named[name], name, network), name, dataset.name)


def _as_column(values: NDArray[Any], name: str, network: Network) -> NDArray[Any]:
    """One number per input may stand without an axis of its own."""
    return values[:, np.newaxis] if values.ndim == 1 and network.layers[name].output_shape == (1,) else values


def _named_calibration(
    dataset: Dataset, name: str, network: Network, x: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    values = dataset.named.get(name + CALIBRATION)
    return None if values is None else _calibration(_as_column(values, name, network), name, x, dataset.name)


def _calibration(values: NDArray[Any], key: str, x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    calibration = checked_inputs(values, key + CALIBRATION, name)
    if calibration.shape[1:] != x.shape[1:]:
        raise DataError(
            f"{name}: {key + CALIBRATION!r} has inputs of shape {calibration.shape[1:]}, "
            f"{key!r} of shape {x.shape[1:]}; they must be equal"
        )
    return calibration


def _joined(arrays: Mapping[str, NDArray[np.float32]], network: Network, name: str) -> NDArray[np.float32]:
    several = len(network.input_layers) > 1
    return network.join_inputs(
        {
            layer.name: _fit(
                arrays[layer.name], layer.output_shape, name, network.name, repr(layer.name) if several else ""
            )
            for layer in network.input_layers
        }
    )


def synthetic_data(network: Network, count: int, seed: int) -> Dataset:
    """Standard normal inputs without labels, and as many others to calibrate with; lengths of sequences from 1 on.

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
    for purpose, values in zip(_SYNTHETIC, (x, calibration), strict=True):
        draw_lengths(network, values, seed, purpose)
    return Dataset("synthetic", x, None, calibration, hashlib.sha256(x.tobytes()).hexdigest())


def _digits(name: str) -> Dataset:
    content = (files("chipsim.network") / "data" / "digits.npz").read_bytes()
    arrays = arrays_of(content, name, ("images", "labels", "train", "test"))
    images = (arrays["images"][:, None] / np.float32(16)).astype(np.float32)
    test, calibration = arrays["test"], arrays["train"][:CALIBRATION_IMAGES]
    labels = arrays["labels"][test].astype(np.int64)
    return Dataset(name, images[test], labels, images[calibration], hashlib.sha256(content).hexdigest())


def _vowels(name: str) -> Dataset:
    content = (files("chipsim.network") / "data" / "vowels.npz").read_bytes()
    arrays = arrays_of(content, name, ("frames", "lengths", "speakers", "train"))
    lengths, ends = arrays["lengths"].astype(np.int64), np.cumsum(arrays["lengths"], dtype=np.int64)
    series = np.zeros((len(lengths), VOWEL_STEPS, arrays["frames"].shape[1]), np.float32)
    for own, length, end in zip(series, lengths, ends, strict=True):
        own[VOWEL_STEPS - length :] = arrays["frames"][end - length : end] * np.float32(VOWEL_UNIT)
    first_test = int(arrays["train"])
    labels = arrays["speakers"][first_test:].astype(np.int64)
    chosen = np.arange(CALIBRATION_IMAGES) * first_test // CALIBRATION_IMAGES  # recordings stand speaker by speaker
    return Dataset(name, series[first_test:], labels, series[chosen], hashlib.sha256(content).hexdigest())


def _fit(x: NDArray[np.float32], wanted: Shape, name: str, network: str, key: str) -> NDArray[np.float32]:
    given = x.shape[1:]
    same = [size for size in given if size != 1] == [size for size in wanted if size != 1]
    flat = (len(given) == 1 or len(wanted) == 1) and int(np.prod(given)) == int(np.prod(wanted))
    if not (same or flat):
        turned = sorted(given) == sorted(wanted)
        mend = "transpose the axes (reshaping would mix up the values)" if turned else "give inputs of that shape"
        raise DataError(f"{name}: {key or 'its'} inputs have the shape {given}, but {network} takes {wanted}; {mend}")
    return np.ascontiguousarray(x.reshape(len(x), *wanted), np.float32)
