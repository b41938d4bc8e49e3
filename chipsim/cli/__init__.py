"""The command line: one file per command; `main` turns errors into one message and an exit code."""

from __future__ import annotations

import sys

from chipsim.errors import ChipsimError

FAILED, BAD_INPUT = 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : list of str, optional
        The command line without the program's name; that of the process if not given.

    Returns
    -------
    int
        0 done, 1 the simulation or mapping failed or was interrupted, 2 bad input or usage.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        return _invoke(words)
    except ChipsimError as error:
        return _report(f"error: {error}", error.exit_code, debug)
    except KeyboardInterrupt:
        return _report("interrupted: no results were written", FAILED, debug)
    except BrokenPipeError:
        return 0
    except MemoryError:
        return _report("error: out of memory; use fewer inputs or a smaller network", FAILED, debug)
    except Exception as error:
        text = f"internal error: {type(error).__name__}: {error}\nThis is a fault of chipsim; --debug shows where."
        return _report(text, FAILED, debug)


def _invoke(words: list[str]) -> int:
    import click

    from chipsim.cli.app import app

    try:
        result = app(args=words, prog_name="chipsim", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stdout.write(error.format_message() + "\n")
        return BAD_INPUT
    except click.ClickException as error:
        error.show()
        return BAD_INPUT
    except click.Abort:
        raise KeyboardInterrupt from None
    return result if isinstance(result, int) else 0


def _report(text: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    sys.stderr.write(text + "\n")
    return code
