"""Standard networks built with seeded random weights: their times and energies mean something, accuracies do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx

from chipsim.network.standard.inverted_residual import mobilenet
from chipsim.network.standard.recurrent import gru_ptb, lstm_ptb
from chipsim.network.standard.residual import resnet18, resnet50
from chipsim.network.standard.transformer import bert_base_layer, bert_large_layer
from chipsim.network.standard.vgg import vgg16

BUILDERS: Mapping[str, Callable[[int], onnx.ModelProto]] = {
    "zoo:resnet18": resnet18,
    "zoo:resnet50": resnet50,
    "zoo:vgg16": vgg16,
    "zoo:mobilenet": mobilenet,
    "zoo:lstm-ptb": lstm_ptb,
    "zoo:gru-ptb": gru_ptb,
    "zoo:bert-base-layer": bert_base_layer,
    "zoo:bert-large-layer": bert_large_layer,
}
"""Name -> builder, which takes the seed of the weights."""
