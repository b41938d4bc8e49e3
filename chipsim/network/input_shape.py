"""`DeclaredInput`: an input that carries data, and what binds the sizes that a file leaves open."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper

from chipsim.errors import InputError, ModelError, nearest
from chipsim.network.layers import Shape

GUESSES = (1, 32, 64, 128, 256, 512)
"""Sizes tried, in this order, for axes that nothing binds."""
TYPES = frozenset(
    {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.BOOL}
    | {TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64}
    | {TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64}
)


DataShapes = Shape | Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class DeclaredInput:
    """A data input as the file declares it.

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

    @property
    def is_bound(self) -> bool:
        """Whether the file gives all sizes, the batch's apart."""
        return self.sizes is not None and all(isinstance(size, int) for size in self.sizes)


def declared_inputs(
    graph: onnx.GraphProto, read: Collection[str], constants: Collection[str], name: str
) -> list[DeclaredInput]:
    """The inputs that nodes read and that are no weights, in the file's order.

    Raises
    ------
    ModelError
        If there is none, one holds no numbers, or their batches differ.
    """
    inputs = [value for value in graph.input if value.name not in constants and value.name in read]
    if not inputs:
        raise ModelError(f"{name}: none of its nodes reads an input; export it with the data as an input")
    found = [_declared(value, name) for value in inputs]
    fixed = {given.name: given.batch for given in found if given.batch is not None}
    if len(set(fixed.values())) > 1:
        listed = ", ".join(f"{key!r} has {batch}" for key, batch in fixed.items())
        raise ModelError(
            f"{name}: axis 0 of every input must be the same batch ({listed}); export it with a free batch"
        )
    return found


def _declared(value: onnx.ValueInfoProto, name: str) -> DeclaredInput:
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
    declared: Sequence[DeclaredInput], asked: Mapping[str, Shape], data: DataShapes | None, name: str
) -> list[tuple[tuple[Shape, ...], tuple[str, ...]]]:
    """Shapes of one example of each input to try in turn, and what to say about each.

    Parameters
    ----------
    declared : sequence of DeclaredInput
    asked : mapping of str to tuple of int
        Input -> shape with a batch of one, see `parse_shapes`.
    data : tuple of int or mapping of str to tuple of int, optional
        Shape of one example of the data: of the only input, or by name (``x`` stands for the only one).
    name : str
        Of the model.
    """
    names = [given.name for given in declared]
    if unknown := next((key for key in asked if key not in names), None):
        called = f"it is called {names[0]!r}" if len(names) == 1 else f"there are {', '.join(map(repr, names))}"
        raise InputError(f"--shape {unknown}: {name} has no such input; {called}{nearest(unknown, names)}")
    known = {given.name: _known(given, asked, _shape_of_data(given, names, data)) for given in declared}
    for given in declared:
        if known[given.name] is None and given.sizes is None:
            raise ModelError(
                f"{name}: does not say what shape its input {given.name!r} has; give --shape {given.name}=1x3x224x224"
            )
    sizes = GUESSES if None in known.values() else GUESSES[:1]
    return [
        (
            tuple(known[given.name] or given.guessed(size) for given in declared),
            tuple(given.note(size) for given in declared if known[given.name] is None),
        )
        for size in sizes
    ]


def _shape_of_data(given: DeclaredInput, names: Sequence[str], data: DataShapes | None) -> Shape | None:
    if isinstance(data, tuple):
        data = {"x": data}
    if data is None or given.name in data:
        return None if data is None else data[given.name]
    return data.get("x") if len(names) == 1 else None


def _known(given: DeclaredInput, asked: Mapping[str, Shape], data: Shape | None) -> Shape | None:
    """Sizes that the user, the file or the data bind; None where some are open."""
    if given.name in asked:
        return given.bound_by(asked[given.name][1:], f"--shape {given.name}")
    if given.is_bound:
        return given.guessed(1)
    if data is not None and (given.sizes is None or len(given.sizes) == len(data)):
        return given.bound_by(data, "--data")
    return None


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
