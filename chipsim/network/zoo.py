"""`load_network` and `load_data`: networks and data by name or path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from chipsim.errors import ModelError, nearest
from chipsim.network.dataset import Dataset, fit_data, load_data, synthetic_data
from chipsim.network.graph import Network
from chipsim.network.input_shape import DataShapes, parse_shapes
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.standard import BUILDERS

__all__ = ["Dataset", "fit_data", "list_networks", "load_data", "load_network", "synthetic_data"]

TRAINED = ("zoo:digits-mlp", "zoo:digits-cnn", "zoo:vowels-lstm", "zoo:vowels-gru", "zoo:vowels-transformer")
# name -> file in the onnx package, which holds the graphs and no weights
PUBLISHED = {
    "onnx:bvlc_alexnet": "light_bvlc_alexnet.onnx",
    "onnx:densenet121": "light_densenet121.onnx",
    "onnx:inception_v1": "light_inception_v1.onnx",
    "onnx:inception_v2": "light_inception_v2.onnx",
    "onnx:resnet50": "light_resnet50.onnx",
    "onnx:shufflenet": "light_shufflenet.onnx",
    "onnx:squeezenet": "light_squeezenet.onnx",
    "onnx:vgg19": "light_vgg19.onnx",
    "onnx:zfnet512": "light_zfnet512.onnx",
}
ALIASES = {"onnx:alexnet": "onnx:bvlc_alexnet"}


def list_networks() -> list[str]:
    """Names that `load_network` knows.

    Examples
    --------
    >>> list_networks()[:2]
    ['zoo:digits-mlp', 'zoo:digits-cnn']
    """
    return [*TRAINED, *BUILDERS, *PUBLISHED]


def load_network(
    name_or_path: str, *, seed: int = 0, shapes: Sequence[str] = (), data_shape: DataShapes | None = None
) -> Network:
    """Load a network.

    Parameters
    ----------
    name_or_path : str
        ``"zoo:..."``: trained networks of this package, and standard ones with random weights; ``"onnx:..."``:
        well-known networks whose graphs the onnx package holds, with random weights; or the path of an .onnx file.
    seed : int
        Of the random weights; without effect on others.
    shapes : sequence of str
        ``"name=1x3x224x224"``: sizes of an input, where the file leaves some open.
    data_shape : tuple of int, or mapping of str to tuple of int, optional
        Shape of one example of the data, or of each input's, which binds them otherwise.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If there is no such network or its file cannot be read.
    InputError
        If a shape does not fit the input.

    Examples
    --------
    >>> load_network("zoo:digits-mlp").macs
    15840
    """
    name = ALIASES.get(name_or_path, name_or_path)
    if name in TRAINED:
        content = (files("chipsim.network") / "data" / f"{name.removeprefix('zoo:')}.onnx").read_bytes()
        return read_onnx(content, name, shapes=parse_shapes(shapes), data_shape=data_shape)
    if name in BUILDERS:
        content = BUILDERS[name](seed).SerializeToString(deterministic=True)
        built = read_onnx(content, name, shapes=parse_shapes(shapes), data_shape=data_shape)
        return replace(built, weights="synthetic")
    if name in PUBLISHED:
        folder = files("onnx") / "backend" / "test" / "data" / "light"
        content = (folder / PUBLISHED[name]).read_bytes()
        return read_onnx(content, name, synthetic_seed=seed, shapes=parse_shapes(shapes), data_shape=data_shape)
    path = Path(name)
    if name.startswith(("zoo:", "onnx:")) or not path.suffix:
        known = [*list_networks(), *ALIASES]
        if not path.is_file():
            raise ModelError(
                f"no network called {name!r}; there are {', '.join(known)}, "
                f"or give the path of an .onnx file{nearest(name, known)}"
            )
    return read_onnx(path, path.stem, shapes=parse_shapes(shapes), data_shape=data_shape)
