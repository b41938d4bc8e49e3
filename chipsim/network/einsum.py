"""`constant_einsum`: what an Einsum of data with a constant says, where it is a product of matrices."""

from __future__ import annotations

from dataclasses import dataclass

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class ConstantEinsum:
    """The indices of an Einsum of two operands.

    Attributes
    ----------
    data, weights, output : str
        Letters of each.
    stacked : str
        In all three: one matrix for each of their values.
    kept : str
        Of the data alone and of the output: where the product is made; the batch first.
    summed : str
        Of both operands.
    made : str
        Of the weights alone and of the output.
    """

    data: str
    weights: str
    output: str
    stacked: str
    kept: str
    summed: str
    made: str


def constant_einsum(equation: str, data_first: bool, ranks: tuple[int, int]) -> ConstantEinsum | None:
    """Take an equation apart; None where it is no product of matrices with the batch first in data and output.

    Parameters
    ----------
    equation : str
        ``...`` stands for leading axes of the data.
    data_first : bool
        Whether the first operand is data and the second the constant, or the other way round.
    ranks : tuple of int
        Axes of data and weights.

    Examples
    --------
    >>> found = constant_einsum("ntd,dhe->nthe", True, (3, 3))
    >>> found.kept, found.summed, found.made
    ('nt', 'd', 'he')
    >>> constant_einsum("nd,dn->n", True, (2, 2)) is None
    True
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != 2:
        return None
    data, weights = terms if data_first else terms[::-1]
    if "." in weights or not arrow:
        return None
    if "..." in data:
        free = [letter for letter in _LETTERS if letter not in left + right]
        hidden = "".join(free[: ranks[0] - len(data) + 3])
        data, right = data.replace("...", hidden), right.replace("...", hidden)
    return _apart(data, weights, right) if (len(data), len(weights)) == ranks else None


def _apart(data: str, weights: str, output: str) -> ConstantEinsum | None:
    if any(len(set(term)) < len(term) or not term.isalpha() for term in (data, weights, output)):
        return None
    stacked = "".join(each for each in data if each in weights and each in output)
    kept = "".join(each for each in data if each not in weights and each in output)
    summed = "".join(each for each in data if each in weights and each not in output)
    made = "".join(each for each in weights if each not in data and each in output)
    whole = len(stacked + kept + summed) == len(data) and len(stacked + summed + made) == len(weights)
    if not whole or not summed or kept[:1] != data[:1] or output[:1] != data[:1]:
        return None
    if len(stacked + kept + made) != len(output):
        return None
    return ConstantEinsum(data, weights, output, stacked, kept, summed, made)
