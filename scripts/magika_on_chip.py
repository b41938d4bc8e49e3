"""A network that others made, on a chip: magika tells what a file is by its content.

    python scripts/magika_on_chip.py [--age "1 day"] [--programmings 3]

Files are made or taken from this checkout; what magika's own run of its model in onnxruntime says of each is the label.
Needs the package magika, and a few minutes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import bz2
import csv
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import sys
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import magika
import numpy as np
from numpy.typing import NDArray

import chipsim

ROOT = Path(__file__).parents[1]
MODEL = next((Path(magika.__file__).parent / "models").rglob("model.onnx"))
PATTERNS = ("*.md", "*.toml", "chipsim/**/*.py", "architectures/*.yaml", "docs/**/*.md", "docs/**/*.png", "scripts/*")
MOST = 120


class Recorder:
    """Stands in for magika's onnxruntime session and keeps what it is given and answers."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.inputs: list[NDArray[Any]] = []
        self.outputs: list[NDArray[Any]] = []

    def run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Of onnxruntime."""
        found: list[NDArray[Any]] = self.session.run(names, feeds)
        self.inputs += [np.asarray(values) for values in feeds.values()]
        self.outputs.append(found[0])
        return found


def checkout_files() -> Iterator[tuple[str, bytes]]:
    """Names and contents of files of this checkout, evenly chosen."""
    found = sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern) if path.is_file()})
    for path in found[:: max(1, len(found) // MOST)]:
        yield str(path.relative_to(ROOT)), path.read_bytes()


def made_files() -> Iterator[tuple[str, bytes]]:
    """Files of other kinds, always the same."""
    rows = [[number, number**2, f"name {number}"] for number in range(60)]
    text = io.StringIO()
    csv.writer(text).writerows([["number", "square", "name"], *rows])
    plain = (ROOT / "LICENSE").read_bytes()
    yield "table.csv", text.getvalue().encode()
    yield (
        "data.json",
        json.dumps({"rows": rows, "name": "example", "nested": {"a": [1, 2.5, None, True]}}, indent=2).encode(),
    )
    yield (
        "page.html",
        b"<!doctype html><html><head><title>Chip</title></head><body>" + b"<p>A tile.</p>" * 40 + b"</body></html>",
    )
    yield (
        "picture.svg",
        b'<svg xmlns="http://www.w3.org/2000/svg">' + b'<rect x="1" y="2" width="3" height="4"/>' * 30 + b"</svg>",
    )
    yield "set.ini", b"".join(b"[part%d]\nsize = %d\nname = tile\n" % (n, n) for n in range(40))
    yield "program.c", b"#include <stdio.h>\n" + b'int main(void) {\n  printf("hello\\n");\n  return 0;\n}\n' * 8
    yield (
        "script.sh",
        b"#!/usr/bin/env bash\nset -euo pipefail\n" + b'for file in *.txt; do\n  echo "$file"\ndone\n' * 10,
    )
    yield "style.css", b"body { margin: 0; }\n.tile { color: #123456; padding: 2px; }\n" * 15
    yield "query.sql", b"SELECT name, size FROM tiles WHERE size > 3 ORDER BY name;\n" * 15
    yield "text.gz", gzip.compress(plain, mtime=0)
    yield "text.bz2", bz2.compress(plain)
    yield "text.xz", lzma.compress(plain)
    yield "state.pickle", pickle.dumps({"rows": rows})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("LICENSE"), plain)
    yield "text.zip", packed.getvalue()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("LICENSE")
        info.size = len(plain)
        archive.addfile(info, io.BytesIO(plain))
    yield "text.tar", packed.getvalue()
    packed = io.BytesIO()
    with wave.open(packed, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes((8000 * np.sin(np.arange(8000) / 5)).astype("<i2").tobytes())
    yield "tone.wav", packed.getvalue()
    base = sqlite3.connect(":memory:")
    base.execute("create table squares (number integer, square integer, name text)")
    base.executemany("insert into squares values (?, ?, ?)", rows)
    yield "squares.sqlite", base.serialize()
    base.close()


def features(files: Sequence[tuple[str, bytes]]) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
    """What magika's model is given for each file, which class its output says, and the class's name.

    Files that magika does not need its model for (empty ones, very short ones) are left out.
    """
    judge = magika.Magika()
    recorder = Recorder(judge._onnx_session)
    judge._onnx_session = recorder
    names = []
    for _, content in files:
        before = len(recorder.inputs)
        result = judge.identify_bytes(content)
        if len(recorder.inputs) > before:
            names.append(str(result.dl.label))
    x, outputs = np.concatenate(recorder.inputs), np.concatenate(recorder.outputs)
    return x.astype(np.float32), outputs.argmax(axis=1), names


def main() -> int:
    """Classify all files at every level of detail, and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--age", default="1 day")
    parser.add_argument("--programmings", type=int, default=3)
    options = parser.parse_args()
    x, y, names = features([*made_files(), *checkout_files()])
    calibrate = np.arange(len(x)) % 4 == 0
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "files.npz")
        np.savez(data, x=x[~calibrate], y=y[~calibrate], x_calibration=x[calibrate])
        result = chipsim.run("hermes64", MODEL, data=data, age=options.age, programmings=options.programmings)
    kinds = len({name for name, other in zip(names, calibrate, strict=True) if not other})
    print(f"{(~calibrate).sum()} files of {kinds} kinds, {calibrate.sum()} others to calibrate; {MODEL.parent.name}")
    print(f"{result.data['network']['macs']:,} MACs, {result.data['network']['macs_on_tiles']:,} on tiles")
    for name, value in result.data["accuracy"].items():
        print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
