"""Run ONNX's own backend tests and print what docs/onnx_backend.md shows: what ran where, test by test.

    python scripts/onnx_backend_table.py [--write]

Takes a minute or two; ``--write`` puts the tables between the marker lines of the page.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when NumPy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import onnx

from chipsim.network.layers import DigitalLayer, GateLayer
from chipsim.onnx_backend import Backend
from chipsim.prepared_model import PreparedModel

PAGE = Path(__file__).parents[1] / "docs" / "onnx_backend.md"
START, END = "<!-- tables: start -->", "<!-- tables: end -->"
OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "RNN", "LSTM", "GRU")
NODE = "node"
CATEGORIES = {
    "PyTorchConvertedModel": "pytorch-converted",
    "PyTorchOperatorModel": "pytorch-operator",
    "SimpleModel": "simple",
    "RealModel": "light",
}
ENOUGH = 0.99
"""Share of the multiply-accumulates that must be on tiles to count as run there."""
EXCLUDED = {
    r"test_strnorm_": "takes text, which is no number",
    r"test_gradient_of_": "an operator of training, of a preview of ONNX that no runtime has",
}


class Recording(Backend):
    """The backend, and what it prepared last."""

    latest: ClassVar[PreparedModel | None] = None

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> PreparedModel:
        """See `Backend`."""
        Recording.latest = super().prepare(model, device, **kwargs)
        return Recording.latest


@dataclass(frozen=True)
class Case:
    """One of ONNX's tests.

    Attributes
    ----------
    category, name : str
    function : callable
        Runs it and raises where outputs differ.
    """

    category: str
    name: str
    function: Callable[[None], None]

    @property
    def excluded(self) -> str | None:
        """Why it is not run; None for most."""
        return next((reason for pattern, reason in EXCLUDED.items() if re.match(pattern, self.name)), None)


@dataclass(frozen=True)
class Row:
    """What a test that passed did.

    Attributes
    ----------
    macs, macs_on_tiles : int
    digital : str
        Operators that ran on the digital unit.
    """

    category: str
    name: str
    macs: int
    macs_on_tiles: int
    digital: str

    @property
    def share(self) -> float | None:
        """Of the multiply-accumulates on tiles."""
        return self.macs_on_tiles / self.macs if self.macs else None

    @property
    def counts(self) -> bool:
        """Whether it ran on tiles."""
        return self.share is not None and self.share >= ENOUGH

    @property
    def line(self) -> str:
        """Of a table."""
        share = "" if self.share is None else f"{100 * self.share:.0f} %"
        return f"| `{self.name}` | {self.macs:,} | {share} | {self.digital} |"


def collect() -> dict[str, Case]:
    """All tests in scope, by name."""
    with warnings.catch_warnings():  # making the inputs of some node tests overflows
        warnings.simplefilter("ignore")
        from onnx.backend.test import BackendTest
        from onnx.backend.test.loader import load_model_tests

        items = BackendTest(Recording, __name__)._test_items
        nodes = {test.name for test in load_model_tests(kind="node") if _is_one_product(test.model)}
    found = {}
    for category, tests in items.items():
        for name, item in sorted(tests.items()):
            own = name.removesuffix("_cpu")
            if own == name or (category == "NodeModel" and own not in nodes):
                continue
            found[own] = Case(CATEGORIES.get(category, NODE), own, item.func)
    return found


def _is_one_product(model: onnx.ModelProto | None) -> bool:
    return model is not None and len(model.graph.node) == 1 and model.graph.node[0].op_type in OPERATORS


def run(case: Case) -> Row:
    """Run a test and say what ran where.

    Raises
    ------
    AssertionError
        If outputs differ from ONNX's.
    """
    Recording.latest = None
    case.function(None)
    if Recording.latest is None or Recording.latest.programmed is None:
        raise AssertionError(f"{case.name} ran without the backend")
    network = Recording.latest.programmed.network
    if network is None:  # what comes out is known when the model is read
        return Row(case.category, case.name, 0, 0, "")
    digital = Counter(layer.operator for layer in network.layers.values() if isinstance(layer, DigitalLayer))
    listed = ", ".join(name if count == 1 else f"{name} {count}" for name, count in sorted(digital.items()))
    gates = any(isinstance(layer, GateLayer) for layer in network.layers.values())
    where = f"{listed} (gates: neuron units)".strip() if gates else listed
    return Row(case.category, case.name, network.macs, network.macs_on_tiles, where)


def tables(rows: Iterable[Row], cases: Iterable[Case]) -> str:
    """The page's tables."""
    rows, excluded = list(rows), [case for case in cases if case.excluded]
    nodes = [row for row in rows if row.category == NODE]
    head = "| test | MACs | on tiles | on the digital unit |\n|---|---|---|---|"
    on_tiles, elsewhere = [row for row in nodes if row.counts], [row for row in nodes if not row.counts]
    parts = [
        f"With onnx {onnx.__version__}: {len(rows)} tests pass, {len(excluded)} are excluded. Of {len(nodes)} node "
        f"tests {len(on_tiles)} ran {100 * ENOUGH:.0f} % of their multiply-accumulates or more on tiles.",
        "### Node tests on tiles",
        "\n".join([head, *(row.line for row in on_tiles)]),
        "### Node tests on the digital unit, not counted",
        "\n".join([head, *(row.line for row in elsewhere)]) if elsewhere else "None.",
    ]
    for category in CATEGORIES.values():
        own = [row.line for row in rows if row.category == category]
        parts += [f"### {category}", "\n".join([head, *own])]
    reasons = [f"| `{case.name}` | {case.excluded} |" for case in excluded]
    return "\n\n".join([*parts, "### Excluded", "\n".join(["| test | reason |\n|---|---|", *reasons])])


def main() -> int:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="rewrite the page")
    write = parser.parse_args().write
    with tempfile.TemporaryDirectory() as folder:  # ONNX's runner puts the light models' data there
        os.environ["ONNX_HOME"] = folder
        cases = collect()
        rows = [run(case) for case in cases.values() if not case.excluded]
    made = tables(rows, cases.values())
    print(made)
    if write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.partition(START)[0], page.partition(END)[2]
        PAGE.write_text(f"{before}{START}\n\n{made}\n\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
