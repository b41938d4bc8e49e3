"""The table of the code's layout in docs/contributing.md against the tree, and how long files and functions may be."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "chipsim"
LONGEST_FILE, LONGEST_FUNCTION = 300, 60


def in_table() -> set[str]:
    text = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    table = text.split("| folder | holds |")[1].split("\n\n")[0]
    return {
        name for row in table.strip().splitlines() for name in re.findall(r"`([\w/]+(?:/|\.py))`", row.split("|")[1])
    }


def in_tree(folder: Path) -> set[str]:
    """Folders with code and modules of a folder, without those that only Python asks for."""
    found = set()
    for path in folder.iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            found.add(f"{path.relative_to(PACKAGE).as_posix()}/")
        elif path.suffix == ".py" and not path.name.startswith("__"):
            found.add(path.relative_to(PACKAGE).as_posix())
    return found


def test_the_table_of_folders_names_everything_at_the_top_of_the_package():
    top = {name for name in in_table() if name.count("/") == name.endswith("/")}
    assert top == in_tree(PACKAGE)


def test_the_table_of_folders_names_all_folders_of_the_timing_plane():
    below = {name for name in in_table() if name.startswith("simulation/") and name != "simulation/"}
    tree = in_tree(PACKAGE / "simulation")
    assert below <= tree
    assert {name for name in tree if name.endswith("/")} <= below


def test_files_and_functions_stay_short():
    """Lines of the file, and of a function from `def` to its end, docstring included."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > LONGEST_FILE:
            found.append(f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines")
        found += [
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
        ]
    assert not found
