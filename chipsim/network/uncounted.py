"""`uncounted_notes`: operators that may be products, whose multiply-accumulates nobody counts, are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chipsim.network.layers import AnyLayer, DigitalLayer

_FOREIGN = "com.microsoft"
_MOST_NAMED = 5
NO_PRODUCTS = frozenset(
    {"BiasAdd", "BiasGelu", "BiasSoftmax", "BiasSplitGelu", "CropAndResize", "DequantizeLinear", "ExpandDims"}
    | {"EmbedLayerNormalization", "FastGelu", "GatherND", "Gelu", "GroupNorm", "MaxpoolWithMask", "NhwcMaxPool", "Pad"}
    | {"QLinearAdd", "QLinearAveragePool", "QLinearConcat", "QLinearGlobalAveragePool", "QLinearLeakyRelu"}
    | {"QLinearMul", "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax", "QLinearWhere", "QuantizeLinear"}
    | {"QuickGelu", "RotaryEmbedding", "SimplifiedLayerNormalization", "SkipGroupNorm", "SkipLayerNormalization"}
    | {"SkipSimplifiedLayerNormalization", "Trilu"}
)
"""Operators of onnxruntime's own domain that are known to be none."""

_COUNTED = frozenset({"Attention", "MultiHeadAttention", "QAttention"})  # whose outputs of keys and values count 0


def uncounted_notes(layers: Mapping[str, AnyLayer]) -> Iterator[str]:
    """A note that names the operators, where there are some.

    Parameters
    ----------
    layers : mapping of str to layer
    """
    digital = [layer for layer in layers.values() if isinstance(layer, DigitalLayer)]
    found = [f"{layer.domain}.{layer.operator} ({layer.name!r})" for layer in digital if _is_uncounted(layer)]
    if not found:
        return
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    yield (
        "operators whose MACs are not known, so that the share on tiles leaves them out: "
        f"{', '.join(found[:_MOST_NAMED])}{more}"
    )


def _is_uncounted(layer: DigitalLayer) -> bool:
    known = layer.domain != _FOREIGN or layer.operator in NO_PRODUCTS | _COUNTED
    return not layer.macs and not known
