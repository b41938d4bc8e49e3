"""Programmings in a file: what was drawn once, so that a run on another processor reads the very same cells.

* ``with ProgrammingWriter.open(path, plan, ...) as writer: writer.add(network, refit)`` for each programming;
* ``ProgrammingFile.open(path, plan, precision)``, then ``file.ranges(plan)``, ``file.ready(programming, site)`` and, of
  affine drift compensation, ``file.refit(programming)``.

The file is a NumPy archive: its ``header`` is JSON, everything else arrays of numbers; nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chipsim.crossbar.array import Array
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.precision import Precision
from chipsim.crossbar.program_verify import WriteCounts
from chipsim.crossbar.sliced_block import SlicedArray
from chipsim.errors import InputError
from chipsim.execution.affine_refit import Refit
from chipsim.execution.affine_stored import refit_arrays, stored_refit
from chipsim.execution.block_run import BlockSite, ReadyBlock
from chipsim.execution.calibration import BlockKey, Ranges
from chipsim.execution.fitting import different_parts, fitting
from chipsim.execution.functional import AnalogNetwork
from chipsim.files import no_pipe, replacing
from chipsim.mapping.plan import PlacedBlock, Plan
from chipsim.units import OLDEST_S

FORMAT, VERSION = "chipsim programming", 2
_UNREADABLE = (
    OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, MemoryError, ArithmeticError,
    LookupError, TypeError, AttributeError,
)  # fmt: skip
"""All that reading a damaged or hostile archive can raise; RuntimeError holds recursion and unknown compression."""


@dataclass(slots=True)
class ProgrammingWriter:
    """Writes programmings one after another; make it with `open`."""

    archive: zipfile.ZipFile
    count: int = 0

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, plan: Plan, precision: Precision, ranges: dict[str, Ranges], age_s: float
    ) -> Iterator[ProgrammingWriter]:
        """Begin a file, which stands at ``path`` only when all of it is written.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", allowZip64=True) as archive:
            writer = cls(archive)
            for name, layer in ranges.items():
                writer._put(f"ranges/{name}/input", np.float64(layer.input))
                for (matrix, row, column), outputs in layer.outputs.items():
                    writer._put(f"ranges/{name}/{matrix}/{row}/{column}", np.array(outputs))
            yield writer
            header = {"format": FORMAT, "version": VERSION, "age_s": age_s, "programmings": writer.count}
            text = json.dumps(header | {"fits": fitting(plan, precision), "contents": _contents(archive)})
            writer._put("header", np.frombuffer(text.encode(), np.uint8))

    def add(self, network: AnalogNetwork, refit: Refit | None = None) -> None:
        """Append the cells of a programmed network, and the refit that affine factors came from."""
        for name, layer in network.layers.items():
            for run in (each for each in layer.blocks if not each.placed.reader):
                self._put_block(_block_path(self.count, name, run.placed), run.ready)
        if refit is not None:
            for path, values in refit_arrays(network.plan, refit, partial(_block_path, self.count)):
                self._put(path, values)
        self.count += 1

    def _put_block(self, path: str, ready: ReadyBlock) -> None:
        array = ready.array
        for index, part in enumerate(array.arrays if isinstance(array, SlicedArray) else (array,)):
            self._put(f"{path}/{index}/difference", part.difference)
            if part.fast_variance is not None:
                self._put(f"{path}/{index}/fast_variance", part.fast_variance)
            self._put(f"{path}/{index}/row_conductance_siemens", part.row_conductance_siemens)
            self._put(f"{path}/{index}/output_scale", part.output_scale)
            self._put(f"{path}/{index}/segment_ratio", np.float64(part.segment_ratio or 0.0))
        if isinstance(array, SlicedArray):
            self._put(f"{path}/factors", np.array(array.factors))
            self._put(f"{path}/output_scale", array.output_scale)
            self._put(f"{path}/levels", np.array([array.largest_level, array.single]))
        for index, errors in enumerate(ready.errors):
            self._put(f"{path}/{index}/converter", np.stack([errors.gain, errors.offset]))
            self._put(f"{path}/{index}/converter_noise", np.float64(errors.noise))
        self._put(f"{path}/factor", ready.factor)
        if ready.writes is not None:
            self._put(f"{path}/writes", np.array(astuple(ready.writes)))
        self._put(f"{path}/reference", np.array([ready.reference_reads, ready.reference_conductance]))

    def _put(self, name: str, values: Any) -> None:
        with self.archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:  # without a date
            np.lib.format.write_array(file, np.asarray(values), allow_pickle=False)


@dataclass(slots=True)
class ProgrammingFile:
    """Programmings read from a file; make it with `open`.

    Attributes
    ----------
    path : Path
    programmings : int
    age_s : float
        Of the cells.
    sha256 : str
        Of the file.
    """

    path: Path
    programmings: int
    age_s: float
    sha256: str
    _plan: Plan = field(repr=False)
    _arrays: Any = field(repr=False)

    @classmethod
    @contextmanager
    def open(cls, path: Path, plan: Plan, precision: Precision) -> Iterator[ProgrammingFile]:
        """Open a file and check that it belongs to a plan.

        Raises
        ------
        InputError
            If it cannot be read, is damaged, or was made for another network, tile or precision.
        """
        with _archive(path) as arrays:
            header = _header(path, arrays)
            if different := different_parts(header["fits"], fitting(plan, precision)):
                raise InputError(f"programmings {path} were made for another {different}; program anew")
            yield cls(path, int(header["programmings"]), float(header["age_s"]), _sha256(path), plan, arrays)

    def ranges(self, plan: Plan) -> dict[str, Ranges]:
        """The full scales of all converters."""
        found = {}
        for name, layer in plan.layers.items():
            keys: list[BlockKey] = [(p.matrix, p.block.row, p.block.column) for p in layer.blocks]
            outputs = {key: tuple(self._get(f"ranges/{name}/{key[0]}/{key[1]}/{key[2]}").tolist()) for key in keys}
            found[name] = Ranges(float(self._get(f"ranges/{name}/input")), outputs)
        return found

    def ready(self, programming: int, site: BlockSite) -> ReadyBlock:
        """The cells of one block."""
        try:
            return self._ready(_block_path(programming, site.plan.layer.name, site.placed), site)
        except InputError:
            raise
        except _UNREADABLE as error:
            raise InputError(f"programmings {self.path} are damaged ({error})") from None

    def _ready(self, path: str, site: BlockSite) -> ReadyBlock:
        block = site.placed.block
        reads, conductance = self._get(f"{path}/reference").tolist()
        slices = 1
        if self._has(f"{path}/factors"):
            slices = len(self._get(f"{path}/factors"))
        parts = tuple(self._array(f"{path}/{index}") for index in range(slices))
        errors = tuple(
            self._errors(f"{path}/{index}") for index in range(slices) if self._has(f"{path}/{index}/converter")
        )
        array = self._sliced(path, parts) if self._has(f"{path}/factors") else parts[0]
        if array.shape != (block.rows, block.columns):
            raise InputError(f"programmings {self.path} are damaged: block {path} has the shape {array.shape}")
        writes = WriteCounts(*self._get(f"{path}/writes").tolist()) if self._has(f"{path}/writes") else None
        return ReadyBlock(array, errors, self._get(f"{path}/factor"), int(reads), conductance, writes)

    def refit(self, programming: int) -> Refit:
        """The refit of one programming, for affine drift compensation."""
        return stored_refit(self._plan, partial(_block_path, programming), self._get, self._has)

    def _sliced(self, path: str, parts: tuple[Array, ...]) -> SlicedArray:
        factors, levels = self._get(f"{path}/factors").tolist(), self._get(f"{path}/levels").tolist()
        return SlicedArray(parts, tuple(factors), self._get(f"{path}/output_scale"), levels[0], bool(levels[1]))

    def _errors(self, path: str) -> ConverterErrors:
        gain, offset = self._get(f"{path}/converter")
        return ConverterErrors(gain, offset, float(self._get(f"{path}/converter_noise")))

    def _array(self, path: str) -> Array:
        variance = f"{path}/fast_variance"
        return Array(
            self._get(f"{path}/difference"),
            self._get(variance) if self._has(variance) else None,
            self._get(f"{path}/row_conductance_siemens"),
            self._get(f"{path}/output_scale"),
            float(self._get(f"{path}/segment_ratio")) or None,
        )

    def _has(self, name: str) -> bool:
        return name in self._arrays

    def _get(self, name: str) -> Any:
        try:
            values = self._arrays[name]
        except _UNREADABLE as error:
            raise InputError(f"programmings {self.path} are damaged or incomplete ({error})") from None
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise InputError(f"programmings {self.path}: '{name}' holds what is no finite number")
        return values


def _block_path(programming: int, layer: str, placed: PlacedBlock) -> str:
    block = placed.block
    return f"{programming}/{layer}/{placed.matrix}/{block.row}/{block.column}/{placed.replica.number}"


def stored_age_and_count(path: Path) -> tuple[float, int]:
    """Age of the cells in seconds, and number of programmings, of a file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    with _archive(path) as arrays:
        header = _header(path, arrays)
        return float(header["age_s"]), int(header["programmings"])


@contextmanager
def _archive(path: Path) -> Iterator[Any]:
    with ExitStack() as files:
        try:
            file = files.enter_context(no_pipe(path).open("rb"))
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ValueError("not an archive")
            files.enter_context(arrays)
        except _UNREADABLE as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"programmings {path} cannot be read ({reason})") from None
        yield arrays


def _header(path: Path, arrays: Any) -> dict[str, Any]:
    try:
        header = json.loads(bytes(arrays["header"]).decode())
        known = header["format"] == FORMAT and header["version"] == VERSION and isinstance(header["fits"], dict)
        whole = known and header["contents"] == _contents(arrays.zip) and _is_age_and_count(header)
    except _UNREADABLE:
        known = whole = False
    if not known:
        raise InputError(f"programmings {path} are damaged, or of another format than version {VERSION}")
    if not whole:
        raise InputError(f"programmings {path} are damaged: they are not what was saved")
    return header  # type: ignore[no-any-return]


def _is_age_and_count(header: dict[str, Any]) -> bool:
    age_s, count = header["age_s"], header["programmings"]
    return isinstance(age_s, float) and 0 <= age_s <= OLDEST_S and type(count) is int and count >= 1


def _contents(archive: zipfile.ZipFile) -> str:
    """Hash of the names, sizes and checksums of all arrays but the header."""
    members = sorted((each.filename, each.CRC, each.file_size) for each in archive.infolist())
    listed = [member for member in members if member[0] != "header.npy"]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
