"""Copies of the slowest layers are as much faster as a balanced pipeline is, until link or host limit: explain says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.explain.explain import Question, explain
from chipsim.mapping.placement import place
from chipsim.network.zoo import load_network
from chipsim.simulation.tiles.pace import position_interval_ps
from chipsim.units import PS_PER_S

FAST = ("link.bandwidth=64 GB/s", "digital_unit.rate=1 Top/s", "neuron_unit.rate=100 Gop/s", "host.bandwidth=64 GB/s")
IMAGE_BYTES = 64


def copies(overrides: tuple[str, ...], speed_up: int) -> tuple[list[str], float]:
    """As many copies of each layer as it takes to be so much faster, and the throughput that the model then says."""
    spec = load_spec("hermes64", list(overrides))
    assert isinstance(spec, InMemorySpec)
    single = place(load_network("zoo:digits-cnn"), build_chip(spec)).layers
    work = {name: layer.layer.positions * position_interval_ps(spec, layer) for name, layer in single.items()}
    slowest = max(work.values())
    counts = {name: math.ceil(ps * speed_up / slowest) for name, ps in work.items()}
    return [f"{name}={count}" for name, count in counts.items()], speed_up * PS_PER_S / slowest


def explained(overrides: tuple[str, ...], speed_up: int, folder: Path) -> tuple[float, float, dict[str, Any]]:
    """Throughput as the model says, as simulated, and what explain says of the pace."""
    words, model = copies(overrides, speed_up)
    result = chipsim.run(
        "hermes64", "zoo:digits-cnn", data="zoo:digits", timing_only=True, overrides=overrides, replicas=words
    )
    result.save(folder)
    found = explain(Question(folder, what_if=False), lambda *_: None)
    return model, result.data["chip"]["throughput_inputs_per_s"], found.data["steady"]


@pytest.mark.parametrize("speed_up", [1, 2, 4])
def test_where_nothing_else_limits_the_pace_is_that_of_a_balanced_pipeline(speed_up: int, tmp_path: Path) -> None:
    model, simulated, steady = explained(FAST, speed_up, tmp_path)
    assert simulated == pytest.approx(model, rel=0.02)
    assert steady["component"].startswith("tile(")


def test_a_slow_host_limits_and_is_named(tmp_path: Path) -> None:
    slow = (*FAST[:-1], "host.bandwidth=20 MB/s")
    model, simulated, steady = explained(slow, 4, tmp_path)
    assert simulated == pytest.approx(20e6 / IMAGE_BYTES, rel=0.02)
    assert simulated < 0.8 * model
    assert steady["component"] == "host->router(0,0)"


def test_slow_links_limit_and_one_is_named(tmp_path: Path) -> None:
    slow = ("link.bandwidth=400 MB/s", *FAST[1:])
    model, simulated, steady = explained(slow, 8, tmp_path)
    assert simulated < 0.8 * model
    source, target = steady["component"].split("->")
    assert source.startswith("router(")
    assert target.startswith("router(")
