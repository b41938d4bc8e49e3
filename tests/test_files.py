"""Nothing half-written is ever left behind."""

import stat

import pytest

from chipsim.errors import OutputError
from chipsim.files import output_folder, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fail_in(folder, written, error):
    """Write a file while there is an output folder, then fail."""

    def work():
        with output_folder(folder):
            written.write_text("")
            raise error

    with pytest.raises(type(error)):
        work()


def test_a_file_appears_complete(tmp_path):
    path = tmp_path / "a.csv"

    def write(temporary):
        assert temporary.suffix == ".csv"
        assert not path.exists()
        temporary.write_text("whole")

    write_atomically(path, write)
    assert path.read_text() == "whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize(("raised", "expected"), [(OSError(28, "No space left"), OutputError), (KeyError(), KeyError)])
def test_a_failed_file_leaves_the_old_one(tmp_path, raised, expected):
    path = tmp_path / "a.csv"
    path.write_text("old")

    def write(temporary):
        temporary.write_text("half")
        raise raised

    with pytest.raises(expected):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.csv"]


def test_a_folder_and_its_parents_vanish_with_a_failure(tmp_path):
    folder = tmp_path / "a" / "b" / "c"
    fail_in(folder, folder / "half", KeyboardInterrupt())
    assert names(tmp_path) == []


def test_a_parent_that_others_use_by_then_stays(tmp_path):
    fail_in(tmp_path / "a" / "b", tmp_path / "a" / "theirs", ValueError())
    assert names(tmp_path / "a") == ["theirs"]


def test_a_folder_that_was_there_stays(tmp_path):
    fail_in(tmp_path, tmp_path / "mine", ValueError())
    assert names(tmp_path) == ["mine"]


def test_a_folder_stays_after_success(tmp_path):
    with output_folder(tmp_path / "a" / "b"):
        pass
    assert names(tmp_path / "a") == ["b"]


@pytest.mark.parametrize("name", ["file", "file/below", "link", "a" * 300])
def test_a_folder_that_cannot_be_had(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="cannot be used"), output_folder(tmp_path / name):
        raise AssertionError("not reached")
    assert names(tmp_path) == ["file", "link"]
