"""How outputs are scored: against labels, against cleaner outputs, and over programmings."""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean, pstdev  # exact: a mean is never below the least value

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import DataError
from chipsim.execution.forward import Values
from chipsim.network.graph import Network


def scorer(labels: NDArray[np.int64] | None) -> Callable[[Values], float | None]:
    """What turns outputs into the share of inputs that are classified as labelled; None without labels."""

    def score(outputs: Values) -> float | None:
        if labels is None:
            return None
        return float(np.mean(outputs.reshape(len(outputs), -1).argmax(axis=1) == labels))

    return score


def check_values(network: Network, reference: Values, labels: NDArray[np.int64] | None) -> None:
    """Refuse inputs that the network cannot take, and labels that it does not have.

    Raises
    ------
    DataError
    """
    if not np.isfinite(reference).all():
        kinds = sorted({layer.number_type for layer in network.layers.values() if layer.number_type})
        raise DataError(
            f"{network.name}: its values leave the range of {' or '.join(kinds) or 'float32'} with these inputs; scale "
            "the inputs or the weights"
        )
    classes = reference[0].size
    if labels is not None and not ((labels >= 0) & (labels < classes)).all():
        wrong, several = labels[(labels < 0) | (labels >= classes)][0], len(network.outputs) > 1
        first = " (its first output counts: put the one that holds a value per class there)" if several else ""
        if classes == 1:
            raise DataError(
                f"'y' holds the label {wrong}, but {network.name} gives one value per input{first}, which is no choice "
                "between classes; leave 'y' out (accuracies are then null), or give it one output per class"
            )
        raise DataError(
            f"'y' holds the label {wrong}, but {network.name} has {classes} classes, 0 to {classes - 1}{first}"
        )


def signal_to_noise_db(clean: Values, noisy: Values) -> float | None:
    """10 log10 of the power of the clean values over that of the difference; None where they are equal.

    Examples
    --------
    >>> signal_to_noise_db(np.float32([3.0]), np.float32([3.3])).__round__(1)
    20.0
    """
    power = float(np.square(clean, dtype=np.float64).sum())
    error = float(np.square(noisy.astype(np.float64) - clean).sum())
    return 10 * float(np.log10(power / error)) if power > 0 and error > 0 else None


def noisy_accuracy(scores: list[float | None], uncompensated: list[float | None]) -> dict[str, float | None]:
    """Mean, spread and minimum over programmings, and the mean without drift compensation."""
    return {
        "noisy": _mean(scores),
        "noisy_std": _spread(scores),
        "noisy_min": None if None in scores else min(scores),  # type: ignore[type-var]
        "noisy_uncompensated": _mean(uncompensated),
    }


def _mean(scores: list[float | None]) -> float | None:
    return None if not scores or None in scores else mean(scores)  # type: ignore[type-var]


def _spread(scores: list[float | None]) -> float | None:
    return None if not scores or None in scores else pstdev(scores)  # type: ignore[type-var]
