"""Ctrl-C at every stage of ``chipsim run``: one message, the documented exit code, all results or none (rule T30)."""

from __future__ import annotations

import contextlib
import gc
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import here

import chipsim.cli
import chipsim.cli.explain
import chipsim.cli.run
import chipsim.report.figures
import chipsim.simulate
import chipsim.simulation.engine
from chipsim.result import Result
from chipsim.simulation.core.clock import Clock

RUN = ["run", "hermes64", "zoo:digits-mlp", "--timing-only", "--out"]
NOTHING = "interrupted: no results were written\n"
COMPLETE = "interrupted: the results are complete\n"


def press(times: int = 1) -> None:
    for _ in range(times):
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def pressed_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let Ctrl-C come when a function is called for the first time."""

    def at(owner: Any, name: str, how: Callable[[], None] = press) -> None:
        real, before = getattr(owner, name), [how]

        def called(*args: Any, **options: Any) -> Any:
            while before:
                before.pop()()
            return real(*args, **options)

        monkeypatch.setattr(owner, name, called)

    return at


@pytest.fixture(params=["new", "used"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One that is not there yet, or with results of an earlier run."""
    out = tmp_path / "out"
    if request.param == "used":
        out.mkdir()
        (out / "result.json").write_text("old")
        (out / "layers.csv").write_text("old")
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def lost() -> None:
    """As libraries do that catch everything."""
    with contextlib.suppress(KeyboardInterrupt):
        press()


def turned() -> None:
    """As modules do that are being loaded, in C."""
    try:
        press()
    except KeyboardInterrupt as error:
        raise ImportError("initialization failed") from error


EARLY = [
    (chipsim.cli, "_read", press), (chipsim.simulate, "chip_spec", press), (chipsim.simulate, "make_plan", press),
    (chipsim.simulate, "chip_spec", lost), (chipsim.simulate, "network_and_data", turned),
    (chipsim.simulation.engine, "build_machine", lambda: press(2)), (Clock, "run_all", lambda: press(2)),
    (chipsim.simulation.engine, "count_actions", lambda: press(2)), (Result, "save", lambda: press(2)),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "name", "how"), EARLY)
def test_before_there_is_anything_or_pressed_twice_nothing_is_written(capsys, pressed_in, folder, owner, name, how):
    before = content(folder)
    pressed_in(owner, name, how)
    outcome = here(capsys, *RUN, folder)
    assert (outcome.code, outcome.out, outcome.error) == (1, "", NOTHING)
    assert content(folder) == before
    assert folder.exists() == bool(before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert gc.isenabled()


PATIENT = [(chipsim.simulation.engine, "build_machine"), (Clock, "run_all")]
LATE = [
    (chipsim.simulation.engine, "count_actions"), (chipsim.simulate, "tables"), (chipsim.simulate, "result_data"),
    (Result, "save"), (chipsim.cli.run, "save_all"), (chipsim.cli.run, "_print"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than everything else here."""
    monkeypatch.setattr(chipsim.report.figures, "save_figures", lambda *_: [])


@pytest.mark.parametrize(("owner", "name"), PATIENT)
def test_while_times_are_simulated_the_results_are_marked_as_partial(capsys, pressed_in, folder, owner, name):
    pressed_in(owner, name)
    outcome = here(capsys, *RUN, folder)
    assert outcome.code == 130
    assert outcome.error == "interrupted: the results are partial (timing: 1 of 5 inputs)\n"
    assert outcome.out.startswith("PARTIAL: ")
    data = json.loads((folder / "result.json").read_text())
    assert data["partial"]["inputs"] == data["settings"]["inputs"] == 1
    assert not [name for name in content(folder) if name.startswith(".")]


@pytest.mark.parametrize(("owner", "name"), LATE)
def test_from_then_on_all_of_it_is_shown_and_written(capsys, pressed_in, folder, tmp_path, owner, name):
    here(capsys, *RUN, tmp_path / "undisturbed")
    pressed_in(owner, name)
    outcome = here(capsys, *RUN, folder)
    assert (outcome.code, outcome.error) == (130, COMPLETE)
    assert all_but_times(folder) == all_but_times(tmp_path / "undisturbed")


def all_but_times(folder: Path) -> dict[str, Any]:
    """What is written, without what the simulation itself took."""
    found: dict[str, Any] = content(folder)
    found["result.json"] = json.loads(found["result.json"])
    found["result.json"].pop("simulator")
    return found


def test_results_are_moved_in_together_however_often_it_is_pressed(capsys, pressed_in, folder):
    pressed_in(chipsim.cli.run, "_move_in", lambda: press(3))
    outcome = here(capsys, *RUN, folder)
    assert (outcome.code, outcome.error) == (130, COMPLETE)
    assert json.loads((folder / "result.json").read_text())["partial"] is None
    assert (folder / "layers.csv").read_text() != "old"
    assert not [name for name in content(folder) if name.startswith(".")]


def test_pressed_again_while_it_is_printed_says_what_was_written(capsys, pressed_in, tmp_path):
    pressed_in(chipsim.cli.run, "_print", lambda: press(2))
    outcome = here(capsys, *RUN, tmp_path / "out")
    assert (outcome.code, outcome.error) == (130, COMPLETE)
    pressed_in(chipsim.cli.run, "_print", lambda: press(2))
    outcome = here(capsys, *RUN[:-1])
    assert (outcome.code, outcome.error) == (1, NOTHING)


def test_other_commands_write_all_or_nothing(capsys, pressed_in, tmp_path):
    here(capsys, *RUN, tmp_path / "run")
    words = ["explain", tmp_path / "run", "--no-what-if", "--out"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chipsim.cli.explain, "explain", lambda *_: press())
        outcome = here(capsys, *words, tmp_path / "none")
    assert (outcome.code, outcome.error) == (1, NOTHING)
    assert not (tmp_path / "none").exists()
    pressed_in(chipsim.cli.explain, "_save", lambda: press(2))
    outcome = here(capsys, *words, tmp_path / "why")
    assert (outcome.code, outcome.error) == (130, COMPLETE)
    assert set(content(tmp_path / "why")) == {"causes.csv", "critical_path.csv", "critical_path.png"}


def test_memory_that_runs_out_among_events_is_said_in_one_message(capsys, folder, monkeypatch):
    before = content(folder)

    def full(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(chipsim.simulation.run.Run, "_on_done", full)
    outcome = here(capsys, *RUN, folder)
    assert outcome.code == 1
    assert outcome.one_message() == "error: out of memory; use fewer inputs or a smaller network\n"
    assert content(folder) == before
    assert gc.isenabled()


def test_an_interrupt_that_went_through_exec_leaves_the_exit_code():
    """Python would end as by a signal, -2: it remembers a KeyboardInterrupt that passed through exec of a text."""
    program = (
        "import runpy, signal, sys, chipsim.cli\n"
        "def _read(words): exec('import signal; [signal.raise_signal(signal.SIGINT) for _ in range(2)]')\n"
        "chipsim.cli._read = _read\n"
    )
    started = subprocess.run(
        [sys.executable, "-c", program + "runpy.run_module('chipsim', run_name='__main__')"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (started.returncode, started.stderr) == (1, NOTHING)
