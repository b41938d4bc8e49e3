"""Writing files so that nothing half-written is ever left behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from chipsim.errors import OutputError


def make_folder(path: Path) -> Path:
    """Create an output folder.

    Raises
    ------
    OutputError
        If something else stands there, or it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"output folder {path} cannot be used ({reason}); choose another with --out") from None
    return path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a file beside ``path`` and rename it when it is complete.

    Parameters
    ----------
    path : Path
        Where the file is to stand; its folder exists.
    write : callable
        Given a path with the same suffix to write to.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written to.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error})") from None
    finally:
        temporary.unlink(missing_ok=True)
