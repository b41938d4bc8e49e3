"""`Result`: what a run returns. Nothing in it changes between equal runs but ``simulator``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chipsim.errors import OutputError
from chipsim.files import write_atomically

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
Records = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """Numbers and tables of one run.

    Attributes
    ----------
    data : dict
        Exactly what ``result.json`` holds; see ``docs/result.md``.
    tables : dict of str to list of dict
        ``layers``, ``tiles``, ``units``, ``links``, ``ledger``, ``pipeline``, ``trace``: one dict per row, SI units in
        the names.

    Examples
    --------
    >>> Result({"schema_version": 1}, {"tiles": [{"tile": "tile(0,0)", "mvms": 3}]}).tiles
            tile  mvms
    0  tile(0,0)     3
    """

    data: dict[str, Any]
    tables: Mapping[str, Records]

    @property
    def layers(self) -> pd.DataFrame:
        """One row per layer: where it ran, cells, times, signal-to-noise."""
        return self._frame("layers")

    @property
    def tiles(self) -> pd.DataFrame:
        """One row per tile of the chip: place, layer, MVMs, busy share."""
        return self._frame("tiles")

    @property
    def units(self) -> pd.DataFrame:
        """One row per neuron unit, digital unit and part of the baseline: place, layers, busy share."""
        return self._frame("units")

    @property
    def links(self) -> pd.DataFrame:
        """One row per link and port that carried anything."""
        return self._frame("links")

    @property
    def ledger(self) -> pd.DataFrame:
        """Amount x unit cost = joules, for every component, action and layer of both machines."""
        return self._frame("ledger")

    @property
    def pipeline(self) -> pd.DataFrame:
        """First start and last end of every layer for each of the first inputs."""
        return self._frame("pipeline")

    def json(self) -> str:
        """The text of ``result.json``, in ASCII: no terminal, pipe or file name can spoil it."""
        return json.dumps(self.data, indent=2, allow_nan=False) + "\n"

    def __repr__(self) -> str:
        """A line, not the tables."""
        network, settings = self.data.get("network", {}), self.data.get("settings", {})
        return f"<Result of {network.get('name')} on {settings.get('architecture')}: {', '.join(self.tables)}>"

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``result.json`` and one CSV per table into a folder, which is made if it is not there.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        folder, written = Path(folder), []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"folder {folder} cannot be made ({error.strerror or error})") from None
        for name, records in self.tables.items():
            if records:
                path = folder / f"{name}.csv"
                frame = _whole_numbers(self._frame(name), records)
                write_atomically(path, lambda file, frame=frame: frame.to_csv(file, index=False))  # type: ignore[misc]
                written.append(path)
        path = folder / "result.json"
        write_atomically(path, lambda file: file.write_text(self.json(), encoding="utf-8"))
        return [*written, path]

    def _frame(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self.tables.get(name, []))


def _whole_numbers(frame: pd.DataFrame, records: Records) -> pd.DataFrame:
    """The frame with columns of whole numbers as such where some rows have none: 27, not 27.0."""
    columns = (name for name in map(str, frame) if frame[name].dtype.kind == "f")
    whole = [name for name in columns if all(isinstance(row[name], int | None) for row in records)]
    return frame.astype(dict.fromkeys(whole, "Int64"))
