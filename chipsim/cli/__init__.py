"""The command line: one file per command; `main` turns errors into one message and an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import sys

from chipsim.errors import ChipsimError

FAILED, BAD_INPUT = 1, 2
TYPER_INTERRUPTED = 130


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
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal or pipe that has no "µ" gets a "?"
    try:
        code = _invoke(words)
        print(end="", flush=True)
        return code
    except ChipsimError as error:
        return _report(f"error: {error}", error.exit_code, debug)
    except KeyboardInterrupt:
        return _report("interrupted: no results were written", FAILED, debug)
    except (BrokenPipeError, SystemExit):  # the latter is what rich and typer make of the former
        _drop_output()
        return 0
    except MemoryError:
        return _report("error: out of memory; use fewer inputs or a smaller network", FAILED, debug)
    except OSError as error:
        _drop_output()  # a full disk, most likely
        where = "" if error.filename else "the output cannot be written: "
        return _report(f"error: {where}{error}", FAILED, debug)
    except Exception as error:
        text = f"internal error: {type(error).__name__}: {error}\nThis is a fault of chipsim; --debug shows where."
        return _report(text, FAILED, debug)


def _invoke(words: list[str]) -> int:
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
    if callable(work):
        return work() or 0
    return work if isinstance(work, int) else 0


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
