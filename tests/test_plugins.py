"""Entry points are those of importlib, also after a package has come or gone."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path

import pytest

from chipsim.plugins import entry_points


def install(folder: Path, name: str) -> Path:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[chipsim.examples]\n{name} = {name}:make\n")
    return info


@pytest.mark.parametrize("group", ["console_scripts", "pytest11", "none.such"])
def test_they_are_those_of_importlib(group: str) -> None:
    assert entry_points(group) == tuple(importlib.metadata.entry_points(group=group))
    assert entry_points(group) is entry_points(group)


def test_packages_that_come_and_go_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert entry_points("chipsim.examples") == ()
    monkeypatch.syspath_prepend(tmp_path)
    first = install(tmp_path, "first")
    assert [entry.name for entry in entry_points("chipsim.examples")] == ["first"]
    install(tmp_path, "second")
    assert {entry.name for entry in entry_points("chipsim.examples")} == {"first", "second"}
    shutil.rmtree(first)
    assert [entry.name for entry in entry_points("chipsim.examples")] == ["second"]
