"""Writing files so that nothing half-written is ever left behind; refusing to read what may never end."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from chipsim.errors import OutputError


def no_pipe(path: Path) -> Path:
    """A path to read from, unless reading it could wait for ever or never end.

    Raises
    ------
    OSError
        If it is a named pipe, a device or a socket; what is missing or a folder says so when it is opened.

    Examples
    --------
    >>> no_pipe(Path("/dev/null"))
    Traceback (most recent call last):
    OSError: [Errno 22] it is a pipe or a device, not a file
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
    return path


@contextmanager
def output_folder(
    path: Path, whole: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[None]:  # fmt: skip
    """Have an output folder, and no trace of it if what follows fails and it was not there before.

    Parameters
    ----------
    path : Path
    whole : callable
        What makes taking the folder away something that no interrupt breaks off.

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
        with whole():
            _take_away(path, missing)
        raise


def _take_away(path: Path, missing: list[Path]) -> None:
    """Remove a folder and those around it, as far as they were missing before."""
    if path in missing:
        shutil.rmtree(path, ignore_errors=True)
    for folder in missing[1:]:
        with suppress(OSError):  # not made, or others use it by now
            folder.rmdir()


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
    _check_replaceable(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise _unwritten(path, error) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path.resolve() if path.is_symlink() else path)
    except OSError as error:
        raise _unwritten(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def staged(path: Path | None) -> Iterator[Path | None]:
    """Have a place for a file that may be written or not, and move it to ``path`` once everything is well.

    Parameters
    ----------
    path : Path or None
        None where nothing is asked for.

    Yields
    ------
    Path or None
        Of the same name, in a folder that is gone afterwards.

    Raises
    ------
    OutputError
        If the folder cannot be written to, or what stands at ``path`` is no file.
    """
    if path is None:
        yield None
        return
    _check_replaceable(path)
    try:
        folder = tempfile.TemporaryDirectory(prefix=".chipsim-", dir=path.parent)
    except OSError as error:
        raise _unwritten(path, error) from None
    with folder as name:
        inner = Path(name) / (path.name or "file")
        yield inner
        if inner.exists():
            try:
                inner.replace(path.resolve())
            except OSError as error:
                raise _unwritten(path, error) from None


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a file beside ``path``, given its name, and rename it when it is complete.

    What is raised is what `replacing` raises.
    """
    with replacing(path) as temporary:
        write(temporary)


def _check_replaceable(path: Path) -> None:
    """Refuse to replace a folder, a device or anything else that is no file."""
    try:
        other = path.exists() and not path.is_file()
    except OSError as error:
        raise _unwritten(path, error) from None
    if other:
        raise OutputError(f"{path} cannot be written: it is a {'folder' if path.is_dir() else 'device'}, not a file")


def _unwritten(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} cannot be written ({error.strerror or error})")
