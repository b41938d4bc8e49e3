"""Programmings in a file: what was drawn once, so that a run on another processor reads the very same cells.

* ``with ProgrammingWriter.open(path, plan, ...) as writer: writer.add(network)`` for each programming;
* ``ProgrammingFile.open(path, plan, precision)``, then ``file.ranges(plan)`` and ``file.ready(programming, site)``.

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
from pathlib import Path
from typing import Any

import numpy as np

from chipsim.crossbar.array import Array
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.precision import Precision
from chipsim.crossbar.program_verify import WriteCounts
from chipsim.crossbar.sliced_block import SlicedArray
from chipsim.errors import InputError
from chipsim.execution.block_run import BlockSite, ReadyBlock
from chipsim.execution.calibration import BlockKey, Ranges
from chipsim.execution.functional import AnalogNetwork
from chipsim.files import replacing
from chipsim.mapping.plan import PlacedBlock, Plan

FORMAT, VERSION = "chipsim programming", 1
_UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


def fitting(plan: Plan, precision: Precision) -> dict[str, Any]:
    """What a file of programmings must have in common with a run: network, cells, converters and blocks."""
    tile = plan.chip.spec.tile
    parts = (tile.crossbar, tile.dac, tile.adc, tile.programming, tile.compensation)
    physics = [None if part is None else part.model_dump(mode="json") for part in parts]
    cells = hashlib.sha256(json.dumps([physics, tile.digital_scale], sort_keys=True).encode()).hexdigest()
    blocks = [
        [name, placed.matrix, block.row, block.column, block.rows, block.columns, placed.replica.number]
        for name, layer in plan.layers.items()
        for placed in layer.blocks
        for block in (placed.block,)
    ]
    places = hashlib.sha256(json.dumps(blocks).encode()).hexdigest()
    return {"network": plan.network.sha256, "cells and converters": cells, "blocks": places, "precision": precision}


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
            text = json.dumps(header | {"fits": fitting(plan, precision)})
            writer._put("header", np.frombuffer(text.encode(), np.uint8))

    def add(self, network: AnalogNetwork) -> None:
        """Append the cells of a programmed network."""
        for name, layer in network.layers.items():
            for run in layer.blocks:
                self._put_block(_block_path(self.count, name, run.placed), run.ready)
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
    _arrays: Any = field(repr=False)

    @classmethod
    @contextmanager
    def open(cls, path: Path, plan: Plan, precision: Precision) -> Iterator[ProgrammingFile]:
        """Open a file and check that it belongs to a plan.

        Raises
        ------
        InputError
            If it cannot be read, is damaged, or was made for another network, other cells or another precision.
        """
        with _archive(path) as arrays:
            header = _header(path, arrays)
            different = [name for name, value in fitting(plan, precision).items() if header["fits"].get(name) != value]
            if different:
                raise InputError(f"programmings {path} were made for another {' and '.join(different)}; program anew")
            yield cls(path, int(header["programmings"]), float(header["age_s"]), _sha256(path), arrays)

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
        path = _block_path(programming, site.plan.layer.name, site.placed)
        reads, conductance = self._get(f"{path}/reference").tolist()
        slices = 1
        if self._has(f"{path}/factors"):
            slices = len(self._get(f"{path}/factors"))
        parts = tuple(self._array(f"{path}/{index}") for index in range(slices))
        errors = tuple(
            self._errors(f"{path}/{index}") for index in range(slices) if self._has(f"{path}/{index}/converter")
        )
        array = self._sliced(path, parts) if self._has(f"{path}/factors") else parts[0]
        writes = WriteCounts(*self._get(f"{path}/writes").tolist()) if self._has(f"{path}/writes") else None
        return ReadyBlock(array, errors, self._get(f"{path}/factor"), int(reads), conductance, writes)

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
        except (*_UNREADABLE, KeyError) as error:
            raise InputError(f"programmings {self.path} are damaged or incomplete ({error})") from None
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
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
            file = files.enter_context(path.open("rb"))
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
    except (*_UNREADABLE, KeyError, TypeError):
        known = False
    if not known:
        raise InputError(f"programmings {path} are damaged, or of another format than version {VERSION}")
    return header  # type: ignore[no-any-return]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
