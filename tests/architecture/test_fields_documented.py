"""The tables of fields in docs/architecture.md are those of the models that check architecture files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from chipsim.architecture.spec import InMemorySpec, VonNeumannSpec

SCRIPT = Path(__file__).parents[2] / "scripts" / "document_fields.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("document_fields", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def all_models(script: ModuleType) -> set[type[BaseModel]]:
    return {model for machine in (InMemorySpec, VonNeumannSpec) for _, model in script.sections(machine)}


def test_the_page_is_up_to_date(script):
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.page_with_tables(page) == page, "run python scripts/document_fields.py"


def test_every_field_has_a_meaning(script):
    for model in all_models(script):
        for name in model.model_fields:
            assert script.meaning(model, name)
