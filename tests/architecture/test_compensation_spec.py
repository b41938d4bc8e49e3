import pytest

from chipsim.architecture.compensation_spec import Compensation
from chipsim.architecture.loader import load_spec, spec_hash
from chipsim.errors import SpecError


@pytest.mark.parametrize(
    ("kind", "given", "reads"),
    [
        ("global", "auto", 8), ("per-column", "auto", 128), ("affine", "auto", 0), ("none", "auto", 0),
        ("global", 3, 3), ("per-column", 9, 9),
    ],
)  # fmt: skip
def test_reads_of_each_kind(kind, given, reads):
    assert Compensation(kind=kind, reads=given).reads_per_tile == reads


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        (["kind=globl"], ["tile.compensation.kind", "globl", "per-column"]),
        (["reads=0"], ["tile.compensation.reads"]),
        (["kind=affine", "reads=4"], ["affine has no reference reads"]),
        (["kind=none", "reads=4"], ["none has no reference reads"]),
        (["kind=per-column", "reads=7"], ["at least 8 reads"]),
    ],
)
def test_faulty_fields_are_named(fields, names):
    with pytest.raises(SpecError) as caught:
        load_spec("hermes64", [f"tile.compensation.{field}" for field in fields])
    assert all(name in str(caught.value) for name in names), caught.value


def test_files_without_the_section_keep_their_hash():
    default = load_spec("hermes64")
    assert "compensation" not in default.model_dump(mode="json")["tile"]
    assert spec_hash(default) == spec_hash(load_spec("hermes64", ["tile.compensation.kind=global"]))
    assert spec_hash(default) != spec_hash(load_spec("hermes64", ["tile.compensation.kind=affine"]))
