"""Programmings in a file: the same bytes when they are read again, and clear errors where they do not fit."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

import chipsim
from chipsim.errors import InputError
from chipsim.execution.stored import _contents

RUN = {"data": "zoo:digits", "age": "1 hour", "programmings": 2}
FIELDS = {
    "pairs": [],
    "slices": ["tile.crossbar.encoding.kind=offset", "tile.crossbar.encoding.weight_bits=6",
               "tile.crossbar.encoding.bits_per_cell=2", "tile.dac.encoding=bit-serial"],
    "errors": ["tile.adc.noise=0.5", "tile.adc.gain_spread=0.01", "tile.adc.offset_spread=0.3",
               "tile.crossbar.wires.bit_line_segment=1 ohm", "tile.crossbar.faults.stuck_on_rate=0.01"],
    "written": ["tile.programming={pulse_time: 1 us, pulse_energy: 1 pJ, verify_time: 1 us, verify_energy: 1 pJ, "
                "step: 0.5, tolerance: 0.01, max_iterations: 4, write_heads: 8}"],
    "polynomial": ["tile.crossbar.wires.bit_line_segment=1 ohm", "tile.crossbar.wires.method=polynomial"],
}  # fmt: skip


def values(result):
    kept = ("accuracy", "signal_to_noise_db", "chip")
    return {key: result.data[key] for key in kept}


@pytest.mark.parametrize("precision", ["float32", "exact"])
@pytest.mark.parametrize("name", FIELDS)
def test_a_run_from_a_file_equals_the_run_that_wrote_it(tmp_path, name, precision):
    if (name, precision) == ("polynomial", "exact"):
        with pytest.raises(InputError, match="polynomial cannot be exact"):
            chipsim.run("hermes64", "zoo:digits-mlp", precision=precision, overrides=FIELDS[name], **RUN)
        return
    path = tmp_path / "cells.npz"
    options = {"precision": precision, "overrides": FIELDS[name]}
    written = chipsim.run("hermes64", "zoo:digits-mlp", save_programming=path, **options, **RUN)
    read = chipsim.run("hermes64", "zoo:digits-mlp", data="zoo:digits", load_programming=path, **options)
    assert values(read) == values(written)
    assert read.tables["layers"] == written.tables["layers"]
    assert read.data["settings"]["programmings"] == 2
    assert (read.data["settings"]["age"], read.data["settings"]["age_s"]) == ("1 hour", 3600.0)
    assert len(read.data["input_hashes"]["programming"]) == 64


def test_the_file_holds_numbers_that_numpy_opens_and_is_the_same_every_time(tmp_path):
    for name in ("one.npz", "two.npz"):
        chipsim.run("hermes64", "zoo:digits-mlp", save_programming=tmp_path / name, **RUN)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz", allow_pickle=False) as arrays:
        header = json.loads(bytes(arrays["header"]).decode())
        assert header["programmings"] == 2
        assert all(arrays[name].dtype.kind in "fiu" for name in arrays)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("stored") / "cells.npz"
    chipsim.run("hermes64", "zoo:digits-mlp", save_programming=path, **RUN)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "zoo:digits-cnn"}, "made for another network"),
        ({"overrides": ["tile.adc.bits=7"]}, "made for another adc; program anew"),
        ({"overrides": ["tile.dac.bits=7"]}, "made for another dac; program anew"),
        ({"overrides": ["tile.digital_scale=false"]}, "made for another digital_scale; program anew"),
        ({"overrides": ["tile.compensation.kind=affine"]}, "made for another compensation; program anew"),
        ({"overrides": FIELDS["written"]}, "made for another programming; program anew"),
        ({"overrides": ["tile.crossbar.rows=40"]}, "made for another crossbar and blocks; program anew"),
        (
            {"overrides": ["tile.crossbar.rows=40", "tile.adc.bits=7"], "precision": "float64"},
            "made for another crossbar, adc, blocks and precision; program anew",
        ),
        ({"precision": "float64"}, "another precision"),
        ({"age": "1 day"}, "--age 1 day: the cells of .* are of age 1 hour"),
        ({"timing_only": True}, "--timing-only computes no values"),
        ({"precision": "flaot64"}, "did you mean 'float64'"),
    ],
)
def test_what_does_not_fit_is_refused(stored, change, message):
    model = change.pop("model", "zoo:digits-mlp") if isinstance(change, dict) else ""
    with pytest.raises(InputError, match=message):
        chipsim.run("hermes64", model, data="zoo:digits", load_programming=stored, **change)


def header_of(kept, **changes):
    """The header with some values changed, as an array."""
    header = json.loads(bytes(kept["header"]).decode()) | changes
    return np.frombuffer(json.dumps(header).encode(), np.uint8)


def forged(path, kept):
    """Write an archive whose header has the right checksums of what it holds."""
    for final in (False, True):
        with zipfile.ZipFile(path, "w") as archive:
            for name, each in kept.items():
                with archive.open(f"{name}.npy", "w") as file:
                    np.lib.format.write_array(file, each)
            contents = _contents(archive)
        if not final:
            kept["header"] = header_of(kept, contents=contents)


def first_of(kept, ending):
    return next(name for name in kept if name.endswith(ending))


def drop(ending):
    return lambda kept: kept.pop(first_of(kept, ending))


def head(**changes):
    return lambda kept: kept.update(header=header_of(kept, **changes))


def fill(values):
    return lambda kept: kept.update({first_of(kept, "/difference"): values(kept[first_of(kept, "/difference")])})


DAMAGES = {
    "header": lambda kept: kept.update(header=np.frombuffer(b"{}", np.uint8)),
    "deep": lambda kept: kept.update(header=np.frombuffer(b"[" * 200_000, np.uint8)),
    "age": head(age_s=None),
    "count": head(programmings=True),
    "nan": fill(lambda values: np.full_like(values, np.nan)),
    "gap": drop("/difference"),
    "variance": drop("/fast_variance"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_changed_contents_are_one_clear_message(stored, tmp_path, damage):
    path = tmp_path / "damaged.npz"
    with np.load(stored) as arrays:
        kept = {name: arrays[name] for name in arrays}
    DAMAGES[damage](kept)
    np.savez(path, **kept)
    refuse(path)


def test_arrays_that_fit_no_block_are_refused_though_their_checksums_are_right(stored, tmp_path):
    path = tmp_path / "damaged.npz"
    with np.load(stored) as arrays:
        kept = {name: arrays[name] for name in arrays}
    fill(lambda values: values[:-1])(kept)
    forged(path, kept)
    refuse(path)


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "array", "member"])
def test_a_damaged_file_is_one_clear_message(stored, tmp_path, damage):
    path, content = tmp_path / "damaged.npz", stored.read_bytes()
    if damage == "text":
        path.write_text("not an archive", encoding="utf-8")
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "array":
        np.save(tmp_path / "damaged.npy", np.ones(3))
        (tmp_path / "damaged.npy").rename(path)
    elif damage == "member":
        path.write_bytes(content)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("more.npy", b"text")
    refuse(path)


def refuse(path):
    with pytest.raises(InputError, match=r"programmings .*damaged.npz"):
        chipsim.run("hermes64", "zoo:digits-mlp", data="zoo:digits", load_programming=path)


def test_nothing_is_left_where_a_file_cannot_be_written_or_a_run_fails(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        chipsim.run("hermes64", "zoo:digits-mlp", save_programming=tmp_path / "no" / "cells.npz", **RUN)
    with pytest.raises(InputError, match=r"fault map missing.csv cannot be read"):
        chipsim.run(
            "hermes64", "zoo:digits-mlp", save_programming=tmp_path / "cells.npz",
            overrides=["tile.crossbar.faults.map=missing.csv"], **RUN,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())
