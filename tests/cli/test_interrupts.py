"""Ctrl-C (T30): real signals to real processes, at moments that their progress line tells."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chipsim
from chipsim.network.zoo import load_data

LONG = 60_000
"""Inputs of a run that nobody waits for."""
Start = Callable[..., "Terminal"]


class Terminal:
    """A command whose error stream is a terminal."""

    def __init__(self, *words: str | Path) -> None:
        master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chipsim", "run", "hermes64", *map(str, words)],
            stdout=subprocess.PIPE, stderr=slave, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        )  # fmt: skip
        os.close(slave)
        self._master, self.shown = master, ""

    def wait_for(self, pattern: str, seconds: float = 120) -> None:
        """Read what is shown until a pattern is there."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.shown):
            assert time.monotonic() < end, f"{pattern!r} was not shown: {self.shown[-500:]!r}"
            assert self._read(), f"ended before {pattern!r}: {self.shown[-500:]!r}"

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, seconds: float = 120) -> tuple[int, str]:
        """Exit code and what was printed."""
        end = time.monotonic() + seconds
        assert self.process.stdout is not None
        out = b""
        os.set_blocking(self.process.stdout.fileno(), False)
        while self._read() or self.process.poll() is None:
            out += self.process.stdout.read() or b""
            assert time.monotonic() < end, "does not end"
        out += self.process.stdout.read() or b""
        self.process.stdout.close()
        os.close(self._master)
        return self.process.returncode, out.decode()

    def kill(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 0.1)
        if not ready:
            return self.process.poll() is None
        try:
            part = os.read(self._master, 65536)
        except OSError:  # nobody writes any more
            return False
        self.shown += part.decode(errors="replace")
        return bool(part)


@pytest.fixture
def terminal() -> Iterator[Start]:
    """Start commands, and end what is left of them."""
    started: list[Terminal] = []

    def start(*words: str | Path) -> Terminal:
        started.append(Terminal(*words))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits over and over, with data to calibrate apart."""
    found, path = load_data("zoo:digits"), tmp_path_factory.mktemp("many") / "digits.npz"
    assert found.y is not None
    assert found.x_calibration is not None
    times = np.arange(LONG) % len(found.x)
    np.savez(path, x=found.x[times], y=found.y[times], x_calibration=found.x_calibration[:20])
    return path


def first_of(path: Path, inputs: int, folder: Path) -> Path:
    with np.load(path) as data:
        arrays = {name: data[name] if name == "x_calibration" else data[name][:inputs] for name in data.files}
    np.savez(folder / "first.npz", **arrays)
    return folder / "first.npz"


def as_read(result: chipsim.Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.json())
    return found


def test_ctrl_c_while_times_are_simulated_gives_those_of_the_inputs_so_far(
    terminal: Start, digits: Path, tmp_path: Path
) -> None:
    """All numbers of the chip and the baseline, and the ledger, equal those of a run with the first inputs alone."""
    words = ["--data", digits, "--programmings", "1", "--baseline", "edge_npu", "--json", "--out", tmp_path / "out"]
    running = terminal("zoo:digits-mlp", *words, "--exact-all")
    running.wait_for(rf"timing [1-9]\d*/{LONG} inputs, at \S+ .?s")
    running.interrupt()
    code, out = running.end()
    assert code == 130
    data = json.loads(out)
    assert out == (tmp_path / "out" / "result.json").read_text()
    done = data["partial"]["inputs"]
    assert data["partial"] == {
        "cut_off": ["timing"], "inputs": done, "inputs_asked": LONG, "programmings": 1, "programmings_asked": 1,
    }  # fmt: skip
    assert 0 < done < LONG
    assert running.shown.endswith(f"interrupted: the results are partial (timing: {done:,} of {LONG:,} inputs)\r\n")
    alone = chipsim.run(
        "hermes64", "zoo:digits-mlp", data=first_of(digits, done, tmp_path), programmings=1, baseline="edge_npu"
    )
    expected = as_read(alone)
    assert data["chip"].pop("simulation") != expected["chip"].pop("simulation")  # the latter may leave periods out
    for key in ("chip", "baseline", "ratio"):
        assert data[key] == expected[key]
    assert data["settings"]["inputs"] == done
    assert data["accuracy"]["reference"] != expected["accuracy"]["reference"]  # of all of them, not of the first
    alone.save(tmp_path / "alone")
    for table in ("ledger", "tiles", "links", "units", "pipeline"):
        assert (tmp_path / "out" / f"{table}.csv").read_bytes() == (tmp_path / "alone" / f"{table}.csv").read_bytes()


def test_ctrl_c_while_inputs_arrive_at_a_rate_says_so_in_the_table(terminal: Start, digits: Path) -> None:
    running = terminal("zoo:digits-mlp", "--data", digits, "--timing-only", "--arrivals", "poisson 1e6/s")
    running.wait_for("timing [1-9]")
    running.interrupt()
    code, out = running.end()
    assert code == 130
    assert out.startswith("PARTIAL: zoo:digits-mlp on hermes64")
    assert re.search(rf"PARTIAL, the run was interrupted: timing: [\d,]+ of {LONG:,}\s+inputs\.", out)
    assert "arriving at poisson 1e6/s" in " ".join(out.split())


def test_ctrl_c_during_the_noisy_programmings_keeps_those_that_are_finished(
    terminal: Start, digits: Path, tmp_path: Path
) -> None:
    few = first_of(digits, 600, tmp_path)
    running = terminal(
        "zoo:digits-mlp", "--data", few, "--programmings", "9999", "--json", "--age", "1 day",
        "--save-programming", tmp_path / "saved.npz",
    )  # fmt: skip
    running.wait_for(r"noisy, programming ([4-9]|\d\d+) of 9999")
    running.interrupt()
    code, out = running.end()
    data = json.loads(out)
    partial = data["partial"]
    assert code == 130
    assert partial["cut_off"] == ["noisy programmings", "timing"]
    assert partial["programmings"] >= 3
    assert (partial["programmings_asked"], partial["inputs"], partial["inputs_asked"]) == (9999, 1, 600)
    whole = chipsim.run("hermes64", "zoo:digits-mlp", data=few, programmings=partial["programmings"], age="1 day")
    assert data["accuracy"] == as_read(whole)["accuracy"]
    assert not (tmp_path / "saved.npz").exists()


def test_ctrl_c_before_the_first_programming_is_finished_gives_nothing(
    terminal: Start, digits: Path, tmp_path: Path
) -> None:
    running = terminal("zoo:digits-cnn", "--data", digits, "--out", tmp_path / "out")
    running.wait_for("noisy, programming 1 of 5|quantised|ideal")
    running.interrupt()
    code, out = running.end()
    assert (code, out) == (1, "")
    assert running.shown.endswith("interrupted: no results were written\r\n")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_twice_ends_at_once(terminal: Start, tmp_path: Path) -> None:
    """The inputs under way would take a second or more."""
    running = terminal("onnx:resnet50", "--set", "grid.shape=[24,24]", "--timing-only", "--out", tmp_path / "out")
    running.wait_for(r"timing 0/5 inputs, at \S+ .?s")
    running.interrupt()
    running.wait_for(r"ending \(Ctrl-C again: at once\)")
    running.interrupt()
    code, out = running.end(20)
    assert (code, out) == (1, "")
    assert running.shown.endswith("interrupted: no results were written\r\n")
    assert not (tmp_path / "out").exists()


def test_the_progress_line_is_for_terminals_only() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "chipsim", "run", "hermes64", "zoo:digits-mlp", "--timing-only"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, b"")
