"""`DeclaredInput`: the one input that carries data, and what binds the sizes that a file leaves open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper

from chipsim.errors import InputError, ModelError, nearest
from chipsim.network.layers import Shape

GUESSES = (1, 32, 64, 128, 256, 512)
"""Sizes tried, in this order, for axes that nothing binds."""
TYPES = frozenset(
    {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BOOL}
    | {TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64}
    | {TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64}
)


@dataclass(frozen=True, slots=True)
class DeclaredInput:
    """The data input as the file declares it.

    Attributes
    ----------
    name : str
    dtype : str
        As NumPy calls it.
    batch : int or None
        None if it is free.
    sizes : tuple of int, str or None; or None
        Without the batch; a text is the name of an open size, None one without a name. None instead of the tuple where
        the file does not even say how many axes there are.
    """

    name: str
    dtype: str
    batch: int | None
    sizes: tuple[int | str | None, ...] | None

    @property
    def written(self) -> str:
        """As text, for messages."""
        if self.sizes is None:
            return "of any shape"
        return "x".join(str(size or "?") for size in (self.batch or "N", *self.sizes))

    def bound_by(self, shape: Shape, where: str) -> Shape:
        """A whole shape (without the batch), checked against the sizes that the file fixes."""
        sizes = self.sizes if self.sizes is not None else (None,) * len(shape)
        fits = len(sizes) == len(shape) and all(
            not isinstance(size, int) or size == given for size, given in zip(sizes, shape, strict=True)
        )
        if not fits:
            given = "x".join(map(str, shape))
            raise InputError(f"{where}: an input of {given} does not fit {self.name!r}, which is {self.written}")
        return shape

    def guessed(self, size: int) -> Shape:
        """With one size for every open axis."""
        return tuple(given if isinstance(given, int) else size for given in self.sizes or ())

    def note(self, size: int) -> str:
        """What was assumed, said aloud."""
        open_axes = ", ".join(
            str(given or f"axis {axis}") for axis, given in enumerate(self.sizes or (), 1) if not isinstance(given, int)
        )
        shape = "x".join(map(str, (1, *self.guessed(size))))
        return (
            f"input {self.name!r} is {self.written}: {open_axes} taken as {size}, the smallest size tried that works; "
            f"--shape {self.name}={shape} sets another"
        )


def declared_input(
    graph: onnx.GraphProto, read: Collection[str], constants: Collection[str], name: str
) -> DeclaredInput:
    """The one input that nodes read and that is no weight.

    Raises
    ------
    ModelError
        If there is not exactly one, or it holds no numbers.
    """
    inputs = [value for value in graph.input if value.name not in constants and value.name in read]
    if len(inputs) != 1:
        listed = ", ".join(repr(value.name) for value in inputs) or "none"
        raise ModelError(f"{name}: chipsim runs networks with one data input; this one has {len(inputs)} ({listed})")
    (value,) = inputs
    kind = value.type.tensor_type
    if kind.elem_type not in TYPES:
        raise ModelError(f"{name}: input {value.name!r} does not hold numbers; convert the model to float32")
    dtype = str(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    if not kind.HasField("shape"):
        return DeclaredInput(value.name, dtype, None, None)
    sizes = [size.dim_value if size.dim_value > 0 else size.dim_param or None for size in kind.shape.dim]
    if len(sizes) < 2:
        raise ModelError(
            f"{name}: input {value.name!r} has the shape {[size or '?' for size in sizes]}; "
            "axis 0 must be the batch and another one hold the values: export it so"
        )
    return DeclaredInput(value.name, dtype, sizes[0] if isinstance(sizes[0], int) else None, tuple(sizes[1:]))


def candidate_shapes(
    declared: DeclaredInput, asked: Mapping[str, Shape], data: Shape | None, name: str
) -> list[tuple[Shape, tuple[str, ...]]]:
    """Shapes of one example to try in turn, and what to say about each.

    Parameters
    ----------
    declared : DeclaredInput
    asked : mapping of str to tuple of int
        Input -> shape with a batch of one, see `parse_shapes`.
    data : tuple of int, optional
        Shape of one example of the data.
    name : str
        Of the model.
    """
    if unknown := next((key for key in asked if key != declared.name), None):
        close = nearest(unknown, [declared.name])
        raise InputError(f"--shape {unknown}: {name} has no such input; it is called {declared.name!r}{close}")
    if declared.name in asked:
        return [(declared.bound_by(asked[declared.name][1:], f"--shape {declared.name}"), ())]
    if declared.sizes is not None and all(isinstance(size, int) for size in declared.sizes):
        return [(declared.guessed(1), ())]
    if data is not None and (declared.sizes is None or len(declared.sizes) == len(data)):
        return [(declared.bound_by(data, "--data"), ())]
    if declared.sizes is None:
        raise ModelError(
            f"{name}: does not say what shape its input {declared.name!r} has; give --shape {declared.name}=1x3x224x224"
        )
    return [(declared.guessed(size), (declared.note(size),)) for size in GUESSES]


def parse_shapes(texts: Collection[str]) -> dict[str, Shape]:
    """``name=1x3x224x224`` as a mapping from name to shape.

    Raises
    ------
    InputError

    Examples
    --------
    >>> parse_shapes(["x=1x3x8x8"])
    {'x': (1, 3, 8, 8)}
    """
    found = {}
    for text in texts:
        name, _, sizes = text.rpartition("=")
        try:
            shape = tuple(int(size) for size in sizes.split("x"))
        except ValueError:
            shape = ()
        if not name or len(shape) < 2 or min(shape) < 1:
            raise InputError(f"--shape {text}: write the input's name and its sizes, such as x=1x3x224x224")
        if shape[0] != 1:
            raise InputError(f"--shape {text}: the first size is the batch, which must be 1 here; --batch sets batches")
        found[name] = shape
    return found
