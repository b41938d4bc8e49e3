"""`write_rounds`: the rounds of a network that is larger than its chip, as a file for people and programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chipsim.files import write_atomically
from chipsim.mapping.plan_file import network_sha256, plan_data
from chipsim.planning.rounds import Round, Rounds

NOTE = (
    "Written by chipsim map --reload, to be read. --mapping does not take it: which round a layer is in follows from "
    "the network and the chip alone (T86 of docs/timing.md), and --reload makes the same rounds again."
)


def rounds_data(rounds: Rounds) -> dict[str, Any]:
    """The rounds as the file holds them.

    Tiles have the chip's own names. Layers that stay are written once, before the run, and listed in the round that
    computes them; all others are written before their round.
    """
    plan = rounds.plan
    crossbar = plan.chip.spec.tile.crossbar
    return {
        "schema_version": 1,
        "kind": "rounds",
        "note": NOTE,
        "network": {"name": plan.network.name, "sha256": network_sha256(plan.network)},
        "chip": {"name": plan.chip.spec.name, "crossbar": [crossbar.rows, crossbar.columns]},
        "resident": list(rounds.resident),
        "rounds": [_round(number, each, rounds.resident) for number, each in enumerate(rounds.rounds, start=1)],
    }


def _round(number: int, each: Round, resident: tuple[str, ...]) -> dict[str, Any]:
    data = plan_data(each.plan)
    network = each.plan.network
    return {
        "round": number,
        "given": [layer.name for layer in network.input_layers],
        "returns": list(network.outputs),
        "arrays_written": len({placed.array for placed in each.loaded.blocks}),
        "layers": [{**layer, "stays": layer["layer"] in resident} for layer in data["layers"]],
        "digital_units": data["digital_units"],
    }


def write_rounds(rounds: Rounds, path: Path) -> None:
    """Write the rounds as JSON, with one line for each block.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    text = _json(rounds_data(rounds))
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def _json(data: dict[str, Any]) -> str:
    head = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in data.items() if key != "rounds"]
    body = ",\n".join(_round_text(each) for each in data["rounds"])
    return "{\n" + ",\n".join(head) + f',\n  "rounds": [\n{body}\n  ]\n}}\n'


def _round_text(each: dict[str, Any]) -> str:
    head = [f"     {json.dumps(key)}: {json.dumps(value)}" for key, value in each.items() if key != "layers"]
    layers = ",\n".join(_layer_text(layer) for layer in each["layers"])
    return "    {\n" + ",\n".join(head) + f',\n     "layers": [\n{layers}\n     ]\n    }}'


def _layer_text(layer: dict[str, Any]) -> str:
    head = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in layer.items() if key != "blocks")
    blocks = ",\n".join(f"         {json.dumps(block)}" for block in layer["blocks"])
    return f'       {{{head}, "blocks": [\n{blocks}\n       ]}}'
