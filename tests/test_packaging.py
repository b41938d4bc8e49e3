"""The wheel holds everything: built here, installed away from the checkout, and run."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import chipsim
from chipsim.architecture.loader import list_architectures

ROOT = Path(__file__).parents[1]


def run(*words, cwd, **options):
    """Run a command outside of the checkout; what it prints."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ended = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, capture_output=True, text=True, check=False, **options
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build without network: hatchling is installed here."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The interpreter of a fresh environment that the wheel is installed in."""
    folder = tmp_path_factory.mktemp("away")
    uv = sys.executable, "-m", "uv"
    run(*uv, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    found = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(*uv, "pip", "install", "--quiet", "--python", found, wheel, cwd=folder)
    return found


def test_wheel_holds_data_and_type_marker(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "chipsim/py.typed" in names
    assert {f"chipsim/_architectures/{name}.yaml" for name in list_architectures()} <= names
    assert {f"chipsim/network/data/{name}" for name in ("digits-mlp.onnx", "digits-cnn.onnx", "digits.npz")} <= names
    assert not {name for name in names if not name.startswith(("chipsim/", "chipsim-"))}


def test_wheel_names_the_command_and_the_version(wheel):
    with zipfile.ZipFile(wheel) as archive:
        info = f"chipsim-{chipsim.__version__}.dist-info"
        assert "chipsim = chipsim.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
    assert f"Version: {chipsim.__version__}\n" in metadata
    assert "Requires-Dist: simpy" in metadata


def test_installed_wheel_runs_a_trained_network(python, tmp_path):
    command = python.with_name("chipsim")
    assert run(python, "-m", "chipsim", "--version", cwd=tmp_path) == f"chipsim {chipsim.__version__}\n"
    where = run(python, "-c", "import chipsim; print(chipsim.__file__)", cwd=tmp_path)
    assert ROOT not in Path(where).parents
    out = run(command, "run", "hermes64", "zoo:digits-mlp", "--data", "zoo:digits", "--json", cwd=tmp_path)
    assert json.loads(out)["accuracy"]["reference"] >= 0.95
    assert run(command, "list", "architectures", cwd=tmp_path).splitlines() == list_architectures()
    assert not list(tmp_path.iterdir())
