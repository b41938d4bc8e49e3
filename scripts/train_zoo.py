"""Make the zoo: the digits data and the two networks trained on them, with NumPy alone.

Run ``python scripts/train_zoo.py`` from the checkout; scikit-learn is needed for its copy of the images.
Everything is seeded and runs on one thread, so a second run on the same machine writes the same files.

The networks are trained for analog hardware: every step's forward and backward pass sees weights disturbed by
Gaussian noise of `WEIGHT_NOISE` times the largest weight of their column, weights decay, and after every step they
are clipped at `CLIP_SIGMAS` standard deviations of their matrix, so that few large weights do not use up the
range of conductances.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy loads its BLAS

import itertools
import time
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.float32]
DATA = Path(__file__).parents[1] / "chipsim" / "network" / "data"
SEED = 20240607
TEST_IMAGES = 450
WEIGHT_NOISE = 0.06
CLIP_SIGMAS = 2.5
WEIGHT_DECAY = 5e-4


class Step(Protocol):
    """One differentiable step of a network: called for values, then asked for gradients."""

    def __call__(self, x: Array) -> Array:
        """Values out of values in."""

    def backward(self, gradient: Array) -> Array:
        """Gradient at the input out of the gradient at the output."""

    def weights(self) -> list[Weights]:
        """What the optimiser changes."""


class Weights:
    """Trainable numbers with Adam's two moments; ``noisy`` ones are matrices that will sit on crossbars."""

    def __init__(self, value: NDArray[np.float64] | Array, noisy: bool = False) -> None:
        self.value = np.asarray(value, np.float32)
        self.used = self.value
        self.noisy = noisy
        self.gradient = np.zeros_like(self.value)
        self.first = np.zeros_like(self.value)
        self.second = np.zeros_like(self.value)

    def disturb(self, random: np.random.Generator) -> None:
        """Draw the weights that this step sees."""
        self.used = self.value
        if self.noisy:
            spread = np.float32(WEIGHT_NOISE) * np.abs(self.value).max(axis=0)
            self.used = self.value + spread * random.standard_normal(self.value.shape, np.float32)

    def update(self, step: int, rate: float) -> None:
        """One step of Adam with decoupled decay, then clipping."""
        self.first += 0.1 * (self.gradient - self.first)
        self.second += 0.001 * (self.gradient**2 - self.second)
        change = (self.first / (1 - 0.9**step)) / (np.sqrt(self.second / (1 - 0.999**step)) + 1e-8)
        self.value = (self.value - rate * change).astype(np.float32)
        if self.noisy:
            self.value *= np.float32(1 - rate * WEIGHT_DECAY)
            limit = np.float32(CLIP_SIGMAS) * self.value.std()
            self.value = np.clip(self.value, -limit, limit)


class Dense:
    """Matrix product plus bias; the input is flattened in the order (y, x, channel)."""

    def __init__(self, random: np.random.Generator, inputs: int, outputs: int) -> None:
        self.matrix = Weights(random.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs), noisy=True)
        self.bias = Weights(np.zeros(outputs))

    def __call__(self, x: Array) -> Array:
        """Rows times matrix plus bias."""
        self.shape, self.rows = x.shape, x.reshape(len(x), -1)
        return self.rows @ self.matrix.used + self.bias.used

    def backward(self, gradient: Array) -> Array:
        """Gradients of matrix and bias, and the one at the input."""
        self.matrix.gradient, self.bias.gradient = self.rows.T @ gradient, gradient.sum(axis=0)
        return (gradient @ self.matrix.used.T).reshape(self.shape)

    def weights(self) -> list[Weights]:
        """Matrix and bias."""
        return [self.matrix, self.bias]


class Convolution:
    """3 x 3, padded by one, on (batch, y, x, channel); rows in the order (kernel y, kernel x, channel)."""

    def __init__(self, random: np.random.Generator, inputs: int, outputs: int, bias: bool = True) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.matrix = Weights(random.standard_normal((9 * inputs, outputs)) * np.sqrt(2 / (9 * inputs)), noisy=True)
        self.bias = Weights(np.zeros(outputs)) if bias else None

    def __call__(self, x: Array) -> Array:
        """All positions of all images as rows of one product."""
        n, height, width, channels = x.shape
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        taps = [padded[:, ky : ky + height, kx : kx + width] for ky in range(3) for kx in range(3)]
        self.shape, self.rows = x.shape, np.concatenate(taps, axis=3).reshape(-1, 9 * channels)
        product = self.rows @ self.matrix.used
        return (product if self.bias is None else product + self.bias.used).reshape(n, height, width, -1)

    def backward(self, gradient: Array) -> Array:
        """Like a dense layer, the taps then added up where they were read."""
        n, height, width, channels = self.shape
        flat = gradient.reshape(-1, self.outputs)
        self.matrix.gradient = self.rows.T @ flat
        if self.bias is not None:
            self.bias.gradient = flat.sum(axis=0)
        taps = (flat @ self.matrix.used.T).reshape(n, height, width, 9, channels)
        padded = np.zeros((n, height + 2, width + 2, channels), np.float32)
        for tap in range(9):
            ky, kx = divmod(tap, 3)
            padded[:, ky : ky + height, kx : kx + width] += taps[:, :, :, tap]
        return padded[:, 1:-1, 1:-1]

    def weights(self) -> list[Weights]:
        """Matrix, and bias if it has one."""
        return [self.matrix] + ([self.bias] if self.bias else [])


class BatchNorm:
    """Normalisation per channel; ``mean`` and ``variance`` are those of the last batch."""

    epsilon = 1e-5

    def __init__(self, channels: int) -> None:
        self.scale, self.shift = Weights(np.ones(channels)), Weights(np.zeros(channels))
        self.mean, self.variance = np.zeros(channels, np.float32), np.ones(channels, np.float32)

    def __call__(self, x: Array) -> Array:
        """Normalised with the mean and variance of this batch."""
        self.mean, self.variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        self.inverse = 1 / np.sqrt(self.variance + np.float32(self.epsilon))
        self.normal = (x - self.mean) * self.inverse
        return self.normal * self.scale.used + self.shift.used

    def backward(self, gradient: Array) -> Array:
        """The batch's mean and variance depend on every value: both are differentiated."""
        self.scale.gradient = (gradient * self.normal).sum(axis=(0, 1, 2))
        self.shift.gradient = gradient.sum(axis=(0, 1, 2))
        points = gradient.size // gradient.shape[-1]
        centred = gradient - (self.shift.gradient + self.normal * self.scale.gradient) / points
        return centred * (self.scale.used * self.inverse)

    def weights(self) -> list[Weights]:
        """Scale and shift."""
        return [self.scale, self.shift]


class Relu:
    """Negative values become zero."""

    def __call__(self, x: Array) -> Array:
        """What is positive."""
        self.open = x > 0
        return x * self.open

    def backward(self, gradient: Array) -> Array:
        """Passes where the value was positive."""
        return gradient * self.open

    def weights(self) -> list[Weights]:
        """Nothing to learn."""
        return []


class MaxPool:
    """The largest of every 2 x 2 values."""

    def __call__(self, x: Array) -> Array:
        """Half the height, half the width."""
        n, height, width, channels = x.shape
        blocks = x.reshape(n, height // 2, 2, width // 2, 2, channels)
        out = blocks.max(axis=(2, 4))
        self.chosen = blocks == out[:, :, None, :, None]
        return out

    def backward(self, gradient: Array) -> Array:
        """Goes to the largest of each four (to all of them if equal)."""
        spread = self.chosen * gradient[:, :, None, :, None]
        n, height, _, width, _, channels = spread.shape
        return spread.reshape(n, 2 * height, 2 * width, channels)

    def weights(self) -> list[Weights]:
        """Nothing to learn."""
        return []


class Chain:
    """Steps one after another; with ``shortcut`` the input is added to the last one's output."""

    def __init__(self, *steps: Step, shortcut: bool = False) -> None:
        self.steps, self.shortcut = steps, shortcut

    def __call__(self, x: Array) -> Array:
        """Through the steps in order."""
        out = x
        for step in self.steps:
            out = step(out)
        return out + x if self.shortcut else out

    def backward(self, gradient: Array) -> Array:
        """Through the steps in reverse, plus what the shortcut passes on."""
        out = gradient
        for step in reversed(self.steps):
            out = step.backward(out)
        return out + gradient if self.shortcut else out

    def weights(self) -> list[Weights]:
        """Those of all steps."""
        return [weights for step in self.steps for weights in step.weights()]


def train(net: Chain, x: Array, y: NDArray[np.int64], epochs: int, random: np.random.Generator) -> None:
    """Minimise the cross entropy with Adam in batches of 64, the rate falling along a cosine."""
    steps, step = epochs * (len(x) // 64), 0
    for _ in range(epochs):
        order = random.permutation(len(x))
        for start in range(0, len(x) - 63, 64):
            step += 1
            chosen = order[start : start + 64]
            for weights in net.weights():
                weights.disturb(random)
            logits = net(x[chosen])
            likely = np.exp(logits - logits.max(axis=1, keepdims=True))
            likely /= likely.sum(axis=1, keepdims=True)
            likely[np.arange(64), y[chosen]] -= 1
            net.backward(likely / np.float32(64))
            rate = 0.003 * 0.5 * (1 + np.cos(np.pi * step / steps))
            for weights in net.weights():
                weights.update(step, rate)
    for weights in net.weights():
        weights.used = weights.value
    net(x)  # the statistics of batch normalisation, with the final weights


def digits() -> dict[str, NDArray[np.generic]]:
    """The images, their labels and a stratified split, as stored in ``digits.npz``."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    source = load_digits()
    labels = source.target.astype(np.uint8)
    train_index, test_index = train_test_split(
        np.arange(len(labels)), test_size=TEST_IMAGES, random_state=SEED, stratify=labels
    )
    return {
        "images": source.images.astype(np.uint8),
        "labels": labels,
        "train": np.sort(train_index).astype(np.uint16),
        "test": np.sort(test_index).astype(np.uint16),
    }


def write_model(name: str, nodes: list[onnx.NodeProto], tensors: dict[str, Array], shape: tuple[int, ...]) -> None:
    """Write an ONNX file whose input is called ``image``, whose batch is free and whose last node gives the scores."""
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", *shape])],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(np.ascontiguousarray(value), key) for key, value in tensors.items()],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="scripts/train_zoo.py"
    )
    onnx.checker.check_model(model, full_check=True)
    (DATA / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def export_mlp(layers: list[Dense]) -> None:
    """Four Gemm nodes with Relu between them; the last one's output, ``scores``, has no Softmax."""
    nodes, tensors, value = [], {}, "image"
    for number, layer in enumerate(layers, 1):
        name, last = f"dense{number}", number == len(layers)
        tensors |= {f"{name}.weight": layer.matrix.value.T, f"{name}.bias": layer.bias.value}
        out = "scores" if last else f"{name}.out"
        nodes.append(helper.make_node("Gemm", [value, f"{name}.weight", f"{name}.bias"], [out], name, transB=1))
        if not last:
            nodes.append(helper.make_node("Relu", [out], [f"relu{number}.out"], f"relu{number}"))
            value = f"relu{number}.out"
    write_model("digits-mlp", nodes, tensors, (64,))


def conv_tensors(name: str, layer: Convolution) -> dict[str, Array]:
    """Kernel in ONNX's order (output, input, y, x), and the bias if there is one."""
    kernel = layer.matrix.value.reshape(3, 3, layer.inputs, layer.outputs).transpose(3, 2, 0, 1)
    return {f"{name}.weight": kernel} | ({f"{name}.bias": layer.bias.value} if layer.bias else {})


def export_cnn(convs: list[Convolution], norm: BatchNorm, dense: Dense) -> None:
    """A stem with batch normalisation, one residual block, pooling, a wider convolution, Gemm and Softmax."""
    tensors: dict[str, Array] = {}
    for name, layer in zip(("stem", "block1", "block2", "wide"), convs, strict=True):
        tensors |= conv_tensors(name, layer)
    tensors |= {"norm.scale": norm.scale.value, "norm.shift": norm.shift.value}
    tensors |= {"norm.mean": norm.mean, "norm.variance": norm.variance}
    rows = dense.matrix.value.reshape(4, 4, 32, 10).transpose(2, 0, 1, 3).reshape(512, 10)
    tensors |= {"classify.weight": rows, "classify.bias": dense.bias.value}

    def node(operator: str, name: str, inputs: list[str], **attributes: object) -> onnx.NodeProto:
        return helper.make_node(operator, inputs, [f"{name}.out"], name, **attributes)

    def conv(name: str, value: str) -> onnx.NodeProto:
        inputs = [value, f"{name}.weight"] + ([f"{name}.bias"] if f"{name}.bias" in tensors else [])
        return node("Conv", name, inputs, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    statistics = ["norm.scale", "norm.shift", "norm.mean", "norm.variance"]
    nodes = [
        conv("stem", "image"),
        node("BatchNormalization", "norm", ["stem.out", *statistics], epsilon=BatchNorm.epsilon),
        node("Relu", "relu1", ["norm.out"]),
        conv("block1", "relu1.out"),
        node("Relu", "relu2", ["block1.out"]),
        conv("block2", "relu2.out"),
        node("Add", "add", ["block2.out", "relu1.out"]),
        node("Relu", "relu3", ["add.out"]),
        node("MaxPool", "pool", ["relu3.out"], kernel_shape=[2, 2], strides=[2, 2]),
        conv("wide", "pool.out"),
        node("Relu", "relu4", ["wide.out"]),
        node("Flatten", "flatten", ["relu4.out"], axis=1),
        node("Gemm", "classify", ["flatten.out", "classify.weight", "classify.bias"]),
        helper.make_node("Softmax", ["classify.out"], ["probabilities"], "softmax", axis=1),
    ]
    write_model("digits-cnn", nodes, tensors, (1, 8, 8))


def accuracy(name: str, x: Array, y: NDArray[np.int64]) -> float:
    """Share of images that the written file classifies correctly in onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(DATA / f"{name}.onnx", providers=["CPUExecutionProvider"])
    return float((session.run(None, {"image": x})[0].argmax(axis=1) == y).mean())


def main() -> None:
    """Write the data and both networks, and print what they reach."""
    DATA.mkdir(exist_ok=True)
    stored = digits()
    np.savez_compressed(DATA / "digits.npz", allow_pickle=False, **stored)
    images = (stored["images"] / np.float32(16)).astype(np.float32)
    labels, learn, test = stored["labels"].astype(np.int64), stored["train"], stored["test"]

    start, random = time.perf_counter(), np.random.default_rng(SEED)
    sizes = [64, 96, 64, 48, 10]
    layers = [Dense(random, *pair) for pair in itertools.pairwise(sizes)]
    hidden: list[Step] = [step for layer in layers[:-1] for step in (layer, Relu())]
    train(Chain(*hidden, layers[-1]), images[learn].reshape(-1, 64), labels[learn], 200, random)
    export_mlp(layers)
    flat = images.reshape(-1, 64)
    print(f"digits-mlp: train {accuracy('digits-mlp', flat[learn], labels[learn]):.4f}", end=", ")
    print(f"test {accuracy('digits-mlp', flat[test], labels[test]):.4f}, {time.perf_counter() - start:.0f} s")

    start, random = time.perf_counter(), np.random.default_rng(SEED)
    convs = [Convolution(random, 1, 16, bias=False)] + [Convolution(random, 16, out) for out in (16, 16, 32)]
    norm, dense = BatchNorm(16), Dense(random, 512, 10)
    block = Chain(convs[1], Relu(), convs[2], shortcut=True)
    net = Chain(convs[0], norm, Relu(), block, Relu(), MaxPool(), convs[3], Relu(), dense)
    train(net, images[learn][..., None], labels[learn], 40, random)
    export_cnn(convs, norm, dense)
    maps = images[:, None]
    print(f"digits-cnn: train {accuracy('digits-cnn', maps[learn], labels[learn]):.4f}", end=", ")
    print(f"test {accuracy('digits-cnn', maps[test], labels[test]):.4f}, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
