"""Nothing half-written is ever left behind."""

import os
import stat

import pytest

from chipsim.errors import OutputError
from chipsim.files import output_folder, staged, write_atomically


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


def test_only_files_are_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, kind in (("folder", "folder"), ("pipe", "device")):
        with pytest.raises(OutputError, match=f"{name} cannot be written: it is a {kind}, not a file"):
            write_atomically(tmp_path / name, lambda file: file.write_text("x", encoding="utf-8"))
    assert names(tmp_path) == ["folder", "pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_staged_file_takes_its_place_only_when_all_is_well(tmp_path):
    path = tmp_path / "kept.npz"
    with staged(path) as place:
        assert names(tmp_path) != ["kept.npz"]
        place.write_bytes(b"x")
        assert not path.exists()
    assert path.read_bytes() == b"x"
    assert names(tmp_path) == ["kept.npz"]
    with staged(path):
        pass  # nothing written: what was there stays

    def fail():
        with staged(path) as place:
            place.write_bytes(b"y")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == b"x"
    assert names(tmp_path) == ["kept.npz"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "target").write_text("old", encoding="utf-8")
    write_atomically(tmp_path / "link", lambda file: file.write_text("new", encoding="utf-8"))
    with staged(tmp_path / "link") as place:
        place.write_text("newer", encoding="utf-8")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text(encoding="utf-8") == "newer"
