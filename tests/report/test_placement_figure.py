"""The floor plan of a mapping: arrows from a layer to the one that reads it, and back where it reads itself."""

from __future__ import annotations

import pytest
from matplotlib.patches import FancyArrowPatch

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.network.zoo import load_network
from chipsim.planning.choose import make_plan
from chipsim.report.figures.placement import draw_placement


def arrows(name: str) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Ends of all arrows, on the floor plan."""
    figure = draw_placement(make_plan(load_network(name), build_chip(load_spec("hermes64"))))
    patches = figure.axes[0].patches
    return [tuple(map(tuple, each._posA_posB)) for each in patches if isinstance(each, FancyArrowPatch)]


def test_an_arrow_leads_from_each_layer_to_the_next() -> None:
    assert arrows("zoo:digits-mlp") == [((x, 0), (x + 1, 0)) for x in range(3)]


@pytest.mark.parametrize("name", ["zoo:vowels-lstm", "zoo:vowels-gru"])
def test_a_recurrent_matrix_has_an_arrow_back_to_itself(name: str) -> None:
    """On its own tile, over its number."""
    found = arrows(name)
    ways, loops = [ends for ends in found if ends[0][1] == 0], [ends for ends in found if ends[0][1] != 0]
    assert sorted(ways) == [((0, 0), (1, 0)), ((0, 0), (2, 0)), ((1, 0), (2, 0))]
    [((left, high), (right, end))] = loops
    assert 0.6 < left < 1 < right < 1.4
    assert -0.4 < high == end < 0
