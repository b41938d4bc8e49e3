"""Make the zoo's sequences: the vowels data, and an LSTM, a GRU and a transformer encoder trained on them.

Run ``python scripts/train_vowels.py AEON_WHEEL`` with PyTorch and onnxruntime installed; the wheel (``pip download
--no-deps aeon``) has the recordings. Everything is seeded and runs on one thread. Like the digits' networks these are
trained for analog hardware: each step sees weights disturbed by Gaussian noise of `WEIGHT_NOISE` times the largest
weight of their column, weights decay, and are clipped at `CLIP_SIGMAS` standard deviations of their matrix.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads its BLAS

import argparse
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

Array = NDArray[np.float32]
DATA = Path(__file__).parents[1] / "chipsim" / "network" / "data"
INSIDE = "aeon/datasets/data/JapaneseVowels/JapaneseVowels_{}.ts"
STEPS, CHANNELS, SPEAKERS, HIDDEN, HEADS = 29, 12, 9, 32, 2
UNIT = 1e-4  # of stored values
SEED, EPOCHS, BATCH, RATE = 20240607, 150, 30, 0.005
WEIGHT_NOISE, CLIP_SIGMAS, WEIGHT_DECAY = 0.06, 2.5, 5e-4


def recordings(wheel: Path, part: str) -> tuple[list[Array], NDArray[np.uint8]]:
    """Series of shape (steps, channels), and the speaker of each, from zero."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(INSIDE.format(part)).decode().splitlines()
    series, speakers = [], []
    for line in lines[lines.index("@data") + 1 :]:
        *channels, speaker = line.split(":")
        series.append(np.array([[float(value) for value in channel.split(",")] for channel in channels], np.float32).T)
        speakers.append(int(speaker) - 1)
    return series, np.array(speakers, np.uint8)


def stored(wheel: Path) -> dict[str, NDArray[np.generic]]:
    """All series one after another, as ``vowels.npz`` has them."""
    learn, test = recordings(wheel, "TRAIN"), recordings(wheel, "TEST")
    series = [*learn[0], *test[0]]
    return {
        "frames": np.round(np.concatenate(series) / UNIT).astype(np.int16),
        "lengths": np.array([len(each) for each in series], np.uint8),
        "speakers": np.concatenate([learn[1], test[1]]),
        "train": np.array(len(learn[0]), np.uint16),
    }


def padded(arrays: dict[str, NDArray[np.generic]]) -> Array:
    """Series of `STEPS` steps, zeros before those that are shorter, shape (n, steps, channels)."""
    x = np.zeros((len(arrays["lengths"]), STEPS, CHANNELS), np.float32)
    begin = 0
    for number, length in enumerate(arrays["lengths"].tolist()):
        x[number, STEPS - length :] = arrays["frames"][begin : begin + length] * np.float32(UNIT)
        begin += length
    return x


class Recurrent(nn.Module):
    """The state after the last step, and a dense layer."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.cell = kind(CHANNELS, HIDDEN, batch_first=True)
        self.classify = nn.Linear(HIDDEN, SPEAKERS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, shape (n, speakers)."""
        return self.classify(self.cell(x)[0][:, -1])


class Encoder(nn.Module):
    """One transformer encoder block with learned positions, the mean over all steps, and a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(CHANNELS, HIDDEN)
        self.positions = nn.Parameter(0.02 * torch.randn(STEPS, HIDDEN))
        self.qkv, self.join = nn.Linear(HIDDEN, 3 * HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.up, self.down = nn.Linear(HIDDEN, 2 * HIDDEN), nn.Linear(2 * HIDDEN, HIDDEN)
        self.first, self.second = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.classify = nn.Linear(HIDDEN, SPEAKERS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, shape (n, speakers)."""
        x = self.embed(x) + self.positions
        q, k, v = (each.unflatten(2, (HEADS, -1)).transpose(1, 2) for each in self.qkv(x).chunk(3, dim=2))
        weights = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(HIDDEN / HEADS), dim=3)
        x = self.first(x + self.join((weights @ v).transpose(1, 2).flatten(2)))
        x = self.second(x + self.down(torch.relu(self.up(x))))
        return self.classify(x.mean(dim=1))


def train(net: nn.Module, x: Array, y: NDArray[np.int64]) -> None:
    """Adam on the cross entropy of disturbed weights, the rate falling along a cosine."""
    torch.manual_seed(SEED)
    matrices = [weight for weight in net.parameters() if weight.ndim == 2 and min(weight.shape) > SPEAKERS - 1]
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * (len(x) // BATCH))
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(x)).split(BATCH):
            kept = [weight.detach().clone() for weight in matrices]
            with torch.no_grad():
                for weight in matrices:  # PyTorch's rows are the columns of a crossbar
                    weight += WEIGHT_NOISE * weight.abs().amax(dim=1, keepdim=True) * torch.randn_like(weight)
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[chosen]), labels[chosen]).backward()
            with torch.no_grad():
                for weight, value in zip(matrices, kept, strict=True):
                    weight.copy_(value)
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                for weight in matrices:
                    limit = CLIP_SIGMAS * float(weight.std())
                    weight.clamp_(-limit, limit)


def gates_in_onnx_order(values: Array, order: Sequence[int]) -> Array:
    """Rows of PyTorch's gates in the order of ONNX."""
    return np.concatenate([np.split(values, len(order))[gate] for gate in order])


def export_recurrent(name: str, net: Recurrent) -> None:
    """A Transpose, the recurrent operator, its last state, a Gemm and a Softmax."""
    lstm = isinstance(net.cell, nn.LSTM)
    order = (0, 3, 1, 2) if lstm else (1, 0, 2)  # ONNX: input, output, forget, cell; update, reset, new
    own = {key: gates_in_onnx_order(value.detach().numpy(), order) for key, value in net.cell.named_parameters()}
    tensors = {
        "W": own["weight_ih_l0"][None], "R": own["weight_hh_l0"][None],
        "B": np.concatenate([own["bias_ih_l0"], own["bias_hh_l0"]])[None],
        "axis": np.zeros(1, np.int64),
        "classify.weight": net.classify.weight.detach().numpy(), "classify.bias": net.classify.bias.detach().numpy(),
    }  # fmt: skip
    extra = {} if lstm else {"linear_before_reset": 1}
    nodes = [
        helper.make_node("Transpose", ["series"], ["steps"], "turn", perm=[1, 0, 2]),
        helper.make_node(
            "LSTM" if lstm else "GRU", ["steps", "W", "R", "B"], ["", "state"], "cell", hidden_size=HIDDEN, **extra
        ),
        helper.make_node("Squeeze", ["state", "axis"], ["last"], "last"),
        helper.make_node("Gemm", ["last", "classify.weight", "classify.bias"], ["logits"], "classify", transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1),
    ]
    write(name, nodes, tensors)


def export_encoder(name: str, net: Encoder) -> None:
    """The encoder, node by node."""
    tensors: dict[str, NDArray[np.generic]] = {
        key: value.detach().numpy().T if value.ndim == 2 and key != "positions" else value.detach().numpy()
        for key, value in net.named_parameters()
    }
    tensors |= {
        "split": np.array([0, STEPS, HEADS, HIDDEN // HEADS], np.int64),
        "whole": np.array([0, STEPS, HIDDEN], np.int64),
        "scale": np.array(math.sqrt(HEADS / HIDDEN), np.float32),
    }
    nodes: list[onnx.NodeProto] = []

    def node(kind: str, output: str, *inputs: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))  # type: ignore[arg-type]
        return output

    def dense(layer: str, source: str) -> str:
        return node("Add", f"{layer}.out", node("MatMul", layer, source, f"{layer}.weight"), f"{layer}.bias")

    def norm(layer: str, source: str) -> str:
        return node("LayerNormalization", layer, source, f"{layer}.weight", f"{layer}.bias", axis=-1)

    x = node("Add", "placed", dense("embed", "series"), "positions")
    dense("qkv", x)
    nodes.append(helper.make_node("Split", ["qkv.out"], ["q", "k", "v"], "parts", axis=2, num_outputs=3))
    heads = [
        node("Transpose", f"{part}.heads", node("Reshape", f"{part}.split", part, "split"), perm=[0, 2, *order])
        for part, order in (("q", (1, 3)), ("k", (3, 1)), ("v", (1, 3)))
    ]
    scores = node("Mul", "scaled", node("MatMul", "scores", heads[0], heads[1]), "scale")
    mixed = node("MatMul", "mixed", node("Softmax", "weights", scores, axis=-1), heads[2])
    together = node("Reshape", "joined", node("Transpose", "turned", mixed, perm=[0, 2, 1, 3]), "whole")
    x = norm("first", node("Add", "residual1", x, dense("join", together)))
    x = norm("second", node("Add", "residual2", x, dense("down", node("Relu", "open", dense("up", x)))))
    logits = node(
        "Gemm", "logits", node("ReduceMean", "mean", x, "step", keepdims=0), "classify.weight", "classify.bias"
    )
    tensors["step"] = np.ones(1, np.int64)
    node("Softmax", "probabilities", logits, axis=1)
    write(name, nodes, tensors)


def write(name: str, nodes: Sequence[onnx.NodeProto], tensors: dict[str, NDArray[np.generic]]) -> None:
    """Write a checked model."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("series", TensorProto.FLOAT, ["N", STEPS, CHANNELS])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", SPEAKERS])],
        [numpy_helper.from_array(np.ascontiguousarray(value), key) for key, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8, producer_name="chipsim")
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, DATA / f"{name}.onnx")


def main() -> None:
    """Write the data and the networks, and print what they reach."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    arrays = stored(parser.parse_args().wheel)
    np.savez_compressed(DATA / "vowels.npz", allow_pickle=False, **arrays)
    torch.set_num_threads(1)
    x, y, count = padded(arrays), arrays["speakers"].astype(np.int64), int(arrays["train"])
    for name in ("vowels-lstm", "vowels-gru", "vowels-transformer"):
        torch.manual_seed(SEED)
        kinds = {"vowels-lstm": nn.LSTM, "vowels-gru": nn.GRU}
        net: nn.Module = Recurrent(kinds[name]) if name in kinds else Encoder()
        train(net, x[:count], y[:count])
        net.eval()
        if isinstance(net, Recurrent):
            export_recurrent(name, net)
        elif isinstance(net, Encoder):
            export_encoder(name, net)
        session = onnxruntime.InferenceSession(DATA / f"{name}.onnx", providers=["CPUExecutionProvider"])
        found = session.run(None, {"series": x})[0]
        with torch.no_grad():
            own = torch.softmax(net(torch.from_numpy(x)), dim=1).numpy()
        right = found.argmax(axis=1) == y
        print(
            f"{name}: train {right[:count].mean():.4f}, test {right[count:].mean():.4f}, "
            f"largest difference from PyTorch {np.abs(found - own).max():.1e}"
        )


if __name__ == "__main__":
    main()
