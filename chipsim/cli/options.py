"""Arguments and options that commands share, and the long ones of `chipsim run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def named_folder(text: str) -> Path:
    """An output folder; an empty name, as of a variable that is not set, would be the folder that one stands in."""
    if not text:
        raise typer.BadParameter("it is empty; name a folder, or . for this one")
    return Path(text)


Architecture = Annotated[str, typer.Argument(metavar="ARCH", help="Architecture: a name or a YAML file.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Network: zoo:digits-cnn, onnx:resnet50 or an ONNX file.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Override a field, e.g. grid.shape=[24,24].")
]
Replicas = Annotated[
    list[str] | None,
    typer.Option(metavar="LAYER=K", help="Copies of a layer that take turns; or 'balanced': as many as fit and help."),
]
Mapping = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="How blocks go to tiles: in-order, balanced, ... or a file of map --out."),
]
Chips = Annotated[int, typer.Option(metavar="N", help="Copies of the chip, joined by links.", min=1)]
Reload = Annotated[
    bool, typer.Option("--reload", help="Write tiles again, round after round, if the network does not fit.")
]
Shapes = Annotated[
    list[str] | None,
    typer.Option("--shape", metavar="NAME=1x3x224x224", help="Shape of the input, where the model leaves sizes open."),
]
Seed = Annotated[int, typer.Option(help="Of every random draw.", min=0)]
Data = Annotated[
    str | None,
    typer.Option(help="zoo:digits, zoo:vowels or an .npz file with x, and optionally y and x_calibration."),
]
Arrivals = Annotated[
    str | None,
    typer.Option(metavar="RATE", help='Inputs come at a rate: "1000/s" or "poisson 1000/s"; else all at once.'),
]
OthersBeside = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODEL[,KEY=V..]",
        help="Another network on the chip at the same time, e.g. zoo:digits-mlp,data=zoo:digits,batch=4.",
    ),
]
