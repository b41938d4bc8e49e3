"""Examples in the README and in docs/ run as tests: Python blocks as they are, and every `chipsim` command."""

import contextlib
import gc
import io
import shlex

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from chipsim.cli import main


def run_commands(example: Example) -> None:
    """Run the lines of a shell block that call chipsim, in a folder of their own."""
    for line in example.parsed.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["chipsim"]:
            shown = io.StringIO()
            with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
                code = main(words[1:])
            if code:
                raise AssertionError(f"{line!r} ended with {code}:\n{shown.getvalue()}")


def use_own_folder(namespace: dict[str, object]) -> None:
    """Give each page a folder of its own."""
    import os
    import tempfile

    namespace["_before"] = os.getcwd()  # noqa: PTH109
    namespace["_folder"] = folder = tempfile.TemporaryDirectory()
    os.chdir(folder.name)


def leave_folder(namespace: dict[str, object]) -> None:
    """Go back."""
    import os

    os.chdir(str(namespace["_before"]))
    namespace["_folder"].cleanup()  # type: ignore[attr-defined]


def pytest_collection_finish() -> None:
    """What is collected stays to the end: no garbage collection goes through it again."""
    gc.collect()
    gc.freeze()


collect_ignore_glob = ["*conftest.py"]  # fixtures, no doctests

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="sh", evaluator=run_commands), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/devices/*.md"],
    setup=use_own_folder,
    teardown=leave_folder,
).pytest()
