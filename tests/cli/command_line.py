"""Run the command line in this process or in one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from chipsim.cli import main


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed and its exit code."""

    code: int
    out: str
    error: str

    def one_message(self) -> str:
        """The error stream, which holds one message for people and nothing else."""
        assert self.out == ""
        assert "Traceback" not in self.error
        assert "internal error" not in self.error
        assert "Warning" not in self.error
        assert self.error.count("rror:") == 1, self.error
        assert self.error.endswith("\n")
        return self.error


def here(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Outcome:
    """Run a command in this process."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return Outcome(code, captured.out, captured.err)


def apart(*words: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "chipsim", *map(str, words)],
        cwd=cwd, env={**os.environ, **variables}, capture_output=True, check=False,
    )  # fmt: skip


def interrupted(folder: Path, seconds: float, *words: str) -> tuple[int, str, str]:
    """Interrupt a command some seconds after it has made its folder; its exit code and what it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "chipsim", *words, "--out", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not folder.exists():  # it is made when the work begins
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    return process.returncode, out, error
