from __future__ import annotations

from pathlib import Path

import pytest

from chipsim.device import get_device, list_devices
from chipsim.errors import SpecError, UnitError


def test_parameters_with_units_and_without() -> None:
    assert get_device("pcm", g_max="20 uS", t_read_s=1e-7) == get_device("pcm", g_max_siemens=20e-6, t_read="100 ns")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("pmc", {}, "unknown device 'pmc'.*did you mean 'pcm'"),
        ("pcm", {"g_max_siemns": 1e-6}, "no parameter 'g_max_siemns'.*did you mean 'g_max_siemens'"),
        ("ideal", {"drift_scale": 1.0}, "device 'ideal' has no parameter 'drift_scale'; it has: g_max_siemens"),
        ("pcm", {"g_max": 20}, "g_max needs text with a unit, as in g_max='20 uS'.*g_max_siemens=2e-05, got 20"),
        ("pcm", {"t_read": 1e-7}, "t_read needs text with a unit, as in t_read='20 s'.*t_read_s=20, got 1e-07"),
        ("pcm", {"g_max_siemens": True}, "must be a finite number, got True"),
        ("pcm", {"drift_scale": "much"}, "must be a finite number, got 'much'"),
        ("pcm", {"t0_s": float("nan")}, "must be a finite number, got nan"),
        ("pcm", {"g_max": "20 uS", "g_max_siemens": 2e-5}, "given twice"),
    ],
)
def test_mistakes_are_named(name: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        get_device(name, **parameters)


def test_a_wrong_unit_is_refused() -> None:
    with pytest.raises(UnitError, match="unknown unit"):
        get_device("pcm", g_max="20 ns")


def install(folder: Path, entry: str, module: str = "") -> None:
    """Lay out an installed package with one entry point."""
    info = folder / "other_cells-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-cells\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[chipsim.devices]\n{entry}\n")
    (folder / "other_cells.py").write_text(module)


def test_another_package_can_bring_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        tmp_path, "leaky = other_cells:Leaky", "from chipsim.device.ideal import Ideal\n\nclass Leaky(Ideal): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert "leaky" in list_devices()
    assert get_device("leaky", g_max="1 uS").g_max_siemens == 1e-6


def test_a_name_claimed_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "pcm = other_cells:Pcm")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SpecError, match="'pcm' is claimed by several packages"):
        get_device("pcm")


def test_a_package_that_does_not_load_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "lost = other_cells_nowhere:Lost")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SpecError, match="'lost' cannot be loaded from 'other_cells_nowhere:Lost'"):
        get_device("lost")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"g_min": "24.99999999 uS"}, "by at least 0.001 of it"),
        ({"g_max_siemens": 1e-45}, "must be 1e-18 to 1e.06 S"),
        ({"g_max_siemens": 1e30}, "must be 1e-18 to 1e.06 S"),
    ],
)
def test_ranges_that_single_precision_does_not_resolve_are_refused(parameters, message):
    with pytest.raises(SpecError, match=message):
        get_device("ideal", **parameters)


def test_noise_beyond_any_cell_is_refused():
    with pytest.raises(SpecError, match=r"read_noise_scale \(1e.20\) must be at most 1e.06"):
        get_device("pcm", read_noise_scale=1e20)
