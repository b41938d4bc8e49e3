"""Writing files so that nothing half-written is ever left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chipsim.errors import OutputError


@contextmanager
def output_folder(path: Path) -> Iterator[None]:
    """Have an output folder, and no trace of it if what follows fails and it was not there before.

    Raises
    ------
    OutputError
        If something else stands there, or it cannot be made or written to.
    """
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    except OSError as error:
        raise _unusable(path, error) from None
    try:
        _make_folder(path)
        yield
    except BaseException:
        if path in missing:
            shutil.rmtree(path, ignore_errors=True)
        for folder in missing[1:]:
            with suppress(OSError):  # not made, or others use it by now
                folder.rmdir()
        raise


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"output folder {path} cannot be used ({error.strerror or error}); choose another with --out")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Have a file beside ``path`` to write to, which takes its place when it is complete, and is gone otherwise.

    Parameters
    ----------
    path : Path
        Where the file is to stand; its folder exists.

    Yields
    ------
    Path
        With the same suffix.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise _unwritten(path, error) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise _unwritten(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a file beside ``path``, given its name, and rename it when it is complete.

    What is raised is what `replacing` raises.
    """
    with replacing(path) as temporary:
        write(temporary)


def _unwritten(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} cannot be written ({error.strerror or error})")
