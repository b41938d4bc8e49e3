"""Sphinx configuration."""

import chipsim

project = "chipsim"
author = "The chipsim developers"
version = release = chipsim.__version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
master_doc = "index"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"chipsim {version}"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
