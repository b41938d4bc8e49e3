from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from network_models import model_bytes, node

from chipsim.errors import DataError
from chipsim.network.graph import Network
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.unused_arrays import note_unused
from chipsim.network.zoo import Dataset, fit_data, load_data, synthetic_data


def archive(folder: Path, **arrays: Any) -> str:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return str(path)


def network(*shape: int) -> Network:
    return read_onnx(model_bytes([node("Relu", "x", "y")], ("N", *shape)), "net")


X = np.linspace(0, 1, 48, dtype=np.float32).reshape(3, 4, 4)


def test_digits_are_split_into_scored_and_calibration_images() -> None:
    data = load_data("zoo:digits")
    assert data.x.shape == (450, 1, 8, 8)
    assert data.x.dtype == np.float32
    assert (data.x.min(), data.x.max()) == (0, 1)
    assert data.y is not None
    assert np.bincount(data.y).tolist() == pytest.approx([45] * 10, abs=2)
    assert data.x_calibration is not None
    assert data.x_calibration.shape == (128, 1, 8, 8)
    scored = {image.tobytes() for image in data.x}
    assert not any(image.tobytes() in scored for image in data.x_calibration)


def test_an_archive_with_everything(tmp_path: Path) -> None:
    data = load_data(archive(tmp_path, x=X.astype(np.float64), y=np.uint8([0, 1, 2]), x_calibration=X[:1], other=1))
    assert data.x.dtype == np.float32
    assert data.y is not None
    assert data.y.dtype == np.int64
    assert data.x_calibration is not None
    assert len(data.sha256) == 64


def test_an_archive_with_inputs_alone(tmp_path: Path) -> None:
    data = load_data(archive(tmp_path, x=X))
    assert data.y is None
    assert data.x_calibration is None


def with_value(value: float) -> np.ndarray[Any, Any]:
    x = X.copy()
    x[1, 2, 3] = value
    return x


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": np.arange(3)}, "has no array 'x'"),
        ({"x": np.array([{}, {}], object)}, "'x' holds Python objects, which are not opened"),
        ({"x": X, "y": np.array([None, 1, 2], object)}, "'y' holds Python objects"),
        ({"x": with_value(np.nan)}, "'x' holds NaN"),
        ({"x": with_value(np.inf)}, "'x' holds NaN or infinite"),
        ({"x": X.astype(np.float64) * 1e300}, "too large for float32"),
        ({"x": np.array([["a"]])}, "not numbers"),
        ({"x": X + 1j}, "not numbers"),
        ({"x": X[:0]}, r"shape \(0, 4, 4\)"),
        ({"x": X[0, 0]}, r"shape \(4,\)"),
        ({"x": X, "y": np.arange(2)}, r"'y' has the shape \(2,\); it must be \(3,\)"),
        ({"x": X, "y": np.ones((3, 10), int)}, r"shape \(3, 10\)"),
        ({"x": X, "y": np.array([0.0, 1.0, 2.0])}, "labels must be whole numbers"),
        ({"x": X, "x_calibration": X[:, :2]}, r"'x_calibration' has inputs of shape \(2, 4\), 'x' of shape \(4, 4\)"),
        ({"x": X, "x_calibration": with_value(np.nan)}, "'x_calibration' holds NaN"),
        ({"x": X, "x_calibration": X[:0]}, "'x_calibration' has the shape"),
    ],
)
def test_an_archive_that_does_not_hold_what_it_should(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_data(archive(tmp_path, **arrays))


def test_a_file_that_is_missing_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        load_data(str(tmp_path / "absent.npz"))
    with pytest.raises(DataError, match="cannot read"):
        load_data(str(tmp_path))


def test_a_name_that_is_not_known() -> None:
    with pytest.raises(DataError, match=r"no data called 'zoo:digit'.*did you mean 'zoo:digits'"):
        load_data("zoo:digit")


def test_a_file_that_is_not_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, X)
    with pytest.raises(DataError, match=r"is not an \.npz archive"):
        load_data(str(path))


def test_an_archive_cut_off_or_damaged_anywhere(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, x=X, y=np.arange(3))
    content, path = stream.getvalue(), tmp_path / "data.npz"
    for end in range(2, len(content) - 1, 11):
        path.write_bytes(content[:end])
        with pytest.raises(DataError):
            load_data(str(path))
    for place in range(2, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            load_data(str(path))
        except DataError:
            continue


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((1, 8, 8), (64,)), ((8, 8), (64,)), ((64,), (64,)), ((8, 8), (1, 8, 8)), ((64,), (1, 8, 8)),
        ((8, 8, 1), (1, 8, 8)), ((192,), (3, 8, 8)), ((3, 8, 8), (3, 8, 8)),
    ],
)  # fmt: skip
def test_inputs_of_a_compatible_shape_fit(tmp_path: Path, given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    x = np.arange(2 * np.prod(given), dtype=np.float32).reshape(2, *given)
    data = fit_data(load_data(archive(tmp_path, x=x, x_calibration=x)), network(*wanted))
    assert data.x.shape == (2, *wanted)
    np.testing.assert_array_equal(data.x.reshape(-1), x.reshape(-1))
    assert data.x_calibration is not None
    assert data.x_calibration.shape == (2, *wanted)


@pytest.mark.parametrize(
    ("given", "wanted"), [((8, 8), (65,)), ((4, 16), (1, 8, 8)), ((8, 8, 3), (3, 8, 8)), ((1, 8, 8), (3, 8, 8))]
)
def test_inputs_of_another_shape_are_refused(tmp_path: Path, given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    data = load_data(archive(tmp_path, x=np.zeros((2, *given))))
    with pytest.raises(DataError) as caught:
        fit_data(data, network(*wanted))
    assert str(given) in str(caught.value)
    assert str(wanted) in str(caught.value)


def test_synthetic_inputs_follow_the_seed() -> None:
    first, again, other = (synthetic_data(network(2, 3), 4, seed=seed) for seed in (1, 1, 2))
    assert first.x.shape == (4, 2, 3)
    assert first.sha256 == again.sha256 != other.sha256
    with pytest.raises(DataError, match="at least one input, not 0"):
        synthetic_data(network(2, 3), 0, seed=1)


def notes(data: Dataset, net: Network) -> tuple[str, ...]:
    return note_unused(net, data).notes


def test_arrays_that_no_input_reads_are_named_in_a_note(tmp_path: Path) -> None:
    own = {"x": X, "x_calibration": X, "y": np.zeros(3, int)}
    assert note_unused(network(4, 4), None).notes == ()
    assert notes(load_data("zoo:digits"), network(1, 8, 8)) == ()
    assert notes(load_data(archive(tmp_path, **own)), network(4, 4)) == ()
    [note] = notes(load_data(archive(tmp_path, x=X, x_calibraton=X, names=np.array(["a", "b", "c"]))), network(4, 4))
    assert note.startswith("arrays of ")
    assert note.endswith("that no input reads: 'x_calibraton', 'names'; did you mean 'x_calibration'?")
    [note] = notes(load_data(archive(tmp_path, **own, **{f"more{number}": X for number in range(7)})), network(4, 4))
    assert note.endswith("'more0', 'more1', 'more2', 'more3', 'more4' and 2 more")


def test_arrays_beside_those_of_several_inputs_are_named(tmp_path: Path) -> None:
    nodes = [node("Relu", "a", "b"), node("Add", "b x", "y")]
    graph = onnx.load_model_from_string(model_bytes(nodes, ("N", 4)))
    graph.graph.input.add().CopyFrom(graph.graph.input[0])
    graph.graph.input[0].name = "a"
    net = read_onnx(graph.SerializeToString(), "two")
    data = load_data(archive(tmp_path, a=X[:, 0], x=X[:, 0], b=X[:, 0], y=np.zeros(3, int), a_calibration=X[:, 0]))
    [note] = notes(data, net)
    assert note.endswith("that no input reads: 'b'")


def test_data_without_the_inputs_arrays_names_those_that_it_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no array 'x' \(it has 'z', 'mask'\); save the inputs"):
        fit_data(load_data(archive(tmp_path, z=X, mask=X)), network(4, 4))
    with pytest.raises(DataError, match=r"has no array 'x' \(it has 'y'\); save the inputs"):
        load_data(archive(tmp_path, y=np.arange(3)))
    other = read_onnx(model_bytes([node("Relu", "x", "y")], ("N", 4, 4)).replace(b"\x01x", b"\x01i"), "net")
    with pytest.raises(DataError, match=r"has no array 'x', nor one called 'i' as the input of net is \(it has 'z'\)"):
        fit_data(load_data(archive(tmp_path, z=X)), other)
