"""The command line: one file per command; `main` turns errors into one message and an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING

from chipsim.errors import ChipsimError

if TYPE_CHECKING:
    from chipsim.cli.app import Work
    from chipsim.stopping import Stop

FAILED, BAD_INPUT = 1, 2
INTERRUPTED = "interrupted: no results were written"
TYPER_INTERRUPTED = 130
"""What typer returns, in some versions, where it should raise."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        The command line without the program's name; that of the process if not given.

    Returns
    -------
    int
        0 done, 1 the simulation or mapping failed or was interrupted with nothing to show, 2 bad input or usage, 130
        interrupted, with the results of what was complete.
    """
    from chipsim.cli.interrupts import INTERRUPTED_CODE, catch_interrupts

    with catch_interrupts(last=arguments is None) as stop:
        words = list(sys.argv[1:] if arguments is None else arguments)
        debug = "--debug" in words
        try:
            code = _invoke([word for word in words if word != "--debug"], stop)
            print(end="", flush=True)
            if stop.asked and not code:  # it came too late
                return _report("interrupted: the results are complete", INTERRUPTED_CODE, debug=False)
            return code
        except KeyboardInterrupt:
            with stop.whole():
                return _report(INTERRUPTED, FAILED, debug)
        except (Exception, SystemExit) as error:
            with stop.whole():
                return _failed(error, debug, interrupted=stop.raised)


def _failed(error: BaseException, debug: bool, *, interrupted: bool) -> int:
    """Say what went wrong; after an interrupt that is the interrupt, whatever a library has made of it."""
    if interrupted:
        return _report(INTERRUPTED, FAILED, debug)
    match error:
        case ChipsimError():
            return _report(f"error: {error}", error.exit_code, debug)
        case BrokenPipeError() | SystemExit():  # the latter is what rich and typer make of the former
            _drop_output()
            return 0
        case MemoryError():
            return _report("error: out of memory; use fewer inputs or a smaller network", FAILED, debug)
        case OSError():
            _drop_output()  # a full disk, most likely
            where = "" if error.filename else "the output cannot be written: "
            return _report(f"error: {where}{error}", FAILED, debug)
    text = f"internal error: {type(error).__name__}: {error}\nThis is a fault of chipsim; --debug shows where."
    return _report(text, FAILED, debug)


def _invoke(words: list[str], stop: Stop) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal or pipe that has no "µ" gets a "?"
    with stop.patiently():  # libraries that are being loaded make other errors of a KeyboardInterrupt
        work = _read(words)
    if stop.asked:
        raise KeyboardInterrupt
    return work if isinstance(work, int) else work(stop) or 0


def _read(words: list[str]) -> Work | int:
    """What the command line asks for, or an exit code where there is nothing left to do."""
    from chipsim.cli.app import Abort, UsageError, app

    try:
        work = app(args=words, prog_name="chipsim", standalone_mode=False)
    except UsageError as error:
        error.show()
        return BAD_INPUT
    except Abort:
        raise KeyboardInterrupt from None
    if work == TYPER_INTERRUPTED:
        raise KeyboardInterrupt
    found: Work | int = work if callable(work) or isinstance(work, int) else 0
    return found


def _drop_output() -> None:
    """Nobody reads any more (``| head``): what is left must not fail when Python flushes it at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(text: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    sys.stderr.write(text + "\n")
    return code
